"""What a setting of a family may be: numbers and names, checked before time is spent."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from penjing.blueprint import InputSpec
from penjing.errors import ConfigError, unknown_name


class Settings(ABC):
    """The values that a family offers, as a frozen dataclass; what is not set follows the images.

    ``check`` is called before there are images, the others once their shape is known.

    Attributes:
        family: Name of the family, for error texts.
        kinds: What each setting may be.

    Raises:
        UnknownNameError: If a value names what is not known.
        ConfigError: If a value is not of the right kind.
    """

    family: ClassVar[str]
    kinds: ClassVar["Mapping[str, Kind]"]

    def __post_init__(self) -> None:
        self.check({name: getattr(self, name) for name in self.kinds})

    @classmethod
    def check(cls, changes: Mapping[str, Any]) -> None:
        """Refuse what is wrong whatever the size of the images.

        Args:
            changes: Values for some settings, given as lists or numbers.

        Raises:
            UnknownNameError: If a name is not a setting, or a value names what is not known.
            ConfigError: If a value is not of the right kind.
        """
        check_settings(cls.family, cls.kinds, changes)

    @classmethod
    @abstractmethod
    def for_images(cls, shape: tuple[int, int, int]) -> Self:
        """Sensible values for images of ``(channels, height, width)``."""

    @classmethod
    def for_input(cls, given: InputSpec) -> Self:
        """Sensible values for an input that holds images."""
        channels, height, width = given.shape
        return cls.for_images((channels, height, width))

    def with_changes(self, changes: Mapping[str, Any]) -> Self:
        """The same with other values for some settings, as a configuration gives them.

        Raises:
            UnknownNameError: As :meth:`check`.
            ConfigError: As :meth:`check`, or if values do not fit each other or the images.
        """
        self.check(changes)
        dataclass_of_settings: Any = self
        return replace(dataclass_of_settings, **{name: as_tuples(v) for name, v in changes.items()})


@dataclass(frozen=True)
class Number:
    """One whole number.

    Attributes:
        example: What somebody could write.
        least: The smallest that is allowed.
        most: The largest.
    """

    example: str
    least: int
    most: int

    def __str__(self) -> str:
        return f"a whole number from {self.least} to {self.most}"

    def allows(self, value: Any) -> bool:
        """Whether ``value`` is one of these; True would pass for 1."""
        return type(value) is int and self.least <= value <= self.most


@dataclass(frozen=True)
class Numbers:
    """A list of whole numbers.

    Attributes:
        example: What somebody could write.
        least: The smallest that is allowed.
        is_odd: Whether all must be odd.
        per_stage: Whether every stage has a list of its own.
    """

    example: str
    least: int = 1
    is_odd: bool = False
    per_stage: bool = False

    def __str__(self) -> str:
        lists = "one list per stage" if self.per_stage else "a list"
        return f"{lists} of different {'odd ' if self.is_odd else ''}whole numbers, {self.least} or more"

    def allows(self, values: Any) -> bool:
        """Whether ``values`` is such a list."""
        if not _is_filled(values):
            return False
        lists = values if self.per_stage else [values]
        return all(_is_filled(each) and self._allows_all(each) for each in lists)

    def _allows_all(self, values: list[Any] | tuple[Any, ...]) -> bool:
        # True would pass for 1.
        are_numbers = all(type(value) is int and value >= self.least for value in values)
        if not are_numbers or len(set(values)) < len(values):
            return False
        return not self.is_odd or all(value % 2 for value in values)


@dataclass(frozen=True)
class Names:
    """A list of names.

    Attributes:
        example: What somebody could write.
        kind: What is named, for the error about a name that is not known.
        known: All that there are.
    """

    example: str
    kind: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"a list of different names among {', '.join(self.known)}"

    def allows(self, values: Any) -> bool:
        """Whether ``values`` is such a list.

        Raises:
            UnknownNameError: If it is a list of names, but one is not known.
        """
        if not _is_filled(values) or not all(isinstance(value, str) for value in values):
            return False
        for name in values:
            if name not in self.known:
                raise unknown_name(self.kind, name, self.known)
        return len(set(values)) == len(values)


Kind = Number | Numbers | Names


def check_settings(family: str, kinds: Mapping[str, Kind], values: Mapping[str, Any]) -> None:
    """Refuse what is no setting of a family, or not of its kind.

    Args:
        family: Its name.
        kinds: What each of its settings may be.
        values: What was set.

    Raises:
        UnknownNameError: If a name is not a setting, or a value names what is not known.
        ConfigError: If a value is not of the right kind.

    Example:
        >>> check_settings("tower", {"depth": Number("4", 1, 9)}, {"depth": 9})
    """
    for name, value in values.items():
        if name not in kinds:
            raise unknown_name(f"setting of the {family} family", name, kinds)
        kind = kinds[name]
        if not kind.allows(value):
            raise ConfigError(
                f"space.family.{name} must be {kind}, got {value!r}. Write, for example, {kind.example}."
            )


def as_tuples(values: Any) -> Any:
    """Lists as tuples, at every depth; anything else as it is.

    Example:
        >>> as_tuples([[4, 8], [8]])
        ((4, 8), (8,))
    """
    return tuple(as_tuples(value) for value in values) if isinstance(values, list | tuple) else values


def _is_filled(values: Any) -> bool:
    return isinstance(values, list | tuple) and len(values) > 0
