"""A candidate is one assignment of the choices that exist: immutable, canonical, with a key."""

import hashlib
import json
from collections.abc import ItemsView, Iterator, Mapping
from functools import cached_property
from typing import TypeVar, overload

from penjing.space.choice import Value

T = TypeVar("T")


class Candidate(Mapping[str, Value]):
    """One assignment, from choice name to value.

    Equal designs have equal keys, whatever the order in which their choices
    were made. Build one with :meth:`SearchSpace.candidate`, which leaves out
    choices that do not exist and rejects values that are not offered.

    Example:
        >>> Candidate({"b": 1, "a": 2}) == Candidate({"a": 2, "b": 1})
        True
        >>> len(Candidate({"a": 2}).key)
        16
    """

    def __init__(self, assignment: Mapping[str, Value]) -> None:
        self._assignment = {name: assignment[name] for name in sorted(assignment)}

    def __getitem__(self, name: str) -> Value:
        return self._assignment[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._assignment)

    def __len__(self) -> int:
        return len(self._assignment)

    # What Mapping makes of __getitem__ takes ten times as long, and costs ask for every layer.
    def __contains__(self, name: object) -> bool:
        return name in self._assignment

    @overload
    def get(self, name: str, default: None = None, /) -> Value | None: ...
    @overload
    def get(self, name: str, default: Value | T, /) -> Value | T: ...
    def get(self, name: str, default: object = None, /) -> object:
        """The value of a choice, or ``default`` where it does not exist."""
        return self._assignment.get(name, default)

    def items(self) -> ItemsView[str, Value]:
        """Names and values, sorted by name."""
        return self._assignment.items()

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        # By key, as the hash is: Python holds 1, 1.0 and True for equal, a design does not.
        return isinstance(other, Candidate) and self.key == other.key

    def __repr__(self) -> str:
        return f"Candidate({self._assignment!r})"

    @cached_property
    def key(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the sorted assignment."""
        text = json.dumps(self._assignment, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def as_dict(self) -> dict[str, Value]:
        """A plain copy, sorted by name."""
        return dict(self._assignment)
