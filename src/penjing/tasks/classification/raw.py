"""What a source brings, before it is checked, converted and split."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from numpy.typing import NDArray

Layout = Literal["NHW", "NHWC", "NCHW"]


@dataclass(frozen=True, eq=False)
class RawData:
    """Examples and labels as they were found.

    Attributes:
        x: Examples of each part (``train`` and perhaps ``validation`` and ``test``),
            one layout for all, number first, ``[N, ...]``.
        y: Labels of each part, ``[N]``.
        class_names: Name of label ``k`` at position ``k``, where the source knows it.
        layout: Meaning of the axes of images, where the source knows it.
        feature_names: Of rows of features, in their order, where the source knows them.
    """

    x: Mapping[str, NDArray]
    y: Mapping[str, NDArray]
    class_names: tuple[str, ...] | None = None
    layout: Layout | None = None
    feature_names: tuple[str, ...] | None = None
