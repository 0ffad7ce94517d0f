"""What candidates are expected to gain, given a model of the one metric that only training reveals.

With one objective a candidate is worth its expected improvement (Jones, Schonlau and Welch, "Efficient Global
Optimization of Expensive Black-Box Functions", 1998, equation 15), compared by logarithms as in Ament et al.,
"Unexpected Improvements to Expected Improvement", NeurIPS 2023, so that tiny ones still have an order. With
several it is worth its expected gain of hypervolume (Emmerich, Giannakoglou and Naujoks, 2006); all costs but
one are known, so this is an integral over one number, done with Gauss-Hermite quadrature.
"""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx
from scipy.stats import norm

from penjing.objectives import hypervolume_gains, non_dominated_mask
from penjing.search.pool import Pool
from penjing.search.problem import SearchProblem
from penjing.search.quadrature import normal_nodes
from penjing.search.warp import Scale
from penjing.space import Candidate

Array = NDArray[np.float64]
_NODES, _NODE_WEIGHTS = normal_nodes(12)
# The rest of a batch comes from those that are best alone: most of a pool gains next to nothing.
_SHORT_LIST = 300


class Expectation(Protocol):
    """What a model expects of some candidates, in scores of the trained metric, ``[n]`` each."""

    @property
    def mean(self) -> Array:
        """Expected value."""
        ...

    @property
    def variance(self) -> Array:
        """Of the value, without noise."""
        ...

    def rows(self, index: NDArray[np.intp]) -> Self:
        """The same of some of them."""
        ...

    def learn(self, index: int) -> None:
        """Suppose that one candidate is told, as it is expected to be."""
        ...


@dataclass(frozen=True)
class Told:
    """What was told.

    Attributes:
        scores: Of the trained metric; more is better.
        sign: -1 where less of the trained metric is better.
        points: Costs, ``[n, objectives]``.
        known: The scores that count: as told where that is exact, else as the model smooths them.
        noise: Variance of what is told around what the model explains.
    """

    scores: Scale
    sign: float
    points: Array
    known: Array
    noise: float

    def values(self, scores: Array) -> Array:
        """The trained metric's values that stand for scores."""
        return self.sign * self.scores.value(scores)


class Gains:
    """Expected gains of a pool, alone and beside each other.

    Args:
        problem: Box and direction.
        told: What a gain is a gain on.
        pool: Who may gain.
        expected: What the model says of the pool.

    Attributes:
        most: What the one that gains most was expected to gain alone when :meth:`best` was last asked,
            whatever its expense: hypervolume as a share of the box. 0 before, and for an empty pool.
    """

    def __init__(self, problem: SearchProblem, told: Told, pool: Pool, expected: Expectation) -> None:
        self._problem = problem
        self._told = told
        self._pool = pool
        self._expected = expected
        self.most = 0.0
        self._of_trained = list(problem.box).index(problem.trained_metric)
        self._best = float(told.known.max())
        points = told.points.copy()
        points[:, self._of_trained] = self._costs(told.known)
        self._front = points[non_dominated_mask(points)]

    def each(self) -> Array:
        """Logarithm of the expected gain per expense, ``[n]``; minus infinity where there is none."""
        if self._pool.points.shape[1] == 1:
            gains = log_expected_improvement(self._expected.mean - self._best, self._deviation())
        else:
            with np.errstate(divide="ignore"):
                gains = np.log(self._expected_volume(slice(None)))
        return gains - np.log(self._pool.expense)

    def best(self, n: int) -> list[Candidate]:
        """``n`` candidates, each the best beside those before it; fewer where no other gains."""
        chosen: list[Candidate] = []
        while len(chosen) < n and self._pool.candidates:
            worth = self.each()
            if not chosen:
                at = int(np.argmax(worth + np.log(self._pool.expense)))
                self.most = float(self._expected_volume(slice(at, at + 1))[0])
            index = int(np.argmax(worth))
            if worth[index] == -np.inf:
                break
            chosen.append(self._pool.candidates[index])
            if len(chosen) < n:
                self._suppose(index)
                order = np.argsort(-worth, kind="stable")[:_SHORT_LIST]
                self._keep(order[order != index])
        return chosen

    def _costs(self, scores: Array) -> Array:
        """The trained metric as a cost of the box."""
        return self._problem.normalised(self._problem.trained_metric, self._told.values(scores))

    def _suppose(self, index: int) -> None:
        """Count one candidate among what was told, with the value that is expected of it."""
        mean = self._expected.mean[index : index + 1]
        self._best = max(self._best, float(mean[0]))
        point = self._pool.points[index].copy()
        point[self._of_trained] = self._costs(mean)[0]
        self._front = np.vstack([self._front, point])
        self._expected.learn(index)

    def _keep(self, index: NDArray[np.intp]) -> None:
        self._pool, self._expected = self._pool.rows(index), self._expected.rows(index)

    def _deviation(self) -> Array:
        # What is exact is worth the luck that it had as well, which another look will find again.
        luck = self._told.noise if self._problem.is_exact else 0.0
        return np.sqrt(self._expected.variance + luck)

    def _expected_volume(self, rows: slice) -> Array:
        """Expected gain of hypervolume of some rows: the mean over what the trained metric may be."""
        mean, deviation = self._expected.mean[rows], self._deviation()[rows]
        corner = np.ones(self._pool.points.shape[1])
        total = np.zeros(len(mean))
        for node, weight in zip(_NODES, _NODE_WEIGHTS, strict=True):
            points = self._pool.points[rows].copy()
            points[:, self._of_trained] = self._costs(mean + node * deviation)
            total += weight * hypervolume_gains(points, self._front, corner)
        return total


def log_expected_improvement(mean: Array, deviation: Array) -> Array:
    """Logarithm of the expected improvement of normal values, ``[n]``.

    Args:
        mean: As a difference to the best so far, ``[n]``.
        deviation: ``[n]``, positive.

    Example:
        >>> log_expected_improvement(np.zeros(1), np.ones(1)).round(3).tolist()
        [-0.919]
    """
    z = mean / deviation
    # The density times one plus z over the hazard, which stays exact where both are tiny.
    with np.errstate(divide="ignore", over="ignore"):
        below = np.minimum(z, 0.0)
        ratio = 1.0 + below * np.sqrt(np.pi / 2) * erfcx(-below / np.sqrt(2))
        low = norm.logpdf(z) + np.log(np.maximum(ratio, 1e-300))
        high = np.log(norm.pdf(z) + np.maximum(z, 0.0) * norm.cdf(z))
    return np.log(deviation) + np.where(z < 0, low, high)
