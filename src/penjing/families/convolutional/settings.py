"""Which values the convolutional family offers, with defaults that follow the image size."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from penjing.errors import InvalidValueError, unknown_name

OPERATIONS = ("plain", "inverted", "separable")


@dataclass(frozen=True)
class ConvolutionalSettings:
    """The values offered for every choice of the family.

    Attributes:
        resolutions: Heights that the input is resized to inside the file;
            the width keeps the image's shape.
        stem_widths, stem_kernels, stem_strides: Of the first convolution.
        stage_widths: One tuple of output channels per stage.
        stage_depths: One tuple of block counts per stage; 0 leaves the stage out.
        stage_strides: One tuple per stage; the first block of a stage takes the stride.
        operations: Among ``plain``, ``inverted`` and ``separable``.
        kernels: Of the convolutions in blocks.
        expansions: Hidden channels of an inverted bottleneck per input channel.
    """

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

    def __post_init__(self) -> None:
        lengths = {len(self.stage_widths), len(self.stage_depths), len(self.stage_strides)}
        if len(lengths) != 1:
            raise InvalidValueError(
                "stage_widths, stage_depths and stage_strides must name the same number of stages, got "
                f"{len(self.stage_widths)}, {len(self.stage_depths)} and {len(self.stage_strides)}."
            )
        for operation in self.operations:
            if operation not in OPERATIONS:
                raise unknown_name("block operation", operation, OPERATIONS)
        for kernel in (*self.kernels, *self.stem_kernels):
            if kernel % 2 == 0:
                raise InvalidValueError(f"Kernels must be odd, got {kernel}.")

    def with_changes(self, changes: Mapping[str, Any]) -> "ConvolutionalSettings":
        """The same with other values for some settings, given as lists.

        Raises:
            UnknownNameError: If a name is not a setting.

        Example:
            >>> ConvolutionalSettings((28,)).with_changes({"kernels": [3]}).kernels
            (3,)
        """
        known = [field.name for field in fields(self)]
        for name, values in changes.items():
            if name not in known:
                raise unknown_name("setting of the convolutional family", name, known)
            if not isinstance(values, list | tuple) or not values:
                raise InvalidValueError(f"{name} must be a list with at least one value, got {values!r}.")
        return replace(self, **{name: _as_tuples(values) for name, values in changes.items()})

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
                stem_strides=(1,),
                stem_kernels=(3,),
                stage_widths=((8, 12, 16, 24, 32), (16, 24, 32, 48)),
                stage_depths=((1, 2), (0, 1, 2)),
                stage_strides=((1, 2), (1, 2)),
                kernels=(3,),
            )
        if height <= 40:
            return cls(resolutions=(round(height * 0.7 / 4) * 4, height))
        sizes = tuple(
            sorted({size for size in (64, 96, 128, 160, 224) if size <= height} | {min(height, 224)})
        )
        return cls(
            resolutions=sizes,
            stem_strides=(2,),
            stage_widths=((12, 16, 24, 32), (24, 32, 48, 64), (48, 64, 96), (64, 96, 128)),
            stage_depths=((1, 2), (1, 2, 3), (1, 2, 3), (0, 1, 2)),
            stage_strides=((2,), (2,), (2,), (2,)),
        )


def _as_tuples(values: Any) -> Any:
    return tuple(_as_tuples(value) for value in values) if isinstance(values, list | tuple) else values
