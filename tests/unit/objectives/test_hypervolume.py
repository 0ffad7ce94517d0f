import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from penjing.errors import InvalidValueError, ShapeError
from penjing.objectives import hypervolume, hypervolume_gains, hypervolume_subset, normalised

Floats = NDArray[np.float64]
coordinates = st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0, np.nan, -np.inf, np.inf]) | st.floats(-2, 6)
CORNER = 4.5


def points(n_objectives: int, most: int = 6) -> st.SearchStrategy[Floats]:
    return st.integers(0, most).flatmap(lambda n: arrays(np.float64, (n, n_objectives), elements=coordinates))


def naive_hypervolume(costs: Floats, corner: Floats) -> float:
    """Inclusion and exclusion over all subsets of the points."""
    costs = costs[np.all(np.isfinite(costs) & (costs < corner), axis=1)]
    subsets = ((size, s) for size in range(1, len(costs) + 1) for s in combinations(costs, size))
    return sum((-1) ** (size + 1) * float(np.prod(corner - np.max(s, axis=0))) for size, s in subsets)


def sphere(n: int, n_objectives: int, seed: int = 0) -> Floats:
    """A front without dominated points: the worst case for every algorithm here."""
    directions = np.abs(np.random.default_rng(seed).normal(size=(n, n_objectives)))
    return 1 - directions / np.linalg.norm(directions, axis=1, keepdims=True)


@given(st.integers(1, 5).flatmap(points))
def test_the_hypervolume_is_its_definition(costs: Floats):
    corner = np.full(costs.shape[1], CORNER)
    assert hypervolume(costs, corner) == pytest.approx(naive_hypervolume(costs, corner), abs=1e-7)


@given(st.integers(1, 5).flatmap(lambda m: st.tuples(points(m), points(m))))
def test_a_gain_is_the_difference_of_two_hypervolumes(sets: tuple[Floats, Floats]):
    candidates, front = sets
    corner = np.full(front.shape[1], CORNER)
    before = hypervolume(front, corner)
    after = [hypervolume(np.concatenate([front, c[None]]), corner) for c in candidates]
    gains = hypervolume_gains(candidates, front, corner)
    assert (gains >= 0).all()
    np.testing.assert_allclose(gains, np.array(after) - before, atol=1e-7)


@given(st.integers(1, 3).flatmap(lambda m: st.tuples(points(m), points(m))), st.integers(1, 4))
def test_a_subset_takes_in_every_step_what_adds_most(sets: tuple[Floats, Floats], n: int):
    candidates, front = sets
    corner = np.full(candidates.shape[1], CORNER)
    picked = hypervolume_subset(candidates, n, corner, front)
    assert len(set(picked)) == len(picked) <= n
    reached = front
    for index in picked:
        gains = hypervolume_gains(candidates, reached, corner)
        assert gains[index] == pytest.approx(gains.max(), abs=1e-7)
        assert gains[index] > 0
        reached = np.vstack([reached, candidates[index]])
    if len(picked) < n:
        assert hypervolume_gains(candidates, reached, corner).max(initial=0.0) == pytest.approx(0.0, abs=1e-7)


def test_a_subset_by_expense_and_by_draws():
    candidates = np.array([[1.0, 1.0], [2.0, 2.0]])  # worth 9 and 4
    assert hypervolume_subset(candidates, 1, [4, 4]) == [0]
    assert hypervolume_subset(candidates, 1, [4, 4], expense=[3.0, 1.0]) == [1]
    lucky = candidates - [[0.0, 0.0], [2.0, 2.0]]
    assert hypervolume_subset(candidates, 1, [4, 4], draws=[candidates, lucky]) == [1]


@settings(max_examples=10)
@given(st.integers(2, 4), st.integers(0, 1000))
def test_large_fronts_agree_with_slices_of_fewer_objectives(n_objectives: int, seed: int):
    costs, corner = sphere(40, n_objectives, seed), np.full(n_objectives, 1.1)
    by_last = costs[np.argsort(costs[:, -1])]
    heights = np.diff(by_last[:, -1], append=1.1)
    slices = [hypervolume(by_last[: i + 1, :-1], corner[:-1]) for i in range(len(costs))]
    assert hypervolume(costs, corner) == pytest.approx(heights @ slices)
    candidates = np.random.default_rng(seed).random((5, n_objectives))
    after = [hypervolume(np.concatenate([costs, c[None]]), corner) for c in candidates]
    gains = hypervolume_gains(candidates, costs, corner)
    np.testing.assert_allclose(gains, np.array(after) - hypervolume(costs, corner), atol=1e-12)


@given(points(3), st.permutations(range(3)))
def test_the_order_of_points_and_objectives_and_copies_do_not_matter(costs: Floats, columns: list[int]):
    corner = np.array([4.5, 4.0, 5.5])
    other = np.concatenate([costs[::-1], costs])[:, columns]
    assert hypervolume(other, corner[columns]) == pytest.approx(hypervolume(costs, corner))


def test_volumes_worked_by_hand():
    assert hypervolume([[1.0], [3.0]], [4.0]) == 3
    assert hypervolume([[1, 3], [2, 1], [3, 3], [0, 9]], [4, 4]) == 7
    assert hypervolume([[1, 1, 0], [0, 0, 1]], [2, 2, 2]) == 5
    assert hypervolume(np.zeros((1, 5)), np.full(5, 2.0)) == 32
    assert hypervolume(np.empty((0, 3)), np.ones(3)) == 0
    assert hypervolume_gains([[0, 0], [1, 1], [3, 0]], np.empty((0, 2)), [2, 2]).tolist() == [4, 1, 0]


def test_the_expected_sizes_are_quick():
    corner = np.full(3, 1.1)
    costs, candidates = sphere(200, 3), np.random.default_rng(1).random((2000, 3))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        hypervolume(costs, corner)
        middle = time.perf_counter()
        hypervolume_gains(candidates, costs[:60], corner)
        times.append((middle - start, time.perf_counter() - middle))
    volume_s, gains_s = np.min(times, axis=0)
    # About 6 ms and 8 ms on two shared cores; the limits leave room for a slow machine.
    assert volume_s < 0.1
    assert gains_s < 0.2


@given(arrays(np.float64, (4, 2), elements=st.floats(0.01, 1e4)), st.booleans())
def test_normalised_costs_keep_their_order_between_zero_and_one(costs: Floats, log: bool):
    low, high = np.array([0.005, 0.005]), np.array([2e4, 2e4])
    scaled = normalised(costs, low, high, log)
    assert ((scaled >= 0) & (scaled <= 1)).all()
    np.testing.assert_array_equal(scaled[np.argsort(costs[:, 0], kind="stable"), 0], np.sort(scaled[:, 0]))
    back = low * (high / low) ** scaled if log else low + scaled * (high - low)
    np.testing.assert_allclose(back, costs, rtol=1e-6, atol=1e-9)


def test_normalising_clips_and_keeps_nan_and_leaves_its_input_alone():
    costs = np.array([[0.0, -1.0], [10.0, 0.5], [1e9, np.nan], [np.inf, -np.inf]])
    before = costs.copy()
    scaled = normalised(costs, low=[1, 0], high=[100, 1], log=[True, False])
    np.testing.assert_allclose(scaled, [[0, 0], [0.5, 0.5], [1, np.nan], [1, 0]])
    np.testing.assert_array_equal(costs, before)


@pytest.mark.parametrize(
    ("low", "high", "log", "message"),
    [
        ([0.0, 2.0], [1.0, 2.0], False, r"low must be below high .* got \(2.0, 2.0\) for objective 1"),
        ([0.0, 0.0], [np.inf, 1.0], False, r"got \(0.0, inf\) for objective 0"),
        ([1.0, 0.0], [2.0, 1.0], True, "positive low, got 0.0 for objective 1"),
    ],
)
def test_bounds_that_bound_nothing_are_refused(low, high, log: bool, message: str):
    with pytest.raises(InvalidValueError, match=message):
        normalised(np.ones((1, 2)), low, high, log)


def test_bounds_of_another_length_are_refused():
    with pytest.raises(ShapeError, match=r"high must have one number .* the 2 objectives, got shape \(3,\)"):
        normalised(np.ones((1, 2)), 0, [1, 2, 3])


def test_a_reference_point_of_another_length_is_refused():
    message = r"reference_point must have .* the 2 objectives, got shape \(3,\)"
    with pytest.raises(ShapeError, match=message):
        hypervolume(np.ones((1, 2)), np.ones(3))
    with pytest.raises(ShapeError, match=message):
        hypervolume_gains(np.ones((1, 2)), np.ones((1, 2)), np.ones(3))


def test_a_reference_point_that_is_not_finite_is_refused():
    with pytest.raises(InvalidValueError, match=r"reference_point must be finite, got \[1.0, inf\]"):
        hypervolume(np.zeros((1, 2)), [1.0, np.inf])


def test_a_front_with_other_objectives_is_refused():
    with pytest.raises(ShapeError, match="front must have the 2 objectives of the candidates, got 3"):
        hypervolume_gains(np.zeros((1, 2)), np.zeros((1, 3)), np.ones(2))


def test_costs_that_are_no_matrix_are_refused():
    with pytest.raises(ShapeError, match=r"got \(3,\)"):
        hypervolume(np.zeros(3), [1.0])
    with pytest.raises(ShapeError, match=r"got \(2,\)"):
        normalised([1.0, 2.0], 0, 1)
