"""A light model of accuracy from few evaluations: a Gaussian process on pairs of choices and capacity.

The kernel is a product of one-hot columns, ``(1 + <x, x'>)²``, which spans all
pairs of choice values without listing them, plus a linear and a smooth term in
capacity (logarithms of parameters, operations, bytes), which carries most of
the signal before many networks were seen. Rasmussen and Williams, "Gaussian
Processes for Machine Learning", 2006, equations 2.23-2.24 and 5.8.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_PAIRS = (0.05, 0.2, 0.8)
_SMOOTH = (0.1, 0.5)
_NOISE = (0.02, 0.1, 0.4)


@dataclass(frozen=True)
class _Fit:
    pairs: float
    smooth: float
    noise: float
    factor: Array
    weights: Array
    log_evidence: float


class ScarceRegression:
    """Mean and deviation of a number from one-hot columns and capacity features.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> one_hot, capacity = rng.integers(0, 2, (30, 6)).astype(float), rng.normal(size=(30, 2))
        >>> target = capacity[:, 0] + 0.5 * one_hot[:, 1]
        >>> model = ScarceRegression(one_hot, capacity, target)
        >>> mean, deviation = model.predict(one_hot, capacity)
        >>> bool(np.abs(mean - target).max() < 0.3)
        True
    """

    def __init__(self, one_hot: Array, capacity: Array, target: Array) -> None:
        self._one_hot = one_hot
        self._centre, self._spread = capacity.mean(axis=0), capacity.std(axis=0) + 1e-6
        self._capacity = (capacity - self._centre) / self._spread
        self._mean, self._scale = float(target.mean()), float(target.std()) + 1e-6
        standard = (target - self._mean) / self._scale
        terms = self._terms(one_hot, self._capacity)
        self._fit = max(
            (
                _fitted(_weighted(terms, pairs, smooth), standard, pairs, smooth, noise)
                for pairs in _PAIRS
                for smooth in _SMOOTH
                for noise in _NOISE
            ),
            key=lambda fit: fit.log_evidence,
        )

    def _terms(self, one_hot: Array, capacity: Array) -> tuple[Array, Array, Array]:
        """What the kernel is a weighted sum of: pairs of choices, linear and smooth in capacity."""
        n_active = max(1.0, float(self._one_hot.sum(axis=1).mean()))
        product = (1.0 + one_hot @ self._one_hot.T / n_active) ** 2 / 4.0
        linear = capacity @ self._capacity.T
        squares = (capacity**2).sum(axis=1)[:, None] + (self._capacity**2).sum(axis=1)[None, :]
        return product, linear, np.exp(-0.5 * np.maximum(squares - 2.0 * linear, 0.0))

    def predict(self, one_hot: Array, capacity: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the noise-free value, ``[n]`` each."""
        scaled = (capacity - self._centre) / self._spread
        fit = self._fit
        cross = _weighted(self._terms(one_hot, scaled), fit.pairs, fit.smooth)
        solved = np.linalg.solve(fit.factor, cross.T)
        n_active = max(1.0, float(self._one_hot.sum(axis=1).mean()))
        own = fit.pairs * (1.0 + (one_hot**2).sum(axis=1) / n_active) ** 2 / 4.0
        own = own + (scaled**2).sum(axis=1) + fit.smooth + 1.0
        variance = np.maximum(own - (solved**2).sum(axis=0), 1e-9)
        return cross @ fit.weights * self._scale + self._mean, np.sqrt(variance) * self._scale


def _weighted(terms: tuple[Array, Array, Array], pairs: float, smooth: float) -> Array:
    product, linear, near = terms
    return pairs * product + linear + smooth * near + 1.0


def _fitted(kernel: Array, target: Array, pairs: float, smooth: float, noise: float) -> _Fit:
    factor: Array = np.linalg.cholesky(kernel + (noise**2 + 1e-8) * np.eye(len(target))).astype(np.float64)
    weights: Array = np.linalg.solve(factor.T, np.linalg.solve(factor, target)).astype(np.float64)
    log_evidence = float(-0.5 * target @ weights - np.log(np.diag(factor)).sum())
    return _Fit(pairs, smooth, noise, factor, weights, log_evidence)
