"""All choices of a pipeline, and what a search does with them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np

from penjing.errors import InvalidValueError, UnknownNameError, unknown_name
from penjing.space.candidate import Candidate
from penjing.space.choice import OF_WEIGHTS, PARTS, Choice, Condition, Value
from penjing.space.counting import DesignTree


class SearchSpace:
    """The union of all choices, in building order.

    A condition refers only to choices that stand before it, so walking the
    list once decides which choices exist.

    Args:
        choices: In building order.

    Raises:
        InvalidValueError: If a name stands twice, or a condition refers to a
            choice that does not stand before it, or to a value never offered.

    Example:
        >>> space = SearchSpace([Choice("width", (8, 16)), Choice("depth", (1, 2, 3))])
        >>> space.cardinality
        6
        >>> candidate = space.sample(np.random.default_rng(0))
        >>> sorted(candidate)
        ['depth', 'width']
    """

    def __init__(self, choices: Iterable[Choice]) -> None:
        self.choices = tuple(choices)
        self._by_name: dict[str, Choice] = {}
        for choice in self.choices:
            if choice.name in self._by_name:
                raise InvalidValueError(f"Choice {choice.name!r} stands twice in the search space.")
            for condition in choice.conditions:
                if condition.choice not in self._by_name:
                    raise InvalidValueError(
                        f"Choice {choice.name!r} depends on {condition.choice!r}, "
                        "which does not stand before it. List choices in building order."
                    )
                for value in condition.values:
                    if value not in self._by_name[condition.choice].values:
                        raise InvalidValueError(
                            f"Choice {choice.name!r} exists where {condition.choice!r} is {value!r}, which "
                            f"is never offered. It offers {list(self._by_name[condition.choice].values)!r}."
                        )
            if choice.follows and choice.follows not in self._by_name:
                raise InvalidValueError(
                    f"Choice {choice.name!r} follows {choice.follows!r}, which does not stand before it. "
                    "List choices in building order."
                )
            self._by_name[choice.name] = choice

    def __len__(self) -> int:
        return len(self.choices)

    def __iter__(self) -> Iterator[Choice]:
        return iter(self.choices)

    def __getitem__(self, name: str) -> Choice:
        if name not in self._by_name:
            raise unknown_name("choice", name, self._by_name)
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def cardinality(self) -> int:
        """The exact number of different candidates."""
        return self._tree.count

    @cached_property
    def _tree(self) -> DesignTree:
        return DesignTree(self.choices)

    def candidate(self, assignment: Mapping[str, Value]) -> Candidate:
        """Make the canonical candidate: choices that do not exist are left out.

        Raises:
            UnknownNameError: If a name is not a choice of this space.
            InvalidValueError: If a choice that exists has no value or one that is not offered.
        """
        for name in assignment:
            if name not in self._by_name:
                raise unknown_name("choice", name, self._by_name)
        made: dict[str, Value] = {}
        for choice in self.choices:
            if not choice.exists(made):
                continue
            if choice.name not in assignment:
                raise InvalidValueError(
                    f"Choice {choice.name!r} has no value. Give one of {list(choice.values)!r}."
                )
            made[choice.name] = choice.offered(assignment[choice.name])
        return Candidate(made)

    def holds(self, candidate: Candidate) -> bool:
        """Whether a candidate, perhaps of a wider space, is one of this space."""
        try:
            return self.candidate(candidate) == candidate
        except (UnknownNameError, InvalidValueError):
            return False

    def sample(self, rng: np.random.Generator) -> Candidate:
        """Draw every choice that exists uniformly from its values, in building order.

        A value under which much more is left to choose is as likely as any other; where all
        designs are to be equally likely, see :meth:`sample_uniformly`.
        """
        return self._completed({}, rng)

    def sample_uniformly(self, rng: np.random.Generator) -> Candidate:
        """Draw a candidate, each of all different ones with the same probability."""
        return Candidate(self._tree.draw(rng))

    def every_candidate(self) -> Iterator[Candidate]:
        """All different candidates, one after the other; look at :attr:`cardinality` first."""
        return (Candidate(assignment) for assignment in self._tree.every())

    def mutate(self, candidate: Candidate, rng: np.random.Generator, n_changes: int = 1) -> Candidate:
        """Change ``n_changes`` choices that exist; ordered ones move to a near value more often.

        Choices that begin to exist are drawn uniformly; those that cease to
        exist are dropped. Choices with one value are never picked. A candidate
        of another space is first brought into this one.
        """
        candidate = self._completed(candidate.as_dict(), rng)
        free = [name for name in candidate if len(self._by_name[name].values) > 1]
        if not free:
            return candidate
        changed = dict(candidate)
        picked: set[int] = set()
        while len(picked) < min(n_changes, len(free)):
            picked.add(int(rng.integers(len(free))))
        for index in sorted(picked):
            choice = self._by_name[free[index]]
            changed[choice.name] = _moved(choice, candidate[choice.name], rng)
        return self._completed(changed, rng, candidate)

    def cross(self, first: Candidate, second: Candidate, rng: np.random.Generator) -> Candidate:
        """Take every choice from one of two parents; the child is always valid.

        Where only one parent has a choice that the child needs, with a value
        that this space offers, the child takes that parent's value; where
        neither has it, it is drawn.
        """
        mixed: dict[str, Value] = {}
        for choice in self.choices:
            if not choice.exists(mixed):
                continue
            parents = (first, second)
            values = [parent[choice.name] for parent in parents if choice.name in parent]
            values = values or [parent[choice.follows] for parent in parents if choice.follows in parent]
            values = [choice.offered(value) for value in values if choice.offers(value)] or choice.values
            is_open = any(value != values[0] for value in values)
            mixed[choice.name] = values[int(rng.integers(len(values)))] if is_open else values[0]
        return Candidate(mixed)

    def neighbours(
        self, candidate: Candidate, rng: np.random.Generator, parts: Collection[str] = PARTS
    ) -> Iterator[Candidate]:
        """All candidates that differ in one choice of some parts; what begins to exist by that is drawn."""
        candidate = self._completed(candidate, rng)
        for name in candidate:
            choice = self._by_name[name]
            for value in choice.values if choice.part in parts else ():
                if value != candidate[name]:
                    yield self._completed({**candidate, name: value}, rng, candidate)

    def fixed(self, assignment: Mapping[str, Value]) -> "SearchSpace":
        """The same space with the named choices reduced to one value each.

        Names that this space does not have are ignored, so that a whole
        candidate of another phase can be passed. A choice that can no longer
        exist stays in the list, with a condition that nothing meets.

        Raises:
            InvalidValueError: If a value is not offered.
        """
        known = {name: (value,) for name, value in assignment.items() if name in self._by_name}
        return self.narrowed(known)

    def narrowed(self, values: Mapping[str, Collection[Value]]) -> "SearchSpace":
        """The same space with the named choices reduced to some of their values, in their own order.

        Args:
            values: Choice name to the values that stay.

        Raises:
            UnknownNameError: If a name is not a choice of this space.
            InvalidValueError: If a value is not offered, or none stays.

        Example:
            >>> space = SearchSpace([Choice("width", (8, 16, 24)), Choice("depth", (1, 2))])
            >>> space.narrowed({"width": [24, 8]}).cardinality
            4
        """
        kept = {name: {self[name].offered(value) for value in some} for name, some in values.items()}
        left = {
            choice.name: tuple(v for v in choice.values if choice.name not in kept or v in kept[choice.name])
            for choice in self.choices
        }
        return SearchSpace(
            replace(
                choice,
                values=left[choice.name],
                conditions=tuple(
                    Condition(
                        condition.choice, tuple(v for v in condition.values if v in left[condition.choice])
                    )
                    for condition in choice.conditions
                ),
            )
            for choice in self.choices
        )

    def of_parts(self, *parts: str) -> tuple[str, ...]:
        """The names of the choices that belong to ``parts``."""
        for part in parts:
            if part not in PARTS:
                raise unknown_name("part of the search space", part, PARTS)
        return tuple(choice.name for choice in self.choices if choice.part in parts)

    def project(self, candidate: Candidate, *parts: str) -> dict[str, Value]:
        """What ``candidate`` says about the choices of ``parts``."""
        names = set(self.of_parts(*parts))
        return {name: value for name, value in candidate.items() if name in names}

    def trained_part(self, candidate: Candidate) -> Candidate:
        """What of a candidate is trained: whoever shares it can share weights."""
        return Candidate(self.project(candidate, *OF_WEIGHTS))

    def _completed(
        self, assignment: Mapping[str, Value], rng: np.random.Generator, was: Candidate | None = None
    ) -> Candidate:
        """Give a value to every choice that exists; ``was`` is the candidate before it was changed."""
        made: dict[str, Value] = {}
        for choice in self.choices:
            if not choice.exists(made):
                continue
            value = assignment.get(choice.name)
            if value is None and was is not None and choice.follows:
                value = was.get(choice.follows)
            if value is not None and choice.offers(value):
                made[choice.name] = choice.offered(value)
            elif len(choice.values) == 1:
                made[choice.name] = choice.values[0]
            else:
                made[choice.name] = choice.values[int(rng.integers(len(choice.values)))]
        return Candidate(made)


def _moved(choice: Choice, value: Value, rng: np.random.Generator) -> Value:
    here = choice.values.index(value)
    # A small step is likelier to keep what was good about the parent.
    weights = [
        0.0 if index == here else 1.0 / abs(index - here) if choice.ordered else 1.0
        for index in range(len(choice.values))
    ]
    drawn = float(rng.random()) * sum(weights)
    last = max(index for index, weight in enumerate(weights) if weight)
    for index, weight in enumerate(weights):
        drawn -= weight
        if weight and (drawn < 0 or index == last):
            return choice.values[index]
    raise AssertionError("a choice that is moved has another value")
