"""From whatever the user has to checked and split image data.

==============================  =====================================================
source                          meaning
==============================  =====================================================
``digits``                      scikit-learn's 1,797 digits of 8 x 8 pixels
``PATH.npz``                    arrays ``x`` and ``y``
a folder                        ``train.npz`` (with ``test.npz``), or a folder per class
``hf:NAME``                     a Hugging Face data set, by name or saved on disk
``(x, y)``, ``{x: , y: }``      arrays in memory
``{train: , test: }``           any of the above for each part
==============================  =====================================================
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from penjing.errors import InvalidValueError, missing_extra
from penjing.tasks.classification.archives import from_arrays
from penjing.tasks.classification.data import LabelledData, Split, split_data
from penjing.tasks.classification.raw import RawData
from penjing.tasks.classification.reading import Arrays, Reader, Source, generator_of, to_splits
from penjing.tasks.image_classification import checks
from penjing.tasks.image_classification.folders import read_folder
from penjing.tasks.image_classification.hub import is_saved_data_set, read_hub
from penjing.tasks.image_classification.pixels import checked_layout, checked_size, resized, to_pixels

_KINDS = "'digits', a path (.npz or folder), 'hf:NAME', (x, y), {x: , y: } or {train: , test: }"


def load(
    source: Source,
    *,
    seed: int = 0,
    validation_fraction: float | None = None,
    test_fraction: float | None = None,
    max_train: int | None = None,
    classes: Sequence[str | int] | None = None,
    image_size: int | tuple[int, int] | list[int] | None = None,
    layout: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
) -> LabelledData:
    """Read, check and split image data.

    Args:
        source: See the table in the module.
        seed: Decides the split, not negative; the same seed gives the same fingerprint.
        validation_fraction: Share of the training images, in (0, 0.5]; only if
            the source brings no validation part. For the default see :func:`split_data`.
        test_fraction: The same for test images. Default 15 %, of small data 20 %.
        max_train: Train on at most so many images; validation and test stay as they are.
        classes: Keep these classes only, numbered in this order.
        image_size: Resize to this height and width (one number: both).
        layout: ``NHW``, ``NHWC`` or ``NCHW``; only for arrays whose axes are ambiguous.
        image_column: Column of the images; only for Hugging Face data sets.
        label_column: Column of the labels; only for Hugging Face data sets.

    Returns:
        The three parts, all checked, with notes about what is worth knowing.

    Raises:
        DataError: If there are no such data or they cannot be used.
        InvalidValueError: If a setting is out of range or does not apply.
        MissingExtraError: If the source needs a library that is not installed.
        UnknownNameError: If a class or column does not exist.

    Example:
        >>> data = load("digits", seed=0)
        >>> data.shape, data.n_classes, len(data.train), len(data.validation), len(data.test)
        ((1, 8, 8), 10, 1222, 216, 359)
    """
    rng = generator_of(seed)
    size, known_layout = checked_size(image_size), checked_layout(layout)
    columns = {"image_column": image_column, "label_column": label_column}
    raw = _reader(size, {name: column for name, column in columns.items() if column is not None}).read(source)
    if known_layout and raw.layout:
        raise InvalidValueError(
            f"layout is {layout!r}, but it applies to arrays only and the source holds image files. "
            "Leave it out.",
            layout=layout,
        )
    parts, class_names = _converted(replace(raw, layout=raw.layout or known_layout), size, classes)
    data = split_data(
        parts,
        class_names,
        rng,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        max_train=max_train,
    )
    return replace(data, notes=checks.notes_about(data))


def _digits() -> RawData:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise missing_extra("The data set 'digits'", "scikit-learn", "search") from error
    sixteenths, labels = load_digits(return_X_y=True)
    return from_arrays(np.rint(sixteenths.reshape(-1, 8, 8) * 255 / 16).astype(np.uint8), labels)


NAMED = {"digits": _digits}


def _reader(size: tuple[int, int] | None, columns: Mapping[str, str]) -> Reader:
    return Reader(NAMED, _KINDS, partial(read_folder, size=size), partial(_from_hub, size, columns))


def _from_hub(size: tuple[int, int] | None, columns: Mapping[str, str], source: Source) -> RawData | None:
    hub_name = _hub_name(source)
    if hub_name is not None:
        return read_hub(hub_name, size, **columns)
    for name, column in columns.items():
        raise InvalidValueError(
            f"{name} is {column!r}, but the source is no Hugging Face data set. Leave {name} out.", name=name
        )
    return None


def _hub_name(source: Source) -> str | None:
    if isinstance(source, str) and source.startswith("hf:"):
        return source.removeprefix("hf:")
    if isinstance(source, str | Path) and is_saved_data_set(Path(source).expanduser()):
        return str(source)
    return None


def _converted(
    raw: RawData, size: tuple[int, int] | None, classes: Sequence[str | int] | None
) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Turn what was found into checked splits of pixels."""

    def of_one_shape(x: Arrays) -> Arrays:
        sized = x if size is None else {part: resized(images, size) for part, images in x.items()}
        checks.check_shapes(sized)
        return sized

    parts, class_names = to_splits(
        raw, classes, checks.NOUN, lambda x: to_pixels(x, raw.layout), of_one_shape
    )
    for part, split in parts.items():
        checks.check_content(split, part)
    return parts, class_names
