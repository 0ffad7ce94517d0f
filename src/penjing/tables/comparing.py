"""Search algorithms against each other on one table: many seeds, and how near each comes to the best."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from penjing.search import searcher_named
from penjing.tables.table import Table


@dataclass(frozen=True)
class Settings:
    """How searches are run.

    Attributes:
        queries: Rows that a search may look at.
        batch: Asked for at once.
        seeds: How many searches an algorithm gets, numbered from 0.
        max_seconds: After so long an algorithm begins no further search; None for never.
    """

    queries: int = 300
    batch: int = 1
    seeds: int = 20
    max_seconds: float | None = None


@dataclass(frozen=True)
class Search:
    """One search: the rows that it looked at, in order, and how long it took to propose them.

    With one objective it ends with the batch that has the best row.
    """

    algorithm: str
    seed: int
    rows: tuple[int, ...]
    seconds: float


Told = Callable[[Search], None]


def compare(
    table: Table,
    algorithms: Sequence[str],
    settings: Settings,
    kept: Path | None = None,
    observe: Told = lambda search: None,
) -> list[Search]:
    """Run every algorithm with every seed; what is kept from before is not run again.

    Args:
        table: To search.
        algorithms: Names.
        settings: How.
        kept: A file of JSON lines to which every search is added as it ends; None keeps nothing.
        observe: Called with every search, kept ones among them.
    """
    known = {(s.algorithm, s.seed): s for s in _read(kept, table, settings)} if kept else {}
    found: list[Search] = []
    for algorithm in algorithms:
        spent = 0.0
        for seed in range(settings.seeds):
            search = known.get((algorithm, seed))
            if search is None:
                if settings.max_seconds is not None and spent > settings.max_seconds:
                    break
                search = _searched(table, algorithm, settings, seed)
                if kept:
                    _append(kept, table, settings, search)
            spent += search.seconds
            found.append(search)
            observe(search)
    return found


def _searched(table: Table, algorithm: str, settings: Settings, seed: int) -> Search:
    problem = table.problem()
    searcher = searcher_named(algorithm, problem)
    sought = table.objectives[0].column
    rows: list[int] = []
    began = time.perf_counter()
    # Who has found the best row can only go on having found it.
    while len(rows) < settings.queries and not (table.has_best and table.is_best[rows].any()):
        rng = np.random.default_rng([seed, len(rows)])
        batch = searcher.ask(min(settings.batch, settings.queries - len(rows)), rng)
        if not batch:
            break
        for candidate in batch:
            row = table.row_of[candidate.key]
            searcher.tell(candidate, {sought: float(table.sought[row])})
            rows.append(row)
    return Search(algorithm, seed, tuple(rows), time.perf_counter() - began)


def _of(table: Table, settings: Settings) -> dict[str, Any]:
    """What a search that is kept must have been run with."""
    return {
        "table": table.name,
        "choices": [choice.name for choice in table.space],
        "objectives": [asdict(objective) for objective in table.objectives],
        "limits": [str(limit) for limit in table.limits],
        "rows_digest": table.digest,
        "queries": settings.queries,
        "batch": settings.batch,
        "ends": "at the best row" if table.has_best else "after all queries",
    }


def _append(path: Path, table: Table, settings: Settings, search: Search) -> None:
    is_cut = path.exists() and path.read_bytes()[-1:] not in (b"", b"\n")
    with path.open("a") as file:
        file.write("\n" * is_cut + json.dumps({**_of(table, settings), **asdict(search)}) + "\n")


def _read(path: Path, table: Table, settings: Settings) -> Iterator[Search]:
    if not path.exists():
        return
    wanted = _of(table, settings).items()
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue  # cut off in the middle of a line
        if wanted <= row.items():
            yield Search(row["algorithm"], row["seed"], tuple(row["rows"]), row["seconds"])
