"""Which of several results is better, where there may be several objectives and a direction to look in."""

import numpy as np
from numpy.typing import NDArray

from penjing.objectives import crowding_distance, non_dominated_mask, non_dominated_ranks
from penjing.space import Candidate

Array = NDArray[np.float64]
# So much of the sum beside the largest: among equals in the largest, the better in the others wins.
_OF_SUM = 0.05


def places(points: Array) -> NDArray[np.intp]:
    """Place of each in the order from best to worst, ``[n]``: by non-dominated rank, then by crowding.

    Args:
        points: Costs, ``[n, objectives]``.

    Example:
        >>> places(np.array([[0.6, 0.6], [0.5, 0.5], [0.1, 0.9]])).tolist()
        [2, 0, 1]
    """
    if points.shape[1] == 1:
        found = np.empty(len(points), dtype=np.intp)
        found[np.argsort(points[:, 0], kind="stable")] = np.arange(len(points))
        return found
    ranks = non_dominated_ranks(points)
    crowding = np.zeros(len(points))
    for rank in np.unique(ranks):
        members = ranks == rank
        crowding[members] = crowding_distance(points[members])
    found = np.empty(len(points), dtype=np.intp)
    found[np.lexsort((-crowding, ranks))] = np.arange(len(points))
    return found


def promise(points: Array) -> Array:
    """What each promises, ``[n]``: members of the front first, then by the sum of costs.

    Args:
        points: Costs, ``[n, objectives]``.
    """
    mask = non_dominated_mask(points)
    inside = np.all(points < 1.0, axis=1)
    return np.where(mask & inside, 10.0, 0.0) - points.sum(axis=1)


def with_point(front: Array, point: Array) -> Array:
    """A front, ``[n, objectives]``, once a point is known as well, ``[objectives]``."""
    grown = np.vstack([front, point])
    return grown[non_dominated_mask(grown)]


def towards(points: Array, weights: Array) -> Array:
    """One cost for several, ``[n]``: the augmented Chebyshev sum.

    Whatever the shape of a front, each of its points is the best for some weights (Steuer and Choo, "An
    interactive weighted Tchebycheff procedure for multiple objective programming", 1983).

    Args:
        points: Costs, ``[n, objectives]``.
        weights: ``[objectives]``, in sum 1.
    """
    weighted = points * weights
    return weighted.max(axis=1) + _OF_SUM * weighted.sum(axis=1)


def stream_of(candidate: Candidate, *parts: int) -> np.random.Generator:
    """A stream for what is drawn while results are told, when no ask brings a generator.

    Of the first candidate that was told, which was drawn from the generator of an ask: so that seeds differ
    in this as well, and a searcher that is told the same draws the same.
    """
    return np.random.default_rng([int(candidate.key, 16), *parts])


def drawn_weights(n_objectives: int, rng: np.random.Generator) -> Array:
    """A direction to look in, ``[objectives]``; all are equally likely."""
    return rng.dirichlet(np.ones(n_objectives))
