"""Rows of features in CSV files: what is read, and every complaint."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from penjing.errors import DataError, InvalidValueError, UnknownNameError
from penjing.tasks.vector_classification import load

HEADING = "length,width,kind"


def written(path: Path, heading: str = HEADING, n: int = 20) -> Path:
    rng = np.random.default_rng(0)
    lines = [f"{rng.normal():.3f},{rng.normal():.3f},{'ab'[at % 2]}" for at in range(n)]
    path.write_text("\n".join([heading, *lines]))
    return path


@pytest.mark.parametrize("name", ["label", "Class", "TARGET", " label "])
def test_labels_are_in_the_column_that_is_named_so(tmp_path: Path, name: str) -> None:
    data = load(written(tmp_path / "a.csv", f"length,width,{name}"))
    assert data.class_names == ("a", "b")
    assert data.feature_names == ("length", "width")
    assert data.shape == (2,)


def test_another_column_of_labels_is_named_by_the_configuration(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv")
    with pytest.raises(DataError, match=r"there is none[.] Set label_column to one of: length, width, kind"):
        load(path)
    assert load(path, label_column="kind").class_names == ("a", "b")
    with pytest.raises(UnknownNameError, match="Did you mean 'kind'"):
        load(path, label_column="kinds")


def test_two_columns_that_may_hold_labels_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is 'label' and 'Class'"):
        load(written(tmp_path / "a.csv", "label,width,Class"))


def test_the_features_are_those_of_the_file_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("late,label,early\n" + "\n".join(f"{at},{at % 2},{-at}" for at in range(30)))
    data = load(path)
    assert data.feature_names == ("late", "early")
    assert data.class_names == ("0", "1")
    assert np.array_equal(data.train.x[:, 0], -data.train.x[:, 1])
    assert np.array_equal(data.train.x[:, 0] % 2, data.train.y)


def test_a_feature_that_is_constant_is_noted_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,bias,label\n" + "\n".join(f"{at},1,{at % 2}" for at in range(30)))
    assert any("rows: bias. Networks" in note for note in load(path).notes)


def test_whole_numbers_as_labels_are_ordered_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,label\n" + "\n".join(f"{at},{(2, 10)[at % 2]}" for at in range(30)))
    assert load(path).class_names == ("2", "10")


@pytest.mark.parametrize("labels", [("1", "other"), ("007", "7"), ("1.0", "2.0"), ("1_0", "2"), ("NA", "no")])
def test_labels_of_other_kinds_are_texts_in_all_parts(tmp_path: Path, labels: tuple[str, str]) -> None:
    """The test part has one of them only, which alone may look like a number."""
    rows = [f"{at},{labels[at % 2]}" for at in range(30)]
    (tmp_path / "train.csv").write_text("\n".join(["a,label", *rows]))
    (tmp_path / "test.csv").write_text("\n".join(["a,label", *rows[::2]]))
    data = load(tmp_path)
    assert data.class_names == tuple(sorted(labels))
    assert set(data.test.y) == {data.class_names.index(labels[0])}


def test_spaces_after_commas_and_a_byte_order_mark_are_no_part_of_anything(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f'{at}, {-at}, "{"ab"[at % 2]}"' for at in range(30)]
    path.write_text("\n".join(['first, "second, too", label', *rows]), encoding="utf-8-sig")
    data = load(path)
    assert (data.feature_names, data.class_names) == (("first", "second, too"), ("a", "b"))


def test_parts_in_files_of_several_kinds_are_not_left_out_silently(tmp_path: Path) -> None:
    written(tmp_path / "train.csv", "length,width,label", n=40)
    packed = written(tmp_path / "test.csv", "length,width,label").read_bytes()
    with gzip.open(tmp_path / "test.csv.gz", "wb") as file:
        file.write(packed)
    with pytest.raises(DataError, match=r"has test\.csv and test\.csv\.gz\. Leave one of them"):
        load(tmp_path)
    (tmp_path / "test.csv").unlink()
    assert len(load(tmp_path).test) == 20
    (tmp_path / "test.csv.gz").unlink()
    np.savez(tmp_path / "test.npz", x=np.zeros((4, 2)), y=np.arange(4) % 2)
    with pytest.raises(
        DataError, match="columns of 'test' are without names, those of 'train' length, width"
    ):
        load(tmp_path)


def test_a_packed_file_a_folder_and_a_file_per_part_are_read_alike(tmp_path: Path) -> None:
    text = written(tmp_path / "train.csv", "length,width,label", n=40).read_text()
    written(tmp_path / "test.csv", "length,width,label", n=12)
    with gzip.open(tmp_path / "packed.csv.gz", "wt") as file:
        file.write(text)
    alone = load(tmp_path / "packed.csv.gz")
    assert alone.fingerprint == load(tmp_path / "train.csv").fingerprint
    whole = load(tmp_path)
    parts = load({"train": tmp_path / "train.csv", "test": tmp_path / "test.csv"})
    assert whole.fingerprint == parts.fingerprint
    assert len(whole.test) == 12


def test_parts_with_other_columns_are_refused(tmp_path: Path) -> None:
    written(tmp_path / "train.csv", "length,width,label")
    written(tmp_path / "test.csv", "width,length,label")
    with pytest.raises(
        DataError, match="columns of 'test' are width, length, those of 'train' length, width"
    ):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a,b,label\n1,2,x\n3,,y\n",
            "'b' of a.csv lacks a value in 1 of 2 rows, first in row 2 below the heading: ''",
        ),
        ("a,b,label\n1,2,x\n3,NaN,y\n", "lacks a value in 1 of 2 rows, first in row 2 .*: 'NaN'"),
        ("a,b,label\n1,2,\n3,4,y\n", "'label' of a.csv lacks a value"),
        ("a,b,label\n1,red,x\n3,4,y\n", "'b' of a.csv holds 'red', .* Categories need a column of 0 and 1"),
        ("a,b,label\n1,inf,x\n3,4,y\n", "'b' of a.csv holds numbers that are not finite. Mend the file.$"),
        (",a,label\n0,1,x\n1,3,y\n", "A column of a.csv has no name"),
        ("Unnamed: 0,a,label\n0,1,x\n1,3,y\n", "A column of a.csv has no name"),
        ("a;b;label\n1;2;x\n", "to one of: a;b;label. Columns are told apart by commas"),
        ("label\nx\ny\n", "no column beside that of the labels, 'label'"),
        ("a,label\n1,x\n1,2,y\n", "Line 3 of .*a.csv has 3 fields, the heading 2"),
        ("a,label\n", "a.csv has a heading and no rows"),
        ("", "is empty"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_column(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load(path)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,label\n\xff\xfe,x\n")
    (tmp_path / "b.csv.gz").write_bytes(b"no gzip")
    for name in ("a.csv", "b.csv.gz"):
        with pytest.raises(DataError, match="cannot be read as CSV"):
            load(tmp_path / name)


def test_a_column_of_labels_is_refused_where_there_are_no_columns() -> None:
    with pytest.raises(InvalidValueError, match="label_column is 'species', but it is for CSV files"):
        load("wine", label_column="species")
