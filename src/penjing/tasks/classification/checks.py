"""What can be wrong with examples and labels of any kind, found before time is spent on them.

A check raises :class:`~penjing.errors.DataError` with the part (train,
validation, test), the value and what to do. What is worth knowing but no
reason to stop becomes a sentence in the notes.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from penjing.errors import DataError
from penjing.tasks.classification.data import PARTS, LabelledData, Split

MIN_PER_CLASS = 5
N_NAMED = 5


def check_lengths(x: NDArray, y: NDArray, part: str, noun: str) -> None:
    """Refuse examples and labels that do not belong together.

    Args:
        x: Examples, their number first, ``[N, ...]``.
        y: One label per example, ``[N]`` or ``[N, 1]``.
        part: Named in the message.
        noun: What one example is: ``image``.

    Raises:
        DataError: If there is no example, the lengths differ or there is more
            than one label per example.
    """
    if x.ndim == 0:
        raise DataError(
            f"The {part} data are no array of {noun}s, but one {type(x.item()).__name__}. Give a NumPy array "
            f"with one {noun} after the other; of a sparse matrix x, x.toarray().",
            part=part,
        )
    if len(x) == 0:
        raise DataError(f"The {part} data hold no {noun}. At least one is needed.", part=part)
    if y.ndim == 0 or len(x) != len(y):
        n_labels = len(y) if y.ndim else 0
        raise DataError(
            f"The {part} data have {len(x)} {noun}s but {n_labels} labels. "
            f"There must be one label per {noun}.",
            part=part,
            n_examples=len(x),
            n_labels=n_labels,
        )
    if y.size != len(y):
        raise DataError(
            f"The {part} labels have shape {list(y.shape)}. Give one label per {noun}, shape [{len(y)}]; "
            "for one-hot rows use y.argmax(axis=1).",
            part=part,
            shape=y.shape,
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


def check_classes(parts: Mapping[str, Split], class_names: Sequence[str], noun: str) -> None:
    """Refuse data from which no classifier can be trained and judged.

    Args:
        parts: What the source brings, before Penjing splits it.
        class_names: Name of each class.
        noun: What one example is: ``image``.

    Raises:
        DataError: If there are fewer than 2 classes, a class occurs outside the
            training examples only, or has fewer than 5 training examples.
    """
    n_classes = len(class_names)
    if n_classes < 2:
        raise DataError(
            f"The data hold {n_classes} class: {listed(class_names)}. At least 2 are needed to tell apart.",
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
                f"The {part} {noun}s have classes without any training {noun}: {listed(unseen)}. "
                f"Add training {noun}s, or choose classes without them.",
                part=part,
                class_names=tuple(unseen),
            )
    few = {name: int(n) for name, n in zip(class_names, counts, strict=True) if n < MIN_PER_CLASS}
    if few:
        counted = listed([f"{name} ({count})" for name, count in few.items()])
        raise DataError(
            f"Classes with too few training {noun}s: {counted}. Every class needs at least "
            f"{MIN_PER_CLASS} to be split. Add {noun}s, or choose classes without them.",
            counts=few,
        )


def duplicate_notes(data: LabelledData, noun: str) -> Iterable[str]:
    """Say how many examples occur in two parts: results look better than they are."""
    train, validation, test = (set(_hashes(getattr(data, part))) for part in PARTS)
    earlier = {"validation": ("training", train), "test": ("training or validation", train | validation)}
    digests = {"validation": validation, "test": test}
    for part, (where, seen) in earlier.items():
        if seen.isdisjoint(digests[part]):
            continue
        split = getattr(data, part)
        n_seen = sum(digest in seen for digest in _hashes(split))
        yield (
            f"Warning: {n_seen:,} of {len(split):,} {part} {noun}s ({n_seen / len(split):.1%}) are identical "
            f"to a {where} {noun}, so {part} results are a little too good."
        )


def class_notes(data: LabelledData, noun: str) -> Iterable[str]:
    """Say which classes a part does not have: they are not judged there."""
    for part in PARTS:
        counts = np.bincount(getattr(data, part).y, minlength=data.n_classes)
        absent = [data.class_names[k] for k in np.flatnonzero(counts == 0)]
        if absent:
            yield f"Warning: no {part} {noun} shows these classes: {listed(absent)}."


def listed(names: Sequence[str]) -> str:
    """The first few, and how many more there are.

    Example:
        >>> listed(["a", "b", "c", "d", "e", "f", "g"])
        'a, b, c, d, e and 2 more'
    """
    more = f" and {len(names) - N_NAMED} more" if len(names) > N_NAMED else ""
    return ", ".join(names[:N_NAMED]) + more


def _hashes(split: Split) -> Iterable[bytes]:
    return (hashlib.blake2b(example.data, digest_size=16).digest() for example in split.x)
