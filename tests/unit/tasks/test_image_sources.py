"""Every kind of source, real data where they are at hand."""

import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from penjing.errors import DataError, InvalidValueError, MissingExtraError
from penjing.tasks.image_classification import load

Y = np.arange(20) % 2


def images(n: int = 20, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *(shape or (6, 6))), dtype=np.uint8)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    np.savez(tmp_path / "photos.npz", x=images(), y=Y)
    return tmp_path / "photos.npz"


def write_classes(root: Path, x: np.ndarray, suffix: str = ".png") -> Path:
    """Write images to two class folders, alternating."""
    for number, image in enumerate(x):
        file = root / ("cat", "dog")[number % 2] / f"{number:03}{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    return root


def test_digits_are_scaled_to_bytes() -> None:
    from sklearn.datasets import load_digits

    data = load("digits", seed=0)
    assert data.shape == (1, 8, 8)
    assert data.class_names == tuple("0123456789")
    assert (len(data.train), len(data.validation), len(data.test)) == (1222, 216, 359)
    ours = np.concatenate([data.train.x, data.validation.x, data.test.x]).reshape(-1, 64)
    theirs = np.rint(load_digits().data * 255 / 16).astype(np.uint8)
    assert sorted(map(bytes, ours)) == sorted(map(bytes, theirs))
    assert data.train.x.max() == 255
    assert data.notes == ()


def test_the_seed_decides_the_split() -> None:
    assert load("digits", seed=3).fingerprint == load("digits", seed=3).fingerprint
    assert load("digits", seed=3).fingerprint != load("digits", seed=4).fingerprint
    with pytest.raises(InvalidValueError, match="seed must be 0 or more, got -1"):
        load("digits", seed=-1)


def test_digits_without_scikit_learn_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match=r"'digits' needs scikit-learn.*penjing\[search\]"):
        load("digits")


def test_an_archive_is_the_same_as_its_arrays(archive: Path) -> None:
    expected = load((images(), Y)).fingerprint
    assert load(archive).fingerprint == load(str(archive)).fingerprint == expected
    assert load({"x": images().tolist(), "y": Y.tolist()}).fingerprint == expected


def test_an_archive_may_hold_all_parts_and_names(tmp_path: Path) -> None:
    parts = {"x_train": images(), "y_train": Y, "x_test": images(6, seed=1), "y_test": Y[:6]}
    np.savez(tmp_path / "all.npz", **parts, class_names=["cat", "dog"], unused=np.zeros(3))
    data = load(tmp_path / "all.npz")
    assert data.class_names == ("cat", "dog")
    assert np.array_equal(data.test.x[:, 0], parts["x_test"])


def test_a_folder_of_archives_is_split_by_its_files(tmp_path: Path) -> None:
    for part, n in (("train", 20), ("validation", 8), ("test", 6)):
        np.savez(tmp_path / f"{part}.npz", x=images(n, seed=n), y=Y[:n])
    data = load(tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (20, 8, 6)


def test_archives_may_be_named_one_by_one(archive: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", x=images(6, seed=1), y=Y[:6])
    data = load({"train": archive, "test": str(tmp_path / "other.npz")})
    assert len(data.test) == 6


def test_pickled_objects_are_never_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", x=np.array([{}, {}], dtype=object), y=Y[:2])
    with pytest.raises(
        DataError, match=r"objects.npz' cannot be read as .npz: Object arrays cannot be loaded"
    ):
        load(tmp_path / "objects.npz")


def test_broken_archives_are_refused(archive: Path, tmp_path: Path) -> None:
    content = archive.read_bytes()
    for name, bad in (("cut.npz", content[: len(content) // 2]), ("text.npz", b"hello"), ("empty.npz", b"")):
        (tmp_path / name).write_bytes(bad)
        with pytest.raises(DataError, match=f"{name}' cannot be read as .npz"):
            load(tmp_path / name)
    np.save(tmp_path / "single.npy", images())
    (tmp_path / "single.npy").rename(tmp_path / "single.npz")
    with pytest.raises(DataError, match="it holds a single array"):
        load(tmp_path / "single.npz")


def test_an_archive_with_other_arrays_says_which(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", images=images(), labels=Y)
    with pytest.raises(DataError, match=r"holds the arrays images, labels. It needs x and y"):
        load(tmp_path / "other.npz")


def test_a_path_that_does_not_exist_names_the_nearest(archive: Path) -> None:
    nearest = re.escape(repr(str(archive)))
    with pytest.raises(DataError, match=f"No file or folder .*/photo.npz'. Did you mean {nearest}"):
        load(archive.with_name("photo.npz"))
    with pytest.raises(DataError, match=r"photos\.npz': '.*/missing-folder' does not exist\. Give"):
        load(archive.parent.parent / "missing-folder" / "photos.npz")
    with pytest.raises(DataError, match=f"No file or folder {re.escape(repr(str(archive / 'inside')))}"):
        load(archive / "inside")


def test_a_misspelt_name_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"No file or folder 'digit'. Did you mean 'digits'"):
        load("digit")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (7, "none that Penjing knows: int"),
        ({"x": 1}, "knows: the keys x"),
        ({"train": "digits", "tset": "digits"}, "no part 'tset'. Allowed: train, validation, test"),
        (
            {"train": "digits", "test": {"train": "digits", "test": "digits"}},
            "'test' holds several parts itself",
        ),
        (
            {"train": "digits", "test": {"x": [[[1]]], "y": [1], "class_names": ["a"]}},
            "'test' are of different kinds",
        ),
    ],
)
def test_a_source_of_another_kind_is_refused(source: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(source)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("1,2")
    with pytest.raises(DataError, match=r"table.csv' is no .npz file"):
        load(tmp_path / "table.csv")


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".bmp", ".gif", ".webp", ".jpg"])
def test_a_folder_per_class_is_read_in_every_format(tmp_path: Path, suffix: str) -> None:
    x = np.repeat(np.repeat(images(20, 4, 4) // 64 * 64, 4, axis=1), 4, axis=2)
    data = load(write_classes(tmp_path, x, suffix))
    assert data.class_names == ("cat", "dog")
    assert data.shape[1:] == (16, 16)
    assert data.shape[0] == (3 if suffix in (".gif", ".webp") else 1)
    if suffix in (".png", ".PNG", ".bmp"):
        found = np.concatenate([data.train.x, data.validation.x, data.test.x])[:, 0]
        assert sorted(map(bytes, found)) == sorted(map(bytes, x))


def test_class_folders_may_lie_in_folders_of_parts(tmp_path: Path) -> None:
    for part, n in (("train", 20), ("val", 8), ("test", 6)):
        write_classes(tmp_path / part, images(n, 6, 6, 3, seed=n))
    (tmp_path / ".cache").mkdir()
    data = load(tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (20, 8, 6)
    assert np.array_equal(data.test.x[:, :, 0, 0][:3], images(6, 6, 6, 3, seed=6)[::2, 0, 0])


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    (write_classes(tmp_path, images()) / "cat").rename(tmp_path / "train")
    assert load(tmp_path).class_names == ("dog", "train")


def test_grey_and_coloured_images_all_become_coloured(tmp_path: Path) -> None:
    write_classes(tmp_path, images())
    Image.fromarray(images(1, 6, 6, 4)[0]).save(tmp_path / "cat" / "transparent.png")
    palette = Image.fromarray(images(1)[0]).convert("P")
    palette.save(tmp_path / "dog" / "palette.png", transparency=bytes([0, 128]))
    assert load(tmp_path).shape == (3, 6, 6)


def test_a_camera_rotation_is_applied(tmp_path: Path) -> None:
    write_classes(tmp_path, images(20, 6, 8))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(images(1, 8, 6)[0]).save(tmp_path / "cat" / "turned.png", exif=exif)
    assert load(tmp_path).shape == (1, 6, 8)


def test_different_sizes_are_listed_and_can_be_resized(tmp_path: Path) -> None:
    write_classes(tmp_path, images())
    Image.fromarray(images(1, 9, 7)[0]).save(tmp_path / "cat" / "large.png")
    with pytest.raises(DataError, match=r"2 sizes: 6x6 \(20 images\), 9x7 \(1 images\).*Set image_size"):
        load(tmp_path)
    assert load(tmp_path, image_size=8).shape == (1, 8, 8)
    assert load(tmp_path, image_size=[5, 4]).shape == (1, 5, 4)


def test_arrays_are_resized_too() -> None:
    assert load((images(), Y), image_size=(4, 3)).shape == (1, 4, 3)


def test_unreadable_images_are_all_named(tmp_path: Path) -> None:
    write_classes(tmp_path, images())
    (tmp_path / "cat" / "text.png").write_text("hello")
    (tmp_path / "dog" / "empty.jpg").write_bytes(b"")
    cut = (tmp_path / "dog" / "001.png").read_bytes()[:50]
    (tmp_path / "dog" / "cut.png").write_bytes(cut)
    Image.fromarray(np.full((6, 6), 1000, np.uint16)).save(tmp_path / "dog" / "deep.png")
    with pytest.raises(
        DataError, match=r"4 of 24 images cannot be read: cat/text.png \(not an image\)"
    ) as caught:
        load(tmp_path)
    assert caught.value.facts["names"] == ("cat/text.png", "dog/cut.png", "dog/deep.png", "dog/empty.jpg")
    assert "more than 8 bits per pixel" in caught.value.message


def test_a_folder_without_class_folders_says_what_it_holds(tmp_path: Path) -> None:
    np.savez(tmp_path / "train_10k.npz", x=images(), y=Y)
    with pytest.raises(DataError, match=r"neither train.npz nor folders of images; found: train_10k.npz"):
        load(tmp_path)
    (tmp_path / "void").mkdir()
    with pytest.raises(DataError, match="found: nothing"):
        load(tmp_path / "void")


def test_an_empty_class_folder_is_refused(tmp_path: Path) -> None:
    (write_classes(tmp_path, images()) / "eel").mkdir()
    with pytest.raises(DataError, match=r"eel' holds no image \(.png, .jpg"):
        load(tmp_path)


def test_images_beside_the_class_folders_are_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, images())
    Image.fromarray(images(1)[0]).save(tmp_path / "loose.png")
    with pytest.raises(DataError, match=r"1 images lie beside .* the first is 'loose.png'"):
        load(tmp_path)


@pytest.mark.parametrize("extra", ["eval", "valid"])
def test_a_folder_that_is_no_part_is_refused(tmp_path: Path, extra: str) -> None:
    for name in ("train", "val", extra):
        write_classes(tmp_path / name, images())
    with pytest.raises(DataError, match=f"'{'valid' if extra == 'valid' else 'eval'}' is none or the second"):
        load(tmp_path)


def test_settings_that_do_not_apply_are_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, images())
    with pytest.raises(InvalidValueError, match="layout is 'NHWC', but it applies to arrays only"):
        load(tmp_path, layout="NHWC")
    with pytest.raises(InvalidValueError, match="image_column is 'img', but the source is no Hugging Face"):
        load(tmp_path, image_column="img")


def test_fashion_mnist_is_read_in_seconds(shared_data: Path) -> None:
    folder = real(shared_data, "fashion_mnist")
    start_s = time.perf_counter()
    data = load(folder, seed=0)
    assert time.perf_counter() - start_s < 20
    assert (len(data.train), len(data.validation), len(data.test)) == (54_000, 6_000, 10_000)
    assert np.bincount(data.validation.y).tolist() == [600] * 10
    assert data.shape == (1, 28, 28)
    with np.load(folder / "test.npz") as archive:
        assert np.array_equal(data.test.x[:, 0], archive["x"])
        assert np.array_equal(data.test.y, archive["y"])


def test_cifar10_is_read_from_two_files(shared_data: Path) -> None:
    folder = real(shared_data, "cifar10")
    data = load(
        {"train": folder / "train_10k.npz", "test": folder / "test_2k.npz"}, classes=[3, 5], max_train=500
    )
    assert (data.shape, data.class_names) == ((3, 32, 32), ("3", "5"))
    assert (len(data.train), len(data.validation), len(data.test)) == (500, 300, 400)
    with np.load(folder / "test_2k.npz") as archive:
        first = archive["x"][np.isin(archive["y"], [3, 5])][0]
    assert np.array_equal(data.test.x[0], first.transpose(2, 0, 1))


def real(shared_data: Path, name: str) -> Path:
    if not (shared_data / name).is_dir():
        pytest.skip(f"the data set {name} is not in {shared_data}")
    return shared_data / name
