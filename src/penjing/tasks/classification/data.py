"""Examples and labels in three parts, and how one source becomes three.

Training examples teach, validation examples select, test examples are only shown
beside the result. What a source does not bring is taken from its training
examples: first the test part, then the validation part.

===================  ======================  =======================
training examples    test, if there is none  validation, of the rest
===================  ======================  =======================
fewer than 5,000     20 %                    15 %
5,000 and more       15 %                    10 %, at least 2,000
===================  ======================  =======================

Small data give up a larger share because a selection on a few dozen examples is
noise. For validation at least 2,000 are taken, or a quarter where that is less.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penjing.errors import InvalidValueError

PARTS = ("train", "validation", "test")
SMALL_DATA = 5_000
_FRACTION_SMALL = {"test": 0.20, "validation": 0.15}
_FRACTION = {"test": 0.15, "validation": 0.10}
# Fewer cannot tell designs apart that differ by a point.
_LEAST_VALIDATION, _MOST_FOR_THAT = 2_000, 0.25
_MAX_FRACTION = 0.5


@dataclass(frozen=True, eq=False)
class Split:
    """Examples and their classes.

    Attributes:
        x: Pixels 0..255, ``[N, C, H, W]`` uint8, or features, ``[N, F]`` float32; contiguous.
        y: Class of each example, 0..K-1, ``[N]``.
    """

    x: NDArray[np.uint8] | NDArray[np.float32]
    y: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class LabelledData:
    """A data set, checked and split.

    Attributes:
        train: What networks learn from.
        validation: What selects among them.
        test: What is shown beside the result and never selects.
        class_names: Name of class ``k`` at position ``k``.
        fingerprint: SHA-256 over examples, labels and split, as hexadecimal digits.
        notes: Sentences that a reader of the results should know.
        feature_names: Of rows of features, in their order, where the source knows them.
    """

    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    fingerprint: str
    notes: tuple[str, ...] = ()
    feature_names: tuple[str, ...] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of every example: channels, height and width of an image, or the number of features."""
        return self.train.x.shape[1:]

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)


def split_data(
    parts: Mapping[str, Split],
    class_names: Sequence[str],
    rng: np.random.Generator,
    *,
    validation_fraction: float | None = None,
    test_fraction: float | None = None,
    max_train: int | None = None,
) -> LabelledData:
    """Complete ``parts`` to training, validation and test examples.

    A missing part is drawn without replacement from the training examples, every
    class in proportion, and never has fewer examples than there are classes.
    Drawing depends on ``rng`` and the labels only; ``max_train`` comes last and
    leaves validation and test as they are. Training and validation examples come in a drawn order, test
    examples in that of the source.

    Args:
        parts: ``train`` and, where the source brings them, ``validation`` and ``test``.
        class_names: Name of each class.
        rng: Draws what goes where; is advanced.
        validation_fraction: Share of the training examples (after the test examples
            were taken), in (0, 0.5]; see the module for the default.
        test_fraction: Share of all training examples, in (0, 0.5].
        max_train: At most so many training examples, at least one per class.

    Returns:
        The three parts with their fingerprint; ``notes`` is empty.

    Raises:
        InvalidValueError: If a fraction or ``max_train`` is out of range, or a
            fraction is given for a part that the source brings.

    Example:
        >>> x, y = np.zeros((20, 1, 2, 2), np.uint8), np.arange(20) % 2
        >>> data = split_data({"train": Split(x, y)}, ["even", "odd"], np.random.default_rng(0))
        >>> len(data.train), len(data.validation), len(data.test)
        (14, 2, 4)
    """
    train, n_classes = parts["train"], len(class_names)
    rest, splits = np.arange(len(train)), dict(parts)
    for part, fraction in (("test", test_fraction), ("validation", validation_fraction)):
        _check_fraction(part, fraction, is_in_source=part in parts)
        if part not in parts:
            n_taken = max(round((fraction or _default_fraction(part, len(rest))) * len(rest)), n_classes)
            rest, taken = _drawn(rest, train.y, n_taken, rng)
            splits[part] = _picked(train, taken)
    # Sources are often sorted by class; scales and brief judgements look at the first examples only.
    splits["validation"] = _picked(splits["validation"], rng.permutation(len(splits["validation"])))
    place = rng.permutation(len(train))
    if max_train is not None:
        _check_max_train(max_train, n_classes)
        _, rest = _drawn(rest, train.y, min(max_train, len(rest)), rng)
    splits["train"] = _picked(train, rest[np.argsort(place[rest])])
    return LabelledData(
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        class_names=tuple(class_names),
        fingerprint=fingerprint(splits),
    )


def largest_remainder(counts: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Share ``total`` among classes in proportion to ``counts``.

    Every class gets its exact quota rounded down, the largest remainders one
    more until ``total`` is reached; the first class wins a tie. So no class is
    off its quota by one or more, and none gets more than it has.

    Args:
        counts: Examples of each class, ``[K]``, not all zero.
        total: Examples to share, at most ``counts.sum()``.

    Returns:
        ``[K]``, with sum ``total``.

    Example:
        >>> largest_remainder(np.array([70, 20, 10]), 12).tolist()
        [9, 2, 1]
    """
    # Whole numbers throughout: a rounding error would decide ties differently from machine to machine.
    shares, remainders = np.divmod(counts * total, counts.sum())
    shares[np.argsort(-remainders, kind="stable")[: total - shares.sum()]] += 1
    return shares


def fingerprint(splits: Mapping[str, Split]) -> str:
    """Hash examples, labels and which part each example belongs to.

    Args:
        splits: All three parts.

    Returns:
        64 hexadecimal digits, the same on every machine.
    """
    digest = hashlib.sha256()
    for part in PARTS:
        split = splits[part]
        digest.update(f"{part} {split.x.shape}".encode())
        digest.update(split.x.astype(split.x.dtype.newbyteorder("<"), copy=False).data)
        digest.update(split.y.astype("<i8", copy=False).data)
    return digest.hexdigest()


def _default_fraction(part: str, n_examples: int) -> float:
    if n_examples < SMALL_DATA:
        return _FRACTION_SMALL[part]
    least = min(_LEAST_VALIDATION / n_examples, _MOST_FOR_THAT) if part == "validation" else 0.0
    return max(_FRACTION[part], least)


def _drawn(
    rows: NDArray[np.int64], y: NDArray[np.int64], n_taken: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw ``n_taken`` of ``rows``, every class in proportion; return the rest and the drawn, in order."""
    labels = y[rows]
    is_taken = np.zeros(len(rows), dtype=bool)
    for label, share in enumerate(largest_remainder(np.bincount(labels), n_taken)):
        is_taken[rng.permutation(np.flatnonzero(labels == label))[:share]] = True
    return rows[~is_taken], rows[is_taken]


def _picked(split: Split, rows: NDArray[np.int64]) -> Split:
    return Split(split.x.take(rows, axis=0), split.y.take(rows))


def _check_fraction(part: str, fraction: float | None, *, is_in_source: bool) -> None:
    if fraction is None:
        return
    if is_in_source:
        raise InvalidValueError(
            f"{part}_fraction is {fraction!r}, but the source brings its own {part} part. "
            f"Leave {part}_fraction out.",
            part=part,
            fraction=fraction,
        )
    if not 0 < fraction <= _MAX_FRACTION:
        raise InvalidValueError(
            f"{part}_fraction must be in (0, {_MAX_FRACTION}], got {fraction!r}. "
            f"Leave it out for {_FRACTION[part]:.0%} ({_FRACTION_SMALL[part]:.0%} of small data).",
            part=part,
            fraction=fraction,
        )


def _check_max_train(max_train: int, n_classes: int) -> None:
    if max_train < n_classes:
        raise InvalidValueError(
            f"max_train must be at least one example per class, that is {n_classes}, got {max_train!r}. "
            "Leave it out to train on everything.",
            max_train=max_train,
            n_classes=n_classes,
        )
