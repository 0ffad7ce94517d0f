"""A Gaussian process over candidates whose kernel is a weighted sum of ways to be alike.

Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, equations 2.23-2.24 (prediction), 5.8
(evidence) and 5.9 (its gradient). The weights and the noise are those that make what was told most probable,
given that a weight is within a factor of five of what is usual.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from penjing.search.likeness import Described, Likeness

Array = NDArray[np.float64]
# Share of the variance that each way to be alike explains, before anything was told.
USUAL_WEIGHTS = {
    "choices": 0.3,
    "pairs": 0.2,
    "triples": 0.05,
    "all choices": 0.05,
    "counts": 0.3,
    "like counts": 0.2,
    "capacity": 0.2,
    "like capacity": 0.2,
    "neighbourhoods": 0.3,
    "the same neighbourhoods": 0.2,
    "earlier result": 0.5,
    "like earlier result": 0.2,
}
USUAL_NOISE = 0.05
_LOG_DEVIATION = np.log(5.0)
_LEAST_NOISE = 1e-4
_LEAST_VARIANCE = 1e-10
# Of a loss; more than any.
_HOPELESS = 1e12
# The evidence of two hundred tells weights as well as that of five hundred, in a tenth of the time.
_MOST_FOR_EVIDENCE = 200


class GaussianProcess:
    """Mean and deviation of a number that some candidates are known to have.

    Args:
        likeness: Compares candidates.
        told: Candidates whose numbers are known, ``n`` rows.
        target: Their numbers, ``[n]``; best of mean 0 and deviation 1.
        weights: Of each way to be alike, and ``noise``: those of an earlier process. None fits them.
    """

    def __init__(
        self, likeness: Likeness, told: Described, target: Array, weights: Mapping[str, float] | None = None
    ) -> None:
        self._likeness = likeness
        self._centre = told.capacity.mean(axis=0)
        self._spread = told.capacity.std(axis=0) + 1e-6
        self._told = told.standardised(self._centre, self._spread)
        terms = likeness.compare(self._told, self._told)
        self.weights = dict(weights) if weights else _fitted(terms, target)
        kernel = _sum(terms, self.weights) + self.noise * np.eye(len(target))
        self._factor = np.linalg.cholesky(kernel)
        self._solved = cho_solve((self._factor, True), target)

    @property
    def noise(self) -> float:
        """Variance of what is told around what the kernel explains."""
        return self.weights["noise"]

    def expect(self, described: Described) -> "Prediction":
        """What is expected of some candidates."""
        some = described.standardised(self._centre, self._spread)
        cross = _sum(self._likeness.compare(some, self._told), self.weights)
        return self._expected(some, cross, _sum(self._likeness.own(some), self.weights))

    def expect_each(self, described: Described, earlier: Sequence[Array]) -> list["Prediction"]:
        """The same for several results that a shorter training may have given.

        What does not hang on them is compared once.

        Args:
            described: Without earlier results.
            earlier: Those, ``[n]`` each.
        """
        some = described.standardised(self._centre, self._spread)
        shared_cross = _sum(self._likeness.compare(some, self._told), self.weights)
        shared_own = _sum(self._likeness.own(some), self.weights)
        found = []
        for results in earlier:
            one = replace(some, earlier=results)
            cross = _add_(shared_cross.copy(), self._likeness.compare_earlier(one, self._told), self.weights)
            own = _add_(shared_own.copy(), self._likeness.own_earlier(one), self.weights)
            found.append(self._expected(one, cross, own))
        return found

    def _expected(self, some: Described, cross: Array, own: Array) -> "Prediction":
        white = solve_triangular(self._factor, cross.T, lower=True, check_finite=False).T
        variance = np.maximum(own - (white**2).sum(axis=1), _LEAST_VARIANCE)
        return Prediction(self, some, cross @ self._solved, variance, white)

    def between(self, some: Described, others: Described) -> Array:
        """Covariance before anything was told, ``[n, m]``, of standardised descriptions."""
        return _sum(self._likeness.compare(some, others), self.weights)


class Prediction:
    """What a process expects of some candidates, ``[n]`` each.

    Attributes:
        mean: Expected value.
        variance: Of the value, without noise.
    """

    def __init__(
        self, process: GaussianProcess, some: Described, mean: Array, variance: Array, white: Array
    ) -> None:
        self._process = process
        self._some = some
        self._white = white
        self.mean = mean
        self.variance = variance

    def rows(self, index: NDArray[np.intp]) -> "Prediction":
        """The same of some of the candidates."""
        some, white = self._some.rows(index), self._white[index]
        return Prediction(self._process, some, self.mean[index], self.variance[index], white)

    def learn(self, index: int) -> None:
        """Let the variances be what they will be once the value of one candidate is told.

        Means stay: the value that is expected teaches nothing. So that a batch is no crowd.
        """
        one = self._some.rows(np.array([index]))
        covariance = self._process.between(self._some, one)[:, 0] - self._white @ self._white[index]
        column = covariance / np.sqrt(self.variance[index] + self._process.noise)
        self._white = np.column_stack([self._white, column])
        self.variance = np.maximum(self.variance - column**2, _LEAST_VARIANCE)


def _sum(terms: Mapping[str, Array], weights: Mapping[str, float]) -> Array:
    # The mean is not known for sure either.
    return _add_(np.ones_like(next(iter(terms.values()))), terms, weights)


def _add_(total: Array, terms: Mapping[str, Array], weights: Mapping[str, float]) -> Array:
    for name, term in terms.items():
        total += weights[name] * term
    return total


def _fitted(terms: Mapping[str, Array], target: Array) -> dict[str, float]:
    """The most probable weights, found along the gradient."""
    part = np.linspace(0, len(target) - 1, min(len(target), _MOST_FOR_EVIDENCE)).round().astype(int)
    names = list(terms)
    stacked = np.stack([terms[name][np.ix_(part, part)] for name in names])
    known = target[part]
    usual = np.log([*(USUAL_WEIGHTS[name] for name in names), USUAL_NOISE])

    def loss(log_weights: Array) -> tuple[float, Array]:
        weights = np.exp(log_weights)
        kernel = np.tensordot(weights[:-1], stacked, 1) + 1.0
        kernel[np.diag_indices_from(kernel)] += weights[-1] + _LEAST_NOISE
        try:
            factor = cho_factor(kernel, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            # A step so wide that the noise is lost in rounding: it is taken back.
            return _HOPELESS, np.zeros_like(log_weights)
        solved = cho_solve(factor, known, check_finite=False)
        inverse = cho_solve(factor, np.eye(len(known)), check_finite=False)
        away = (log_weights - usual) / _LOG_DEVIATION
        value = 0.5 * known @ solved + np.log(np.diag(factor[0])).sum() + 0.5 * away @ away
        pull = inverse - np.outer(solved, solved)
        slopes = 0.5 * weights[:-1] * np.tensordot(stacked, pull, 2)
        of_noise = 0.5 * weights[-1] * np.trace(pull)
        return float(value), np.append(slopes, of_noise) + away / _LOG_DEVIATION

    found = minimize(loss, usual, jac=True, method="L-BFGS-B", options={"maxiter": 40})
    weights = dict(zip(names, np.exp(found.x[:-1]).tolist(), strict=True))
    return weights | {"noise": float(np.exp(found.x[-1])) + _LEAST_NOISE}
