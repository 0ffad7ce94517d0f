"""How good a front is as one number, and how much a new design would add to it.

The hypervolume of a set of cost vectors is the volume of all that the set
dominates, up to a reference point. Objectives with different units are first
brought to a common scale with :func:`normalised`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penjing.errors import InvalidValueError, ShapeError
from penjing.objectives.front import cost_matrix, non_dominated_mask

Floats = NDArray[np.float64]

_ROWS_AT_ONCE = 512  # candidates per block: keeps the temporaries inside the processor's cache


def hypervolume(costs: ArrayLike, reference_point: ArrayLike) -> float:
    """Measure the volume between a set of points and a reference point, exactly.

    A point counts only where it is better than the reference point in every
    objective; points with a NaN or an infinite cost add nothing.

    Args:
        costs: ``[n, m]``, ``m >= 1``; dominated points are allowed.
        reference_point: ``[m]``, finite; the worst that is still of interest.

    Returns:
        The volume, at least 0; 0 for no points.

    Raises:
        ShapeError: If the shapes do not fit.
        InvalidValueError: If the reference point is not finite.

    Notes:
        A sweep for two objectives, ``O(n log n)``; for three a grid of the first
        two with the best third below every cell, ``O(n²)``; each further
        objective is cut into slices, ``O(n^(m-1))``.

    Example:
        >>> hypervolume([[1, 3], [2, 1]], reference_point=[4, 4])
        7.0
    """
    costs = cost_matrix(costs)
    corner = _corner(reference_point, costs.shape[1])
    points = _inside(costs, corner)
    return _volume(points if corner.size <= 2 else _front_of(points), corner)


def hypervolume_gains(candidates: ArrayLike, front: ArrayLike, reference_point: ArrayLike) -> Floats:
    """Say how much each candidate, alone, would add to the hypervolume of a front.

    Args:
        candidates: ``[k, m]``. One with a NaN or an infinite cost gains 0.
        front: ``[n, m]``; may be empty (``[0, m]``) and may hold dominated points.
        reference_point: ``[m]``, finite.

    Returns:
        ``[k]``, at least 0; equal to the difference of two hypervolumes.

    Raises:
        ShapeError: If the shapes do not fit.
        InvalidValueError: If the reference point is not finite.

    Notes:
        Up to three objectives, what the front leaves free is cut into at most
        ``2 n + 1`` boxes by a sweep (Yang, Emmerich, Deutz and Bäck, "Efficient
        Computation of Expected Hypervolume Improvement Using Box Decomposition
        Algorithms", 2019), and a candidate gains its part of every box:
        ``O(n² + k n)``. Each further objective multiplies by ``n``.

    Example:
        >>> hypervolume_gains([[1, 1], [3, 3]], front=[[1, 3], [2, 1]], reference_point=[4, 4])
        array([2., 0.])
    """
    candidates = cost_matrix(candidates)
    corner = _corner(reference_point, candidates.shape[1])
    front = cost_matrix(front)
    if front.shape[1] != candidates.shape[1]:
        raise ShapeError(
            f"front must have the {candidates.shape[1]} objectives of the candidates, got {front.shape[1]}. "
            "Give both the same columns.",
            shape=front.shape,
        )
    gains = np.zeros(len(candidates))
    rows = np.flatnonzero(_is_inside(candidates, corner))
    gains[rows] = _gains(candidates[rows], _front_of(_inside(front, corner)), corner)
    return gains


def hypervolume_subset(
    candidates: ArrayLike,
    n: int,
    reference_point: ArrayLike,
    front: ArrayLike | None = None,
    draws: Sequence[ArrayLike] | None = None,
    expense: ArrayLike = 1.0,
) -> list[int]:
    """Pick candidates one after the other, each that which adds most hypervolume beside those before it.

    Args:
        candidates: ``[k, m]``.
        n: How many at most; fewer where no other adds anything.
        reference_point: ``[m]``, finite.
        front: ``[f, m]``, what is there already; None for nothing.
        draws: Where candidates may be instead, ``[k, m]`` each: what one adds is averaged over these.
            None for nowhere else.
        expense: ``[k]`` or one for all, positive: what is added is divided by it.

    Returns:
        Rows of candidates, in the order in which they were picked.

    Raises:
        ShapeError: If the shapes do not fit.
        InvalidValueError: If the reference point is not finite.

    Notes:
        The greedy algorithm, which reaches at least ``1 - 1/e`` of the best subset's volume (Guerreiro,
        Fonseca and Paquete, "Greedy Hypervolume Subset Selection in Low Dimensions", 2016).

    Example:
        >>> hypervolume_subset([[1, 3], [2, 1], [2, 2]], n=2, reference_point=[4, 4])
        [1, 0]
    """
    points = cost_matrix(candidates)
    layers = [points] if draws is None else [cost_matrix(layer) for layer in draws]
    # Asked for together: what the front leaves free is found once.
    everywhere = np.vstack(layers)
    reached = np.empty((0, points.shape[1])) if front is None else cost_matrix(front)
    picked: list[int] = []
    while len(picked) < min(n, len(points)):
        gains = hypervolume_gains(everywhere, reached, reference_point)
        gains = gains.reshape(len(layers), len(points)).mean(axis=0)
        gains[picked] = 0.0
        index = int(np.argmax(gains / np.asarray(expense)))
        if gains[index] <= 0.0:
            break
        picked.append(index)
        reached = np.vstack([reached, points[index]])
    return picked


def normalised(costs: ArrayLike, low: ArrayLike, high: ArrayLike, log: ArrayLike = False) -> Floats:
    """Map every cost to [0, 1]: 0 at its best bound, 1 at its worst.

    Costs beyond a bound are clipped to it, so choose bounds that the space cannot
    leave on the good side. NaN stays NaN.

    Args:
        costs: ``[n, m]``.
        low: ``[m]`` or one for all; the best cost. Positive where ``log``.
        high: ``[m]`` or one for all; the worst cost, above ``low``.
        log: ``[m]`` or one for all; True for a logarithmic scale, which suits bytes
            and milliseconds: equal ratios become equal distances.

    Raises:
        ShapeError: If the shapes do not fit.
        InvalidValueError: If the bounds are not finite and ordered, or not positive for a log scale.

    Example:
        >>> normalised([[10.0, 0.5]], low=[1, 0], high=[100, 1], log=[True, False])
        array([[0.5, 0.5]])
    """
    costs = cost_matrix(costs)
    n_objectives = costs.shape[1]
    best, worst = _per_objective("low", low, n_objectives), _per_objective("high", high, n_objectives)
    is_log = _per_objective("log", log, n_objectives) != 0
    for index in range(n_objectives):
        bounds = float(best[index]), float(worst[index])
        if not (np.all(np.isfinite(bounds)) and bounds[0] < bounds[1]):
            raise InvalidValueError(
                f"low must be below high and both finite, got {bounds} for objective {index}. "
                "Leave out an objective that does not vary.",
                objective=index,
            )
        if is_log[index] and bounds[0] <= 0:
            raise InvalidValueError(
                f"A log scale needs a positive low, got {bounds[0]!r} for objective {index}. "
                "Raise low or set log to False there.",
                objective=index,
            )
    clipped = np.clip(costs, best, worst)
    for values in (clipped, best, worst):
        values[..., is_log] = np.log(values[..., is_log])
    return np.clip((clipped - best) / (worst - best), 0.0, 1.0)


def _per_objective(name: str, values: ArrayLike, n_objectives: int) -> Floats:
    array = np.array(values, dtype=np.float64)
    if array.shape not in {(), (n_objectives,)}:
        raise ShapeError(
            f"{name} must have one number or one for each of the {n_objectives} objectives, "
            f"got shape {array.shape}. Give it the order of the columns of costs.",
            shape=array.shape,
        )
    return np.broadcast_to(array, (n_objectives,)).copy()


def _corner(reference_point: ArrayLike, n_objectives: int) -> Floats:
    corner = np.asarray(reference_point, dtype=np.float64)
    if corner.shape != (n_objectives,):
        raise ShapeError(
            f"reference_point must have one number for each of the {n_objectives} objectives, "
            f"got shape {corner.shape}. Give it the order of the columns of costs.",
            shape=corner.shape,
        )
    if not np.all(np.isfinite(corner)):
        raise InvalidValueError(
            f"reference_point must be finite, got {corner.tolist()}. Use the worst cost of interest.",
            reference_point=corner.tolist(),
        )
    return corner


def _is_inside(costs: Floats, corner: Floats) -> NDArray[np.bool_]:
    return np.all(np.isfinite(costs) & (costs < corner), axis=1)


def _inside(costs: Floats, corner: Floats) -> Floats:
    return costs[_is_inside(costs, corner)]


def _front_of(points: Floats) -> Floats:
    """Keep one copy of each non-dominated point."""
    return np.unique(points[non_dominated_mask(points)], axis=0)


def _volume(points: Floats, corner: Floats) -> float:
    """Hypervolume of points inside the corner, ``[n, m]``; dominated ones allowed."""
    n, m = points.shape
    if n == 0:
        return 0.0
    if m == 1:
        return float(corner[0] - points.min())
    if m == 2:
        x, y = points[np.argsort(points[:, 0])].T
        widths = np.diff(x, append=corner[0])
        return float(widths @ (corner[1] - np.minimum.accumulate(y)))
    if m == 3:
        return _volume_on_grid(points, corner)
    points = points[np.argsort(points[:, -1])]
    heights = np.diff(points[:, -1], append=corner[-1])
    slices = [h * _volume(points[: i + 1, :-1], corner[:-1]) for i, h in enumerate(heights) if h > 0]
    return float(sum(slices))


def _volume_on_grid(points: Floats, corner: Floats) -> float:
    """Three objectives: cut the first two at every point; a cell is as deep as its best third."""
    x, column = np.unique(points[:, 0], return_inverse=True)
    y, row = np.unique(points[:, 1], return_inverse=True)
    best = np.full((x.size, y.size), corner[2])
    np.minimum.at(best, (column, row), points[:, 2])
    best = np.minimum.accumulate(np.minimum.accumulate(best, axis=0), axis=1)
    return float(np.diff(x, append=corner[0]) @ (corner[2] - best) @ np.diff(y, append=corner[1]))


def _gains(candidates: Floats, front: Floats, corner: Floats) -> Floats:
    """Gains of candidates inside the corner, ``[k, m]``; dominated front points allowed."""
    m = corner.size
    if m <= 3:
        lower, upper = _free_boxes(_in_three(front, 0.0), _in_three(corner[None], 1.0)[0])
        return _parts_of_boxes(_in_three(candidates, 0.0), lower, upper)
    front = front[np.argsort(front[:, -1])]
    levels = np.concatenate([[-np.inf], front[:, -1], corner[-1:]])
    gains = np.zeros(len(candidates))
    for i in range(len(levels) - 1):
        heights = np.clip(levels[i + 1] - np.maximum(levels[i], candidates[:, -1]), 0.0, None)
        rows = np.flatnonzero(heights)
        if rows.size:
            gains[rows] += heights[rows] * _gains(candidates[rows, :-1], front[:i, :-1], corner[:-1])
    return gains


def _in_three(points: Floats, value: float) -> Floats:
    """Add objectives with one value until there are three: volumes stay the same for a unit height."""
    return np.pad(points, [(0, 0), (0, 3 - points.shape[1])], constant_values=value)


def _free_boxes(front: Floats, corner: Floats) -> tuple[Floats, Floats]:
    """Cut what a front ``[n, 3]`` does not dominate below the corner into disjoint boxes.

    A sweep along the third objective keeps the free part of the plane as columns
    ``left <= x < right``, ``y < top``; a column is closed, as a box, where a point
    takes a piece of it.

    Returns:
        Lower and upper corners, ``[b, 3]`` each, ``b <= 2 n + 1``.
    """
    columns = [(-np.inf, float(corner[0]), float(corner[1]), -np.inf)]  # left, right, top, since
    boxes: list[tuple[float, float, float, float, float]] = []
    for x, y, z in front[np.argsort(front[:, 2])].tolist():
        cut = [column for column in columns if column[1] > x and column[2] > y]
        if not cut:
            continue
        boxes += [(*column, z) for column in cut if column[3] < z]
        first, last = min(cut), max(cut)
        columns = [column for column in columns if column not in cut]
        if first[0] < x:
            columns.append((first[0], x, first[2], z))
        columns.append((x, last[1], y, z))
    boxes += [(*column, float(corner[2])) for column in columns]
    left, right, top, since, until = np.array(boxes).T
    lower = np.column_stack([left, np.full_like(left, -np.inf), since])
    return lower, np.column_stack([right, top, until])


def _parts_of_boxes(candidates: Floats, lower: Floats, upper: Floats) -> Floats:
    """Volume that each candidate dominates inside disjoint boxes, ``[k]``."""
    parts = np.zeros(len(candidates))
    for start in range(0, len(candidates), _ROWS_AT_ONCE):
        block = candidates[start : start + _ROWS_AT_ONCE]
        volume = np.ones((len(block), len(lower)))
        for d in range(block.shape[1]):
            volume *= np.maximum(upper[:, d] - np.maximum(lower[:, d], block[:, d, None]), 0.0)
        parts[start : start + _ROWS_AT_ONCE] = volume.sum(axis=1)
    return parts
