"""The manifest: reads back as written, and notices every change."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penjing.errors import ArtifactError, FormatVersionError, InvalidValueError, RunFolderError
from penjing.store import Manifest, checksums_of

FIELDS: dict[str, Any] = {
    "id": "d7",
    "candidate": {"stage1.width": 16, "kernel": (3, 3)},
    "blueprint": {"layers": []},
    "recipe": {"epochs": 3},
    "seed": 5,
    "versions": {"penjing": "0.1.0"},
    "processor": ("avx2", "avx512_vnni"),
    "measurements": {"latency_ms": np.float64(0.1)},
    "run": {"folder": "runs/a", "trial": 7},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(b"model")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "network.py").write_text("pass\n")
    return tmp_path


@pytest.fixture
def manifest(folder: Path) -> Manifest:
    return Manifest(**FIELDS, checksums=checksums_of(folder))


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_manifest_reads_back_as_written(manifest: Manifest, folder: Path) -> None:
    path = manifest.write(folder)
    assert path == folder / "manifest.json"
    assert Manifest.read(folder) == manifest
    assert manifest.candidate["kernel"] == [3, 3]
    assert json.loads(path.read_text())["format_version"] == 1


def test_all_files_but_the_manifest_are_summed(manifest: Manifest, folder: Path) -> None:
    manifest.write(folder)
    (folder / ".penjing-1-2.tmp").touch()
    assert checksums_of(folder) == dict(manifest.checksums)
    assert list(manifest.checksums) == ["model.onnx", "more/network.py"]
    manifest.verify(folder)


def test_what_is_changed_outside_does_not_reach_it() -> None:
    candidate = {"width": 8}
    manifest = Manifest(**{**FIELDS, "candidate": candidate}, checksums={})
    candidate["width"] = 9
    assert manifest.candidate == {"width": 8}


def test_a_changed_file_is_named(manifest: Manifest, folder: Path) -> None:
    (folder / "more" / "network.py").write_text("pass \n")
    with pytest.raises(ArtifactError, match=r"File 'more/network\.py' of design 'd7' differs") as caught:
        manifest.verify(folder)
    assert caught.value.facts["file"] == "more/network.py"


def test_a_missing_file_is_named(manifest: Manifest, folder: Path) -> None:
    (folder / "model.onnx").unlink()
    with pytest.raises(ArtifactError, match=r"Design 'd7' lacks its file 'model\.onnx'"):
        manifest.verify(folder)


def test_a_manifest_that_can_verify_nothing_or_elsewhere_is_refused(folder: Path) -> None:
    with pytest.raises(ArtifactError, match="lists no checksums"):
        Manifest(**FIELDS, checksums={}).verify(folder)
    with pytest.raises(RunFolderError, match=r"'\.\./x' is not a path inside"):
        Manifest(**FIELDS, checksums={"../x": "0"}).verify(folder)


def test_a_folder_without_manifest_holds_no_design(folder: Path) -> None:
    with pytest.raises(ArtifactError, match=f"{folder} holds no design: manifest.json is missing"):
        Manifest.read(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: [content.pop("seed"), content.pop("recipe")], "lacks 'recipe', 'seed'"),
        (lambda content: content.update(colour="red"), "has unknown 'colour'"),
        (lambda content: content.update(seed="5"), "has a wrong value .seed must be an int, got '5'"),
        (
            lambda content: content.update(run=[1]),
            r"has a wrong value .run of a manifest must be a mapping, got \[1\]",
        ),
        (lambda content: content.update(id=7), "has a wrong value .7 is no design id"),
        (lambda content: content.update(processor="avx2"), "has a wrong value .processor must be a list"),
        (lambda content: content.update(id="../d7"), r"has a wrong value .'\.\./d7' is no design id"),
    ],
)
def test_a_manifest_with_wrong_fields_is_damaged(
    manifest: Manifest, folder: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    rewrite(manifest.write(folder), change)
    with pytest.raises(ArtifactError, match=message):
        Manifest.read(folder)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "is no JSON"), ("[]", "is a list, not a mapping"), ("\xff", "is no JSON")]
)
def test_what_is_no_manifest_is_damaged(folder: Path, text: str, message: str) -> None:
    (folder / "manifest.json").write_text(text, encoding="latin-1")
    with pytest.raises(ArtifactError, match=message):
        Manifest.read(folder)


@pytest.mark.parametrize(
    ("version", "message"),
    [(2, "has format_version 2, from a newer Penjing"), (None, "has format_version None")],
)
def test_an_unknown_format_is_not_read(
    manifest: Manifest, folder: Path, version: int | None, message: str
) -> None:
    rewrite(manifest.write(folder), lambda content: content.update(format_version=version, colour="red"))
    with pytest.raises(FormatVersionError, match=message):
        Manifest.read(folder)


def test_a_measurement_that_is_no_number_is_not_written() -> None:
    with pytest.raises(InvalidValueError, match=r"measurements\['latency_ms'\] is nan"):
        Manifest(**{**FIELDS, "measurements": {"latency_ms": float("nan")}}, checksums={})
