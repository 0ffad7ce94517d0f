"""Columns of a CSV file, as texts and as numbers."""

import csv
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penjing.errors import DataError

Column = NDArray[np.float64]
_BROKEN = (OSError, EOFError, UnicodeError, zlib.error, csv.Error)


def read_columns(path: Path) -> dict[str, list[str]]:
    """Read a CSV file with a heading, packed with gzip or not: the texts of every column.

    Raises:
        DataError: If there is no such file, it cannot be read, has no heading, or a row has another number of
            fields.
    """
    if not path.is_file():
        raise DataError(f"There is no file {str(path)!r}. Give the path of a CSV file.")
    try:
        return _columns_of(path)
    except _BROKEN as error:
        raise DataError(f"{path} cannot be read as CSV in UTF-8: {error}. Write it anew.") from error


def _columns_of(path: Path) -> dict[str, list[str]]:
    encoding = "utf-8-sig"  # what spreadsheets write before the first name is no part of it
    is_packed = path.suffix.lower() == ".gz"
    with (
        gzip.open(path, "rt", newline="", encoding=encoding)
        if is_packed
        else path.open(newline="", encoding=encoding)
    ) as file:
        rows = csv.reader(file, skipinitialspace=True)
        heading = [name.strip() for name in next(rows, [])]
        if not heading:
            raise DataError(f"{path} is empty. Its first line must name the columns.")
        columns: dict[str, list[str]] = {name: [] for name in heading}
        if len(columns) < len(heading):
            raise DataError(f"{path} names a column twice: {', '.join(heading)}. Rename one of them.")
        for row in rows:
            if not row:
                continue
            if len(row) != len(heading):
                raise DataError(
                    f"Line {rows.line_num} of {path} has {len(row)} fields, the heading {len(heading)}. "
                    "Mend the file."
                )
            for name, text in zip(heading, row, strict=True):
                columns[name].append(text)
    return columns


def numbers_of(path: Path, name: str, texts: Sequence[str]) -> Column:
    """A column as numbers.

    Args:
        path: Of the file, for errors.
        name: Of the column, likewise.
        texts: As read.

    Raises:
        DataError: If there are none, or one is not a finite number.
    """
    try:
        numbers = np.array(texts, dtype=np.float64)
    except ValueError:
        bad = next(text for text in texts if not is_number(text))
        raise DataError(
            f"Column {name!r} of {path.name} holds {bad!r}, which is no number. Mend the file."
        ) from None
    if not np.all(np.isfinite(numbers)):
        raise DataError(f"Column {name!r} of {path.name} holds numbers that are not finite. Mend the file.")
    if not len(numbers):
        raise DataError(f"{path.name} has no rows.")
    return numbers


def is_number(text: str) -> bool:
    """Whether a text is a finite number."""
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
