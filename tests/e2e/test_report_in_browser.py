"""The report in a real browser: no complaint, every figure drawn, points can be hovered, nothing loaded."""

import html
import json
import re
import subprocess
from pathlib import Path

import pytest
from tests.unit.report.example_run import make_run

from penjing.report import write_report
from penjing.store import RunFolder

pytestmark = pytest.mark.browser

# Runs after the page's own script: hovers, sorts, and writes what it saw where the test can read it.
PROBE = """
<script>
window.addEventListener("load", async () => {
  const seen = { hovers: {}, requests: performance.getEntriesByType("resource").map((entry) => entry.name) };
  const place = document.querySelector('[data-figure="front-latency"]');
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  for (const [curve, trace] of place.data.entries()) {
    Plotly.Fx.hover(place, [{ curveNumber: curve, pointNumber: 0 }]);
    await wait(50);
    const texts = [...place.querySelectorAll(".hoverlayer .hovertext text")];
    seen.hovers[trace.name] = texts.map((text) => text.textContent).join("|");
  }
  const head = [...document.querySelectorAll("table.sortable th")].find((th) => th.textContent === "Latency");
  head.click();
  const rows = [...head.closest("table").tBodies[0].rows];
  seen.sorted = rows.map((row) => Number(row.cells[head.cellIndex].dataset.sort));
  const final = place.data.at(-1);
  place.emit("plotly_click", { points: [{ customdata: final.customdata[0] }] });
  seen.buttons = [...document.querySelectorAll(".modebar-btn")].map((button) => button.dataset.title);
  seen.width = window.innerWidth;
  seen.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (window.parent !== window) return window.parent.postMessage(JSON.stringify(seen), "*");
  const note = document.createElement("pre");
  note.id = "seen";
  note.textContent = JSON.stringify(seen);
  document.body.append(note);
});
</script>
"""

# A window of Chromium is at least 500 wide; a frame in it may be as narrow as a phone.
PHONE = """<!DOCTYPE html><iframe src="probed.html" style="width: 390px; height: 800px; border: 0"></iframe>
<pre id="seen"></pre>
<script>
window.addEventListener("message", (event) => { document.getElementById("seen").textContent = event.data; });
</script>
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = make_run(tmp_path_factory.mktemp("browser") / "run")
    write_report(run)
    return run


@pytest.fixture(scope="module")
def desktop(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], list[str]]:
    """What a probe on a wide screen saw, and what the console said."""
    return _seen(run, tmp_path_factory.mktemp("desktop"))


def _opened(page: Path, profile: Path, *flags: str) -> tuple[str, list[str]]:
    """Open a page in an empty profile; give the DOM after its scripts, and what the console said."""
    command = [
        *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *(
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ),
        *("--enable-logging=stderr", "--v=0", "--virtual-time-budget=8000", "--window-size=1400,2000"),
        *(f"--user-data-dir={profile}", *flags, "--dump-dom", page.as_uri()),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    said = [line for line in ended.stderr.splitlines() if "CONSOLE" in line or "Uncaught" in line]
    return ended.stdout, said


def _seen(
    run: RunFolder, tmp_path: Path, *flags: str, is_phone: bool = False
) -> tuple[dict[str, object], list[str]]:
    text = run.report_path.read_text(encoding="utf-8")
    probed = tmp_path / "probed.html"
    probed.write_text(text.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    phone = tmp_path / "phone.html"
    phone.write_text(PHONE, encoding="utf-8")
    dom, said = _opened(phone if is_phone else probed, tmp_path / "profile", *flags)
    found = re.search(r'<pre id="seen">(.*?)</pre>', dom, flags=re.DOTALL)
    assert found, said
    return json.loads(html.unescape(found[1])), said


def test_every_figure_is_drawn_without_a_complaint(run: RunFolder, tmp_path: Path) -> None:
    dom, said = _opened(run.report_path, tmp_path / "profile")
    assert said == []
    drawn = re.findall(
        r'data-figure="([a-z-]+)"[^>]*class="[^"]*js-plotly-plot|js-plotly-plot"[^>]*data-figure="([a-z-]+)"',
        dom,
    )
    names = {first or second for first, second in drawn}
    assert names == {
        "front-size",
        "front-latency",
        "hypervolume",
        "worth",
        "predicted-latency",
        "predicted-size",
    }
    assert len(re.findall(r'<path class="point"', dom)) > 150


def test_points_of_every_fidelity_can_be_hovered(desktop: tuple[dict[str, object], list[str]]) -> None:
    seen, said = desktop
    assert said == []
    hovers = seen["hovers"]
    assert isinstance(hovers, dict)
    assert {"inherited", "partly trained", "estimated", "final, on the front"} <= hovers.keys()
    assert re.search(r"trial \d+ \(joint\).*% inherited.*kB, predicted .* μs", hovers["inherited"])
    assert re.search(r"[0-9a-f]{8}.*validation .* %.*test .* %.*reference", hovers["final, on the front"])


def test_tables_sort_and_nothing_leaves_the_machine(desktop: tuple[dict[str, object], list[str]]) -> None:
    seen, _ = desktop
    times = seen["sorted"]
    assert isinstance(times, list)
    assert len(times) > 3
    assert times == sorted(times)
    assert seen["requests"] == []
    assert isinstance(seen["buttons"], list)
    assert seen["buttons"]
    assert not [title for title in seen["buttons"] if re.search(r"(?i)share|cloud|edit", str(title))]


def test_a_narrow_and_dark_screen_shows_everything(run: RunFolder, tmp_path: Path) -> None:
    seen, said = _seen(run, tmp_path, "--blink-settings=preferredColorScheme=0", is_phone=True)
    assert said == []
    assert seen["width"] == 390
    assert seen["overflow"] == 0


def test_hostile_text_runs_nothing(tmp_path: Path) -> None:
    attack = "<img src=x onerror=console.error('attacked')><script>console.error('attacked')</script>"
    run = make_run(tmp_path / "run", 30, 4, {"data": attack}, class_names=(attack,), notes=(attack,))
    for path in run.designs_path.glob("*/manifest.json"):
        data = json.loads(path.read_text(encoding="utf-8"))
        data["candidate"][attack] = attack
        data["versions"][attack] = attack
        path.write_text(json.dumps(data), encoding="utf-8")
    _, said = _opened(write_report(run), tmp_path / "profile")
    assert said == []


def test_a_run_that_has_only_begun_opens_without_a_complaint(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {"objectives": ["accuracy"]})
    _, said = _opened(write_report(run), tmp_path / "profile")
    assert said == []
