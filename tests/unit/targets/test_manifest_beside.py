"""A file that was chosen for another kind of processor is measured with a warning."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.networks import Pipeline

from penjing.cli import main
from penjing.store import Manifest, checksums_of
from penjing.targets.onnxruntime.manifest_beside import processor_warnings
from penjing.targets.onnxruntime.processor import processor_info
from penjing.targets.onnxruntime.runtime import empty_artifact

OLD = ("avx", "avx2", "fma")
SERVER = ("avx", "avx2", "avx512_vnni", "avx512f", "fma")
PHONE = ("asimd", "asimddp")
PIPELINE = Pipeline(per_layer=False, precisions=("w8", "w8a8", "w4a8"))
CANDIDATE = PIPELINE.samples(1)[0]


def processor(flags: tuple[str, ...]) -> dict[str, object]:
    return processor_info(f"flags : {' '.join(flags)}", machine="aarch64" if flags == PHONE else "x86_64")


def design(folder: Path, flags: tuple[str, ...], precision: str = "w8a8") -> Path:
    """A file and its manifest, as in an export."""
    candidate = PIPELINE.space.candidate(
        {**CANDIDATE, **{n: precision for n in CANDIDATE if "precision" in n}}
    )
    (folder / "model.onnx").write_bytes(empty_artifact())
    Manifest(
        id="3f2a9c1e",
        candidate=candidate.as_dict(),
        blueprint=PIPELINE.blueprint(candidate).as_dict(),
        recipe={},
        seed=0,
        versions={},
        processor=flags,
        checksums=checksums_of(folder),
        measurements={},
        run={},
    ).write(folder)
    return folder / "model.onnx"


@pytest.mark.parametrize("flags", [OLD, SERVER, PHONE])
def test_on_the_processor_of_the_manifest_there_is_nothing_to_say(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    assert processor_warnings(design(tmp_path, flags), processor(flags)) == []


def test_what_one_processor_has_and_the_other_lacks_is_named(tmp_path: Path) -> None:
    (said,) = processor_warnings(design(tmp_path, SERVER, "w8"), processor(("avx", "avx2", "f16c", "fma")))
    assert said == (
        "model.onnx was chosen for another kind of processor: it had avx512_vnni, avx512f, which this one "
        "lacks; this one has f16c besides. Latencies in its manifest do not hold here."
    )


@pytest.mark.parametrize(
    ("there", "here", "precision", "saturates"),
    [
        (SERVER, OLD, "w8a8", True),
        (PHONE, OLD, "w8a8", True),
        (SERVER, OLD, "w8", False),
        (SERVER, OLD, "w4a8", False),
        (OLD, SERVER, "w8a8", False),
        (OLD, ("avx", "avx2"), "w8a8", False),
        (SERVER, PHONE, "w8a8", False),
    ],
)
def test_sums_that_can_saturate_are_a_reason_to_check_the_accuracy(
    tmp_path: Path, there: tuple[str, ...], here: tuple[str, ...], precision: str, saturates: bool
) -> None:
    (said,) = processor_warnings(design(tmp_path, there, precision), processor(here))
    assert ("can saturate here: check its accuracy" in said) == saturates


def rewrite(path: Path, **changes: Any) -> None:
    content = json.loads((path.parent / "manifest.json").read_text())
    (path.parent / "manifest.json").write_text(json.dumps({**content, **changes}))


@pytest.mark.parametrize(
    "changes",
    [{"processor": []}, {"checksums": {"other.onnx": "0"}}, {"format_version": 99}, {"name": "My app"}],
)
def test_a_manifest_that_says_nothing_of_the_file_gives_no_warning(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    path = design(tmp_path, SERVER)
    rewrite(path, **changes)
    assert processor_warnings(path, processor(OLD)) == []


def test_a_file_without_manifest_gives_no_warning(tmp_path: Path) -> None:
    assert processor_warnings(tmp_path / "model.onnx", processor(OLD)) == []


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_warns_in_one_line_on_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    path = design(tmp_path, ("amx_int8", "avx2", "sve"))
    arguments = ["penjing", "measure", str(path), *(["--json"] if as_json else [])]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 0
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("penjing: model.onnx was chosen for another kind of processor: it had ")
    assert "sve" in line
    if as_json:
        assert json.loads(captured.out)["warnings"] == [line.removeprefix("penjing: ")]
    else:
        assert "warnings" not in captured.out
