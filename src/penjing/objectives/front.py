"""Which designs are not beaten: the front, the ranks behind it, how crowded it is.

All functions take a cost matrix ``[n, m]``, one row per design, one column per
objective, lower is better. :meth:`Objective.cost` makes the columns.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penjing.errors import ShapeError

_BLOCK = 128  # points compared with all others at once


def cost_matrix(costs: ArrayLike) -> NDArray[np.float64]:
    """Check the shape of costs: the one door for every function of this room.

    Args:
        costs: ``[n, m]`` with ``m >= 1``; ``n`` may be 0.

    Raises:
        ShapeError: If ``costs`` is not two-dimensional or has no objective.
    """
    matrix = np.asarray(costs, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ShapeError(
            f"costs must have shape [points, objectives] with at least one objective, got {matrix.shape}. "
            "For one objective use costs[:, None].",
            shape=matrix.shape,
        )
    return matrix


def non_dominated_mask(costs: ArrayLike) -> NDArray[np.bool_]:
    """Mark the points of a set that no other point dominates.

    Point ``a`` dominates ``b`` when ``a`` is no worse in every objective and
    strictly better in at least one.

    Equal points do not dominate each other, so every copy of a front point is
    marked. A point with a NaN in any objective is never marked and dominates
    nothing: a failed measurement must not reach the front.

    Args:
        costs: ``[n, m]``. Columns may have different units; only comparisons
            within a column matter.

    Returns:
        ``[n]``; True where the point is on the front. Empty for ``n == 0``.

    Raises:
        ShapeError: If ``costs`` is not two-dimensional or has no objective.

    Notes:
        Time ``O(n f m)`` for a front of ``f`` points, memory ``O(n)`` with a factor of 128.

    Example:
        >>> latency_ms = [4.0, 7.0, 5.0]
        >>> error_rate = [0.10, 0.12, 0.08]
        >>> non_dominated_mask(np.column_stack([latency_ms, error_rate]))
        array([ True, False,  True])
    """
    costs = cost_matrix(costs)
    measured = np.flatnonzero(~np.any(np.isnan(costs), axis=1))
    # A dominating point sorts before what it dominates, so what is not beaten within
    # the first block of those that are left is on the front.
    left = measured[np.lexsort(costs[measured].T[::-1])]
    mask = np.zeros(len(costs), dtype=np.bool_)
    while left.size:
        block, left = left[:_BLOCK], left[_BLOCK:]
        best = block[~_is_dominated(costs[block], costs[block])]
        mask[best] = True
        left = left[~_is_dominated(costs[left], costs[best])]
    return mask


def non_dominated_ranks(costs: ArrayLike) -> NDArray[np.int64]:
    """Number the layers of a set: 0 for its front, 1 for the front of the rest, and so on.

    Args:
        costs: ``[n, m]``.

    Returns:
        ``[n]``. A point with a NaN has rank ``n``, behind every other.

    Raises:
        ShapeError: If ``costs`` is not two-dimensional or has no objective.

    Notes:
        Layers as in Deb et al., "A Fast and Elitist Multiobjective Genetic
        Algorithm: NSGA-II", IEEE TEC 2002.

    Example:
        >>> non_dominated_ranks([[1, 1], [2, 2], [1, 3], [np.nan, 0]])
        array([0, 1, 1, 4])
    """
    costs = cost_matrix(costs)
    ranks = np.full(len(costs), len(costs), dtype=np.int64)
    left = np.flatnonzero(~np.any(np.isnan(costs), axis=1))
    rank = 0
    while left.size:
        mask = non_dominated_mask(costs[left])
        ranks[left[mask]] = rank
        left, rank = left[~mask], rank + 1
    return ranks


def crowding_distance(costs: ArrayLike) -> NDArray[np.float64]:
    """Measure how far each point of one front is from its neighbours.

    In each objective a point gets the distance between its two neighbours, as a
    share of the objective's range; the shares are summed. The first and the last
    point in an objective get infinity: the ends of a front are kept.

    Points with a NaN or an infinite cost get 0 and are nobody's neighbours.

    Args:
        costs: ``[n, m]``, usually of one rank.

    Returns:
        ``[n]``, at least 0; larger is lonelier.

    Raises:
        ShapeError: If ``costs`` is not two-dimensional or has no objective.

    Notes:
        Deb et al., NSGA-II, 2002. We differ in ties: points equal in one objective
        are ordered by the others, so only the order of exact copies matters.

    Example:
        >>> crowding_distance([[0, 4], [1, 2], [4, 0]])
        array([inf,  2., inf])
    """
    costs = cost_matrix(costs)
    distance = np.zeros(len(costs))
    finite = np.flatnonzero(np.all(np.isfinite(costs), axis=1))
    if finite.size == 0:
        return distance
    for column in range(costs.shape[1]):
        # lexsort takes its most important key last.
        keys = np.roll(costs[finite], -column, axis=1).T[::-1]
        order = finite[np.lexsort(keys)]
        values = costs[order, column]
        if values[-1] > values[0]:
            distance[order[1:-1]] += (values[2:] - values[:-2]) / (values[-1] - values[0])
        distance[order[[0, -1]]] = np.inf
    return distance


def _is_dominated(costs: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the rows of ``costs [n, m]`` that a row of ``others [k, m]`` dominates."""
    no_worse = np.ones((len(others), len(costs)), dtype=np.bool_)
    better = np.zeros_like(no_worse)
    for theirs, ours in zip(others.T, costs.T, strict=True):
        no_worse &= theirs[:, None] <= ours
        better |= theirs[:, None] < ours
    return np.any(no_worse & better, axis=0)
