"""A later phase keeps to the architectures that an earlier one chose."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penjing.space import Candidate, CarriedSpace, Choice, Condition, SearchSpace

SPACE = SearchSpace(
    [
        Choice("depth", (1, 2, 3)),
        Choice("operation", ("plain", "inverted"), ordered=False),
        Choice("expansion", (2, 3, 4), conditions=(Condition("operation", ("inverted",)),)),
        Choice("first.precision", ("fp32", "w8", "w8a8"), "compression", ordered=False),
        Choice("second.width", (4, 8), conditions=(Condition("depth", (2, 3)),)),
        Choice("second.precision", ("fp32", "w8"), "compression", False, (Condition("depth", (2, 3)),)),
        Choice("third.precision", ("fp32", "w8"), "compression", False, (Condition("depth", (3,)),)),
    ]
)
seeds = st.integers(0, 2**32 - 1)


def architecture(candidate: Candidate) -> Candidate:
    return Candidate(SPACE.project(candidate, "architecture"))


def winners_of(seed: int, n: int) -> list[Candidate]:
    rng = np.random.default_rng(seed)
    return [SPACE.sample(rng) for _ in range(n)]


def is_carried(candidate: Candidate, winners: list[Candidate]) -> bool:
    canonical = SPACE.candidate(candidate.as_dict()) == candidate
    return canonical and architecture(candidate) in {architecture(winner) for winner in winners}


@given(seeds, seeds, st.integers(1, 4))
@settings(max_examples=100)
def test_a_sample_has_the_architecture_of_a_winner(first: int, second: int, n: int) -> None:
    winners = winners_of(first, n)
    assert is_carried(CarriedSpace(SPACE, winners).sample(np.random.default_rng(second)), winners)


@given(seeds, seeds, st.integers(1, 4), st.integers(1, 5))
@settings(max_examples=100)
def test_a_mutation_keeps_the_architecture_of_its_parent(
    first: int, second: int, n: int, changes: int
) -> None:
    winners, rng = winners_of(first, n), np.random.default_rng(second)
    space = CarriedSpace(SPACE, winners)
    parent = space.sample(rng)
    child = space.mutate(parent, rng, changes)
    assert is_carried(child, winners)
    assert architecture(child) == architecture(parent)
    assert child != parent


@given(seeds, seeds, st.integers(1, 4))
@settings(max_examples=100)
def test_a_child_has_the_architecture_of_its_first_parent(first: int, second: int, n: int) -> None:
    winners, rng = winners_of(first, n), np.random.default_rng(second)
    space = CarriedSpace(SPACE, winners)
    mother, father = space.sample(rng), space.sample(rng)
    child = space.cross(mother, father, rng)
    assert is_carried(child, winners)
    assert architecture(child) == architecture(mother)
    for name in space.of_parts("compression"):
        if name in child and (name in mother or name in father):
            assert child[name] in (mother.get(name), father.get(name))


def test_every_winner_and_every_value_of_the_free_part_is_reached(rng: np.random.Generator) -> None:
    winners = winners_of(1, 3)
    drawn = [CarriedSpace(SPACE, winners).sample(rng) for _ in range(300)]
    assert {architecture(c) for c in drawn} == {architecture(winner) for winner in winners}
    assert {c["first.precision"] for c in drawn} == {"fp32", "w8", "w8a8"}


def test_another_part_can_be_carried(rng: np.random.Generator) -> None:
    winner = SPACE.sample(rng)
    space = CarriedSpace(SPACE, [winner], part="compression")
    for _ in range(20):
        drawn = space.mutate(space.sample(rng), rng, 2)
        assert drawn["first.precision"] == winner["first.precision"]
