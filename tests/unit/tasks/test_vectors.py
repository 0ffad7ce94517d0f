"""Rows of features: every source, every complaint with its value, the notes, and what normalises them."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.sparse import csr_matrix

from penjing.errors import DataError, InvalidValueError, MissingExtraError, UnknownNameError
from penjing.tasks import TASKS
from penjing.tasks.vector_classification import load, moments
from penjing.tasks.vector_classification.features import to_features

Y = np.arange(20) % 2


def rows(n: int = 20, n_features: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(5.0, 3.0, (n, n_features))


def with_value(value: float, feature: int = 1) -> np.ndarray:
    x = rows()
    x[3, feature] = value
    return x


def test_wine_is_what_scikit_learn_has() -> None:
    from sklearn.datasets import load_wine

    data = load("wine", seed=0)
    assert (data.shape, data.class_names) == ((13,), ("class_0", "class_1", "class_2"))
    assert (len(data.train), len(data.validation), len(data.test)) == (121, 21, 36)
    assert data.train.x.dtype == np.float32
    ours = np.concatenate([data.train.x, data.validation.x, data.test.x])
    assert sorted(map(bytes, ours)) == sorted(map(bytes, load_wine().data.astype(np.float32)))
    assert data.notes == ()


def test_what_a_loader_of_scikit_learn_gives_can_be_passed_on() -> None:
    from sklearn.datasets import load_wine

    expected = load("wine").fingerprint
    assert load(load_wine()).fingerprint == expected
    assert load(load_wine()).class_names == load("wine").class_names
    assert load(load_wine(return_X_y=True)).fingerprint == expected
    assert load({"data": rows(), "target": Y, "target_names": []}).class_names == ("0", "1")


def test_a_name_of_the_column_is_no_name_of_a_class() -> None:
    """What loaders that fetch give as ``target_names``."""
    loaded = load({"data": rows(), "target": Y + 1, "target_names": ["Cover_Type"]})
    assert loaded.class_names == ("1", "2")


def test_the_seed_decides_the_split() -> None:
    assert load("wine", seed=3).fingerprint != load("wine", seed=4).fingerprint
    with pytest.raises(InvalidValueError, match="seed must be 0 or more, got -1"):
        load("wine", seed=-1)


def test_wine_without_scikit_learn_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtraError, match=r"'wine' needs scikit-learn.*penjing\[search\]"):
        load("wine")


def test_archives_folders_and_arrays_are_read_alike(tmp_path: Path) -> None:
    for part, n in (("train", 20), ("test", 6)):
        np.savez(tmp_path / f"{part}.npz", x=rows(n, seed=n), y=Y[:n])
    expected = load({"train": (rows(20, seed=20), Y), "test": (rows(6, seed=6), Y[:6])})
    assert np.array_equal(expected.test.x, rows(6, seed=6).astype(np.float32))
    assert load(tmp_path).fingerprint == expected.fingerprint
    parts = {part: str(tmp_path / f"{part}.npz") for part in ("train", "test")}
    assert load(parts).fingerprint == expected.fingerprint
    assert load(tmp_path / "train.npz").fingerprint == load((rows(20, seed=20), Y)).fingerprint


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64, np.float16, np.float64])
def test_every_kind_of_number_becomes_32_bit_floats(dtype: type) -> None:
    x = (rows() > 5).astype(dtype)
    assert np.array_equal(to_features({"train": x})["train"], x.astype(np.float32))


def test_contiguous_32_bit_floats_are_not_copied() -> None:
    x = rows().astype(np.float32)
    assert np.shares_memory(to_features({"train": x})["train"], x)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (rows(0), Y[:0], "train data hold no row"),
        (csr_matrix(rows()), Y, r"no array of rows, but one csr_matrix\. .*toarray\(\)"),
        (rows(), Y[:7], "20 rows but 7 labels. There must be one label per row"),
        (rows()[:, 0], Y, r"features have shape \[20\]\. .*\[N, F\]\. .*reshape\(-1, 1\)"),
        (rows()[:, :0], Y, r"features have shape \[20, 0\]"),
        (rows().reshape(20, 2, 2), Y, r"shape \[20, 2, 2\].*set task: image-classification"),
        (rows().astype(str), Y, "features have type <U.*one column of 0 and 1"),
        (rows().astype(object), Y, "features have type object"),
        (with_value(np.nan), Y, r"1 of 20 train rows hold NaN .* features 1 \(counted from 0\)"),
        (with_value(-np.inf, 2), Y, r"1 of 20 train rows hold NaN or infinite values, in the features 2 "),
        (with_value(1e300), Y, r"reach 1e\+300\. They must be between -1e\+30 and 1e\+30"),
        (np.ones((20, 3)), Y, "All 3 features are constant: every training row is the same"),
        (rows(), Y * 0 + 7, "hold 1 class: 7. At least 2"),
        (rows(), np.arange(20) // 4, r"too few training rows: 0 \(4\).* Add rows, or"),
    ],
)
def test_unusable_rows_are_refused_with_the_value(x: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load((x, y))


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ((rows(8, 5), Y[:8]), "The test rows have 5 features, the train rows 4. They must agree"),
        ((rows(8), Y[:8] + 1), "test rows have classes without any training row: 2. Add training rows"),
        ((with_value(np.nan), Y), "1 of 20 test rows hold NaN"),
    ],
)
def test_a_test_part_that_does_not_fit_is_refused(test: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load({"train": (rows(), Y), "test": test})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("wines", r"No file or folder 'wines'\. Did you mean 'wine'\? Give 'wine', 'breast-cancer', a path"),
        ("digits", r"No file or folder 'digits'\. Give 'wine'"),
        (7, "none that Penjing knows: int"),
        ({"data": 1}, "knows: the keys data"),
    ],
)
def test_a_source_of_another_kind_is_refused(
    source: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=message):
        load(source)


def test_a_folder_without_archives_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "table.csv").touch()
    with pytest.raises(DataError, match=r"no train\.npz and no train\.csv; found: table\.csv\. Write it"):
        load(tmp_path)


def test_classes_can_be_chosen() -> None:
    data = load("wine", classes=["class_2", "class_0"])
    assert data.class_names == ("class_2", "class_0")
    assert len(data.train) + len(data.validation) + len(data.test) == 48 + 59
    with pytest.raises(UnknownNameError, match=r"No class is named 'class_9'\."):
        load("wine", classes=["class_9", "class_0"])


def test_rows_that_occur_in_two_parts_are_counted() -> None:
    x = rows(100)
    data = load(
        {"train": (x, np.arange(100) % 2), "test": (np.concatenate([x[:3], rows(7, seed=1)]), Y[:10])}
    )
    assert data.notes == (
        "Warning: 3 of 10 test rows (30.0%) are identical to a training or validation row, "
        "so test results are a little too good.",
    )


def test_features_that_are_constant_in_training_are_noted() -> None:
    x = rows(100)
    x[:, 2] = 0.1
    (note,) = load((x, np.arange(100) % 2)).notes
    assert re.match(r"Warning: 1 of 4 features have one value in all training rows .*: 2\. Networks", note)


@given(
    arrays.arrays(
        np.float32, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=st.floats(-1e3, 1e3, width=32)
    )
)
def test_moments_are_those_of_every_feature_and_constants_have_no_deviation(x: np.ndarray) -> None:
    means, deviations = moments(x)
    for column, mean, deviation in zip(x.T, means, deviations, strict=True):
        assert mean == pytest.approx(float(np.mean(column.astype(np.float64))), abs=1e-9)
        is_constant = bool((column == column[0]).all())
        expected = 0.0 if is_constant else float(np.std(column.astype(np.float64)))
        assert deviation == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("task", TASKS)
def test_what_a_task_brings_can_be_loaded(task: str) -> None:
    for name in TASKS[task].named:
        data = TASKS[task].load(name)
        assert len(data.shape) == (1 if TASKS[task].reads_vectors else 3)
        assert data.n_classes >= 2
