"""A choice is one named decision, with its values and the condition under which it exists."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from penjing.errors import InvalidValueError, unknown_name

Value = str | int | float | bool
PARTS = ("architecture", "training", "compression")
# What weights before compression are made of.
OF_WEIGHTS = ("architecture", "training")


@dataclass(frozen=True)
class Condition:
    """A choice exists only while another choice holds one of some values.

    Example:
        >>> Condition("stage1.depth", (2, 3)).holds({"stage1.depth": 3})
        True
        >>> Condition("stage1.depth", (2, 3)).holds({})
        False
    """

    choice: str
    values: tuple[Value, ...]

    def holds(self, assignment: Mapping[str, Value]) -> bool:
        """Whether ``assignment`` makes the condition true; a choice that is absent never does."""
        return self.choice in assignment and assignment[self.choice] in self.values


@dataclass(frozen=True)
class Choice:
    """One named decision.

    Args:
        name: Dotted, from large to small: ``stage2.block1.precision``.
        values: What may be chosen, at least one, all different.
        part: ``architecture``, ``training`` or ``compression``.
        ordered: Whether neighbouring values are alike (widths are, operations are not).
        conditions: All of them must hold for the choice to exist.
        note: What a reader should know, such as "saves bytes only".
        follows: Name of an earlier choice whose value this one takes over where it begins to exist
            because that one changed; without it, or where that value is not offered, it is drawn.

    Raises:
        InvalidValueError: If there is no value, or a value stands twice.
        UnknownNameError: If ``part`` is not known.

    Example:
        >>> Choice("stem.width", (8, 16, 24)).part
        'architecture'
    """

    name: str
    values: tuple[Value, ...]
    part: str = "architecture"
    ordered: bool = True
    conditions: tuple[Condition, ...] = ()
    note: str = ""
    follows: str = ""

    def __post_init__(self) -> None:
        if not self.values:
            raise InvalidValueError(f"Choice {self.name!r} needs at least one value, got none.")
        if len(set(self.values)) != len(self.values):
            raise InvalidValueError(f"Choice {self.name!r} lists a value twice: {list(self.values)!r}.")
        if self.part not in PARTS:
            raise unknown_name("part of the search space", self.part, PARTS)

    def offered(self, value: Value) -> Value:
        """The value of this choice that equals ``value``: 8 where 8.0 was asked.

        Raises:
            InvalidValueError: If there is none.
        """
        try:
            return self._own[value]
        except (KeyError, TypeError):
            raise InvalidValueError(
                f"{self.name} must be one of {list(self.values)!r}, got {value!r}."
            ) from None

    def offers(self, value: object) -> bool:
        """Whether ``value`` is one of the values."""
        return value in self._own

    @cached_property
    def _own(self) -> dict[object, Value]:
        return {value: value for value in self.values}

    def exists(self, assignment: Mapping[str, Value]) -> bool:
        """Whether the choice exists under the choices made so far."""
        for condition in self.conditions:  # noqa: SIM110 (all() is slower, and every candidate asks)
            if not condition.holds(assignment):
                return False
        return True
