"""Image files to one array.

Grey stays grey if all images are grey; otherwise all become RGB. Transparency
is dropped, the rotation noted by a camera is applied, an animation gives its
first frame.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from penjing.errors import DataError
from penjing.tasks.image_classification.checks import check_readable

Picture = tuple[str, Path | bytes]
_GREY_MODES = ("1", "L", "LA", "La")
_DEEP_MODES = ("I", "F")
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)


def read_pictures(
    parts: Mapping[str, Sequence[Picture]], size: tuple[int, int] | None
) -> dict[str, NDArray[np.uint8]]:
    """Decode the images of all parts, alike in size and channels.

    Args:
        parts: For each part, a name for messages and the file or its bytes.
        size: Height and width to resize to; None if all images have one size.

    Returns:
        For each part ``[N, H, W, C]``; all are views of one array.

    Raises:
        DataError: If images cannot be read, or sizes differ without ``size``.
    """
    planes: list[NDArray[np.uint8]] = []
    failures: list[tuple[str, str]] = []
    pictures = [picture for part in parts.values() for picture in part]
    for name, file in pictures:
        try:
            planes.append(_decoded(file, size))
        except _UNREADABLE as error:
            failures.append((name, _reason(error)))
    check_readable(failures, len(pictures))
    _check_sizes(planes)
    x = _stacked(planes)
    ends = np.cumsum([len(part) for part in parts.values()])[:-1]
    return dict(zip(parts, np.split(x, ends), strict=True))


def _decoded(file: Path | bytes, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Return ``[H, W]`` for grey, ``[H, W, 3]`` for anything else."""
    with Image.open(BytesIO(file) if isinstance(file, bytes) else file) as image:
        if image.mode.startswith(_DEEP_MODES):
            raise ValueError(f"mode {image.mode}, more than 8 bits per pixel")
        upright = ImageOps.exif_transpose(image)
        # A palette with transparency warns unless it goes through RGBA.
        full = upright.convert("RGBA") if upright.mode == "P" else upright
        plain = full.convert("L" if full.mode in _GREY_MODES else "RGB")
    if size is not None and plain.size != (size[1], size[0]):
        plain = plain.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(plain)


def _reason(error: Exception) -> str:
    return "not an image" if isinstance(error, UnidentifiedImageError) else str(error)


def _check_sizes(planes: Sequence[NDArray[np.uint8]]) -> None:
    sizes = Counter(plane.shape[:2] for plane in planes)
    if len(sizes) > 1:
        common = sizes.most_common()
        listed = ", ".join(f"{height}x{width} ({count} images)" for (height, width), count in common[:5])
        more = f" and {len(common) - 5} more" if len(common) > 5 else ""
        raise DataError(
            f"The images have {len(common)} sizes: {listed}{more}. "
            "All must have one. Set image_size (height and width) to resize them.",
            sizes=tuple(sizes),
        )


def _stacked(planes: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    n_channels = 3 if any(plane.ndim == 3 for plane in planes) else 1
    x = np.empty((len(planes), *planes[0].shape[:2], n_channels), np.uint8)
    for image, plane in zip(x, planes, strict=True):
        image[...] = plane.reshape(*plane.shape[:2], -1)
    return x
