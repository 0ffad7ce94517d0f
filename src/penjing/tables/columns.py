"""Columns of a CSV file, as texts and as numbers."""

import csv
import gzip
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penjing.errors import DataError
from penjing.space import Value

Column = NDArray[np.float64]


def read_columns(path: Path) -> dict[str, list[str]]:
    """Read a CSV file with a heading, packed with gzip or not: the texts of every column.

    Raises:
        DataError: If there is no such file, no heading, or a row has another number of fields.
    """
    if not path.is_file():
        raise DataError(f"There is no file {str(path)!r}. Give the path of a CSV file.")
    encoding = "utf-8-sig"  # what spreadsheets write before the first name is no part of it
    is_packed = path.suffix == ".gz"
    with (
        gzip.open(path, "rt", newline="", encoding=encoding)
        if is_packed
        else path.open(newline="", encoding=encoding)
    ) as file:
        rows = csv.reader(file)
        heading = next(rows, [])
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


def values_of(texts: Sequence[str]) -> list[Value]:
    """Numbers where all are, and no two texts are the same number; else texts."""
    different = set(texts)
    if all(is_number(text) for text in different) and len({float(text) for text in different}) == len(
        different
    ):
        return [int(text) if text.lstrip("+-").isdigit() else float(text) for text in texts]
    return list(texts)


def is_number(text: str) -> bool:
    """Whether a text is a finite number."""
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def share_of(text: str) -> float | None:
    """A number, a fraction or per cent, such as 0.06, 12/200 or 6%; None for another text."""
    try:
        return float(Fraction(text[:-1]) / 100 if text.endswith("%") else Fraction(text))
    except (ValueError, ZeroDivisionError):
        return None
