"""Which values the family of normal and reduction cells offers, with defaults that follow the image size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from penjing.families.settings import Kind, Names, Number, Numbers, Settings


class Convolution(NamedTuple):
    """What an operation convolves.

    Attributes:
        kernel: 0 where nothing is convolved.
        is_separable: Whether channels are convolved apart first, with that kernel.
        dilation: Pixels from one that it reads to the next.
    """

    kernel: int = 0
    is_separable: bool = False
    dilation: int = 1


OPERATIONS: Mapping[str, Convolution] = {
    "separable_3x3": Convolution(3, is_separable=True),
    "separable_5x5": Convolution(5, is_separable=True),
    "dil_conv_3x3": Convolution(3, is_separable=True, dilation=2),
    "dil_conv_5x5": Convolution(5, is_separable=True, dilation=2),
    "max_pool_3x3": Convolution(),
    "average_pool_3x3": Convolution(),
    "identity": Convolution(),
    "convolution_1x1": Convolution(1),
    "convolution_3x3": Convolution(3),
}
"""Whatever can be done to an input of a node, and what is convolved by that."""

# Those of DARTS (Liu et al., ICLR 2019, section 3.1), but for its zero: a node says itself what it reads.
_USUAL = (
    "separable_3x3",
    "separable_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "max_pool_3x3",
    "average_pool_3x3",
    "identity",
)
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
    operations: tuple[str, ...] = _USUAL
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
