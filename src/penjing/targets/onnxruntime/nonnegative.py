"""Prices that cannot be negative: robust least squares on relative errors."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SWEEPS = 3000
_REWEIGHTINGS = 5


def nonnegative_prices(amounts: Array, times: Array, prior: Array, prior_weight: float) -> Array:
    """Find prices ``p >= 0`` with ``amounts @ p`` near ``times``, in relative terms.

    Minimises ``Σ ρ((amounts_i · p) / times_i - 1) + prior_weight · Σ (p_j / scale_j - prior_j / scale_j)²``,
    where ``ρ`` is Huber's: squared near zero, linear beyond 1.5 median errors, so that a measurement that
    was disturbed does not bend the others.

    Args:
        amounts: ``[n, m]``, not negative.
        times: ``[n]``, positive.
        prior: ``[m]``, where a price goes that the measurements do not determine.
        prior_weight: Strength of that pull, more than 0.

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
    for _ in range(_REWEIGHTINGS):
        gram = relative.T @ (weights[:, None] * relative) + prior_weight * np.eye(len(scale))
        prices = _descend(gram, relative.T @ weights + prior_weight * goal, prices)
        errors = np.abs(relative @ prices - 1)
        width = max(1.5 * float(np.median(errors)), 1e-9)
        weights = np.minimum(1.0, width / np.maximum(errors, 1e-12))
    return prices / scale


def _descend(gram: Array, linear: Array, start: Array) -> Array:
    """Minimise ``x·G·x / 2 - l·x`` over ``x >= 0`` by one coordinate after the other."""
    x = np.maximum(start, 0.0)
    diagonal = np.diag(gram)
    for _ in range(_SWEEPS):
        largest = 0.0
        for j in range(len(x)):
            new = max(x[j] + (linear[j] - gram[j] @ x) / diagonal[j], 0.0)
            largest = max(largest, abs(new - x[j]))
            x[j] = new
        if largest < 1e-10:
            break
    return x
