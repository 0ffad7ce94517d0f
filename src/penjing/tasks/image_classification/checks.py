"""What can be wrong with images and labels, found before time is spent on them.

A check raises :class:`~penjing.errors.DataError` with the part (train,
validation, test), the value and what to do. What is worth knowing but no
reason to stop becomes a sentence in the notes.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from penjing.errors import DataError
from penjing.tasks.image_classification.data import PARTS, ImageData, Split

MIN_IMAGES_PER_CLASS = 5
_N_NAMED = 5
_DARK = 64


def check_lengths(x: NDArray, y: NDArray, part: str) -> None:
    """Refuse images and labels that do not belong together.

    Args:
        x: Images, any layout with the image number first, ``[N, ...]``.
        y: One label per image, ``[N]`` or ``[N, 1]``.
        part: Named in the message.

    Raises:
        DataError: If there is no image, the lengths differ or there is more
            than one label per image.
    """
    if x.ndim == 0 or len(x) == 0:
        raise DataError(f"The {part} data hold no image. At least one is needed.", part=part)
    if y.ndim == 0 or len(x) != len(y):
        n_labels = len(y) if y.ndim else 0
        raise DataError(
            f"The {part} data have {len(x)} images but {n_labels} labels. There must be one label per image.",
            part=part,
            n_images=len(x),
            n_labels=n_labels,
        )
    if y.size != len(y):
        raise DataError(
            f"The {part} labels have shape {list(y.shape)}. Give one label per image, shape [{len(y)}]; "
            "for one-hot rows use y.argmax(axis=1).",
            part=part,
            shape=y.shape,
        )


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


def check_labels(y: NDArray, part: str) -> None:
    """Refuse labels that are neither whole numbers nor strings.

    Args:
        y: Labels, ``[N]``.
        part: Named in the message.

    Raises:
        DataError: If a label is NaN, a fraction, or of another type.
    """
    if y.dtype.kind in "biuU":
        return
    if y.dtype.kind == "O" and all(isinstance(label, str) for label in y):
        return
    if y.dtype.kind != "f":
        raise DataError(
            f"The {part} labels have type {y.dtype}. Give whole numbers or strings.",
            part=part,
            dtype=str(y.dtype),
        )
    is_whole = np.isfinite(y) & (y == np.rint(y))
    if not is_whole.all():
        label = float(y[~is_whole][0])
        raise DataError(
            f"{np.count_nonzero(~is_whole)} of {len(y)} {part} labels are no whole numbers, "
            f"the first is {label:g}. Give whole numbers or strings.",
            part=part,
            label=label,
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


def check_classes(parts: Mapping[str, Split], class_names: Sequence[str]) -> None:
    """Refuse data from which no classifier can be trained and judged.

    Args:
        parts: What the source brings, before Penjing splits it.
        class_names: Name of each class.

    Raises:
        DataError: If there are fewer than 2 classes, a class occurs outside the
            training images only, or has fewer than 5 training images.
    """
    n_classes = len(class_names)
    if n_classes < 2:
        raise DataError(
            f"The data hold {n_classes} class: {_listed(class_names)}. At least 2 are needed to tell apart.",
            class_names=tuple(class_names),
        )
    counts = np.bincount(parts["train"].y, minlength=n_classes)
    for part, split in parts.items():
        present = np.bincount(split.y, minlength=n_classes)
        unseen = [
            name for name, n, n_train in zip(class_names, present, counts, strict=True) if n > 0 == n_train
        ]
        if unseen:
            raise DataError(
                f"The {part} images have classes without any training image: {_listed(unseen)}. "
                "Add training images, or choose classes without them.",
                part=part,
                class_names=tuple(unseen),
            )
    few = {name: int(n) for name, n in zip(class_names, counts, strict=True) if n < MIN_IMAGES_PER_CLASS}
    if few:
        listed = _listed([f"{name} ({count})" for name, count in few.items()])
        raise DataError(
            f"Classes with too few training images: {listed}. Every class needs at least "
            f"{MIN_IMAGES_PER_CLASS} to be split. Add images, or choose classes without them.",
            counts=few,
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
    listed = "; ".join(f"{name} ({reason})" for name, reason in failures[:_N_NAMED])
    more = "; ..." if len(failures) > _N_NAMED else ""
    raise DataError(
        f"{len(failures)} of {n_images} images cannot be read: {listed}{more}. Repair or remove them.",
        names=tuple(name for name, _ in failures),
    )


def notes_about(data: ImageData) -> tuple[str, ...]:
    """Say what a reader of the results should know about the data.

    Images that occur in two parts make results look better than they are;
    classes without images are not judged; pixels that use a small part of
    0..255 were probably scaled in another way than Penjing assumes.

    Args:
        data: All three parts.

    Returns:
        Sentences, empty where there is nothing to say.
    """
    return (*_duplicate_notes(data), *_class_notes(data), *_range_notes(data))


def _duplicate_notes(data: ImageData) -> Iterable[str]:
    train, validation, test = (set(_hashes(getattr(data, part))) for part in PARTS)
    earlier = {"validation": ("training", train), "test": ("training or validation", train | validation)}
    digests = {"validation": validation, "test": test}
    for part, (where, seen) in earlier.items():
        if seen.isdisjoint(digests[part]):
            continue
        split = getattr(data, part)
        n_seen = sum(digest in seen for digest in _hashes(split))
        yield (
            f"Warning: {n_seen:,} of {len(split):,} {part} images ({n_seen / len(split):.1%}) are identical "
            f"to a {where} image, so {part} results are a little too good."
        )


def _class_notes(data: ImageData) -> Iterable[str]:
    for part in PARTS:
        counts = np.bincount(getattr(data, part).y, minlength=data.n_classes)
        absent = [data.class_names[k] for k in np.flatnonzero(counts == 0)]
        if absent:
            yield f"Warning: no {part} image shows these classes: {_listed(absent)}."


def _range_notes(data: ImageData) -> Iterable[str]:
    brightest = int(data.train.x.max())
    if brightest < _DARK:
        yield (
            f"Warning: the brightest training pixel is {brightest} of 255. "
            "If the pixels have another range, scale them to 0..255."
        )


def _hashes(split: Split) -> Iterable[bytes]:
    return (hashlib.blake2b(image.data, digest_size=16).digest() for image in split.x)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _N_NAMED} more" if len(names) > _N_NAMED else ""
    return ", ".join(names[:_N_NAMED]) + more
