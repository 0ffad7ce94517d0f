"""Values as scores: a scale on which differences among the good count, and failures are just far below."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Beyond this a value would not be a number any more.
_FARTHEST = 50.0


class HalfLogScores:
    """To scores and back: linear down to a little below the median, logarithmic from there on.

    Failures far below do not flatten differences at the top. Ranks would do that too, but tear twins apart:
    the more of them were told, the more.

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
