"""Hugging Face data sets, built here and read back with the real library."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from penjing.errors import DataError, MissingExtraError, UnknownNameError
from penjing.tasks.image_classification import load

datasets: Any = pytest.importorskip("datasets", reason="needs penjing[huggingface]")
N = 20
PIXELS = np.random.default_rng(0).integers(0, 256, (N, 6, 6, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _quiet_and_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    datasets.disable_progress_bars()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def table(n: int = N, **more: Any) -> Any:
    """A data set with an image and a class column, and whatever else is asked for."""
    columns = {"photo": [Image.fromarray(image) for image in PIXELS[:n]], "kind": [i % 2 for i in range(n)]}
    features = {"photo": datasets.Image(), "kind": datasets.ClassLabel(names=["cat", "dog"])}
    for name, feature in more.items():
        columns[name], features[name] = columns["kind"], feature
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


def test_a_saved_data_set_is_read_pixel_by_pixel(tmp_path: Path) -> None:
    table().save_to_disk(tmp_path / "saved")
    data = load(f"hf:{tmp_path / 'saved'}")
    assert data.class_names == ("cat", "dog")
    assert data.shape == (3, 6, 6)
    arrays = load((PIXELS, np.arange(N) % 2))
    assert data.fingerprint == arrays.fingerprint


def test_the_parts_of_a_saved_data_set_are_kept(tmp_path: Path) -> None:
    parts = {"train": table(), "validation": table(8), "test": table(6)}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    data = load(tmp_path / "saved")
    assert (len(data.train), len(data.validation), len(data.test)) == (20, 8, 6)


def test_a_data_set_is_loaded_by_name(tmp_path: Path) -> None:
    table().to_parquet(tmp_path / "named" / "train.parquet")
    assert load(f"hf:{tmp_path / 'named'}").fingerprint == load((PIXELS, np.arange(N) % 2)).fingerprint


def test_a_data_set_of_files_is_read_from_the_files(tmp_path: Path) -> None:
    for number, image in enumerate(PIXELS):
        file = tmp_path / "named" / "train" / ("cat", "dog")[number % 2] / f"{number:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    from_hub, from_folder = load(f"hf:{tmp_path / 'named'}"), load(tmp_path / "named")
    assert from_hub.class_names == ("cat", "dog")
    assert from_hub.fingerprint == from_folder.fingerprint


def test_images_are_resized(tmp_path: Path) -> None:
    table().save_to_disk(tmp_path / "saved")
    assert load(tmp_path / "saved", image_size=4).shape == (3, 4, 4)


def test_two_label_columns_need_a_choice(tmp_path: Path) -> None:
    table(fine=datasets.ClassLabel(names=["a", "b"])).save_to_disk(tmp_path / "saved")
    with pytest.raises(
        DataError, match=r"type ClassLabel: kind, fine. .*Set label_column to one of: photo, kind, fine"
    ):
        load(tmp_path / "saved")
    assert load(tmp_path / "saved", label_column="fine").class_names == ("a", "b")


def test_plain_numbers_serve_as_labels_when_named(tmp_path: Path) -> None:
    plain = table(number=datasets.Value("int32")).remove_columns("kind")
    plain.save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match="type ClassLabel: none"):
        load(tmp_path / "saved")
    assert load(tmp_path / "saved", label_column="number").class_names == ("0", "1")


def test_an_unknown_column_is_named_with_its_nearest(tmp_path: Path) -> None:
    table().save_to_disk(tmp_path / "saved")
    with pytest.raises(UnknownNameError, match=r"No column is named 'foto'. Did you mean 'photo'"):
        load(tmp_path / "saved", image_column="foto")


def test_broken_images_are_named_by_row(tmp_path: Path) -> None:
    features = datasets.Features(
        {"photo": datasets.Image(), "kind": datasets.ClassLabel(names=["cat", "dog"])}
    )
    photos = [{"bytes": b"hello", "path": None}, None]
    rows = datasets.Dataset.from_dict({"photo": photos, "kind": [0, 1]}, features=features)
    datasets.concatenate_datasets([table(), rows]).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match=r"2 of 22 images cannot be read: train row 20 \(not an image\)"):
        load(tmp_path / "saved")


def test_a_label_that_is_missing_is_refused(tmp_path: Path) -> None:
    rows = table().remove_columns("kind").add_column("kind", [-1] + [0, 1] * 9 + [0])
    names = datasets.ClassLabel(names=["cat", "dog"])
    rows.cast_column("kind", names).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match="label -1 has no name"):
        load(tmp_path / "saved")


def test_a_data_set_without_training_images_is_refused(tmp_path: Path) -> None:
    datasets.DatasetDict({"dev": table(), "test": table()}).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match=r"has the splits dev, test. One must be named 'train'"):
        load(tmp_path / "saved")


def test_a_name_that_cannot_be_loaded_says_why() -> None:
    with pytest.raises(DataError, match=r"data set 'nobody/nothing' cannot be loaded: .*nobody/nothing"):
        load("hf:nobody/nothing")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        MissingExtraError, match=r"needs datasets, which is not installed.*penjing\[huggingface\]"
    ):
        load("hf:nobody/nothing")
