"""Texts of a table's columns, as values of choices and as shares."""

from collections.abc import Sequence
from fractions import Fraction

from penjing.columns import is_number
from penjing.space import Value


def values_of(texts: Sequence[str]) -> list[Value]:
    """Numbers where all are, and no two texts are the same number; else texts."""
    different = set(texts)
    if all(is_number(text) for text in different) and len({float(text) for text in different}) == len(
        different
    ):
        return [int(text) if text.lstrip("+-").isdigit() else float(text) for text in texts]
    return list(texts)


def share_of(text: str) -> float | None:
    """A number, a fraction or per cent, such as 0.06, 12/200 or 6%; None for another text."""
    try:
        return float(Fraction(text[:-1]) / 100 if text.endswith("%") else Fraction(text))
    except (ValueError, ZeroDivisionError):
        return None
