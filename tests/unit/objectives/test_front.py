import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from penjing.errors import ShapeError
from penjing.objectives import crowding_distance, non_dominated_mask, non_dominated_ranks

# Few distinct values: ties and copies are where fronts go wrong.
ties = st.sampled_from([0.0, 1.0, 2.0, 3.0, np.inf, np.nan])
numbers = st.floats(-1e6, 1e6)


def matrices(elements: st.SearchStrategy[float]) -> st.SearchStrategy[NDArray[np.float64]]:
    shapes = st.tuples(st.integers(0, 12), st.integers(1, 4))
    return shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=elements))


def dominates(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return bool(np.all(a <= b) and np.any(a < b))


def naive_mask(costs: NDArray[np.float64]) -> list[bool]:
    return [not np.isnan(b).any() and not any(dominates(a, b) for a in costs) for b in costs]


@given(matrices(ties) | matrices(numbers))
def test_the_mask_is_its_definition(costs: NDArray[np.float64]):
    assert non_dominated_mask(costs).tolist() == naive_mask(costs)


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 5])
def test_the_mask_is_its_definition_across_blocks(n_objectives: int):
    costs = np.random.default_rng(n_objectives).integers(0, 12, (400, n_objectives)).astype(float)
    costs[::50, 0] = np.nan
    assert non_dominated_mask(costs).tolist() == naive_mask(costs)


@given(matrices(ties))
def test_the_front_of_the_front_is_the_front(costs: NDArray[np.float64]):
    assert non_dominated_mask(costs[non_dominated_mask(costs)]).all()


@given(matrices(ties), st.randoms(use_true_random=False))
def test_order_and_copies_do_not_matter(costs: NDArray[np.float64], random):
    order = list(range(len(costs)))
    random.shuffle(order)
    mask = non_dominated_mask(costs)
    np.testing.assert_array_equal(non_dominated_mask(costs[order]), mask[order])
    np.testing.assert_array_equal(non_dominated_mask(np.concatenate([costs, costs])), np.tile(mask, 2))


@given(matrices(ties))
def test_ranks_peel_the_fronts_off(costs: NDArray[np.float64]):
    expected = np.full(len(costs), len(costs))
    left, rank = np.arange(len(costs)), 0
    while (mask := np.array(naive_mask(costs[left]), dtype=bool)).any():
        expected[left[mask]] = rank
        left, rank = left[~mask], rank + 1
    np.testing.assert_array_equal(non_dominated_ranks(costs), expected)


def test_crowding_worked_by_hand():
    costs = [[0.0, 10.0], [1.0, 6.0], [4.0, 5.0], [8.0, 0.0]]
    expected = [np.inf, 4 / 8 + 5 / 10, 7 / 8 + 6 / 10, np.inf]
    np.testing.assert_allclose(crowding_distance(costs), expected)


def test_crowding_of_few_and_of_failed_points():
    assert crowding_distance(np.empty((0, 2))).tolist() == []
    assert crowding_distance([[1.0, 2.0]]).tolist() == [np.inf]
    costs = [[0.0, 1.0], [np.nan, 0.0], [1.0, 0.0], [np.inf, 0.0]]
    assert crowding_distance(costs).tolist() == [np.inf, 0.0, np.inf, 0.0]


@given(matrices(numbers), st.randoms(use_true_random=False))
def test_crowding_is_fair_up_to_copies(costs: NDArray[np.float64], random):
    costs = np.unique(costs.round(), axis=0)
    order = list(range(len(costs)))
    random.shuffle(order)
    distance = crowding_distance(costs)
    assert (distance >= 0).all()
    np.testing.assert_allclose(crowding_distance(costs[order]), distance[order])
    np.testing.assert_allclose(crowding_distance(costs * 4 + 3), distance)


@pytest.mark.parametrize("function", [non_dominated_mask, non_dominated_ranks, crowding_distance])
@pytest.mark.parametrize("shape", [(3,), (3, 0), (1, 2, 3)])
def test_costs_that_are_no_matrix_are_refused(function, shape: tuple[int, ...]):
    message = str(shape).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ShapeError, match=f"at least one objective, got {message}"):
        function(np.zeros(shape))
