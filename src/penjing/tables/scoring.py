"""How near searches came to the best of a table: regret, best row, hypervolume; and whether it was luck."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from penjing.errors import InvalidValueError
from penjing.objectives import hypervolume, non_dominated_mask
from penjing.tables.comparing import ROUNDING, Search
from penjing.tables.table import Table

Array = NDArray[np.float64]
RANDOM = "random"


@dataclass(frozen=True)
class Scores:
    """What the searches of one algorithm reached on one table.

    Attributes:
        algorithm: Its name.
        curves: After each query, ``[searches, queries]``: regret in the sought column's unit with one
            objective, with several the share of the hypervolume of the whole table. Before the first whole
            look that of the worst row.
        hits: After how many queries each search had looked at the best row; infinite for never.
        twin_hits: The same, where a row that is the same network counts as well; empty where nobody knows.
        seconds: Of proposing, for one row: a mean for each search.
        tests: What the best row that each search looked at has on test examples; empty where nobody knows.
    """

    algorithm: str
    curves: Array
    hits: Array
    twin_hits: Array
    seconds: Array
    tests: Array

    def found_within(self, queries: int, hits: Array | None = None) -> float:
        """Share of the searches that had looked at the best row."""
        return float(np.mean((self.hits if hits is None else hits) <= queries))

    def at(self, queries: int) -> Array:
        """The curves' values after so many queries, or after the last, ``[searches]``."""
        return self.curves[:, min(queries, self.curves.shape[1]) - 1]


class Judge:
    """Scores searches of one table.

    Args:
        table: That was searched.

    Raises:
        InvalidValueError: If no row of the table counts.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        allowed = np.flatnonzero(table.is_allowed)
        self._sign = 1.0 if table.objectives[0].maximise else -1.0
        values = self._sign * table.sought
        if not len(allowed):
            raise InvalidValueError(f"No row of {table.name} is within all limits. Relax them.")
        self._best = float(values[allowed].max())
        self._most_regret = self._best - float(values[allowed].min())
        self._is_best = table.is_best
        points = table.points()
        self._points = points
        self._volume = hypervolume(points[non_dominated_mask(points)], np.ones(points.shape[1]))
        if self._volume <= 0:
            raise InvalidValueError(
                f"No row of {table.name} within all limits is good enough to count. Relax the limits."
            )
        self._is_twin = np.isin(table.twins, table.twins[self._is_best]) if len(table.twins) else None

    def scores(self, searches: Iterable[Search]) -> dict[str, Scores]:
        """Of every algorithm that searched."""
        of: dict[str, list[Search]] = {}
        for search in searches:
            of.setdefault(search.algorithm, []).append(search)
        return {algorithm: self._scored(algorithm, found) for algorithm, found in of.items()}

    def _scored(self, algorithm: str, searches: Sequence[Search]) -> Scores:
        curves = [self._regrets(s) if self._table.has_best else self._volumes(s) for s in searches]
        longest = max(map(len, curves))
        # A search that had no more to propose, or had found the best, stays where it was.
        padded = np.array([np.pad(curve, (0, longest - len(curve)), mode="edge") for curve in curves])
        hits = np.array([_first(self._is_best, search) for search in searches])
        twins = [] if self._is_twin is None else [_first(self._is_twin, search) for search in searches]
        seconds = np.array([search.seconds / len(search.rows) for search in searches])
        tests = [self._test(search) for search in searches] if len(self._table.test) else []
        return Scores(algorithm, padded, hits, np.array(twins), seconds, np.array(tests))

    def _test(self, search: Search) -> float:
        """Of the best row that was looked at; of several as good, the first. Nothing known where none was."""
        rows = _whole(search)
        best = rows[np.argmax(self._sign * self._table.sought[rows])] if len(rows) else None
        return float("nan") if best is None else float(self._table.test[best])

    def _regrets(self, search: Search) -> Array:
        values = self._sign * self._table.sought[_whole(search)]
        return _by_query(search, self._best - np.maximum.accumulate(values), self._most_regret)

    def _volumes(self, search: Search) -> Array:
        points = self._points[_whole(search)]
        corner = np.ones(points.shape[1])
        curve, front, volume = [], np.empty((0, points.shape[1])), 0.0
        for point in points:
            grown = np.vstack([front, point])
            mask = non_dominated_mask(grown)
            if mask[-1]:
                front = grown[mask]
                volume = hypervolume(front, corner)
            curve.append(volume / self._volume)
        return _by_query(search, np.array(curve), 0.0)


def _whole(search: Search) -> NDArray[np.intp]:
    """The rows of a search that it did not look at briefly only."""
    return np.array(search.rows, dtype=np.intp)[search.is_whole]


def _by_query(search: Search, after: Array, nothing: float) -> Array:
    """What was reached after each query, given what was after each whole look, and before the first."""
    spent = search.spent
    queries = np.arange(1, int(np.ceil(spent[-1] - ROUNDING)) + 1)
    looks = np.searchsorted(spent[search.is_whole], queries + ROUNDING, side="right")
    return np.array([nothing, *after])[looks]


def _first(wanted: NDArray[np.bool_], search: Search) -> float:
    """After how many queries a search had looked at a wanted row; infinite for never."""
    found = np.flatnonzero(wanted[list(search.rows)] & search.is_whole)
    return float(search.spent[found[0]]) if len(found) else np.inf


def better_than(one: Scores, other: Scores, queries: int, less_is_better: bool) -> float:
    """Probability that one algorithm would look so much better than another if it was not.

    Wilcoxon's signed-rank test on pairs of equal seeds, one-sided; 1 where they are equal throughout.
    """
    n = min(len(one.curves), len(other.curves))
    difference = other.at(queries)[:n] - one.at(queries)[:n]
    if not less_is_better:
        difference = -difference
    if n < 2 or not np.any(difference):
        return 1.0
    found: Any = wilcoxon(difference, alternative="greater")
    return float(found.pvalue)


def rows_of(scores: Mapping[str, Scores], is_single: bool, queries: Sequence[int]) -> list[dict[str, object]]:
    """One row per algorithm, as plain data: what a table prints and a script reads."""
    rows: list[dict[str, object]] = []
    yardstick = scores.get(RANDOM)
    for score in scores.values():
        row: dict[str, object] = {"algorithm": score.algorithm, "searches": len(score.curves)}
        name = "regret" if is_single else "hypervolume"
        for n in queries:
            row[f"{name}_{n}"] = float(score.at(n).mean())
            row[f"{name}_{n}_deviation"] = float(score.at(n).std(ddof=1)) if len(score.curves) > 1 else None
        if is_single:
            median = float(np.median(score.hits))
            last = score.curves.shape[1]
            row["median_queries_to_best"] = median if np.isfinite(median) else None
            row["found_best"] = score.found_within(last)
            row["found_twin"] = score.found_within(last, score.twin_hits) if len(score.twin_hits) else None
        row["p_against_random"] = (
            better_than(score, yardstick, queries[-1], is_single)
            if yardstick is not None and score is not yardstick
            else None
        )
        row["ms_per_proposal"] = float(1000 * score.seconds.mean())
        if is_single and len(score.tests):
            known = score.tests[np.isfinite(score.tests)]
            row["test_of_best"] = float(known.mean()) if len(known) else None
        rows.append(row)
    return rows
