"""Which values the family of dense layers offers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from penjing.blueprint import InputSpec
from penjing.families.settings import Kind, Names, Numbers, Settings

ACTIVATIONS = ("relu", "leaky_relu", "elu")
_KINDS: Mapping[str, Kind] = {
    "depths": Numbers("[4, 5, 6]"),
    "widths": Numbers("[16, 32, 64]"),
    "activations": Names("[relu, elu]", "activation", ACTIVATIONS),
}


@dataclass(frozen=True)
class ChainSettings(Settings):
    """The values offered for every choice of the family.

    Attributes:
        depths: Numbers of hidden layers.
        widths: Of each hidden layer.
        activations: Among ``relu``, ``leaky_relu`` and ``elu``; all layers of a network have the same.

    Raises:
        ConfigError: If values are not of the right kind.
        UnknownNameError: If an activation is not known.
    """

    family: ClassVar[str] = "chain"
    kinds: ClassVar[Mapping[str, Kind]] = _KINDS

    depths: tuple[int, ...] = (4, 5, 6)
    widths: tuple[int, ...] = (16, 24, 32, 48, 64)
    activations: tuple[str, ...] = ACTIVATIONS

    @classmethod
    def for_images(cls, shape: tuple[int, int, int]) -> "ChainSettings":
        """The same for all images: the first layer grows with them, the others do not."""
        return cls()

    @classmethod
    def for_input(cls, given: InputSpec) -> "ChainSettings":
        """The same for everything: it need not be an image."""
        return cls()
