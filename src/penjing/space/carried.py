"""A space in which one part may only be what earlier winners chose."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain

import numpy as np

from penjing.errors import InvalidValueError
from penjing.space.candidate import Candidate
from penjing.space.choice import OF_WEIGHTS, PARTS, Value
from penjing.space.space import SearchSpace


class CarriedSpace(SearchSpace):
    """The space of a later phase: a winner's architecture, trained as the winner was, the rest free.

    It lists all choices of the whole space, so that candidates are encoded as
    before; what it draws, changes, accepts and counts are candidates that hold
    the carried part of a winner.

    Args:
        space: The whole space.
        winners: Candidates whose architecture is carried over. Winners that share
            it are one in the count, and are drawn as often as they are given.
        parts: The parts that are carried.

    Raises:
        InvalidValueError: If there is no winner, a winner lacks a carried choice or has a value that is not
            offered, or a carried choice exists only under a free one: then no winner decides about it.

    Example:
        >>> from penjing.space.choice import Choice
        >>> space = SearchSpace([Choice("width", (1, 2)), Choice("bits", (4, 8), part="compression")])
        >>> winner = space.candidate({"width": 2, "bits": 8})
        >>> carried = CarriedSpace(space, [winner])
        >>> carried.sample(np.random.default_rng(0))["width"], carried.cardinality
        (2, 2)
    """

    def __init__(
        self, space: SearchSpace, winners: Sequence[Candidate], parts: Sequence[str] = OF_WEIGHTS
    ) -> None:
        super().__init__(space.choices)
        self._parts = tuple(part for part in parts if space.of_parts(part)) or tuple(parts)
        self._carried = _checked_parts(space, self._parts)
        if not winners:
            raise InvalidValueError(
                f"No winner was given whose {_named(self._parts)} could be carried. Give at least one."
            )
        self._winners = [self._carried.candidate(self.project(winner, *self._parts)) for winner in winners]
        # A winner holds every carried choice, so no candidate belongs to two of these.
        self._of_winner = {winner: space.fixed(winner) for winner in self._winners}

    @cached_property
    def cardinality(self) -> int:
        """The exact number of different candidates: the free choices of every different winner."""
        return sum(space.cardinality for space in self._of_winner.values())

    def candidate(self, assignment: Mapping[str, Value]) -> Candidate:
        """Make the canonical candidate; see :meth:`SearchSpace.candidate`.

        Raises:
            UnknownNameError: If a name is not a choice of this space.
            InvalidValueError: If a choice has no or no offered value, or no winner has the carried part.
        """
        made = super().candidate(assignment)
        if (carried := self._carried_of(made)) not in self._of_winner:
            raise InvalidValueError(
                f"None of the {len(self._of_winner)} winners has the {_named(self._parts)} "
                f"{carried.as_dict()!r}. Take a winner's."
            )
        return made

    def sample(self, rng: np.random.Generator) -> Candidate:
        """One winner, the rest drawn uniformly."""
        return self._drawn(rng).sample(rng)

    def sample_uniformly(self, rng: np.random.Generator) -> Candidate:
        """One of all candidates, each with the same probability."""
        spaces = list(self._of_winner.values())
        left = float(rng.random())
        space = spaces[-1]
        for space in spaces:
            left -= space.cardinality / self.cardinality
            if left < 0:
                break
        return space.sample_uniformly(rng)

    def every_candidate(self) -> Iterator[Candidate]:
        """All different candidates, one winner's after the other's."""
        return chain.from_iterable(space.every_candidate() for space in self._of_winner.values())

    def mutate(self, candidate: Candidate, rng: np.random.Generator, n_changes: int = 1) -> Candidate:
        """Change choices of the free parts only; what holds no winner's architecture gets a drawn one's."""
        return self._around(candidate, rng).mutate(candidate, rng, n_changes)

    def cross(self, first: Candidate, second: Candidate, rng: np.random.Generator) -> Candidate:
        """The first parent's architecture, or a drawn winner's; of the rest, what both can give."""
        return self._around(first, rng).cross(first, second, rng)

    def neighbours(
        self, candidate: Candidate, rng: np.random.Generator, parts: Collection[str] = PARTS
    ) -> Iterator[Candidate]:
        """All candidates of the same architecture that differ in one choice of the free parts."""
        return self._around(candidate, rng).neighbours(candidate, rng, parts)

    def fixed(self, assignment: Mapping[str, Value]) -> "CarriedSpace":
        """The same with the named choices reduced to one value each, and the winners that agree.

        Raises:
            InvalidValueError: If a value is not offered, or no winner has it.
        """
        narrowed = super().fixed(assignment)
        agreeing = [winner for winner in self._winners if _agree(winner, assignment)]
        if not agreeing:
            asked = {name: value for name, value in assignment.items() if name in self._carried}
            raise InvalidValueError(
                f"None of the {len(self._of_winner)} winners has {asked!r}. Fix what a winner has."
            )
        return CarriedSpace(narrowed, agreeing, self._parts)

    def _carried_of(self, candidate: Candidate) -> Candidate:
        return Candidate({name: value for name, value in candidate.items() if name in self._carried})

    def _drawn(self, rng: np.random.Generator) -> SearchSpace:
        return self._of_winner[self._winners[int(rng.integers(len(self._winners)))]]

    def _around(self, candidate: Candidate, rng: np.random.Generator) -> SearchSpace:
        """What a candidate's winner leaves free; what a drawn one does, if no winner is like it."""
        found = self._of_winner.get(self._carried_of(candidate))
        return self._drawn(rng) if found is None else found


def _agree(winner: Candidate, assignment: Mapping[str, Value]) -> bool:
    return all(name not in winner or winner[name] == value for name, value in assignment.items())


def _named(parts: Sequence[str]) -> str:
    return " and ".join(parts)


def _checked_parts(space: SearchSpace, parts: Sequence[str]) -> SearchSpace:
    """The choices of some parts, which stand on their own."""
    names = space.of_parts(*parts)
    for name in names:
        for condition in space[name].conditions:
            if condition.choice not in names:
                raise InvalidValueError(
                    f"The {_named(parts)} cannot be carried: {name!r} exists only under "
                    f"{condition.choice!r}, which is left free. Carry what depends on itself alone."
                )
    return SearchSpace(space[name] for name in names)
