"""Any array of rows to float32 ``[N, F]``, and what normalises it. Letters: N rows, F features."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from penjing.tasks.vector_classification.checks import check_agreement, check_features

Floats = NDArray[np.float32]
_ROWS_AT_A_TIME = 4096


def to_features(x: Mapping[str, NDArray]) -> dict[str, Floats]:
    """Convert the rows of all parts.

    Contiguous 32-bit floats are not copied.

    Args:
        x: Rows of each part, ``[N, F]``; boolean, integer or floating point.

    Returns:
        For each part ``[N, F]``, contiguous.

    Raises:
        DataError: If types, shapes or values cannot be used.

    Example:
        >>> to_features({"train": np.array([[1, 2], [3, 4]])})["train"].dtype
        dtype('float32')
    """
    for part, rows in x.items():
        check_features(rows, part)
    check_agreement(x)
    return {part: np.ascontiguousarray(rows, dtype=np.float32) for part, rows in x.items()}


def is_constant(x: NDArray) -> NDArray[np.bool_]:
    """Which features have one value in all rows of ``[N, F]``, ``[F]``."""
    return np.equal(x.min(axis=0), x.max(axis=0))


def moments(x: NDArray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every feature, over all rows.

    Args:
        x: ``[N, F]``.

    Returns:
        ``F`` means and ``F`` deviations; the deviation of a feature that is constant is 0.

    Example:
        >>> moments(np.array([[1.0, 7.0], [3.0, 7.0]], dtype=np.float32))
        ((2.0, 7.0), (1.0, 0.0))
    """
    means = x.mean(axis=0, dtype=np.float64)
    # In pieces, as the differences take twice the memory of the rows.
    pieces = np.array_split(x, len(x) // _ROWS_AT_A_TIME + 1)
    squares = sum((((piece - means) ** 2).sum(axis=0) for piece in pieces), np.zeros_like(means))
    # A sum of equal numbers rounds, so that a constant would have some deviation.
    deviations = np.where(is_constant(x), 0.0, np.sqrt(squares / len(x)))
    return tuple(means.tolist()), tuple(deviations.tolist())
