"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function styled(layout) {
    const axis = { gridcolor: colour("--grid"), zerolinecolor: colour("--line"), linecolor: colour("--line") };
    const made = {
      ...layout,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, color: colour("--ink"), size: 12.5 },
      hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--ink") }, align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--soft"), activecolor: colour("--ink") },
    };
    for (const name of ["xaxis", "yaxis"]) made[name] = { ...axis, automargin: true, ...layout[name] };
    return made;
  }

  const config = {
    responsive: true, displaylogo: false, showLink: false,
    showSendToCloud: false, plotlyServerURL: "", // a button that uploads the data is on by default
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };
  const drawn = [...document.querySelectorAll("[data-figure]")].filter((place) => figures[place.dataset.figure]);
  const draw = (place) => {
    const figure = figures[place.dataset.figure];
    return Plotly.react(place, figure.data, styled(figure.layout), config);
  };
  for (const place of drawn) {
    draw(place);
    place.on("plotly_click", (event) => {
      const design = document.getElementById("design-" + event.points[0].customdata);
      if (!design) return;
      for (let at = design; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
      design.scrollIntoView();
    });
  }
  dark.addEventListener("change", () => drawn.forEach(draw));

  const key = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.sort ?? cell.textContent;
    return text === "" || Number.isNaN(Number(text)) ? text : Number(text);
  };
  for (const head of document.querySelectorAll("table.sortable th")) {
    const sort = () => {
      const table = head.closest("table");
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        const [first, second] = [key(a, head.cellIndex), key(b, head.cellIndex)];
        const order = typeof first === "number" && typeof second === "number"
          ? first - second : String(first).localeCompare(String(second));
        return up ? order : -order;
      });
      table.tBodies[0].append(...rows);
    };
    head.tabIndex = 0;
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  }
})();
