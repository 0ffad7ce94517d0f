"""A later phase keeps to the architectures that an earlier one chose."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penjing.errors import InvalidValueError
from penjing.space import Candidate, CarriedSpace, Choice, Condition, SearchSpace, Value

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


def listed(winners: list[Candidate]) -> set[Candidate]:
    """Every carried candidate, by the definition: of all candidates those with a winner's architecture."""
    found: set[Candidate] = set()
    for values in itertools.product(*(choice.values for choice in SPACE)):
        made: dict[str, Value] = {}
        for choice, value in zip(SPACE, values, strict=True):
            if choice.exists(made):
                made[choice.name] = value
        found.add(Candidate(made))
    return {candidate for candidate in found if is_carried(candidate, winners)}


@given(seeds, st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_the_cardinality_is_the_number_of_candidates_with_a_winners_architecture(seed: int, n: int) -> None:
    winners = winners_of(seed, n)
    expected = len(listed(winners))
    assert CarriedSpace(SPACE, winners).cardinality == expected
    assert CarriedSpace(SPACE, [*winners, *winners]).cardinality == expected < SPACE.cardinality


def test_winners_that_share_an_architecture_are_counted_once() -> None:
    first = SPACE.candidate({"depth": 1, "operation": "plain", "first.precision": "fp32"})
    second = SPACE.candidate({"depth": 1, "operation": "plain", "first.precision": "w8"})
    assert CarriedSpace(SPACE, [first, second]).cardinality == 3


@given(seeds, seeds, st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_neighbours_keep_the_architecture_and_differ_in_one_choice(first: int, second: int, n: int) -> None:
    winners, rng = winners_of(first, n), np.random.default_rng(second)
    space = CarriedSpace(SPACE, winners)
    here = space.sample(rng)
    found = list(space.neighbours(here, rng))
    free = [name for name in here if SPACE[name].part != "architecture"]
    assert len(found) == len(set(found)) == sum(len(SPACE[name].values) - 1 for name in free)
    for candidate in found:
        assert is_carried(candidate, winners)
        assert architecture(candidate) == architecture(here)
        assert sum(candidate[name] != here[name] for name in here) == 1


@given(seeds, seeds, st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_a_fixed_carried_space_holds_what_it_was_fixed_to(first: int, second: int, n: int) -> None:
    winners, rng = winners_of(first, n), np.random.default_rng(second)
    candidate = CarriedSpace(SPACE, winners).sample(rng)
    assignment = {name: candidate[name] for name in candidate if rng.random() < 0.5}
    fixed = CarriedSpace(SPACE, winners).fixed({**assignment, "of another phase": 1})
    agreeing = {
        other
        for other in listed(winners)
        if all(name not in other or other[name] == value for name, value in assignment.items())
    }
    assert fixed.cardinality == len(agreeing)
    assert candidate in agreeing
    assert fixed.candidate(candidate.as_dict()) == candidate
    assert {fixed.sample(rng), fixed.mutate(candidate, rng, 3)} <= agreeing


@given(seeds, seeds, st.integers(1, 3))
@settings(max_examples=50, deadline=None)
def test_a_candidate_of_no_winner_is_brought_into_the_space(first: int, second: int, n: int) -> None:
    winners, rng = winners_of(first, n), np.random.default_rng(second)
    space, stranger = CarriedSpace(SPACE, winners), SPACE.sample(rng)
    for made in (space.mutate(stranger, rng), space.cross(stranger, stranger, rng)):
        assert is_carried(made, winners)
        assert space.candidate(made.as_dict()) == made


BESIDE = SearchSpace(
    [Choice("depth", (1, 2, 3)), Choice("precision", ("fp32", "w8", "w8a8"), "compression", ordered=False)]
)


def test_another_part_can_be_carried(rng: np.random.Generator) -> None:
    winner = BESIDE.sample(rng)
    space = CarriedSpace(BESIDE, [winner], parts=["compression"])
    assert space.cardinality == 3
    for _ in range(20):
        drawn = space.mutate(space.sample(rng), rng, 2)
        assert drawn["precision"] == winner["precision"]


def test_how_a_winner_is_trained_is_carried_with_its_architecture(rng: np.random.Generator) -> None:
    """Its weights were made so: another optimiser would make others."""
    optimiser = Choice("optimiser", ("sgd", "adamw"), "training", ordered=False)
    whole = SearchSpace([*BESIDE, optimiser])
    winner = whole.candidate({"depth": 2, "precision": "w8", "optimiser": "adamw"})
    space = CarriedSpace(whole, [winner])
    assert space.cardinality == 3
    for _ in range(20):
        drawn = space.mutate(space.sample(rng), rng, 2)
        assert (drawn["depth"], drawn["optimiser"]) == (2, "adamw")
    with pytest.raises(
        InvalidValueError, match=r"winners has the architecture and training \{'depth': 2, 'opt"
    ):
        space.candidate({**winner, "optimiser": "sgd"})


SHALLOW = SPACE.candidate({"depth": 1, "operation": "plain", "first.precision": "fp32"})


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: CarriedSpace(SPACE, []), "No winner was given whose architecture could be carried"),
        (
            lambda: CarriedSpace(SPACE, [SHALLOW], parts=["compression"]),
            "compression cannot be carried: 'second.precision' exists only under 'depth', which is left free",
        ),
        (lambda: CarriedSpace(SPACE, [Candidate({"depth": 1})]), "'operation' has no value"),
        (
            lambda: CarriedSpace(SPACE, [SHALLOW]).candidate(
                {**SHALLOW, "operation": "inverted", "expansion": 2}
            ),
            r"None of the 1 winners has the architecture \{'depth': 1, 'expansion': 2, 'op",
        ),
        (
            lambda: CarriedSpace(SPACE, [SHALLOW]).fixed({"depth": 2}),
            r"None of the 1 winners has \{'depth': 2\}",
        ),
        (
            lambda: CarriedSpace(SPACE, [SHALLOW]).fixed({"depth": 9}),
            r"depth must be one of \[1, 2, 3\], got 9",
        ),
    ],
)
def test_mistakes_are_named(call: Any, match: str) -> None:
    with pytest.raises(InvalidValueError, match=match):
        call()
