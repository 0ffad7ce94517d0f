"""Every complaint about data, with its value; and the notes."""

import re
from typing import Any

import numpy as np
import pytest

from penjing.errors import DataError, InvalidValueError, UnknownNameError
from penjing.tasks.classification.data import Split
from penjing.tasks.classification.labels import to_classes
from penjing.tasks.image_classification import load
from penjing.tasks.image_classification.checks import check_content, check_pixels, check_readable
from penjing.tasks.image_classification.pixels import checked_size, found_layout, resized, to_pixels

Y = np.arange(20) % 2


def images(n: int = 20, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *(shape or (6, 6))), dtype=np.uint8)


def with_pixel(value: float) -> np.ndarray:
    x = images() / 255
    x[3, 0, 0] = value
    return x


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (images(0), Y[:0], "train data hold no image"),
        (np.uint8(3), Y, "no array of images, but one int"),
        (images(), Y[:7], "20 images but 7 labels"),
        (images(), 3, "20 images but 0 labels"),
        (images(), np.eye(20), r"labels have shape \[20, 20\].*one label per image, shape \[20\].*argmax"),
        (images().astype(np.complex64), Y, "pixels have type complex64"),
        (with_pixel(np.nan), Y, "1 of 20 train images hold NaN or infinite"),
        (with_pixel(-np.inf), Y, "1 of 20 train images hold NaN or infinite"),
        (with_pixel(-1), Y, r"reach from -1 to .*Undo the normalisation"),
        (images().astype(np.int64) * 300, Y, r"reach from 0 to 76\d{3}\. They must be in 0..1 or 0..255"),
        (images(), np.where(Y, 1, np.nan), "10 of 20 train labels are no whole numbers, the first is nan"),
        (images(), Y + 0.5, "20 of 20 train labels are no whole numbers, the first is 0.5"),
        (images(), Y + 0j, "labels have type complex128"),
        (images(), np.array(["a", 1] * 10, dtype=object), "labels have type object"),
        (images(), Y * 0 + 7, "hold 1 class: 7. At least 2"),
        (
            images(),
            np.arange(20) // 4,
            r"0 \(4\), 1 \(4\), 2 \(4\), 3 \(4\), 4 \(4\). Every class needs at least 5",
        ),
        (images(), np.arange(20) // 3, r"4 \(3\) and 2 more. Every class needs at least 5"),
        (np.full((20, 6, 6), 9, np.uint8), Y, "All 20 train images are constant"),
        (images(20, 36), Y, r"shape \[20, 36\].*reshape flat rows"),
        (images(20, 3, 8, 3), Y, r"shape \[20, 3, 8, 3\], where both .*Set layout: NCHW or layout: NHWC"),
        (images(20, 5, 8, 9), Y, r"shape \[20, 5, 8, 9\], where neither .*Set layout"),
        (images(20, 0, 6), Y, r"shape \[20, 0, 6\]"),
        ([[[1, 2], [3]]] * 20, Y, "x is no array: .*inhomogeneous"),
    ],
)
def test_unusable_arrays_are_refused_with_the_value(x: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load((x, y))


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ((images(8, 7, 6), Y[:8]), r"test images have shape \[1, 7, 6\].*train images \[1, 6, 6\]"),
        ((images(8, 6, 6, 3), Y[:8]), r"test images have shape \[8, 6, 6, 3\], which is not NHW"),
        ((images(8), Y[:8] + 1), "test images have classes without any training image: 2"),
        ((images(8), ["a", "b"] * 4), r"several types \(train: numbers, test: strings\)"),
        ((images(8), Y[:5]), "The test data have 8 images but 5 labels"),
        ((with_pixel(np.nan), Y), "1 of 20 test images hold NaN"),
        ((np.zeros((8, 6, 6), np.uint8), Y[:8]), "All 8 test images are constant"),
    ],
)
def test_a_test_part_that_does_not_fit_is_refused(test: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load({"train": (images(), Y), "test": test})


def test_a_class_without_a_name_is_refused() -> None:
    with pytest.raises(
        DataError, match="label 1 has no name: there are 1 class names, for labels from 0 to 0"
    ):
        load({"x": images(), "y": Y, "class_names": ["only"]})


def test_unreadable_images_are_all_counted_and_five_are_named() -> None:
    failures = [(f"{n}.png", "not an image") for n in range(7)]
    with pytest.raises(
        DataError, match=re.escape("7 of 9 images cannot be read: 0.png (not an image); 1")
    ) as caught:
        check_readable(failures, 9)
    assert "4.png (not an image); ..." in caught.value.message
    assert "5.png" not in caught.value.message
    assert len(caught.value.facts["names"]) == 7


def test_one_image_with_content_is_enough() -> None:
    x = np.zeros((20, 3, 6, 6), np.uint8)
    x[17, 2, 1, 1] = 1
    check_content(Split(x, Y), "train")


def test_a_plain_colour_is_a_constant_image() -> None:
    x = np.broadcast_to(np.array([9, 8, 7], np.uint8).reshape(3, 1, 1), (20, 3, 6, 6))
    with pytest.raises(DataError, match="All 20 test images are constant"):
        check_content(Split(x, Y), "test")


@pytest.mark.parametrize(
    "dtype", [np.bool_, np.uint8, np.int16, np.uint16, np.float16, np.float32, np.float64]
)
def test_every_kind_of_number_is_taken_as_pixels(dtype: type) -> None:
    check_pixels(np.ones((2, 4, 4), dtype), "train")


@pytest.mark.parametrize(
    ("x", "pixel"),
    [
        (np.array([0, 0.5, 1.0]), [0, 128, 255]),
        (np.array([0, 0.5, 254.6]), [0, 0, 255]),
        (np.array([False, True, True]), [0, 255, 255]),
        (np.array([0, 1, 200]), [0, 1, 200]),
    ],
)
def test_pixels_are_scaled_by_what_they_reach(x: np.ndarray, pixel: list[int]) -> None:
    assert to_pixels({"train": x.reshape(1, 1, 3)})["train"].ravel().tolist() == pixel


def test_the_scale_is_found_on_all_parts_together() -> None:
    dark, bright = np.full((1, 4, 4), 1.0), np.full((1, 4, 4), 200.0)
    assert to_pixels({"train": bright, "test": dark})["test"].max() == 1
    assert to_pixels({"train": bright.astype(np.uint8), "test": dark})["test"].max() == 255


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((9, 8, 8), "NHW"),
        ((9, 3, 3), "NHW"),
        ((9, 1, 8, 8), "NCHW"),
        ((9, 8, 8, 4), "NHWC"),
        ((9, 3, 5, 7), "NCHW"),
    ],
)
def test_the_layout_is_where_the_channels_are(shape: tuple[int, ...], layout: str) -> None:
    assert found_layout(shape) == layout


def test_all_layouts_of_the_same_images_give_the_same_data() -> None:
    nhwc = images(20, 6, 8, 3)
    from_nhwc, from_nchw = load((nhwc, Y)), load((nhwc.transpose(0, 3, 1, 2), Y))
    assert from_nhwc.shape == (3, 6, 8)
    assert from_nhwc.fingerprint == from_nchw.fingerprint


def test_a_layout_settles_what_the_axes_leave_open() -> None:
    x = images(20, 3, 8, 3)
    assert load((x, Y), layout="NCHW").shape == (3, 8, 3)
    assert load((x, Y), layout="NHWC").shape == (3, 3, 8)


def test_contiguous_bytes_are_not_copied() -> None:
    x = images()
    assert np.shares_memory(to_pixels({"train": x})["train"], x)


@pytest.mark.parametrize("layout", ["HWC", "nhwc"])
def test_an_unknown_layout_is_refused(layout: str) -> None:
    with pytest.raises(InvalidValueError, match=f"one of NHW, NHWC, NCHW, got '{layout}'"):
        load((images(), Y), layout=layout)


@pytest.mark.parametrize("size", [0, -3, (8,), (8, 0), [8, 8, 8], [8.5, 8]])
def test_an_impossible_size_is_refused(size: Any) -> None:
    with pytest.raises(InvalidValueError, match=f"got {re.escape(repr(size))}"):
        checked_size(size)


def test_resizing_keeps_the_mean_of_smooth_images_and_skips_what_fits() -> None:
    x = np.tile(np.arange(0, 240, 10, dtype=np.uint8), (2, 3, 24, 1))
    small = resized(x, (12, 6))
    assert small.shape == (2, 3, 12, 6)
    assert abs(small.mean() - x.mean()) < 1
    assert resized(x, (24, 24)) is x


@pytest.mark.parametrize(
    ("y", "names", "classes"),
    [
        (np.array([7, 3, 7]), ("3", "7"), [1, 0, 1]),
        (np.array([1.0, 0.0, 1.0]), ("0", "1"), [1, 0, 1]),
        (np.array(["cat", "ant", "bee"]), ("ant", "bee", "cat"), [2, 0, 1]),
        (np.array(["b", "a"], dtype=object), ("a", "b"), [1, 0]),
        (np.array([[4], [2]]), ("2", "4"), [1, 0]),
        (np.array([True, False]), ("False", "True"), [1, 0]),
    ],
)
def test_labels_become_classes_in_ascending_order(
    y: np.ndarray, names: tuple[str, ...], classes: list[int]
) -> None:
    numbered, found = to_classes({"train": y})
    assert (numbered["train"].tolist(), found) == (classes, names)
    assert numbered["train"].dtype == np.int64


def test_chosen_classes_are_numbered_in_the_order_given() -> None:
    x, y = images(40), np.arange(40) % 4
    data = load({"train": (x, y), "test": (x[:8], y[:8] + 1)}, classes=[3, "1"])
    assert data.class_names == ("3", "1")
    assert len(data.train) + len(data.validation) == 20
    assert len(data.test) == 4
    shown = x[:8][np.isin(y[:8] + 1, [1, 3])]
    assert np.array_equal(data.test.x[:, 0], shown)


def test_a_choice_of_classes_that_empties_a_part_is_refused() -> None:
    parts = {"train": (images(40), np.arange(40) % 4), "test": (images(8), Y[:8])}
    with pytest.raises(DataError, match="The test data hold no image"):
        load(parts, classes=[2, 3])
    with pytest.raises(DataError, match="hold 1 class: 1"):
        load(parts, classes=[1])


def test_an_unknown_class_is_named_with_its_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"No class is named 'catt'. Did you mean 'cat'"):
        load((images(), ["cat", "dog"] * 10), classes=["catt", "dog"])


def test_a_class_named_twice_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="names 'cat' twice"):
        load((images(), ["cat", "dog"] * 10), classes=["cat", "cat"])


def test_clean_data_have_no_notes() -> None:
    assert load((images(100), np.arange(100) % 2)).notes == ()


def test_identical_images_across_parts_are_counted_and_not_refused() -> None:
    x, fresh = images(100), images(10, seed=1)
    test = np.concatenate([x[:3], fresh[:7]])
    validation = np.concatenate([x[5:6], fresh[8:], fresh[6:7]])
    data = load({"train": (x, np.arange(100) % 2), "validation": (validation, Y[:4]), "test": (test, Y[:10])})
    assert data.notes == (
        "Warning: 1 of 4 validation images (25.0%) are identical to a training image, "
        "so validation results are a little too good.",
        "Warning: 4 of 10 test images (40.0%) are identical to a training or validation image, "
        "so test results are a little too good.",
    )


def test_identical_images_are_found_after_our_own_split() -> None:
    data = load((np.tile(images(10), (10, 1, 1)), np.arange(100) % 2))
    assert len(data.notes) == 2
    assert re.search(r"\d+ of 20 test images", data.notes[1])


def test_classes_that_a_part_does_not_show_are_noted() -> None:
    data = load({"train": (images(), Y), "test": (images(4, seed=2), Y[:4] * 0)})
    assert data.notes == ("Warning: no test image shows these classes: 1.",)


def test_pixels_of_another_range_are_noted() -> None:
    (note,) = load((images() // 16, Y)).notes
    assert "brightest training pixel is 15 of 255" in note
