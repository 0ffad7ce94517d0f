from collections import Counter

import numpy as np
import pytest

from penjing.space import Candidate, CarriedSpace, Choice, Condition, SearchSpace

DEPTH = Choice("depth", (1, 2, 3))
SPACE = SearchSpace(
    [
        DEPTH,
        Choice("second", ("a", "b"), ordered=False, conditions=(Condition("depth", (2, 3)),)),
        Choice("third", (1, 2, 4), conditions=(Condition("depth", (3,)), Condition("second", ("b",)))),
        Choice("bits", (4, 8), "compression"),
    ]
)


def test_all_are_listed_once_and_are_candidates() -> None:
    every = list(SPACE.every_candidate())
    assert len(every) == SPACE.cardinality == len(set(every)) == 2 * (1 + 2 + 1 + 3)
    assert all(SPACE.holds(candidate) for candidate in every)


def test_every_candidate_is_drawn_equally_often() -> None:
    rng = np.random.default_rng(0)
    drawn = Counter(SPACE.sample_uniformly(rng) for _ in range(7000))
    assert set(drawn) == set(SPACE.every_candidate())
    assert max(drawn.values()) < 1.25 * min(drawn.values())


def test_drawing_choice_by_choice_is_not_that() -> None:
    rng = np.random.default_rng(0)
    drawn = Counter(SPACE.sample(rng)["depth"] for _ in range(3000))
    assert drawn[1] == pytest.approx(1000, abs=100)


def test_a_space_beyond_64_bits_is_drawn_from() -> None:
    wide = SearchSpace(Choice(f"c{i}", tuple(range(10))) for i in range(60))
    candidate = wide.sample_uniformly(np.random.default_rng(0))
    assert wide.cardinality == 10**60
    assert len(candidate) == 60


def test_a_part_that_is_carried_is_that_of_winners_only() -> None:
    winners = [Candidate({"depth": 1, "bits": 4}), Candidate({"depth": 2, "second": "a", "bits": 4})]
    carried = CarriedSpace(SPACE, winners)
    every = list(carried.every_candidate())
    assert len(every) == carried.cardinality == 4
    rng = np.random.default_rng(0)
    drawn = Counter(carried.sample_uniformly(rng) for _ in range(2000))
    assert set(drawn) == set(every)
    assert max(drawn.values()) < 1.25 * min(drawn.values())
