"""Run a comparison of search algorithms and show it: progress, table, curves."""

import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from penjing.tables import Search, Settings, Table

# A log that says nothing for longer looks like searches that hang.
_SILENCE_S = 60.0


def run_comparison(
    tables: Sequence["Table"],
    algorithms: str,
    settings: "Settings",
    queries: Sequence[int],
    out: Path | None,
    as_json: bool,
) -> None:
    """Search every table with every algorithm; print a table of each, or one JSON document."""
    from penjing.search import all_algorithms, available_algorithms, searcher_class
    from penjing.tables import Judge, compare, rows_of, write_curves

    names = available_algorithms() if algorithms == "all" else list(dict.fromkeys(algorithms.split(",")))
    for name in names:
        searcher_class(name)  # whether it is there, before anything runs
    judges = [Judge(table) for table in tables]
    if algorithms == "all" and (missing := [name for name in all_algorithms() if name not in names]):
        typer.echo(
            f"penjing: left out, as their packages are missing or broken: {', '.join(missing)}.",
            err=True,
        )
    shown = [n for n in queries if n <= settings.queries] or [settings.queries]
    if out:
        out.mkdir(parents=True, exist_ok=True)
    document: list[dict[str, object]] = []
    for table, judge in zip(tables, judges, strict=True):
        line = _Line(table, len(names) * settings.seeds)
        searches = compare(table, names, settings, out / "searches.jsonl" if out else None, line.observe)
        line.end()
        scores = judge.scores(searches)
        rows = rows_of(scores, table.has_best, shown)
        document.append({"table": table.name, "rows": rows})
        if not as_json:
            typer.echo("\n".join(_lines(table, rows, settings)))
        if out:
            title = f"{table.name}, brief looks offered" if table.cheap else table.name
            name = re.sub(r"\W+", "-", title).strip("-")
            file = out / f"{name}.html"
            write_curves(file, scores, title, table.has_best)
            typer.echo(f"Curves: {file}", err=True)
    if as_json:
        asked = {"queries": settings.queries, "max_seconds": settings.max_seconds}
        typer.echo(json.dumps({"format_version": 1, **asked, "tables": document}, indent=2))


class _Line:
    """Progress: which search was the last; rewritten on a terminal, elsewhere a line a minute."""

    def __init__(self, table: "Table", n: int) -> None:
        self._name = table.name
        self._n = n
        self._done = 0
        self._width = 0
        self._said_at = time.monotonic()

    def observe(self, search: "Search") -> None:
        self._done += 1
        text = f"{self._name} · {search.algorithm}, seed {search.seed} · {self._done} of {self._n} searches"
        if sys.stderr.isatty():
            sys.stderr.write("\r" + text.ljust(self._width))
            self._width = len(text)
        elif time.monotonic() - self._said_at >= _SILENCE_S:
            sys.stderr.write(text + "\n")
            self._said_at = time.monotonic()
        sys.stderr.flush()

    def end(self) -> None:
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")


def _lines(table: "Table", rows: Sequence[Mapping[str, object]], settings: "Settings") -> list[str]:
    """A heading and one line per algorithm."""
    columns = [name for name in rows[0] if not name.endswith("_deviation")] if rows else []
    texts = [[name.replace("_", " ") for name in columns]]
    texts += [[_text(name, row[name]) for name in columns] for row in rows]
    widths = [max(len(line[at]) for line in texts) for at in range(len(columns))]
    lines = [
        f"{table.name}: {table.is_allowed.sum():,} rows allowed of {len(table.candidates):,}, "
        f"{settings.queries} queries a search at most, {settings.batch} at a time"
    ]
    if table.cheap:
        lines[0] += f"; a brief look, at {table.cheap.column}, takes {table.cheap.share:g} of a query"
    lines += [
        "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)) for line in texts
    ]
    return [*lines, *_notes(table, rows, settings)]


def _notes(table: "Table", rows: Sequence[Mapping[str, object]], settings: "Settings") -> list[str]:
    """What the columns mean, and what limits them."""
    from penjing.tables import name_of

    notes = ["hypervolume: share of that of all rows allowed."]
    if table.has_best:
        sought = table.objectives[0].column
        notes = [f"regret: what the best row has more than the best looked at, in {sought}."]
    if not table.has_best and table.objectives[0].is_from_table:
        first = table.objectives[0]
        notes.append(f"{first.column} counts from {first.worst:g} on: taken from the table; --range says it.")
    if table.cheap and any(row["algorithm"] == "auto" for row in rows):
        notes.append(f"auto: {name_of('auto', table)}, as brief looks are offered.")
    pairs = _fewest_pairs(rows)
    if pairs > 1:  # of one pair nothing can be said
        limit = f"; with {pairs} it cannot be below {0.5**pairs:.2g}" if 0.5**pairs > 0.001 else ""
        notes.append(f"p against random: Wilcoxon's test, pairs of seeds{limit}.")
    if any(value is None for row in rows for name, value in row.items() if not name.endswith("_deviation")):
        notes.append("-: does not apply, or was not reached by half of the searches.")
    if settings.max_seconds is not None:
        notes.append(f"No algorithm began a search after {settings.max_seconds:g} s.")
    return notes


def _fewest_pairs(rows: Sequence[Mapping[str, object]]) -> int:
    """Of searches with equal seeds that a p was worked out from; 0 where there was none."""
    if all(row["p_against_random"] is None for row in rows):
        return 0
    return min(int(str(row["searches"])) for row in rows)


def _text(name: str, value: object) -> str:
    if value is None:
        return "-"
    if name.startswith("found"):
        return f"{value:.0%}"
    if name == "test_of_best":
        return f"{value:.2f}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
