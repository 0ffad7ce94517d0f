"""Splitting: exact totals, classes in proportion, the same for the same seed."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penjing.errors import InvalidValueError
from penjing.tasks.classification.data import (
    LabelledData,
    Split,
    fingerprint,
    largest_remainder,
    split_data,
)

N_CLASSES = 3
NAMES = ("a", "b", "c")


def numbered(y: list[int] | np.ndarray) -> Split:
    """Images of 2 x 2 pixels whose bytes spell their number, so that each can be recognised."""
    numbers = np.arange(len(y), dtype="<u4")
    return Split(numbers.view(np.uint8).reshape(-1, 1, 2, 2).copy(), np.asarray(y, dtype=np.int64))


def numbers_of(split: Split) -> list[int]:
    return split.x.reshape(len(split), 4).view("<u4").ravel().tolist()


def split(y: list[int] | np.ndarray, seed: int = 0, **settings_: float | int) -> LabelledData:
    return split_data({"train": numbered(y)}, NAMES, np.random.default_rng(seed), **settings_)


class_labels = st.lists(st.integers(0, N_CLASSES - 1), max_size=200).map(
    lambda extra: [*np.repeat(np.arange(N_CLASSES), 5).tolist(), *extra]
)


@given(counts=st.lists(st.integers(0, 10_000), min_size=1, max_size=20).filter(any), data=st.data())
def test_every_share_is_within_one_of_its_quota_and_the_total_is_exact(
    counts: list[int], data: st.DataObject
) -> None:
    total = data.draw(st.integers(0, sum(counts)))
    shares = largest_remainder(np.array(counts), total)
    quotas = np.array(counts) * total / sum(counts)
    assert shares.sum() == total
    assert np.all(np.abs(shares - quotas) < 1)
    assert np.all(shares <= counts)
    assert np.all(shares >= 0)


def test_a_tie_between_remainders_goes_to_the_first_class() -> None:
    assert largest_remainder(np.array([5, 5, 5]), 4).tolist() == [2, 1, 1]
    assert largest_remainder(np.full(100, 5), 130).tolist() == [2] * 30 + [1] * 70


@settings(max_examples=50, deadline=None)
@given(y=class_labels, seed=st.integers(0, 2**32))
def test_every_image_goes_to_exactly_one_part_and_keeps_its_label(y: list[int], seed: int) -> None:
    data = split(y, seed)
    parts = [data.train, data.validation, data.test]
    numbers = [numbers_of(part) for part in parts]
    assert sorted(itertools.chain(*numbers)) == list(range(len(y)))
    assert all(part.y.tolist() == [y[n] for n in ns] for part, ns in zip(parts, numbers, strict=True))
    assert numbers[2] == sorted(numbers[2])


@settings(max_examples=50, deadline=None)
@given(y=class_labels, fraction=st.floats(0.05, 0.5))
def test_classes_keep_their_proportion_in_a_part_that_is_drawn(y: list[int], fraction: float) -> None:
    data = split(y, test_fraction=fraction)
    n_test = max(round(fraction * len(y)), N_CLASSES)
    assert len(data.test) == n_test
    quotas = np.bincount(y) * n_test / len(y)
    assert np.all(np.abs(np.bincount(data.test.y, minlength=N_CLASSES) - quotas) < 1)


@pytest.mark.parametrize(
    ("n_images", "n_test", "n_validation"),
    [(1_000, 200, 120), (4_999, 1_000, 600), (5_000, 750, 638), (30_000, 4_500, 2_550)],
)
def test_small_data_give_up_a_larger_share(n_images: int, n_test: int, n_validation: int) -> None:
    data = split(np.arange(n_images) % N_CLASSES)
    assert (len(data.test), len(data.validation)) == (n_test, n_validation)


def test_a_part_never_has_fewer_images_than_there_are_classes() -> None:
    data = split([0, 1, 2] * 5, test_fraction=0.01, validation_fraction=0.01)
    assert sorted(data.test.y) == sorted(data.validation.y) == [0, 1, 2]


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    y = np.arange(300) % N_CLASSES
    assert split(y, 1).fingerprint == split(y, 1).fingerprint != split(y, 2).fingerprint


def test_max_train_leaves_validation_and_test_as_they_are() -> None:
    y = np.arange(300) % N_CLASSES
    full, short = split(y), split(y, max_train=30)
    assert np.bincount(short.train.y).tolist() == [10, 10, 10]
    assert set(numbers_of(short.train)) < set(numbers_of(full.train))
    assert numbers_of(short.validation) == numbers_of(full.validation)
    assert numbers_of(short.test) == numbers_of(full.test)


def test_max_train_above_what_there_is_changes_nothing() -> None:
    y = np.arange(90) % N_CLASSES
    assert split(y, max_train=10_000).fingerprint == split(y).fingerprint


def test_parts_of_the_source_keep_their_images(rng: np.random.Generator) -> None:
    parts = {part: numbered(np.arange(30) % N_CLASSES) for part in ("train", "validation", "test")}
    data = split_data(parts, NAMES, rng)
    assert data.test == parts["test"]
    assert sorted(numbers_of(data.train)) == sorted(numbers_of(data.validation)) == list(range(30))


def test_the_first_images_of_a_source_that_is_sorted_by_class_are_of_all_classes() -> None:
    data = split(np.sort(np.arange(300) % N_CLASSES))
    for part in (data.train, data.validation):
        assert set(part.y[:20].tolist()) == set(range(N_CLASSES))


def test_shape_and_number_of_classes_come_from_the_data() -> None:
    data = split(np.arange(60) % N_CLASSES)
    assert (data.shape, data.n_classes, data.notes) == ((1, 2, 2), 3, ())
    assert data.train.x.flags.c_contiguous


def test_the_fingerprint_sees_pixels_labels_and_split() -> None:
    part = numbered([0, 1, 2])
    other_pixels, other_labels = Split(part.x + np.uint8(1), part.y), Split(part.x, part.y[::-1].copy())
    prints = {
        fingerprint({"train": train, "validation": validation, "test": part})
        for train, validation in [
            (part, part),
            (other_pixels, part),
            (other_labels, part),
            (part, other_pixels),
            (part, other_labels),
        ]
    }
    assert len(prints) == 5


def test_the_fingerprint_never_changes_for_the_same_data() -> None:
    part = numbered([0, 1, 2])
    assert (
        fingerprint(dict.fromkeys(("train", "validation", "test"), part))
        == "ac93af6baad4088a2034595c0e7cbd71960745dc9e5d8bf731fa63d2a0c5dc57"
    )


@pytest.mark.parametrize("fraction", [0, -0.1, 0.51, 1.5, float("nan")])
def test_a_fraction_outside_its_range_is_refused(fraction: float) -> None:
    with pytest.raises(
        InvalidValueError, match=rf"validation_fraction must be in \(0, 0.5\], got {fraction}"
    ):
        split([0, 1, 2] * 10, validation_fraction=fraction)


def test_a_fraction_for_a_part_that_the_source_brings_is_refused(rng: np.random.Generator) -> None:
    parts = {"train": numbered([0, 1, 2] * 5), "test": numbered([0, 1, 2])}
    with pytest.raises(
        InvalidValueError, match=r"test_fraction is 0.3, but the source brings its own test part"
    ):
        split_data(parts, NAMES, rng, test_fraction=0.3)


def test_less_than_one_training_image_per_class_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="at least one example per class, that is 3, got 2"):
        split([0, 1, 2] * 10, max_train=2)
