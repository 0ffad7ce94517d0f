"""The space against its definition written naively: every canonical assignment, listed."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penjing.errors import InvalidValueError, UnknownNameError
from penjing.space import Candidate, Choice, Condition, SearchSpace, Value


@st.composite
def conditional_spaces(draw: st.DrawFn) -> SearchSpace:
    choices: list[Choice] = []
    for index in range(draw(st.integers(1, 6))):
        conditions: list[Condition] = []
        for parent in draw(st.lists(st.sampled_from(choices), max_size=2)) if choices else []:
            values = draw(st.lists(st.sampled_from(parent.values), min_size=1, unique=True))
            conditions.append(Condition(parent.name, tuple(values)))
        offered: tuple[Value, ...] = draw(st.sampled_from([(1,), (8, 16), ("a", "b", "c"), (1.5, 2.5, 3.5)]))
        ordered, part = draw(st.booleans()), draw(st.sampled_from(["architecture", "compression"]))
        choices.append(Choice(f"c{index}", offered, part, ordered, tuple(conditions)))
    return SearchSpace(choices)


def listed(space: SearchSpace) -> set[str]:
    """The keys of all candidates: tries every assignment and keeps the canonical part of each."""
    keys: set[str] = set()
    for values in itertools.product(*(choice.values for choice in space)):
        made: dict[str, Value] = {}
        for choice, value in zip(space, values, strict=True):
            if all(c.choice in made and made[c.choice] in c.values for c in choice.conditions):
                made[choice.name] = value
        keys.add(Candidate(made).key)
    return keys


def seeded(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(conditional_spaces())
@settings(max_examples=80, deadline=None)
def test_the_cardinality_is_the_number_of_canonical_assignments(space: SearchSpace) -> None:
    assert space.cardinality == len(listed(space))


@given(conditional_spaces(), st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_whatever_the_space_makes_is_valid(space: SearchSpace, seed: int) -> None:
    rng = seeded(seed)
    first, second = space.sample(rng), space.sample(rng)
    made = [first, second, space.mutate(first, rng), space.mutate(first, rng, n_changes=3)]
    made += [space.cross(first, second, rng), *itertools.islice(space.neighbours(first, rng), 20)]
    for candidate in made:
        again = space.candidate(dict(candidate))
        assert again == candidate
        assert (again.key, hash(again)) == (candidate.key, hash(candidate))


@given(conditional_spaces(), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_mutant_differs_and_a_neighbour_differs_in_what_was_asked(space: SearchSpace, seed: int) -> None:
    rng = seeded(seed)
    candidate = space.sample(rng)
    free = [name for name in candidate if len(space[name].values) > 1]
    assert (space.mutate(candidate, rng) != candidate) == bool(free)
    neighbours = list(space.neighbours(candidate, rng))
    assert len(neighbours) == sum(len(space[name].values) - 1 for name in candidate)
    assert candidate not in neighbours


@given(conditional_spaces(), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_fixed_space_holds_what_it_was_fixed_to(space: SearchSpace, seed: int) -> None:
    rng = seeded(seed)
    candidate = space.sample(rng)
    names = [name for name in candidate if rng.random() < 0.5]
    fixed = space.fixed({name: candidate[name] for name in names} | {"of another phase": 1})
    assert fixed.candidate(dict(candidate)) == candidate
    assert listed(fixed) <= listed(space)
    assert fixed.cardinality == len(listed(fixed))
    other = space.sample(rng)
    for child in (fixed.sample(rng), fixed.mutate(other, rng), fixed.cross(other, other, rng)):
        assert fixed.candidate(dict(child)) == child
        assert all(child[name] == candidate[name] for name in names if name in child)


def test_equal_designs_have_equal_keys_however_they_were_written() -> None:
    space = SearchSpace([Choice("width", (8, 16)), Choice("bias", (False, True)), Choice("rate", (0.5, 1.0))])
    plain = space.candidate({"width": 8, "bias": True, "rate": 1.0})
    odd = space.candidate({"rate": 1, "bias": 1, "width": 8.0})
    assert plain == odd
    assert plain.key == odd.key
    assert [type(value) for value in odd.values()] == [bool, float, int]


def test_candidates_that_are_equal_have_equal_hashes() -> None:
    whole, real = Candidate({"a": 1}), Candidate({"a": 1.0})
    assert (whole == real) == (whole.key == real.key)
    assert whole != {"a": 1}


def test_a_candidate_is_a_sorted_immutable_mapping() -> None:
    candidate = Candidate({"b": 1, "a": 2})
    assert list(candidate) == ["a", "b"]
    assert repr(candidate) == "Candidate({'a': 2, 'b': 1})"
    candidate.as_dict()["a"] = 3
    assert candidate["a"] == 2


def test_a_child_takes_a_value_from_the_parent_that_has_one() -> None:
    space = SearchSpace(
        [Choice("depth", (1, 2)), Choice("op", ("a", "b", "c"), conditions=(Condition("depth", (2,)),))]
    )
    shallow, deep = space.candidate({"depth": 1}), space.candidate({"depth": 2, "op": "c"})
    children = [space.cross(shallow, deep, seeded(seed)) for seed in range(40)]
    assert {child["op"] for child in children if "op" in child} == {"c"}
    assert {child["depth"] for child in children} == {1, 2}


def test_mutation_prefers_near_values_of_ordered_choices() -> None:
    space = SearchSpace([Choice("width", tuple(range(9)))])
    rng, middle = seeded(0), space.candidate({"width": 4})
    steps = [abs(int(space.mutate(middle, rng)["width"]) - 4) for _ in range(600)]
    assert steps.count(0) == 0
    assert steps.count(1) > 2 * steps.count(4) > 0


def test_names_and_values_by_part() -> None:
    space = SearchSpace([Choice("width", (8,)), Choice("rate", (0.1,), "training")])
    assert space.of_parts("training") == ("rate",)
    assert space.project(space.sample(seeded(0)), "training") == {"rate": 0.1}
    assert (len(space), "rate" in space, "x" in space, space["rate"].part) == (2, True, False, "training")


WIDTH = Choice("width", (8, 16))


@pytest.mark.parametrize(
    ("kind", "call", "match"),
    [
        (InvalidValueError, lambda: Choice("width", ()), "Choice 'width' needs at least one value, got none"),
        (InvalidValueError, lambda: Choice("width", (8, 8)), r"'width' lists a value twice: \[8, 8\]"),
        (UnknownNameError, lambda: Choice("w", (8,), "trainin"), "'trainin'. Did you mean 'training'"),
        (InvalidValueError, lambda: SearchSpace([WIDTH, WIDTH]), "Choice 'width' stands twice"),
        (
            InvalidValueError,
            lambda: SearchSpace([Choice("op", ("a",), conditions=(Condition("width", (8,)),)), WIDTH]),
            "'op' depends on 'width', which does not stand before it",
        ),
        (
            InvalidValueError,
            lambda: SearchSpace([WIDTH, Choice("op", ("a",), conditions=(Condition("width", (8, 9)),))]),
            r"'op' exists where 'width' is 9, which is never offered. It offers \[8, 16\]",
        ),
        (UnknownNameError, lambda: SearchSpace([WIDTH])["widht"], "'widht'. Did you mean 'width'"),
        (UnknownNameError, lambda: SearchSpace([WIDTH]).candidate({"widht": 8}), "'widht'"),
        (InvalidValueError, lambda: SearchSpace([WIDTH]).candidate({}), r"'width' has no value.*\[8, 16\]"),
        (
            InvalidValueError,
            lambda: SearchSpace([WIDTH]).candidate({"width": 9}),
            r"width must be one of \[8, 16\], got 9",
        ),
        (
            InvalidValueError,
            lambda: SearchSpace([WIDTH]).fixed({"width": 9}),
            r"width must be one of \[8, 16\], got 9",
        ),
        (UnknownNameError, lambda: SearchSpace([WIDTH]).of_parts("archi"), "'archi'"),
    ],
)
def test_mistakes_are_named(kind: type[Exception], call: Any, match: str) -> None:
    with pytest.raises(kind, match=match):
        call()


FOLLOWING = SearchSpace(
    [
        Choice("network.bits", (8, 16, 32, "mixed"), "compression", ordered=False),
        *(
            Choice(
                f"block{i}.bits", (8, 16, 32), "compression", False,
                (Condition("network.bits", ("mixed",)),), follows="network.bits",
            )
            for i in range(6)
        ),
    ]
)  # fmt: skip


def test_what_begins_to_exist_takes_over_the_value_that_it_follows(rng: np.random.Generator) -> None:
    """So that a step from one choice for all to one for each changes nothing by itself."""
    whole = FOLLOWING.candidate({"network.bits": 16})
    (mixed,) = [c for c in FOLLOWING.neighbours(whole, rng) if c["network.bits"] == "mixed"]
    assert {value for name, value in mixed.items() if name != "network.bits"} == {16}
    moved = [FOLLOWING.mutate(whole, rng) for _ in range(30)]
    assert {set(c.values()) == {16, "mixed"} for c in moved if c["network.bits"] == "mixed"} == {True}
    children = [FOLLOWING.cross(whole, mixed, rng) for _ in range(30)]
    assert {set(c.values()) <= {16, "mixed"} for c in children} == {True}


def test_a_sample_draws_what_a_change_would_take_over(rng: np.random.Generator) -> None:
    drawn = [FOLLOWING.sample(rng) for _ in range(200)]
    assert any({8, 16, 32} <= set(c.values()) for c in drawn)
    assert FOLLOWING.cardinality == 3 + 3**6


def test_a_choice_follows_only_what_stands_before_it() -> None:
    with pytest.raises(InvalidValueError, match=r"'a' follows 'b', which does not stand before it"):
        SearchSpace([Choice("a", (1, 2), follows="b"), Choice("b", (1, 2))])
