"""Values as normal scores: a scale on which every part of what was told is as wide as it is full."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

Array = NDArray[np.float64]


class NormalScores:
    """To normal scores and back.

    A value becomes the quantile of the normal distribution that its rank stands for, so that failures far
    below do not flatten differences at the top. Between and beyond told values the way back is linear.

    Args:
        values: ``[n]``, at least one; equal ones get equal scores.

    Attributes:
        scores: Of ``values``, ``[n]``.

    Notes:
        Blom, "Statistical Estimates and Transformed Beta-Variables", 1958.

    Example:
        >>> warp = NormalScores(np.array([0.1, 0.9, 0.8]))
        >>> warp.scores.round(2).tolist()
        [-0.87, 0.87, 0.0]
        >>> warp.value(np.array([0.87, 1.74])).round(2).tolist()
        [0.9, 1.0]
    """

    def __init__(self, values: Array) -> None:
        n = len(values)
        self.scores = norm.ppf((rankdata(values) - 0.375) / (n + 0.25))
        self._values, first = np.unique(values, return_index=True)
        self._scores = self.scores[first]

    def value(self, scores: Array) -> Array:
        """The values that stand for scores, of the shape of ``scores``."""
        if len(self._values) == 1:
            return np.full(np.shape(scores), self._values[0])
        return _interpolated(scores, self._scores, self._values)


def _interpolated(at: Array, x: Array, y: Array) -> Array:
    """Through all points; beyond them at the slope of the last fifth of the points."""
    near = max(1, len(x) // 5)
    low, high = (y[near] - y[0]) / (x[near] - x[0]), (y[-1] - y[-1 - near]) / (x[-1] - x[-1 - near])
    beyond = np.where(at > x[-1], (at - x[-1]) * high, np.where(at < x[0], (at - x[0]) * low, 0.0))
    return np.interp(at, x, y) + beyond
