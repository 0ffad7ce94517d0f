"""Any array of images to uint8 ``[N, C, H, W]``.

Layout and range are found on all parts together, so that training and test
images can never be read in two ways. Letters: N images, H height, W width,
C channels.
"""

from collections.abc import Mapping
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from penjing.errors import DataError, InvalidValueError
from penjing.tasks.classification.raw import Layout
from penjing.tasks.image_classification.checks import check_pixels

_CHANNELS = (1, 3, 4)


def to_pixels(x: Mapping[str, NDArray], layout: Layout | None = None) -> dict[str, NDArray[np.uint8]]:
    """Convert the images of all parts.

    Floating point with no pixel above 1 is taken as 0..1, otherwise as 0..255
    and rounded; True is 255. Arrays that already are contiguous uint8 are not copied.

    Args:
        x: Images of each part; boolean, integer or floating point.
        layout: Meaning of the axes; found by :func:`found_layout` if absent.

    Returns:
        For each part ``[N, C, H, W]``, contiguous.

    Raises:
        DataError: If pixels or shapes cannot be used.
        InvalidValueError: If ``layout`` does not exist.

    Example:
        >>> to_pixels({"train": np.full((2, 8, 8, 3), 0.5)})["train"][0, :, 0, 0]
        array([128, 128, 128], dtype=uint8)
    """
    for part, images in x.items():
        check_pixels(images, part)
    layout = layout or found_layout(x["train"].shape)
    is_unit = all(images.max() <= 1 for images in x.values() if images.dtype.kind == "f")
    return {
        part: np.ascontiguousarray(_channels_first(_bytes(images, 255 if is_unit else 1), layout, part))
        for part, images in x.items()
    }


def found_layout(shape: tuple[int, ...]) -> Layout:
    """Find the channel axis: the one of size 1, 3 or 4.

    Args:
        shape: Of the images, number first.

    Returns:
        ``NHW`` for three axes, else ``NHWC`` or ``NCHW``.

    Raises:
        DataError: If no axis or more than one can be the channels, or the
            number of axes is neither 3 nor 4.

    Example:
        >>> found_layout((100, 32, 32, 3))
        'NHWC'
    """
    if len(shape) == 3:
        return "NHW"
    if len(shape) != 4:
        raise DataError(
            f"The images have shape {list(shape)}. Give [N, H, W], [N, H, W, C] or [N, C, H, W]; "
            "reshape flat rows to height and width. For rows of features, set task: vector-classification.",
            shape=shape,
        )
    is_first, is_last = shape[1] in _CHANNELS, shape[3] in _CHANNELS
    if is_first == is_last:
        which = "both the second and the last axis" if is_first else "neither the second nor the last axis"
        raise DataError(
            f"The images have shape {list(shape)}, where {which} can be the channels (1, 3 or 4). "
            "Set layout: NCHW or layout: NHWC.",
            shape=shape,
        )
    return "NCHW" if is_first else "NHWC"


def checked_layout(layout: str | None) -> Layout | None:
    """Return ``layout`` if it is one.

    Raises:
        InvalidValueError: If it is none.
    """
    if layout is None:
        return None
    for known in get_args(Layout):
        if layout == known:
            return known
    raise InvalidValueError(
        f"layout must be one of {', '.join(get_args(Layout))}, got {layout!r}. "
        "Leave it out to have it found.",
        layout=layout,
    )


def checked_size(image_size: int | tuple[int, int] | list[int] | None) -> tuple[int, int] | None:
    """Return height and width; one number stands for both.

    Raises:
        InvalidValueError: If they are not positive whole numbers.

    Example:
        >>> checked_size(32)
        (32, 32)
    """
    if image_size is None:
        return None
    sides = [image_size, image_size] if isinstance(image_size, int) else list(image_size)
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise InvalidValueError(
            f"image_size must be a positive whole number or [height, width], got {image_size!r}.",
            image_size=image_size,
        )
    return sides[0], sides[1]


def resized(x: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize every image, bilinear, with smoothing when it shrinks.

    Args:
        x: ``[N, C, H, W]``.
        size: Height and width wanted.

    Returns:
        ``[N, C, *size]``; ``x`` itself if it has this size.
    """
    if x.shape[2:] == size:
        return x
    result = np.empty((*x.shape[:2], *size), np.uint8)
    for index in np.ndindex(*x.shape[:2]):
        plane = Image.fromarray(x[index])
        result[index] = np.asarray(plane.resize((size[1], size[0]), Image.Resampling.BILINEAR))
    return result


def _bytes(images: NDArray, float_scale: int) -> NDArray[np.uint8]:
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind == "f":
        return np.rint(images * float_scale).astype(np.uint8)
    return images.astype(np.uint8) * np.uint8(255 if images.dtype.kind == "b" else 1)


def _channels_first(images: NDArray[np.uint8], layout: Layout, part: str) -> NDArray[np.uint8]:
    if images.ndim != len(layout) or 0 in images.shape:
        raise DataError(
            f"The {part} images have shape {list(images.shape)}, which is not {layout}. "
            "All parts need the same layout and no empty axis; set layout if it was found wrongly.",
            part=part,
            shape=images.shape,
            layout=layout,
        )
    if layout == "NHW":
        return images[:, None]
    return images.transpose(0, 3, 1, 2) if layout == "NHWC" else images
