"""Rows of features from a CSV file: a heading, a column per feature, one of labels."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penjing.columns import Column, numbers_of, read_columns
from penjing.errors import DataError, unknown_name
from penjing.tasks.classification.raw import RawData

_LABELS = ("label", "class", "target")
_MISSING = frozenset({"", "nan", "na", "n/a", "null", "?"})
_MISSING_LABELS = frozenset({"", "nan"})


def read_csv(path: Path, label_column: str | None = None) -> RawData:
    r"""Read one file, packed with gzip or not.

    Args:
        path: An existing file.
        label_column: Its column of labels; None for the one that is named label, class or target.

    Returns:
        The part ``train``, with the names of the features; labels as texts, see :func:`numbered`.

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
    if any(not name or name.startswith("Unnamed: ") for name in columns):
        raise DataError(
            f"A column of {path.name} has no name: numbers of rows, perhaps, which some programs write. "
            "Name it, or leave it out (in pandas: to_csv(path, index=False))."
        )
    label = _label_of(path, list(columns), label_column)
    labels = columns.pop(label)
    if not columns:
        raise DataError(f"{path} has no column beside that of the labels, {label!r}. Add features.")
    if not labels:
        raise DataError(f"{path.name} has a heading and no rows. Add rows.")
    _check_complete(path, label, labels, _MISSING_LABELS)
    for name, texts in columns.items():
        _check_complete(path, name, texts, _MISSING)
    x = np.column_stack([_feature(path, name, texts) for name, texts in columns.items()])
    y = np.array([text.strip() for text in labels])
    return RawData({"train": x}, {"train": y}, feature_names=tuple(columns))


def numbered(y: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """Labels as numbers where those of all parts are whole ones, written as one writes them; else as texts.

    Example:
        >>> numbered({"train": np.array(["2", "10"]), "test": np.array(["2"])})["train"].tolist()
        [2, 10]
        >>> numbered({"train": np.array(["2", "007"])})["train"].tolist()
        ['2', '007']
    """
    if all(_is_whole(text) for labels in y.values() for text in np.unique(labels)):
        return {part: labels.astype(np.int64) for part, labels in y.items()}
    return dict(y)


def _is_whole(text: str) -> bool:
    try:
        return str(int(text)) == text and abs(int(text)) < 2**63
    except ValueError:
        return False


def _feature(path: Path, name: str, texts: Sequence[str]) -> Column:
    try:
        return numbers_of(path, name, texts)
    except DataError as error:
        hint = "" if all(map(_is_float, texts)) else " Categories need a column of 0 and 1 for each."
        raise DataError(f"{error}{hint}", column=name) from None


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _label_of(path: Path, names: Sequence[str], label_column: str | None) -> str:
    if label_column is not None:
        if label_column.strip() not in names:
            raise unknown_name(f"column of {path.name}", label_column, names)
        return label_column.strip()
    usual = [name for name in names if name.lower() in _LABELS]
    if len(usual) != 1:
        found = " and ".join(map(repr, usual)) if usual else "none"
        hint = " Columns are told apart by commas." if len(names) == 1 else ""
        raise DataError(
            f"One column of {path.name} must hold the labels; of {', '.join(_LABELS)} there is {found}. Set "
            f"label_column to one of: {', '.join(names)}.{hint}",
            columns=tuple(names),
        )
    return usual[0]


def _check_complete(path: Path, name: str, texts: Sequence[str], nothing: Collection[str]) -> None:
    missing = [row for row, text in enumerate(texts) if text.strip().lower() in nothing]
    if missing:
        raise DataError(
            f"Column {name!r} of {path.name} lacks a value in {len(missing)} of {len(texts)} rows, first in "
            f"row {missing[0] + 1} below the heading: {texts[missing[0]]!r}. Fill in what is "
            "missing, or remove these rows.",
            column=name,
            n_missing=len(missing),
        )
