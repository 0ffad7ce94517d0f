"""Values of the trained metric as scores, on which failures do not flatten differences among the good."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

Array = NDArray[np.float64]
# Beyond this a value would not be a number any more.
_FARTHEST = 50.0


class Scale(Protocol):
    """To scores and back."""

    @property
    def scores(self) -> Array:
        """Of the values that it was made of, ``[n]``; more is better."""
        ...

    def value(self, scores: Array) -> Array:
        """The values that stand for scores, of the shape of ``scores``."""
        ...


def scale_of(values: Array, n_objectives: int) -> Scale:
    """The scale that suits.

    Args:
        values: ``[n]``, at least one; more is better.
        n_objectives: With one only the order of values counts, with several how far they are apart.
    """
    return NormalScores(values) if n_objectives == 1 else HalfLogScores(values)


class HalfLogScores:
    """To scores and back: linear down to a little below the median, logarithmic from there on.

    For several objectives, where the size of a difference counts: ranks would make those that lie close as
    far apart as any others, and what is unsure of them worth as much.

    Args:
        values: ``[n]``, at least one; more is better.

    Attributes:
        scores: Of ``values``, ``[n]``; mean 0 and deviation 1 unless all are equal.

    Example:
        >>> warp = HalfLogScores(np.array([10.0, 88.0, 90.0, 91.0, 92.0]))
        >>> warp.scores.round(2).tolist()
        [-1.84, -0.19, 0.38, 0.68, 0.98]
        >>> warp.value(warp.scores).round(6).tolist()
        [10.0, 88.0, 90.0, 91.0, 92.0]
    """

    def __init__(self, values: Array) -> None:
        self._middle = float(np.median(values))
        above = values[values > self._middle] - self._middle
        self._scale = float(above.mean() if len(above) else values.std()) or 1.0
        bent = self._bent(values)
        self._centre, self._spread = float(bent.mean()), float(bent.std())
        self.scores = (bent - self._centre) / (self._spread or 1.0)

    def _bent(self, values: Array) -> Array:
        z = (values - self._middle) / self._scale
        return np.where(z >= -1.0, z, -1.0 - np.log(np.maximum(-z, 1.0)))

    def value(self, scores: Array) -> Array:
        """The values that stand for scores, of the shape of ``scores``."""
        bent = np.asarray(scores) * self._spread + self._centre
        below = -np.exp(np.clip(-1.0 - bent, 0.0, _FARTHEST))
        return self._middle + self._scale * np.where(bent >= -1.0, bent, below)


class NormalScores:
    """To normal scores and back.

    A value becomes the quantile of the normal distribution that its rank stands for, so that failures far
    below do not flatten differences at the top: for one objective, of which only the order counts. Between
    and beyond told values the way back is linear.

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
