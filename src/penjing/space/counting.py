"""Count, draw and list the candidates of a conditional space exactly.

The choices and their conditions form a graph. Parts of it that no condition
connects are independent, so their counts multiply; inside a connected part
the count is the sum over the values of a choice that depends on nothing.
Values that make the same conditions true share what follows.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from math import prod

import numpy as np

from penjing.space.choice import Choice, Condition, Value


class DesignTree:
    """All canonical assignments of some choices.

    Args:
        choices: In building order; conditions refer to choices among them.

    Notes:
        Exponential only in the depth of nested conditions inside one connected part.

    Example:
        >>> depth = Choice("depth", (1, 2))
        >>> second = Choice("second", ("a", "b", "c"), conditions=(Condition("depth", (2,)),))
        >>> tree = DesignTree((depth, second))
        >>> tree.count, list(tree.every())[:2]
        (4, [{'depth': 1}, {'depth': 2, 'second': 'a'}])
    """

    def __init__(self, choices: Sequence[Choice]) -> None:
        self._parts = [_Part(component) for component in _components(choices)]

    @cached_property
    def count(self) -> int:
        """How many there are."""
        return prod(part.count for part in self._parts)

    def draw(self, rng: np.random.Generator) -> dict[str, Value]:
        """One of them, each with the same probability."""
        drawn: dict[str, Value] = {}
        for part in self._parts:
            drawn |= part.draw(rng)
        return drawn

    def every(self) -> Iterator[dict[str, Value]]:
        """All of them, one after the other; only where there are few enough."""
        yield from _every(self._parts)


class _Part:
    """Choices that conditions connect: a first one, and what follows under each of its values."""

    def __init__(self, choices: Sequence[Choice]) -> None:
        parents = [condition.choice for choice in choices for condition in choice.conditions]
        # What most others depend on falls into the most parts.
        self._first = max(
            (choice for choice in choices if not choice.conditions),
            key=lambda choice: parents.count(choice.name),
        )
        self._rest = [choice for choice in choices if choice.name != self._first.name]
        self._followers: dict[tuple[bool, ...], DesignTree] = {}

    @cached_property
    def count(self) -> int:
        return sum(self._after(value).count for value in self._first.values)

    def draw(self, rng: np.random.Generator) -> dict[str, Value]:
        # Counts go beyond what a float or a 64-bit integer holds; their ratios do not.
        left = float(rng.random())
        value = self._first.values[-1]
        for value in self._first.values:
            left -= self._after(value).count / self.count
            if left < 0:
                break
        return {self._first.name: value, **self._after(value).draw(rng)}

    def every(self) -> Iterator[dict[str, Value]]:
        for value in self._first.values:
            for after in self._after(value).every():
                yield {self._first.name: value, **after}

    def _after(self, value: Value) -> DesignTree:
        """What is left to choose once the first choice has a value."""
        signature = tuple(
            value in condition.values
            for choice in self._rest
            for condition in choice.conditions
            if condition.choice == self._first.name
        )
        if signature not in self._followers:
            known = Condition(self._first.name, (value,))
            self._followers[signature] = DesignTree(_under(self._rest, known))
        return self._followers[signature]


def _every(parts: Sequence[_Part]) -> Iterator[dict[str, Value]]:
    if not parts:
        yield {}
        return
    for one in parts[0].every():
        for others in _every(parts[1:]):
            yield {**one, **others}


def _components(choices: Sequence[Choice]) -> list[tuple[Choice, ...]]:
    parent = {choice.name: choice.name for choice in choices}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for choice in choices:
        for condition in choice.conditions:
            parent[root(choice.name)] = root(condition.choice)
    groups: dict[str, list[Choice]] = {}
    for choice in choices:
        groups.setdefault(root(choice.name), []).append(choice)
    return [tuple(group) for group in groups.values()]


def _under(choices: Sequence[Choice], known: Condition) -> tuple[Choice, ...]:
    """Drop what cannot exist once ``known`` holds, and forget the conditions that are met."""
    absent: set[str] = set()
    left: list[Choice] = []
    for choice in choices:
        conditions: list[Condition] = []
        possible = True
        for condition in choice.conditions:
            if condition.choice == known.choice:
                possible = possible and known.values[0] in condition.values
            elif condition.choice in absent:
                possible = False
            else:
                conditions.append(condition)
        if possible:
            left.append(Choice(choice.name, choice.values, choice.part, choice.ordered, tuple(conditions)))
        else:
            absent.add(choice.name)
    return tuple(left)
