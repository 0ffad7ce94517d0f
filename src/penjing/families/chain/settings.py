"""Which values the family of dense layers offers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from penjing.families.settings import Kind, Names, Numbers, as_tuples, check_settings

ACTIVATIONS = ("relu", "leaky_relu", "elu")
_KINDS: Mapping[str, Kind] = {
    "depths": Numbers("[4, 5, 6]"),
    "widths": Numbers("[16, 32, 64]"),
    "activations": Names("[relu, elu]", "activation", ACTIVATIONS),
}


@dataclass(frozen=True)
class ChainSettings:
    """The values offered for every choice of the family.

    Attributes:
        depths: Numbers of hidden layers.
        widths: Of each hidden layer.
        activations: Among ``relu``, ``leaky_relu`` and ``elu``; all layers of a network have the same.

    Raises:
        ConfigError: If values are not of the right kind.
        UnknownNameError: If an activation is not known.
    """

    depths: tuple[int, ...] = (4, 5, 6)
    widths: tuple[int, ...] = (16, 24, 32, 48, 64)
    activations: tuple[str, ...] = ACTIVATIONS

    def __post_init__(self) -> None:
        self.check(asdict(self))

    @staticmethod
    def check(changes: Mapping[str, Any]) -> None:
        """Refuse what is no setting, or not of its kind.

        Raises:
            UnknownNameError: If a name is not a setting, or an activation is not known.
            ConfigError: If a value is not of the right kind.
        """
        check_settings("chain", _KINDS, changes)

    def with_changes(self, changes: Mapping[str, Any]) -> "ChainSettings":
        """The same with other values for some settings, given as lists.

        Raises:
            UnknownNameError: If a name is not a setting, or an activation is not known.
            ConfigError: If a value is not of the right kind.

        Example:
            >>> ChainSettings().with_changes({"depths": [2]}).depths
            (2,)
        """
        self.check(changes)
        return replace(self, **{name: as_tuples(values) for name, values in changes.items()})

    @classmethod
    def for_images(cls, shape: tuple[int, int, int]) -> "ChainSettings":
        """The same for all images: the first layer grows with them, the others do not."""
        return cls()
