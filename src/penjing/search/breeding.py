"""A pool of candidates that a model thinks well of: bred on it alone, which takes no evaluation."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from penjing.search.evolution import offspring
from penjing.search.niches import drawn_of
from penjing.search.order import promise
from penjing.search.problem import SearchProblem
from penjing.space import Candidate

# Drawing at random finds little within narrow constraints, and every draw is costed.
_FRESH_SHARE = 12
_GENERATIONS = 4
_MOST_PROMISING, _MOST_ACCURATE = 50, 10


def bred(
    problem: SearchProblem,
    told: Sequence[Candidate],
    points_of: Callable[[Sequence[Candidate]], NDArray[np.float64]],
    rng: np.random.Generator,
    pool_size: int,
    niche: int | None = None,
) -> list[Candidate]:
    """Feasible candidates, improved on a model for a few generations.

    Args:
        problem: Space, costs, constraints, box.
        told: Who is there already.
        points_of: What the model expects of some, as costs, ``[n, objectives]``; also of none.
        rng: Draws and breeds.
        pool_size: How many are born.
        niche: Of which; None for any.

    Returns:
        Those of ``told`` that belong there, drawn ones, and the offspring of the best.
    """

    def belongs(candidate: Candidate) -> bool:
        return niche is None or problem.niche(candidate) == niche

    drawn = drawn_of(problem, niche, pool_size // _FRESH_SHARE, rng)
    pool = {c.key: c for c in [*told, *drawn] if belongs(c)}
    if not pool:
        return []
    points = points_of([])
    for _ in range(_GENERATIONS):
        members = list(pool.values())
        born = members[len(points) :]
        points = np.vstack([points, points_of(born)]) if born else points
        order = np.argsort(-promise(points), kind="stable")
        accurate = np.argsort(points[:, list(problem.box).index(problem.trained_metric)])
        parents = [members[index] for index in (*order[:_MOST_PROMISING], *accurate[:_MOST_ACCURATE])]
        for _ in range(pool_size // _GENERATIONS):
            child = offspring(problem, parents, rng)
            if child.key not in pool and problem.violation(child) == 0 and belongs(child):
                pool[child.key] = child
    return list(pool.values())
