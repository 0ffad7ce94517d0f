"""What can be wrong with rows of features, found before time is spent on them.

What can be wrong with any examples and labels is checked in :mod:`penjing.tasks.classification.checks`.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from penjing.errors import DataError
from penjing.tasks.classification.checks import class_notes, duplicate_notes, listed
from penjing.tasks.classification.data import LabelledData

NOUN = "row"
# Far enough from where 32-bit floats end for differences of two values, and their squares' roots.
_LARGEST = 1e30


def check_features(x: NDArray, part: str) -> None:
    """Refuse what is not a table of finite numbers.

    Args:
        x: Rows, ``[N, F]``; boolean, integer or floating point.
        part: Named in the message.

    Raises:
        DataError: If the shape or type is another, or a value is NaN, infinite or too large.
    """
    if x.ndim != 2 or x.shape[1] == 0:
        hint = (
            "For images, set task: image-classification; else reshape them to rows."
            if x.ndim > 2
            else "For a single feature, use x.reshape(-1, 1)."
        )
        raise DataError(
            f"The {part} features have shape {list(x.shape)}. Give one row of features per example, [N, F]. "
            f"{hint}",
            part=part,
            shape=x.shape,
        )
    if x.dtype.kind not in "buif":
        raise DataError(
            f"The {part} features have type {x.dtype}. Give numbers; encode names and categories first, "
            "for example with one column of 0 and 1 for each.",
            part=part,
            dtype=str(x.dtype),
        )
    # NaN and infinity always reach an extreme, so finite rows are not searched.
    if not np.isfinite([float(x.min()), float(x.max())]).all():
        is_bad = ~np.isfinite(x)
        n_bad = int(is_bad.any(axis=1).sum())
        features = [str(index) for index in np.flatnonzero(is_bad.any(axis=0))]
        raise DataError(
            f"{n_bad} of {len(x)} {part} rows hold NaN or infinite values, in the features "
            f"{listed(features)} (counted from 0). Fill in what is missing, or remove these rows.",
            part=part,
            n_rows=n_bad,
            features=tuple(features),
        )
    largest = max(abs(float(x.min())), abs(float(x.max())))
    if largest > _LARGEST:
        raise DataError(
            f"The {part} features reach {largest:g}. They must be between -{_LARGEST:g} and {_LARGEST:g}. "
            "Rescale what is larger, or take its logarithm.",
            part=part,
            largest=largest,
        )


def check_agreement(x: Mapping[str, NDArray]) -> None:
    """Refuse parts that differ in the number of features.

    Args:
        x: Rows of each part, ``[N, F]``.

    Raises:
        DataError: If a part has more or fewer than the training rows.
    """
    n_features = x["train"].shape[1]
    for part, rows in x.items():
        if rows.shape[1] != n_features:
            raise DataError(
                f"The {part} rows have {rows.shape[1]} features, the train rows {n_features}. "
                "They must agree, in number and order.",
                part=part,
                n_features=rows.shape[1],
                expected=n_features,
            )


def check_content(is_constant: NDArray[np.bool_]) -> None:
    """Refuse training rows that are all alike.

    Args:
        is_constant: Of each feature, whether all training rows have one value, ``[F]``.

    Raises:
        DataError: If no feature varies.
    """
    if is_constant.all():
        raise DataError(
            f"All {len(is_constant)} features are constant: every training row is the same. "
            "There is nothing to learn from. Look at how the rows were written.",
            n_features=len(is_constant),
        )


def notes_about(
    data: LabelledData, is_constant: NDArray[np.bool_], names: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Say what a reader of the results should know about the data.

    Rows that occur in two parts make results look better than they are; classes without rows are not
    judged; a feature that is constant in training tells nothing.

    Args:
        data: All three parts.
        is_constant: Of each feature, whether all training rows have one value, ``[F]``.
        names: Of the features, where they are known.

    Returns:
        Sentences, empty where there is nothing to say.
    """
    return (*duplicate_notes(data, NOUN), *class_notes(data, NOUN), *_constant_notes(is_constant, names))


def _constant_notes(is_constant: NDArray[np.bool_], names: Sequence[str] | None) -> Iterable[str]:
    if is_constant.any():
        features = [names[index] if names else str(index) for index in map(int, np.flatnonzero(is_constant))]
        counted = "" if names else " (counted from 0)"
        yield (
            f"Warning: {len(features)} of {len(is_constant)} features have one value in all training rows"
            f"{counted}: {listed(features)}. Networks do not see them; better leave them out."
        )
