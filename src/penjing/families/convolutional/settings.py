"""Which values the convolutional family offers, with defaults that follow the image size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from penjing.errors import ConfigError
from penjing.families.settings import Kind, Names, Numbers, Settings

OPERATIONS = ("plain", "inverted", "separable")
_KINDS: Mapping[str, Kind] = {
    "resolutions": Numbers("[20, 28]"),
    "stem_widths": Numbers("[8, 16]"),
    "stem_kernels": Numbers("[3, 5]", is_odd=True),
    "stem_strides": Numbers("[1, 2]"),
    "stage_widths": Numbers("[[8, 16], [16, 32]]", per_stage=True),
    "stage_depths": Numbers("[[1, 2], [0, 1]]", least=0, per_stage=True),
    "stage_strides": Numbers("[[1], [1, 2]]", per_stage=True),
    "operations": Names("[plain, separable]", "block operation", OPERATIONS),
    "kernels": Numbers("[3, 5]", is_odd=True),
    "expansions": Numbers("[2, 4]"),
}


@dataclass(frozen=True)
class ConvolutionalSettings(Settings):
    """The values offered for every choice of the family.

    Attributes:
        resolutions: Shorter sides that the input is resized to inside the file;
            the longer side keeps the image's shape.
        stem_widths, stem_kernels, stem_strides: Of the first convolution.
        stage_widths: One tuple of output channels per stage.
        stage_depths: One tuple of block counts per stage; 0 leaves the stage out.
        stage_strides: One tuple per stage; the first block of a stage takes the stride.
        operations: Among ``plain``, ``inverted`` and ``separable``.
        kernels: Of the convolutions in blocks.
        expansions: Hidden channels of an inverted bottleneck per input channel.
        shorter_side: Of the images, where it is known: no resolution is above it. No setting.

    Raises:
        ConfigError: If values are not of the right kind, or do not fit each other or the images.
        UnknownNameError: If an operation is not known.
    """

    family: ClassVar[str] = "convolutional"
    kinds: ClassVar[Mapping[str, Kind]] = _KINDS

    resolutions: tuple[int, ...]
    stem_widths: tuple[int, ...] = (8, 12, 16, 24)
    stem_kernels: tuple[int, ...] = (3, 5)
    stem_strides: tuple[int, ...] = (1, 2)
    stage_widths: tuple[tuple[int, ...], ...] = ((8, 12, 16, 24, 32), (16, 24, 32, 48), (24, 32, 48, 64))
    stage_depths: tuple[tuple[int, ...], ...] = ((1, 2), (1, 2, 3), (0, 1, 2, 3))
    stage_strides: tuple[tuple[int, ...], ...] = ((1, 2), (2,), (1, 2))
    operations: tuple[str, ...] = OPERATIONS
    kernels: tuple[int, ...] = (3, 5)
    expansions: tuple[int, ...] = (2, 3, 4)
    shorter_side: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        counts = [len(self.stage_widths), len(self.stage_depths), len(self.stage_strides)]
        if len(set(counts)) != 1:
            raise ConfigError(
                "stage_widths, stage_depths and stage_strides of space.family must name the same number of "
                f"stages, got {counts[0]}, {counts[1]} and {counts[2]}. What is left out follows the image "
                "size: write all three."
            )
        largest = max(self.resolutions)
        if self.shorter_side is not None and largest > self.shorter_side:
            raise ConfigError(
                f"space.family.resolutions must not exceed the shorter side of the images, "
                f"{self.shorter_side}, got {largest}. Leave {largest} out."
            )

    @classmethod
    def for_images(cls, shape: tuple[int, int, int]) -> "ConvolutionalSettings":
        """Sensible values for images of ``(channels, height, width)``.

        Example:
            >>> ConvolutionalSettings.for_images((1, 28, 28)).resolutions
            (20, 28)
        """
        height = min(shape[1:])
        if height <= 12:
            return cls(
                resolutions=(height,),
                shorter_side=height,
                stem_strides=(1,),
                stem_kernels=(3,),
                stage_widths=((8, 12, 16, 24, 32), (16, 24, 32, 48)),
                stage_depths=((1, 2), (0, 1, 2)),
                stage_strides=((1, 2), (1, 2)),
                kernels=(3,),
            )
        if height <= 40:
            return cls(resolutions=(round(height * 0.7 / 4) * 4, height), shorter_side=height)
        sizes = tuple(
            sorted({size for size in (64, 96, 128, 160, 224) if size <= height} | {min(height, 224)})
        )
        return cls(
            resolutions=sizes,
            shorter_side=height,
            stem_strides=(2,),
            stage_widths=((12, 16, 24, 32), (24, 32, 48, 64), (48, 64, 96), (64, 96, 128)),
            stage_depths=((1, 2), (1, 2, 3), (1, 2, 3), (0, 1, 2)),
            stage_strides=((2,), (2,), (2,), (2,)),
        )
