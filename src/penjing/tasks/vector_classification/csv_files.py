"""Rows of features from a CSV file: a heading, a column per feature, one of labels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penjing.columns import Column, numbers_of, read_columns
from penjing.errors import DataError, unknown_name
from penjing.tasks.classification.raw import RawData

_LABELS = ("label", "class", "target", "y")
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "?"})


def read_csv(path: Path, label_column: str | None = None) -> RawData:
    r"""Read one file, packed with gzip or not.

    Args:
        path: An existing file.
        label_column: Its column of labels; None for the one that is named label, class, target or y.

    Returns:
        The part ``train``, with the names of the features. Labels are numbers where all are whole.

    Raises:
        DataError: If the file cannot be read, a value is missing or no number, or no column of labels can be
            told from its name.
        UnknownNameError: If there is no ``label_column``.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "iris.csv"
        >>> _ = path.write_text("petal_mm,sepal_mm,class\n14,51,setosa\n47,70,versicolor\n")
        >>> raw = read_csv(path)
        >>> raw.feature_names, raw.x["train"].tolist(), raw.y["train"].tolist()
        (('petal_mm', 'sepal_mm'), [[14.0, 51.0], [47.0, 70.0]], ['setosa', 'versicolor'])
    """
    columns = read_columns(path)
    if any(not name.strip() for name in columns):
        raise DataError(
            f"A column of {path.name} has no name: numbers of rows, perhaps, which some programs write. "
            "Name it, or leave it out (in pandas: to_csv(path, index=False))."
        )
    label = _label_of(path, list(columns), label_column)
    labels = columns.pop(label)
    if not columns:
        raise DataError(f"{path} has no column beside that of the labels, {label!r}. Add features.")
    for name, texts in ((label, labels), *columns.items()):
        _check_complete(path, name, texts)
    x = np.column_stack([_feature(path, name, texts) for name, texts in columns.items()])
    return RawData({"train": x}, {"train": _numbered(labels)}, feature_names=tuple(columns))


def _feature(path: Path, name: str, texts: Sequence[str]) -> Column:
    try:
        return numbers_of(path, name, texts)
    except DataError as error:
        raise DataError(f"{error} Categories need a column of 0 and 1 for each.", column=name) from None


def _label_of(path: Path, names: Sequence[str], label_column: str | None) -> str:
    if label_column is not None:
        if label_column not in names:
            raise unknown_name(f"column of {path.name}", label_column, names)
        return label_column
    usual = [name for name in names if name.strip().lower() in _LABELS]
    if len(usual) != 1:
        found = f"{len(usual)} columns are" if usual else "none is"
        raise DataError(
            f"Which column of {path.name} holds the labels? {found} named {', '.join(_LABELS)}. Set "
            f"label_column to one of: {', '.join(names)}.",
            columns=tuple(names),
        )
    return usual[0]


def _check_complete(path: Path, name: str, texts: Sequence[str]) -> None:
    missing = [row for row, text in enumerate(texts) if text.strip().lower() in _MISSING]
    if missing:
        raise DataError(
            f"Column {name!r} of {path.name} lacks a value in {len(missing)} of {len(texts)} rows, first in "
            f"row {missing[0] + 1}: {texts[missing[0]]!r}. Fill in what is missing, or remove these rows.",
            column=name,
            n_missing=len(missing),
        )


def _numbered(labels: Sequence[str]) -> NDArray:
    try:
        return np.array([int(text) for text in labels])
    except ValueError:
        return np.array([text.strip() for text in labels])
