"""Sentences follow from the numbers, and no two designs of a front are told the same."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penjing.objectives import non_dominated_mask
from penjing.report.page import Interval
from penjing.report.sentences import Standing, front_sentence, other_sentence


def _design(name: str, accuracy: float, size: float, latency: float, width: float = 0.005) -> Standing:
    return Standing(name, Interval(accuracy, accuracy - width, accuracy + width), size, latency)


SMALL = _design("small", 0.90, 10_000, 0.05)
MIDDLE = _design("middle", 0.93, 20_000, 0.04)
LARGE = _design("large", 0.95, 40_000, 0.10)
FRONT = [SMALL, MIDDLE, LARGE]


def test_the_most_accurate_says_its_price() -> None:
    said = front_sentence(LARGE, FRONT)
    expected = "Take it when accuracy matters most: the most accurate, for 40.0 kB and 100 μs per prediction."
    assert said == expected


def test_superlatives_come_with_what_they_cost() -> None:
    said = front_sentence(SMALL, FRONT)
    assert said.startswith(
        "Take it when size matters most: the smallest; 5.0 points less accurate than the best"
    )
    assert said.endswith(", 4.00× smaller and 2.00× faster.")
    assert "speed matters most: the fastest; 2.0 points" in front_sentence(MIDDLE, FRONT)


def test_a_design_in_between_names_its_range() -> None:
    between = _design("between", 0.94, 30_000, 0.08)
    said = front_sentence(between, [*FRONT, between])
    assert said.startswith(
        "Take it when the file may have 30.0 kB to 40.0 kB: nothing as small is more accurate;"
    )


def test_a_design_that_only_pays_under_both_limits_says_so() -> None:
    both = _design("both", 0.92, 20_000, 0.06)
    front = [both, _design("slow", 0.95, 15_000, 0.20), _design("big", 0.96, 90_000, 0.05), SMALL]
    front.append(_design("tiny", 0.8, 5_000, 0.01))
    assert "nothing that keeps to both is more accurate" in front_sentence(both, front)


def test_a_difference_within_the_noise_is_called_that() -> None:
    close = _design("close", 0.948, 30_000, 0.08)
    said = front_sentence(close, [close, LARGE])
    assert "0.2 points less accurate than the best, within what the validation examples can tell" in said


def test_equal_accuracy_is_not_called_a_loss() -> None:
    one, two = _design("one", 0.9, 10_000, 0.05), _design("two", 0.9, 9_000, 0.06)
    assert "as accurate as the best" in front_sentence(one, [one, two])


def test_a_front_of_one_says_so() -> None:
    assert front_sentence(SMALL, [SMALL]).startswith("The only design on the front")


def test_a_dominated_design_names_the_better_one() -> None:
    worse = _design("worse", 0.92, 25_000, 0.05)
    said = other_sentence(worse, (), FRONT, [MIDDLE])
    assert said == (
        "Not on the front: take middle instead, which is 1.0 points more accurate, "
        "1.25× smaller and 1.25× faster."
    )
    same = _design("same", 0.93, 20_000, 0.04)
    assert "which is as accurate at the same size and speed" in other_sentence(same, (), FRONT, [MIDDLE])


def test_a_broken_constraint_comes_first() -> None:
    assert "does not meet size_bytes <= 9 kB" in other_sentence(SMALL, ["size_bytes <= 9 kB"], FRONT, [LARGE])


_numbers = st.tuples(st.floats(0.1, 0.99), st.floats(1e3, 1e6), st.floats(0.01, 10))


@given(st.lists(_numbers, min_size=1, max_size=8, unique=True))
def test_every_design_of_a_front_gets_one_sentence(rows: list[tuple[float, float, float]]) -> None:
    mask = non_dominated_mask(np.array([(1 - accuracy, size, time) for accuracy, size, time in rows]))
    front = [_design(str(i), *row) for i, (row, best) in enumerate(zip(rows, mask, strict=True)) if best]
    for design in front:
        said = front_sentence(design, front)
        assert said.endswith(".")
        assert said.count("Take it when") + said.count("The only design") == 1
