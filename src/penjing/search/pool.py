"""Candidates that a model looks at before one of them is evaluated."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from penjing.search.evolution import offspring
from penjing.search.problem import SearchProblem
from penjing.search.random import fresh_samples
from penjing.space import Candidate

Array = NDArray[np.float64]
# Up to here it is quicker to look at all than to breed the good ones; where somebody listed all, up to there.
MOST_TO_LIST, MOST_OF_A_LIST = 20_000, 50_000


class Rows(Protocol):
    """Something that describes candidates, one a row."""

    def rows(self, index: NDArray[np.intp]) -> Self:
        """Some of them."""
        ...


@dataclass(frozen=True)
class Pool:
    """Candidates, and all that is known of them without training: points lack the trained metric."""

    candidates: Sequence[Candidate]
    described: Rows
    points: Array
    expense: Array

    @classmethod
    def of(cls, problem: SearchProblem, candidates: Sequence[Candidate], described: Rows) -> "Pool":
        """Look the costs up."""
        points = np.zeros((len(candidates), len(problem.box)))
        for at, metric in enumerate(problem.box):
            if metric != problem.trained_metric:
                points[:, at] = problem.normalised(metric, [problem.costs(c)[metric] for c in candidates])
        expense = np.array([problem.evaluation_cost(candidate) for candidate in candidates])
        return cls(candidates, described, points, expense)

    def rows(self, index: NDArray[np.intp]) -> "Pool":
        """Some of them."""
        candidates = [self.candidates[at] for at in index]
        return Pool(candidates, self.described.rows(index), self.points[index], self.expense[index])


def is_listable(problem: SearchProblem) -> bool:
    """Whether all candidates can be looked at."""
    return problem.n_candidates <= (MOST_TO_LIST if problem.candidates is None else MOST_OF_A_LIST)


def bred(
    problem: SearchProblem,
    parents: Sequence[Candidate],
    n: int,
    rng: np.random.Generator,
    seen: Collection[str],
) -> list[Candidate]:
    """``n`` candidates or fewer that are not in ``seen``: children of good ones, and some drawn.

    Args:
        problem: Space and constraints.
        parents: Earlier ones have more children; may be empty.
        n: How many.
        rng: Draws and breeds.
        seen: Keys of candidates that are of no use.
    """
    known = set(seen)
    n_drawn = n if not parents else max(1, n // 8)
    made = {c.key: c for c in fresh_samples(problem, n_drawn, rng, known)}
    for _ in range(4 * n):
        if len(made) >= n or not parents:
            break
        child = offspring(problem, list(parents), rng)
        if child.key not in known and child.key not in made and problem.violation(child) == 0:
            made[child.key] = child
    return list(made.values())
