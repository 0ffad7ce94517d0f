import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from penjing.errors import InvalidValueError, ShapeError
from penjing.objectives import (
    is_non_inferior,
    median_interval,
    paired_difference_interval,
    sign_test_p,
    wilson_interval,
)

confidences = st.floats(0.5, 0.999)
pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200).map(np.array)
REFUSED_CONFIDENCES = [0.0, 1.0, 95.0, math.nan]


def outcomes(only_a: int, only_b: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Two models that disagree on the first examples and are right on the others."""
    index = np.arange(n)
    return ~((index >= only_a) & (index < only_a + only_b)), index >= only_a


@given(st.integers(1, 2000), st.data(), confidences)
def test_wilson_agrees_with_scipy(n: int, data: st.DataObject, confidence: float):
    successes = data.draw(st.integers(0, n))
    reference = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    low, high = wilson_interval(successes, n, confidence)
    assert (low, high) == pytest.approx((reference.low, reference.high), abs=1e-9)
    assert 0 <= low <= successes / n <= high <= 1
    assert low < high


@given(pairs)
def test_the_paired_interval_is_its_formula(right: np.ndarray):
    a, b = right.T
    n = len(a)
    difference, low, high = paired_difference_interval(a, b)
    p, q = (np.sum(a > b) + 1) / (n + 2), (np.sum(b > a) + 1) / (n + 2)
    half = stats.norm.ppf(0.975) * np.sqrt((p + q - (p - q) ** 2) / (n + 2))
    assert difference == pytest.approx(a.mean() - b.mean())
    assert (low, high) == pytest.approx((max(p - q - half, -1), min(p - q + half, 1)))
    assert low <= difference <= high
    assert low < high


@given(pairs, st.randoms(use_true_random=False))
def test_the_paired_interval_is_antisymmetric_and_blind_to_order(right: np.ndarray, random):
    a, b = right.T
    order = list(range(len(a)))
    random.shuffle(order)
    difference, low, high = paired_difference_interval(a, b)
    assert paired_difference_interval(b, a) == pytest.approx((-difference, -high, -low))
    assert paired_difference_interval(a[order], b[order]) == (difference, low, high)


def test_the_paired_interval_covers_the_truth_about_as_often_as_it_says():
    n = 40
    counts = [(i, j) for i, j in product(range(n + 1), repeat=2) if i + j <= n]
    intervals = [paired_difference_interval(*outcomes(i, j, n)) for i, j in counts]
    coverages = []
    for p, q in [(0.05, 0.02), (0.1, 0.1), (0.2, 0.05), (0.02, 0.02), (0.4, 0.3)]:
        chance = stats.multinomial.pmf([(i, j, n - i - j) for i, j in counts], n, [p, q, 1 - p - q])
        covered = [low <= p - q <= high for _, low, high in intervals]
        coverages.append(float(chance @ np.array(covered)))
    assert min(coverages) > 0.93  # computed, not sampled


def test_non_inferiority_needs_enough_examples_and_a_small_loss():
    assert is_non_inferior(*outcomes(0, 0, 1000), margin=0.01)
    assert not is_non_inferior(*outcomes(0, 0, 50), margin=0.01)
    assert is_non_inferior(*outcomes(2, 4, 1000), margin=0.01)
    assert not is_non_inferior(*outcomes(2, 12, 1000), margin=0.01)
    assert is_non_inferior(*outcomes(2, 12, 1000), margin=0.02)


@given(pairs, st.floats(0.001, 0.5), confidences)
def test_non_inferiority_is_about_the_lower_end(right: np.ndarray, margin: float, confidence: float):
    a, b = right.T
    low = paired_difference_interval(a, b, confidence)[1]
    assert is_non_inferior(a, b, margin, confidence) == (low > -margin)


@given(st.integers(11, 300), confidences)
def test_the_median_interval_is_the_narrowest_that_the_binomial_allows(n: int, confidence: float):
    low, high = median_interval(np.arange(1, n + 1)[::-1], confidence)
    rank = int(low)
    assert high == n + 1 - rank
    assert 2 * stats.binom.cdf(rank - 1, n, 0.5) <= (1 - confidence) * (1 + 1e-9)
    assert rank == n // 2 or 2 * stats.binom.cdf(rank, n, 0.5) > (1 - confidence) * (1 - 1e-9)


def test_median_ranks_from_the_printed_tables():
    for n, rank in [(6, 1), (9, 2), (10, 2), (20, 6), (30, 10), (100, 40)]:
        assert median_interval(np.arange(1, n + 1)) == (rank, n + 1 - rank)


@given(st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=50))
def test_the_median_interval_holds_the_median(samples: list[float]):
    low, high = median_interval(samples)
    assert low <= np.median(samples) <= high


@given(st.integers(0, 80), st.integers(0, 80))
def test_the_sign_test_agrees_with_scipy(wins: int, losses: int):
    p = sign_test_p(wins, losses)
    assert p == sign_test_p(losses, wins)
    assert p == pytest.approx(stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0)


def test_the_sign_test_takes_numpy_counts():
    assert sign_test_p(np.int64(100), np.int64(0)) == 2 / 2**100  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("confidence", REFUSED_CONFIDENCES)
def test_a_confidence_outside_zero_and_one_is_refused(confidence: float):
    right = np.ones(5, dtype=bool)
    for call in (
        lambda: wilson_interval(1, 2, confidence),
        lambda: paired_difference_interval(right, right, confidence),
        lambda: median_interval([1.0, 2.0], confidence),
    ):
        with pytest.raises(InvalidValueError, match=rf"confidence must be in \(0, 1\), got {confidence}"):
            call()


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_impossible_counts_are_refused(successes: int, n: int):
    with pytest.raises(InvalidValueError, match=f"got successes={successes}, n={n}"):
        wilson_interval(successes, n)


def test_pairs_of_different_lengths_are_refused():
    with pytest.raises(ShapeError, match="same examples, got 3 and 4"):
        paired_difference_interval(np.ones(3, dtype=bool), np.ones(4, dtype=bool))


def test_no_example_gives_no_interval():
    empty = np.ones(0, dtype=bool)
    with pytest.raises(InvalidValueError, match="correct_a is empty"):
        paired_difference_interval(empty, empty)


def test_predictions_in_place_of_correctness_are_refused():
    with pytest.raises(InvalidValueError, match="correct_b must be boolean, got int64"):
        paired_difference_interval([True, False], np.array([3, 5]))


def test_correctness_that_is_no_vector_is_refused():
    with pytest.raises(ShapeError, match=r"correct_a must be one boolean per example, got shape \(2, 2\)"):
        paired_difference_interval(np.ones((2, 2), dtype=bool), np.ones(2, dtype=bool))


@pytest.mark.parametrize("margin", [0.0, 1.0, -0.01, math.nan])
def test_a_margin_that_is_no_fraction_is_refused(margin: float):
    with pytest.raises(InvalidValueError, match=rf"margin must be a fraction in \(0, 1\), got {margin}"):
        is_non_inferior([True], [True], margin)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_too_few_samples_for_a_median_are_refused(n: int):
    with pytest.raises(InvalidValueError, match=f"confidence 0.95 needs at least 6 samples, got {n}"):
        median_interval(np.arange(n))


def test_failed_samples_are_refused():
    with pytest.raises(InvalidValueError, match="samples must be finite, got NaN"):
        median_interval([1.0, 2.0, math.nan])


def test_samples_that_are_no_vector_are_refused():
    with pytest.raises(ShapeError, match=r"samples must be one vector, got shape \(2, 3\)"):
        median_interval(np.ones((2, 3)))


@pytest.mark.parametrize(("wins", "losses"), [(-1, 2), (2, -1)])
def test_negative_scores_are_refused(wins: int, losses: int):
    with pytest.raises(InvalidValueError, match=f"got {wins} and {losses}"):
        sign_test_p(wins, losses)
