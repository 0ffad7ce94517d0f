"""Pieces of HTML; whatever comes from data is escaped here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        html: What it shows, as HTML.
        sort: What it is sorted by; text that is a number sorts as one.
        is_number: Aligned to the right.
    """

    html: str
    sort: str = ""
    is_number: bool = False


def text(value: Any) -> str:
    """Make anything safe to stand in the page.

    Example:
        >>> text("<b>")
        '&lt;b&gt;'
    """
    return escape(str(value))


def number(shown: str, value: float | None, small: str = "") -> Cell:
    """A number's cell: what it says, what it sorts by, and a second line."""
    line = f"<small>{text(small)}</small>" if small else ""
    return Cell(f"{text(shown)}{line}", "" if value is None else repr(float(value)), True)


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A table that sorts when a head is clicked."""
    lines = [list(row) for row in rows]
    numbers = [bool(lines) and lines[0][index].is_number for index in range(len(heads))]
    made = "".join(f"<th{_n(n)}>{text(head)}</th>" for head, n in zip(heads, numbers, strict=True))
    body = "".join(f"<tr>{''.join(map(_td, row))}</tr>" for row in lines)
    return (
        f'<div class="scroll"><table class="sortable wide"><thead><tr>{made}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _td(cell: Cell) -> str:
    sort = f' data-sort="{text(cell.sort)}"' if cell.sort else ""
    return f"<td{_n(cell.is_number)}{sort}>{cell.html}</td>"


def _n(is_number: bool) -> str:
    return ' class="n"' if is_number else ""


def pairs(values: Mapping[str, Any]) -> str:
    """Names and values in two columns; nested values as text."""
    rows = "".join(
        f"<tr><th>{text(name)}</th><td>{text(_plain(value))}</td></tr>" for name, value in values.items()
    )
    return f'<div class="scroll"><table>{rows}</table></div>'


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_plain(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(_plain(part)) for part in value)
    return f"{value:.6g}" if isinstance(value, float) else value


def figure(name: str, title: str, figures: Mapping[str, Any]) -> str:
    """The place of a figure; nothing if there is none of that name."""
    if name not in figures:
        return ""
    return (
        f'<div class="card"><h3>{text(title)}</h3>'
        f'<div class="figure" data-figure="{name}" role="img" aria-label="{text(title)}"></div></div>'
    )


def field(name: str, html: str, tag: str = "div", kind: str = "") -> str:
    """Mark a part of the page with the field of the page that it shows."""
    style = f' class="{kind}"' if kind else ""
    return f'<{tag} data-field="{name}"{style}>{html}</{tag}>'


def section(name: str, title: str, body: str) -> str:
    """A part of the page that the navigation leads to."""
    return f'<section id="{name}"><h2>{text(title)}</h2>{body}</section>'


def folded(title: str, body: str) -> str:
    """Something that opens when asked."""
    return f"<details><summary>{text(title)}</summary>{body}</details>"


def sentence(words: str) -> str:
    """A soft paragraph."""
    return f'<p class="soft">{text(words)}</p>'
