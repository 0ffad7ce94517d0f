"""What was found, for people: one HTML file made from the run folder and nothing else.

:func:`read_page` turns the folder into a :class:`Page`, frozen records that say what will be shown;
:func:`render` turns that into a file which opens offline in any browser. Optional parts that a run does not
have are left out with a sentence: a report can be made while the study still works, or after it was killed.
"""

from pathlib import Path

from penjing.report.html import render
from penjing.report.page import Page
from penjing.report.reading import read_page
from penjing.store import RunFolder, write_atomically

__all__ = ["Page", "read_page", "render", "write_report"]


def write_report(run: RunFolder) -> Path:
    """Write ``report.html`` into the run folder, whole or not at all, and return its path."""
    write_atomically(run.report_path, render(read_page(run)))
    return run.report_path
