"""How sure a number is: intervals for shares, paired differences and medians, and a sign test.

A test set is a sample and a latency is a draw; a number without its interval
invites to see progress in noise. Everything here is closed form or an exact
count, so that it gives the same answer on every machine.
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penjing.errors import InvalidValueError, ShapeError


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Bound a proportion, as the accuracy on ``n`` examples.

    Args:
        successes: How many of the ``n`` were right, 0 to ``n``.
        n: Number of independent examples, at least 1.
        confidence: In (0, 1).

    Returns:
        Low and high end, in [0, 1]; never of zero width, also at 0 and ``n``.

    Raises:
        InvalidValueError: If an argument is out of range.

    Notes:
        Wilson, "Probable Inference, the Law of Succession, and Statistical
        Inference", JASA 1927, without continuity correction.

    Example:
        >>> low, high = wilson_interval(90, 100)
        >>> round(low, 4), round(high, 4)
        (0.8256, 0.9448)
    """
    z = _two_sided_quantile(confidence)
    if n < 1 or not 0 <= successes <= n:
        raise InvalidValueError(
            f"successes must be in 0 … n with n at least 1, got successes={successes!r}, n={n!r}. "
            "Count on at least one example.",
            successes=successes,
            n=n,
        )
    share = successes / n
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the formula gives 0 and 1 up to rounding.
    low = 0.0 if successes == 0 else max(centre - half, 0.0)
    high = 1.0 if successes == n else min(centre + half, 1.0)
    return low, high


def paired_difference_interval(
    correct_a: ArrayLike, correct_b: ArrayLike, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Bound the difference of two accuracies that were taken on the same examples.

    Only the examples on which the two disagree carry information; pairing makes the
    interval far shorter than that of two separate accuracies.

    Args:
        correct_a: ``[n]`` booleans, whether the first model was right.
        correct_b: ``[n]`` booleans of the second, on the same examples in the same order.
        confidence: In (0, 1).

    Returns:
        The observed difference ``mean(a) - mean(b)`` and the two ends, in [-1, 1].

    Raises:
        ShapeError: If the two are not vectors of one length.
        InvalidValueError: If they are empty, not boolean, or ``confidence`` is out of range.

    Notes:
        Adjusted Wald interval: one example is added to either kind of disagreement
        (Bonett and Price, "Adjusted Wald Confidence Interval for a Difference of
        Binomial Proportions Based on Paired Data", JEBS 2012; recommended by
        Fagerland, Lydersen and Laake, Statistics in Medicine 2014). Unlike the
        plain Wald interval it is not of zero width when the two always agree.

    Example:
        >>> a, b = np.arange(100) < 95, np.arange(100) < 92
        >>> [round(x, 3) for x in paired_difference_interval(a, b)]
        [0.03, -0.013, 0.072]
    """
    z = _two_sided_quantile(confidence)
    a, b = _correctness("correct_a", correct_a), _correctness("correct_b", correct_b)
    if a.shape != b.shape:
        raise ShapeError(
            f"Both must judge the same examples, got {a.size} and {b.size}. "
            "Evaluate the two models on one split.",
            shapes=[a.shape, b.shape],
        )
    n = a.size
    only_a, only_b = int(np.sum(a & ~b)), int(np.sum(b & ~a))
    share_a, share_b = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    centre = share_a - share_b
    half = z * math.sqrt(max(share_a + share_b - centre**2, 0.0) / (n + 2))
    return (only_a - only_b) / n, max(centre - half, -1.0), min(centre + half, 1.0)


def is_non_inferior(
    correct_new: ArrayLike, correct_reference: ArrayLike, margin: float, confidence: float = 0.95
) -> bool:
    """Decide whether a model is shown to lose less than a margin against a reference.

    True when the lower end of the paired interval of ``new - reference`` is above
    ``-margin``. False means *not shown*: too few examples give False as well.

    Args:
        correct_new: ``[n]`` booleans, whether the new model was right.
        correct_reference: ``[n]`` booleans of the reference on the same examples.
        margin: The loss that would matter, a fraction in (0, 1): 0.01 is one
            percentage point. State it before looking.
        confidence: Of the two-sided interval, in (0, 1).

    Raises:
        ShapeError: If the two are not vectors of one length.
        InvalidValueError: If an argument is out of range.

    Example:
        >>> right = np.arange(1000) < 970
        >>> is_non_inferior(right, right, margin=0.01), is_non_inferior(right[:50], right[:50], margin=0.01)
        (True, False)
    """
    if not 0 < margin < 1:
        raise InvalidValueError(
            f"margin must be a fraction in (0, 1), got {margin!r}. One percentage point is 0.01.",
            margin=margin,
        )
    _, low, _ = paired_difference_interval(correct_new, correct_reference, confidence)
    return low > -margin


def median_interval(samples: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Bound the median of what the samples were drawn from, whatever its distribution.

    The ends are the ``r``-th smallest and ``r``-th largest sample, with the largest
    ``r`` that still covers the median with at least ``confidence``.

    Args:
        samples: ``[n]`` independent draws, as block times in milliseconds.
        confidence: In (0, 1). 95 % needs 6 samples.

    Returns:
        Low and high end, both of them samples.

    Raises:
        ShapeError: If ``samples`` is not a vector.
        InvalidValueError: If a sample is not finite or there are too few of them.

    Notes:
        Coverage is exact for continuous distributions and more with ties: the number
        of samples below the median is binomial (David and Nagaraja, *Order
        Statistics*, 2003, section 7.1).

    Example:
        >>> median_interval([5, 1, 4, 2, 3, 9])
        (1.0, 9.0)
    """
    miss = 1 - _in_unit_interval(confidence)
    values = np.sort(np.asarray(samples, dtype=np.float64), axis=None)
    if np.ndim(samples) != 1:
        raise ShapeError(
            f"samples must be one vector, got shape {np.shape(samples)}. Give the samples of one quantity.",
            shape=np.shape(samples),
        )
    if not np.all(np.isfinite(values)):
        raise InvalidValueError(
            "samples must be finite, got NaN or infinity among them. Drop failed measurements first.",
        )
    n = values.size
    rank, term, outside = 0, 1, 1  # outside: of the 2^n outcomes, those with at most `rank` samples below
    while rank < n // 2 and outside / 2 ** (n - 1) <= miss:
        term = term * (n - rank) // (rank + 1)
        rank, outside = rank + 1, outside + term
    if rank == 0:
        needed = math.ceil(1 - math.log2(miss))
        raise InvalidValueError(
            f"A median interval at confidence {confidence!r} needs at least {needed} samples, got {n}. "
            "Measure more often or ask for less confidence.",
            n=n,
            needed=needed,
        )
    return float(values[rank - 1]), float(values[n - rank])


def sign_test_p(wins: int, losses: int) -> float:
    """Ask how surprising a score would be if winning and losing were equally likely.

    Ties are left out by the caller. On the examples where two models disagree this
    is McNemar's exact test.

    Args:
        wins: Pairs won, at least 0.
        losses: Pairs lost, at least 0.

    Returns:
        The exact two-sided p-value in [0, 1]; 1 when nothing was played.

    Raises:
        InvalidValueError: If a count is negative.

    Example:
        >>> sign_test_p(wins=9, losses=1)
        0.021484375
    """
    if wins < 0 or losses < 0:
        raise InvalidValueError(
            f"wins and losses must be at least 0, got {wins!r} and {losses!r}. Count pairs without ties.",
            wins=wins,
            losses=losses,
        )
    n = int(wins) + int(losses)  # NumPy's integers would overflow below
    tail = sum(math.comb(n, k) for k in range(min(wins, losses) + 1))
    return min(1.0, 2 * tail / 2**n)


def _in_unit_interval(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise InvalidValueError(
            f"confidence must be in (0, 1), got {confidence!r}. For 95 % write 0.95.",
            confidence=confidence,
        )
    return confidence


def _two_sided_quantile(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + _in_unit_interval(confidence)) / 2)


def _correctness(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ShapeError(
            f"{name} must be one boolean per example, got shape {array.shape}. "
            "Compare predictions with labels first.",
            shape=array.shape,
        )
    if array.size == 0:
        raise InvalidValueError(f"{name} is empty: no example, no interval. Evaluate at least one example.")
    if array.dtype != np.bool_:
        raise InvalidValueError(
            f"{name} must be boolean, got {array.dtype}. Give 'predictions == labels', not the predictions.",
            dtype=str(array.dtype),
        )
    return array
