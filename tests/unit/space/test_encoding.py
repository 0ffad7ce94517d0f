import numpy as np
import pytest

from penjing.space import Choice, Condition, Encoding, SearchSpace


@pytest.fixture
def space() -> SearchSpace:
    return SearchSpace(
        [
            Choice("only", (1,)),
            Choice("width", (8, 16, 32)),
            Choice("op", ("a", "b"), ordered=False, conditions=(Condition("width", (8, 16)),)),
        ]
    )


def test_columns_are_the_values_of_free_choices_and_positions_of_ordered_ones(space: SearchSpace) -> None:
    assert Encoding(space).columns == (
        "width=8",
        "width=16",
        "width=32",
        "width (position)",
        "op=a",
        "op=b",
    )


def test_rows_by_hand(space: SearchSpace) -> None:
    candidates = [
        space.candidate({"only": 1, "width": 16, "op": "b"}),
        space.candidate({"only": 1, "width": 32}),
    ]
    assert Encoding(space).one_hot(candidates).tolist() == [[0, 1, 0, 0.5, 0, 1], [0, 0, 1, 1, 0, 0]]


def test_different_candidates_have_different_rows_between_0_and_1(
    space: SearchSpace, rng: np.random.Generator
) -> None:
    candidates = list({space.sample(rng) for _ in range(100)})
    rows = Encoding(space).one_hot(candidates)
    assert len(np.unique(rows, axis=0)) == len(candidates) == space.cardinality == 5
    assert rows.min() == 0
    assert rows.max() == 1


def test_no_candidates_make_no_rows(space: SearchSpace) -> None:
    assert Encoding(space).one_hot([]).shape == (0, 6)
