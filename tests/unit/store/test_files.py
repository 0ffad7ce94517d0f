"""Whole files and keys from content."""

import errno
import hashlib
import json
import math
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penjing.errors import InvalidValueError, RunFolderError
from penjing.store import canonical_json, content_key, path_inside, sha256_of, write_atomically

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(("data", "expected"), [("盆景\n", "盆景\n".encode()), (b"\x00\xff", b"\x00\xff")])
def test_a_file_has_what_was_written_and_nothing_is_beside_it(
    tmp_path: Path, data: Any, expected: bytes
) -> None:
    path = tmp_path / "designs" / "7" / "model.onnx"
    write_atomically(path, "before")
    write_atomically(path, data)
    assert path.read_bytes() == expected
    assert [entry.name for entry in path.parent.iterdir()] == ["model.onnx"]


def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_atomically(tmp_path / "ours", "x")
    (tmp_path / "plain").write_text("x")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "plain")}
    assert len(modes) == 1


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    (tmp_path / "link").symlink_to(outside)
    write_atomically(tmp_path / "link", "new")
    assert outside.read_text() == "untouched"
    assert (tmp_path / "link").read_text() == "new"


def test_a_full_disk_leaves_the_old_file_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    write_atomically(path, "before")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=321))
    with pytest.raises(RunFolderError, match=r"model\.onnx needs 5 bytes, 321 bytes are free") as caught:
        write_atomically(path, "after")
    assert "Nothing committed is lost" in caught.value.message
    assert "`penjing resume` continues" in caught.value.message
    assert caught.value.facts == {"path": str(path), "needed_bytes": 5, "free_bytes": 321}
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(
        RunFolderError, match=r"file/model\.onnx cannot be written: (File exists|Not a directory)"
    ):
        write_atomically(tmp_path / "file" / "model.onnx", b"x")


def test_an_interrupted_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.yaml"
    write_atomically(path, "before")

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "after")
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {"config.yaml": "before"}


def test_the_checksum_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"abc" * 100_000).hexdigest()


@settings(deadline=None)
@given(json_values)
def test_canonical_json_reads_back_as_it_was(value: Any) -> None:
    text = canonical_json(value)
    assert text.isascii()
    assert canonical_json(json.loads(text)) == text
    assert json.loads(text) == value


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_order_of_keys_does_not_matter_and_the_order_of_parts_does(value: dict[str, int]) -> None:
    reordered = dict(reversed(value.items()))
    assert content_key(value) == content_key(reordered)
    assert content_key(value, 1) != content_key(1, value)


def test_a_content_key_is_the_beginning_of_the_hash_of_the_canonical_json() -> None:
    assert content_key("a", 1) == hashlib.sha256(b'["a",1]').hexdigest()[:16]
    assert content_key("ab", "c") != content_key("a", "bc")


def test_numpy_and_tuples_are_written_as_plain_data() -> None:
    value = {"shape": (1, np.int64(2)), "w": np.array([[0.5]]), "on": np.bool_(True), "x": np.float32(0.25)}
    assert canonical_json(value) == '{"on":true,"shape":[1,2],"w":[[0.5]],"x":0.25}'


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, math.nan]}, r"value\['a'\]\[1\] is nan; JSON has finite numbers only"),
        (np.float32("inf"), "value is inf"),
        ({"a": {3: 1}}, r"value\['a'\] has the key 3; JSON has text keys only\. Use '3'"),
        ({"path": Path("x")}, r"value\['path'\] is of type '(Posix)?Path'"),
        ([{1, 2}], r"value\[0\] is of type 'set'; allowed are None"),
        (np.longdouble(1), "value is of type 'longdouble'"),
    ],
)
def test_what_json_cannot_write_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        canonical_json(value)


def test_a_path_inside_is_resolved(tmp_path: Path) -> None:
    assert path_inside(tmp_path, "designs/7/model.onnx") == tmp_path.resolve() / "designs/7/model.onnx"


@pytest.mark.parametrize(
    "relative", ["../x", "designs/../../x", "a/../b", "/etc/passwd", "a\0b", "link/x", "loop"]
)
def test_a_path_that_leads_out_is_refused(tmp_path: Path, relative: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder / "loop")
    with pytest.raises(RunFolderError, match="is not a path inside") as caught:
        path_inside(folder, relative)
    assert repr(relative) in caught.value.message
    assert caught.value.facts["path"] == relative
