"""Means over a normal distribution, as weighted sums over a few values (Gauss-Hermite quadrature)."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def normal_nodes(n: int) -> tuple[Array, Array]:
    """Deviations from the mean and their weights, ``[n]`` each; exact for polynomials of degree below ``2n``.

    Example:
        >>> nodes, weights = normal_nodes(3)
        >>> round(float(weights @ nodes**4), 6)
        3.0
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return nodes, weights / weights.sum()
