"""Hugging Face data sets, by name or saved on disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from penjing.errors import DataError, missing_extra, unknown_name
from penjing.tasks.classification.raw import RawData
from penjing.tasks.image_classification.folders import PART_NAMES
from penjing.tasks.image_classification.pictures import Picture, read_pictures


def read_hub(
    name: str,
    size: tuple[int, int] | None,
    *,
    image_column: str | None = None,
    label_column: str | None = None,
) -> RawData:
    """Read a data set with the library ``datasets``.

    Args:
        name: A name on the hub (``ylecun/mnist``, with ``#CONFIG`` where it has
            several configurations) or a folder written by ``save_to_disk``.
        size: Height and width to resize to.
        image_column: Needed if there is not exactly one column of type ``Image``.
        label_column: Needed if there is not exactly one column of type ``ClassLabel``.

    Returns:
        Images ``[N, H, W, C]`` and labels of the parts that the data set has.

    Raises:
        MissingExtraError: If ``datasets`` is not installed.
        DataError: If it cannot be loaded or its columns are not clear.
    """
    try:
        import datasets
    except ImportError as error:
        raise missing_extra("Loading a Hugging Face data set", "datasets", "huggingface") from error
    parts = _named_parts(_loaded(name), name)
    features = parts["train"].features
    image = _column(features, datasets.Image, image_column, "image")
    label = _column(features, datasets.ClassLabel, label_column, "label")
    names = features[label].names if isinstance(features[label], datasets.ClassLabel) else None
    # Undecoded, so that every broken image is found and named by our own reader.
    raw = {part: rows.cast_column(image, datasets.Image(decode=False)) for part, rows in parts.items()}
    return RawData(
        x=read_pictures({part: list(_pictures(rows, image, part)) for part, rows in raw.items()}, size),
        y={part: np.asarray(rows[label][:]) for part, rows in raw.items()},
        class_names=None if names is None else tuple(names),
        layout="NHWC",
    )


def is_saved_data_set(path: Path) -> bool:
    """Tell whether ``path`` is a folder written by ``save_to_disk``."""
    return (path / "dataset_dict.json").is_file() or (path / "dataset_info.json").is_file()


def _loaded(name: str) -> Any:
    import datasets

    try:
        if is_saved_data_set(Path(name).expanduser()):
            return datasets.load_from_disk(Path(name).expanduser())
        hub_name, _, config = name.partition("#")
        return datasets.load_dataset(hub_name, config or None)
    # The library lets errors of its network, file and parser layers through; none of them is ours.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(
            f"The Hugging Face data set {name!r} cannot be loaded: {reason} "
            "Give a name on the hub (hf:OWNER/NAME or hf:OWNER/NAME#CONFIG) "
            "or a folder written by save_to_disk.",
            name=name,
        ) from error


def _named_parts(loaded: Any, name: str) -> dict[str, Any]:
    if not isinstance(loaded, dict):
        return {"train": loaded}
    parts = {PART_NAMES[split]: rows for split, rows in loaded.items() if split in PART_NAMES}
    if "train" not in parts:
        raise DataError(
            f"The Hugging Face data set {name!r} has the splits {', '.join(loaded)}. "
            "One must be named 'train'. Rename it and write the data set with save_to_disk.",
            name=name,
            splits=tuple(loaded),
        )
    return parts


def _column(features: Any, kind: type, asked: str | None, what: str) -> str:
    if asked is not None:
        if asked not in features:
            raise unknown_name("column", asked, features)
        return asked
    found = [column for column, feature in features.items() if isinstance(feature, kind)]
    if len(found) != 1:
        listed = ", ".join(found) if found else "none"
        raise DataError(
            f"Columns of type {kind.__name__}: {listed}. Exactly one is needed to find the {what}s. "
            f"Set {what}_column to one of: {', '.join(features)}.",
            found=tuple(found),
            columns=tuple(features),
        )
    return found[0]


def _pictures(rows: Any, column: str, part: str) -> Iterator[Picture]:
    for number, row in enumerate(rows.select_columns(column)):
        content = row[column] or {"bytes": b"", "path": None}
        name = f"{part} row {number}"
        yield name, content["bytes"] if content["bytes"] is not None else Path(content["path"])
