"""What can be wrong with images, found before time is spent on them.

What can be wrong with any examples and labels is checked in :mod:`penjing.tasks.classification.checks`.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from penjing.errors import DataError
from penjing.tasks.classification.checks import N_NAMED, class_notes, duplicate_notes
from penjing.tasks.classification.data import LabelledData, Split

NOUN = "image"
_DARK = 64


def check_pixels(x: NDArray, part: str) -> None:
    """Refuse pixels that are not numbers from 0 to 255.

    Args:
        x: Images, any shape; boolean, integer or floating point.
        part: Named in the message.

    Raises:
        DataError: If the type is another, a pixel is NaN or infinite, or below 0 or above 255.
    """
    if x.dtype.kind not in "buif":
        raise DataError(
            f"The {part} pixels have type {x.dtype}. Give uint8, or floating point in 0..1 or 0..255.",
            part=part,
            dtype=str(x.dtype),
        )
    if x.dtype.kind in "bu" and x.dtype.itemsize == 1:
        return
    low, high = float(x.min()), float(x.max())
    # NaN and infinity always reach an extreme, so finite images are not searched.
    if not np.isfinite([low, high]).all():
        n_bad = np.count_nonzero(~np.isfinite(x).reshape(len(x), -1).all(axis=1))
        raise DataError(
            f"{n_bad} of {len(x)} {part} images hold NaN or infinite pixels. "
            "Every pixel must be a number in 0..1 or 0..255. Repair or remove these images.",
            part=part,
            n_images=n_bad,
        )
    if low < 0 or high > 255:
        raise DataError(
            f"The {part} pixels reach from {low:g} to {high:g}. They must be in 0..1 or 0..255. "
            "Undo the normalisation or rescale; Penjing normalises by itself.",
            part=part,
            low=low,
            high=high,
        )


def check_shapes(x: Mapping[str, NDArray[np.uint8]]) -> None:
    """Refuse parts whose images differ in shape.

    Args:
        x: Images of each part, ``[N, C, H, W]``.

    Raises:
        DataError: If channels, height or width differ from those of the training images.
    """
    shape = x["train"].shape[1:]
    for part, images in x.items():
        if images.shape[1:] != shape:
            raise DataError(
                f"The {part} images have shape {list(images.shape[1:])} (channels, height, width), "
                f"the train images {list(shape)}. They must agree. Set image_size if only the sizes differ.",
                part=part,
                shape=images.shape[1:],
                expected=shape,
            )


def check_content(split: Split, part: str) -> None:
    """Refuse images of which none shows anything.

    Args:
        split: Images and labels.
        part: Named in the message.

    Raises:
        DataError: If every channel of every image has one value only.
    """
    for image in split.x:
        if (image.min(axis=(1, 2)) != image.max(axis=(1, 2))).any():
            return
    raise DataError(
        f"All {len(split)} {part} images are constant: every pixel of an image is the same. "
        "There is nothing to learn from. Look at how the images were written.",
        part=part,
    )


def check_readable(failures: Sequence[tuple[str, str]], n_images: int) -> None:
    """Refuse a source with image files that cannot be read, all of them at once.

    Args:
        failures: Name and reason of each file that could not be read.
        n_images: How many files there are.

    Raises:
        DataError: If there is any; names the first 5.
    """
    if not failures:
        return
    listed = "; ".join(f"{name} ({reason})" for name, reason in failures[:N_NAMED])
    more = "; ..." if len(failures) > N_NAMED else ""
    raise DataError(
        f"{len(failures)} of {n_images} images cannot be read: {listed}{more}. Repair or remove them.",
        names=tuple(name for name, _ in failures),
    )


def notes_about(data: LabelledData) -> tuple[str, ...]:
    """Say what a reader of the results should know about the data.

    Images that occur in two parts make results look better than they are;
    classes without images are not judged; pixels that use a small part of
    0..255 were probably scaled in another way than Penjing assumes.

    Args:
        data: All three parts.

    Returns:
        Sentences, empty where there is nothing to say.
    """
    return (*duplicate_notes(data, NOUN), *class_notes(data, NOUN), *_range_notes(data))


def _range_notes(data: LabelledData) -> Iterable[str]:
    brightest = int(data.train.x.max())
    if brightest < _DARK:
        yield (
            f"Warning: the brightest training pixel is {brightest} of 255. "
            "If the pixels have another range, scale them to 0..255."
        )
