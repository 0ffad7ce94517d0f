"""Prices that cannot be negative: robust least squares on relative errors."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def nonnegative_prices(
    amounts: Array, times: Array, prior: Array, prior_weight: float, reweightings: int = 5
) -> Array:
    """Find prices ``p >= 0`` with ``amounts @ p`` near ``times``, in relative terms.

    Minimises ``Σ ρ((amounts_i · p) / times_i - 1) + prior_weight · Σ (p_j / scale_j - prior_j / scale_j)²``,
    where ``ρ`` is Huber's: squared near zero, linear beyond 1.5 median errors, so that a measurement that
    was disturbed does not bend the others.

    Args:
        amounts: ``[n, m]``, not negative.
        times: ``[n]``, positive.
        prior: ``[m]``, where a price goes that the measurements do not determine.
        prior_weight: Strength of that pull, more than 0.
        reweightings: Rounds in which measurements with large errors lose weight; 1 is plain least squares.

    Returns:
        ``[m]``.

    Example:
        >>> work = np.array([[1.0, 2.0], [1.0, 5.0], [1.0, 9.0]])
        >>> nonnegative_prices(work, work @ [3.0, 0.5], np.zeros(2), 1e-12).round(3)
        array([3. , 0.5])
    """
    relative = amounts / times[:, None]
    scale = np.sqrt(np.mean(relative**2, axis=0))
    scale[scale == 0] = 1.0
    relative = relative / scale
    goal = prior * scale
    weights = np.ones(len(times))
    prices = goal
    for _ in range(reweightings):
        gram = relative.T @ (weights[:, None] * relative) + prior_weight * np.eye(len(scale))
        prices = _minimise(gram, relative.T @ weights + prior_weight * goal)
        errors = np.abs(relative @ prices - 1)
        width = max(1.5 * float(np.median(errors)), 1e-9)
        weights = np.minimum(1.0, width / np.maximum(errors, 1e-12))
    return prices / scale


def _minimise(gram: Array, linear: Array) -> Array:
    """Minimise ``x·G·x / 2 - l·x`` over ``x >= 0``, ``G`` positive definite.

    Notes:
        Active sets: Lawson and Hanson, *Solving Least Squares Problems*, 1974, chapter 23.
    """
    x = np.zeros(len(linear))
    free = np.zeros(len(linear), dtype=np.bool_)
    tolerance = 1e-10 * float(np.abs(linear).max())
    for _ in range(10 * len(linear)):
        gain = np.where(free, -np.inf, linear - gram @ x)
        best = int(np.argmax(gain))
        if gain[best] <= tolerance:
            break
        free[best] = True
        while True:
            wanted = np.zeros_like(x)
            wanted[free] = np.linalg.solve(gram[np.ix_(free, free)], linear[free])
            below = free & (wanted <= 0)
            if not np.any(below):
                break
            # Go towards the free solution until the first variable reaches 0; it leaves the free set.
            x = x + float(np.min(x[below] / (x[below] - wanted[below]))) * (wanted - x)
            free &= x > 1e-14
            x[~free] = 0.0
        x = wanted
    return x
