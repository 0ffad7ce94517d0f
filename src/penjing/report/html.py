"""From the page to one HTML file that opens offline."""

import json
from importlib.resources import files
from string import Template

from plotly.offline import get_plotlyjs

import penjing
from penjing.report.designs import designs_section, front_section
from penjing.report.figures import figures_of
from penjing.report.markup import text
from penjing.report.page import Page
from penjing.report.sections import (
    header,
    origin_section,
    predictions_section,
    reference_section,
    search_section,
    worth_section,
)

_SECTIONS = {
    "front": "Front",
    "designs": "Designs",
    "search": "Search",
    "worth": "Worth of choices",
    "predictions": "Predictions",
    "reference": "Reference",
    "settings": "Settings",
}


def render(page: Page) -> str:
    """Write the page as HTML, with styles, scripts and Plotly inside it."""
    figures = figures_of(page)
    parts = {
        "front": front_section(page, figures),
        "designs": designs_section(page),
        "search": search_section(page, figures),
        "worth": worth_section(page, figures),
        "predictions": predictions_section(page, figures),
        "reference": reference_section(page),
        "settings": origin_section(page),
    }
    links = [f'<a href="#{name}">{label}</a>' for name, label in _SECTIONS.items() if parts[name]]
    return Template(_asset("page.html")).substitute(
        title=text(f"{page.name} – Penjing"),
        style=_asset("page.css"),
        header=header(page),
        navigation="".join(links),
        main="\n".join(parts.values()),
        version=text(penjing.__version__),
        plotly=get_plotlyjs(),
        figures=_inside_script(figures),
        script=_asset("page.js"),
    )


def _asset(name: str) -> str:
    return files("penjing.report").joinpath(name).read_text(encoding="utf-8")


def _inside_script(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value).replace("<", "\\u003c")
