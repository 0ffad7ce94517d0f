"""A light model of accuracy from few evaluations: a Gaussian process on pairs of choices and capacity.

The kernel is a product of one-hot columns, ``(1 + <x, x'>)²``, which spans all
pairs of choice values without listing them, plus a linear and a smooth term in
capacity (logarithms of parameters, operations, bytes), which carries most of
the signal before many networks were seen. Rasmussen and Williams, "Gaussian
Processes for Machine Learning", 2006, equations 2.23-2.24 and 5.8.
"""

from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular

Array = NDArray[np.float64]
# The evidence of a hundred and fifty tells one kernel from another; all have a say in what is predicted.
_MOST_FOR_EVIDENCE = 150
# Kernels are compared again when so much more was told, relatively.
_CHOSEN_AGAIN = 1 / 32


class Scales(NamedTuple):
    """Weights of pairs of choices and of what is smooth in capacity, and the deviation of the noise."""

    pairs: float
    smooth: float
    noise: float


_SCALES = [Scales(*scales) for scales in product((0.05, 0.2, 0.8), (0.1, 0.5), (0.02, 0.1, 0.4))]


class ScarceRegression:
    """Mean and deviation of a number from one-hot columns and capacity features.

    Args:
        one_hot: Choices of what was told, ``[told, choices]``.
        capacity: ``[told, features]``.
        target: ``[told]``.
        scales: Of the kernel; None for the likeliest.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> one_hot, capacity = rng.integers(0, 2, (30, 6)).astype(float), rng.normal(size=(30, 2))
        >>> target = capacity[:, 0] + 0.5 * one_hot[:, 1]
        >>> model = ScarceRegression(one_hot, capacity, target)
        >>> mean, deviation = model.predict(one_hot, capacity)
        >>> bool(np.abs(mean - target).max() < 0.3)
        True
    """

    def __init__(self, one_hot: Array, capacity: Array, target: Array, scales: Scales | None = None) -> None:
        self._one_hot = one_hot
        self._centre, self._spread = capacity.mean(axis=0), capacity.std(axis=0) + 1e-6
        self._capacity = (capacity - self._centre) / self._spread
        self._mean, self._scale = float(target.mean()), float(target.std()) + 1e-6
        standard = (target - self._mean) / self._scale
        self._n_active = max(1.0, float(one_hot.sum(axis=1).mean()))
        self._standard, self._told = standard, self._terms(one_hot, self._capacity)
        self.scales = scales or _likeliest(self._told, standard)

    @cached_property
    def _factor(self) -> Array:
        return _factor(self._told, self.scales)

    @cached_property
    def _weights(self) -> Array:
        return np.asarray(cho_solve((self._factor, True), self._standard, check_finite=False))

    def _terms(self, one_hot: Array, capacity: Array) -> "_Terms":
        """What the kernel is a weighted sum of."""
        pairs = one_hot @ self._one_hot.T
        # In place: hundreds of told networks make these the most of what a proposal takes.
        pairs *= 0.5 / self._n_active
        pairs += 0.5
        pairs *= pairs
        linear = capacity @ self._capacity.T
        smooth = linear - 0.5 * (capacity**2).sum(axis=1)[:, None]
        smooth -= 0.5 * (self._capacity**2).sum(axis=1)[None, :]
        return _Terms(pairs, linear, np.exp(np.minimum(smooth, 0.0, out=smooth), out=smooth))

    def mean(self, one_hot: Array, capacity: Array, lasting: Array | float = 1.0) -> Array:
        """The first of what :meth:`predict` returns, in a fraction of the time."""
        return self._mean_and_cross(one_hot, capacity, lasting)[0]

    def predict(self, one_hot: Array, capacity: Array, lasting: Array | float = 1.0) -> tuple[Array, Array]:
        """Mean and standard deviation of the noise-free value, ``[n]`` each.

        Args:
            one_hot: Choices, ``[n, choices]``.
            capacity: ``[n, features]``.
            lasting: The value may be a later one than was learnt from, of which effects other than linear
                ones of capacity are only partly the same: the part of their variance that is, 0 to 1, one
                for all or ``[n]``. A sum of an effect that lasts and one that does not, as in Kennedy and
                O'Hagan, "Predicting the output from a complex computer code when fast approximations are
                available", Biometrika 87(1), 2000.
        """
        mean, cross = self._mean_and_cross(one_hot, capacity, lasting)
        scaled, scales = (capacity - self._centre) / self._spread, self.scales
        explained = (_white(self._factor, cross.T) ** 2).sum(axis=0)
        own = scales.pairs * (1.0 + (one_hot**2).sum(axis=1) / self._n_active) ** 2 / 4.0 + scales.smooth
        own = lasting * own + (scaled**2).sum(axis=1) + 1.0
        variance = np.maximum(own - explained, 1e-9)
        return mean, np.sqrt(variance) * self._scale

    def _mean_and_cross(self, one_hot: Array, capacity: Array, lasting: Array | float) -> tuple[Array, Array]:
        """The mean, and the kernel between these and what was told."""
        scaled = (capacity - self._centre) / self._spread
        part = np.broadcast_to(np.asarray(lasting, dtype=np.float64), len(scaled))
        cross = _kernel(self._terms(one_hot, scaled), self.scales, part[:, None])
        return cross @ self._weights * self._scale + self._mean, cross


class GrowingRegression:
    """Fits a :class:`ScarceRegression` again and again, to results of which there are ever more.

    Kernels are compared by the first results alone: all but the remainder of a thirty-second of their number.
    """

    def __init__(self) -> None:
        self._first: tuple[bytes, ...] = ()
        self._scales: Scales | None = None

    def fitted(self, one_hot: Array, capacity: Array, target: Array) -> ScarceRegression:
        """To all, with the kernel that suits the first ones: a function of what is given alone."""
        n = len(target) - len(target) % max(1, int(_CHOSEN_AGAIN * len(target)))
        first = one_hot[:n], capacity[:n], target[:n]
        asked = tuple(part.tobytes() for part in first)
        if self._first != asked:
            model = ScarceRegression(*first)
            self._first, self._scales = asked, model.scales
            if n == len(target):
                return model
        return ScarceRegression(one_hot, capacity, target, self._scales)


class _Terms(NamedTuple):
    """Between two sets of networks: pairs of choices, linear and smooth in capacity."""

    pairs: Array
    linear: Array
    smooth: Array


def _kernel(terms: _Terms, scales: Scales, lasting: Array | float = 1.0) -> Array:
    made = scales.pairs * terms.pairs
    made += scales.smooth * terms.smooth
    made *= lasting
    made += terms.linear
    made += 1.0
    return made


def _factor(terms: _Terms, scales: Scales) -> Array:
    """Cholesky factor of the kernel between told networks, with noise."""
    made = _kernel(terms, scales)
    np.einsum("ii->i", made)[:] += scales.noise**2 + 1e-8
    return np.asarray(np.linalg.cholesky(made), dtype=np.float64)


def _likeliest(terms: _Terms, target: Array) -> Scales:
    part = np.linspace(0, len(target) - 1, min(len(target), _MOST_FOR_EVIDENCE)).round().astype(int)
    of_part = _Terms(*(term[np.ix_(part, part)] for term in terms))
    return max(_SCALES, key=lambda scales: _log_evidence(of_part, target[part], scales))


def _white(factor: Array, values: Array) -> Array:
    """Without what networks have in common, ``[told]`` or ``[told, n]``."""
    return np.asarray(solve_triangular(factor, values, lower=True, check_finite=False), dtype=np.float64)


def _log_evidence(terms: _Terms, target: Array, scales: Scales) -> float:
    factor = _factor(terms, scales)
    white = _white(factor, target)
    return float(-0.5 * white @ white - np.log(np.diag(factor)).sum())
