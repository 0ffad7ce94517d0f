"""Search algorithms against each other on one table: many seeds, and how near each comes to the best."""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.blas import one_blas_thread
from penjing.protocols import Promoter
from penjing.search import searcher_named
from penjing.tables.table import Table

# Of sums of shares.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Settings:
    """How searches are run.

    Attributes:
        queries: Rows that a search may look at; a brief look takes a share of one.
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

    Attributes:
        algorithm: Its name.
        seed: Of its draws.
        rows: Of the table.
        seconds: Of proposing, in all.
        shares: What each look took, in queries: 1 for a whole one, less for a brief one. Empty where all
            were whole.
    """

    algorithm: str
    seed: int
    rows: tuple[int, ...]
    seconds: float
    shares: tuple[float, ...] = ()

    @property
    def spent(self) -> NDArray[np.float64]:
        """Queries up to and with each look, ``[looks]``."""
        return np.cumsum(self.shares or np.ones(len(self.rows)))

    @property
    def is_whole(self) -> NDArray[np.bool_]:
        """Whether a look showed what is sought, ``[looks]``."""
        return np.array(self.shares or np.ones(len(self.rows))) == 1.0


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


def name_of(algorithm: str, table: Table) -> str:
    """Who searches a table: ``auto`` is who makes most of brief looks, where these are offered.

    Nobody who takes turns trains others further.
    """
    return "multi-fidelity" if algorithm == "auto" and table.cheap else algorithm


@one_blas_thread()
def _searched(table: Table, algorithm: str, settings: Settings, seed: int) -> Search:
    searcher = searcher_named(name_of(algorithm, table), table.problem())
    sought = table.objectives[0].column
    # Those who never train anybody further have no use for a brief look.
    cheap = table.cheap if isinstance(searcher, Promoter) else None
    rows: list[int] = []
    shares: list[float] = []
    spent, has_found = 0.0, False
    began = time.perf_counter()
    # Who has found the best row can only go on having found it.
    while spent < settings.queries and not has_found:
        rng = np.random.default_rng([seed, len(rows)])
        n = min(settings.batch, math.ceil(settings.queries - spent))
        again = searcher.promoted(n, rng) if cheap and isinstance(searcher, Promoter) else []
        looks = [(candidate, 1.0) for candidate, _ in again]
        first = cheap.share if cheap else 1.0
        looks += [(candidate, first) for candidate in searcher.ask(n - len(again), rng)]
        before = len(rows)
        for candidate, share in looks:
            if spent + share > settings.queries + ROUNDING:
                break
            row = table.row_of[candidate.key]
            known = table.sought if share == 1.0 or cheap is None else table.columns[cheap.column]
            searcher.tell(candidate, {sought: float(known[row])})
            rows.append(row)
            shares.append(share)
            spent += share
            has_found |= share == 1.0 and table.has_best and bool(table.is_best[row])
        if len(rows) == before:
            break
    seconds = time.perf_counter() - began
    return Search(algorithm, seed, tuple(rows), seconds, tuple(shares) if cheap else ())


def _of(table: Table, settings: Settings) -> dict[str, Any]:
    """What a search that is kept must have been run with."""
    return {
        "table": table.name,
        "choices": [choice.name for choice in table.space],
        "objectives": [objective.as_kept() for objective in table.objectives],
        "limits": [str(limit) for limit in table.limits],
        "rows_digest": table.digest,
        "queries": settings.queries,
        "batch": settings.batch,
        "ends": "at the best row" if table.has_best else "after all queries",
        "cheap": asdict(table.cheap) if table.cheap else None,
    }


def _append(path: Path, table: Table, settings: Settings, search: Search) -> None:
    by = name_of(search.algorithm, table)
    is_cut = path.exists() and path.read_bytes()[-1:] not in (b"", b"\n")
    with path.open("a") as file:
        file.write("\n" * is_cut + json.dumps({**_of(table, settings), "by": by, **asdict(search)}) + "\n")


def _read(path: Path, table: Table, settings: Settings) -> Iterator[Search]:
    if not path.exists():
        return
    wanted = _of(table, settings).items()
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue  # cut off in the middle of a line
        # Searches that were kept before there were cheap looks had none.
        if wanted <= ({"cheap": None} | row).items() and row.get("by", row["algorithm"]) == name_of(
            row["algorithm"], table
        ):
            shares = tuple(row.get("shares", ()))
            yield Search(row["algorithm"], row["seed"], tuple(row["rows"]), row["seconds"], shares)
