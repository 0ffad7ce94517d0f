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

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from penjing.errors import DataError, InvalidValueError, missing_extra
from penjing.tasks.image_classification import checks
from penjing.tasks.image_classification.archives import from_arrays, read_archive
from penjing.tasks.image_classification.data import PARTS, ImageData, Split, split_data
from penjing.tasks.image_classification.folders import read_folder
from penjing.tasks.image_classification.hub import is_saved_data_set, read_hub
from penjing.tasks.image_classification.labels import chosen_classes, to_classes
from penjing.tasks.image_classification.pixels import checked_layout, checked_size, resized, to_pixels
from penjing.tasks.image_classification.raw import RawData

Source = str | Path | tuple[Any, Any] | Mapping[str, Any]
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
) -> ImageData:
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
    if seed < 0:
        raise InvalidValueError(f"seed must be 0 or more, got {seed!r}.", seed=seed)
    size, known_layout = checked_size(image_size), checked_layout(layout)
    columns = {"image_column": image_column, "label_column": label_column}
    raw = _read(source, size, {name: column for name, column in columns.items() if column is not None})
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
        np.random.default_rng(seed),
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        max_train=max_train,
    )
    return replace(data, notes=checks.notes_about(data))


def _read(source: Source, size: tuple[int, int] | None, columns: Mapping[str, str]) -> RawData:
    if isinstance(source, Mapping) and "train" in source:
        return _read_parts(source, size, columns)
    hub_name = _hub_name(source)
    if hub_name is not None:
        return read_hub(hub_name, size, **columns)
    for name, column in columns.items():
        raise InvalidValueError(
            f"{name} is {column!r}, but the source is no Hugging Face data set. Leave {name} out.", name=name
        )
    if source == "digits":
        return _digits()
    return _read_path(Path(source), size) if isinstance(source, str | Path) else _read_arrays(source)


def _hub_name(source: Source) -> str | None:
    if isinstance(source, str) and source.startswith("hf:"):
        return source.removeprefix("hf:")
    if isinstance(source, str | Path) and is_saved_data_set(Path(source).expanduser()):
        return str(source)
    return None


def _read_parts(
    sources: Mapping[str, Any], size: tuple[int, int] | None, columns: Mapping[str, str]
) -> RawData:
    """Read one source per part; each brings its images as training images."""
    for part in sources:
        if part not in PARTS:
            raise DataError(f"The data have no part {part!r}. Allowed: {', '.join(PARTS)}.", part=part)
    raws = {part: _read(source, size, columns) for part, source in sources.items()}
    first = raws["train"]
    for part, raw in raws.items():
        if set(raw.x) != {"train"}:
            raise DataError(
                f"The source of {part!r} holds several parts itself: {', '.join(raw.x)}. "
                "Give it alone, or one source per part.",
                part=part,
            )
        if (raw.layout, raw.class_names) != (first.layout, first.class_names):
            raise DataError(
                f"The sources of 'train' and {part!r} are of different kinds or name their classes "
                "differently. Give the same kind of source for all parts.",
                part=part,
            )
    return replace(
        first,
        x={part: raw.x["train"] for part, raw in raws.items()},
        y={part: raw.y["train"] for part, raw in raws.items()},
    )


def _read_path(path: Path, size: tuple[int, int] | None) -> RawData:
    path = path.expanduser()
    if not path.exists():
        raise _not_found(path)
    if (path / "train.npz").is_file():
        found = {part: path / f"{part}.npz" for part in PARTS}
        return _read_parts({part: file for part, file in found.items() if file.is_file()}, size, {})
    if path.is_dir():
        return read_folder(path, size)
    if path.suffix.lower() != ".npz":
        raise DataError(f"File {str(path)!r} is no .npz file. Give {_KINDS}.", path=str(path))
    return read_archive(path)


def _not_found(path: Path) -> DataError:
    missing = path
    while not missing.parent.exists():
        missing = missing.parent
    known = sorted(entry.name for entry in missing.parent.iterdir()) if missing.parent.is_dir() else []
    near = difflib.get_close_matches(missing.name, [*known, "digits"], n=1)
    nearest = (
        "digits" if near == ["digits"] and "digits" not in known else str(missing.parent / "".join(near))
    )
    hint = f"Did you mean {nearest!r}? " if near else ""
    return DataError(f"No file or folder {str(missing)!r}. {hint}Give {_KINDS}.", path=str(path))


def _read_arrays(source: Any) -> RawData:
    if isinstance(source, Mapping) and {"x", "y"} <= set(source) <= {"x", "y", "class_names"}:
        return from_arrays(**source)
    if isinstance(source, tuple | list) and len(source) == 2:
        return from_arrays(*source)
    found = (
        f"the keys {', '.join(map(str, source))}" if isinstance(source, Mapping) else type(source).__name__
    )
    raise DataError(f"The data source is none that Penjing knows: {found}. Give {_KINDS}.", found=found)


def _digits() -> RawData:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise missing_extra("The data set 'digits'", "scikit-learn", "search") from error
    sixteenths, labels = load_digits(return_X_y=True)
    return from_arrays(np.rint(sixteenths.reshape(-1, 8, 8) * 255 / 16).astype(np.uint8), labels)


def _converted(
    raw: RawData, size: tuple[int, int] | None, classes: Sequence[str | int] | None
) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Turn what was found into checked splits; the order is from cheap to dear."""
    for part, images in raw.x.items():
        checks.check_lengths(images, raw.y[part], part)
    y, class_names = to_classes(raw.y, raw.class_names)
    x = to_pixels(raw.x, raw.layout)
    if classes is not None:
        y, class_names = chosen_classes(y, class_names, classes)
        x = {part: images[y[part] >= 0] for part, images in x.items()}
        y = {part: labels[labels >= 0] for part, labels in y.items()}
    if size is not None:
        x = {part: resized(images, size) for part, images in x.items()}
    checks.check_shapes(x)
    parts = {part: Split(x[part], y[part]) for part in x}
    for part, split in parts.items():
        checks.check_lengths(split.x, split.y, part)
    checks.check_classes(parts, class_names)
    for part, split in parts.items():
        checks.check_content(split, part)
    return parts, class_names
