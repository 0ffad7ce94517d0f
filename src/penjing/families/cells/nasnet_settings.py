"""Which values the family of normal and reduction cells offers, with defaults that follow the image size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from penjing.families.settings import Kind, Names, Number, Numbers, Settings

# Name to kernel and whether channels are convolved apart first; without a kernel nothing is convolved.
OPERATIONS: Mapping[str, tuple[int, bool]] = {
    "separable_3x3": (3, True),
    "separable_5x5": (5, True),
    "average_pool_3x3": (0, False),
    "identity": (0, False),
    "convolution_1x1": (1, False),
    "convolution_3x3": (3, False),
}
_KINDS: Mapping[str, Kind] = {
    "widths": Numbers("[8, 16]"),
    "repeats": Numbers("[1, 2]"),
    "stem_strides": Numbers("[1, 2]"),
    "operations": Names("[separable_3x3, identity]", "operation of a cell", tuple(OPERATIONS)),
    "nodes": Number("4", 1, 8),
    "stages": Number("3", 1, 5),
}


@dataclass(frozen=True)
class NasNetSettings(Settings):
    """The values offered for every choice of the family, and what is the same for all its networks.

    Attributes:
        widths: Channels of the first stage; each further stage has twice as many.
        repeats: Normal cells per stage.
        stem_strides: Of the first convolution.
        operations: Among :data:`OPERATIONS`, for each of a node's two inputs.
        nodes: Of a cell.
        stages: Between two of them stands a reduction cell.

    Raises:
        ConfigError: If values are not of the right kind.
        UnknownNameError: If an operation is not known.
    """

    family: ClassVar[str] = "nasnet"
    kinds: ClassVar[Mapping[str, Kind]] = _KINDS

    widths: tuple[int, ...] = (4, 8, 12, 16)
    repeats: tuple[int, ...] = (1, 2)
    stem_strides: tuple[int, ...] = (1, 2)
    operations: tuple[str, ...] = ("separable_3x3", "separable_5x5", "average_pool_3x3", "identity")
    nodes: int = 4
    stages: int = 3

    @classmethod
    def for_images(cls, shape: tuple[int, int, int]) -> "NasNetSettings":
        """Sensible values for images of ``(channels, height, width)``.

        Example:
            >>> NasNetSettings.for_images((3, 96, 96)).stages
            4
        """
        short = min(shape[1:])
        if short <= 12:
            return cls(stem_strides=(1,), stages=2)
        return cls() if short <= 40 else cls(stem_strides=(2,), stages=4)
