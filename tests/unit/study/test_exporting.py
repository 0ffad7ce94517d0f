import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.formats.record import ASSETS
from tests.unit.study.designs import add_design, make_run

from penjing.errors import ArtifactError, RunFolderError, UnknownNameError
from penjing.store import RunFolder
from penjing.study.exporting import export_design


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = make_run(tmp_path / "run")
    add_design(made, "3f2a9c1e")
    add_design(made, "77b0aa10")
    return made


def test_an_export_holds_the_files_the_manifest_and_a_script(run: RunFolder, tmp_path: Path) -> None:
    folder = export_design(run, "3f2a9c1e", tmp_path / "deep" / "out")
    assert sorted(path.name for path in folder.iterdir()) == [
        "manifest.json",
        "model.onnx",
        "network.py",
        "run.py",
        "weights.safetensors",
    ]
    assert (folder / "model.onnx").read_text() == "model.onnx of 3f2a9c1e"
    assert json.loads((folder / "manifest.json").read_text())["id"] == "3f2a9c1e"
    script = (folder / "run.py").read_text()
    needed = {
        name.name
        for node in ast.walk(ast.parse(script))
        if isinstance(node, ast.Import)
        for name in node.names
    }
    assert needed == {"json", "sys", "numpy", "onnxruntime"}
    assert re.findall("^from (.*) import", script, re.MULTILINE) == ["pathlib"]
    assert "np.zeros((1, 1, 8, 8), np.uint8)" in script


def test_rows_of_features_are_given_as_32_bit_floats(run: RunFolder, tmp_path: Path) -> None:
    add_design(run, "5e0c11aa", given={"name": "x", "shape": [13], "storage": "float32"})
    script = (export_design(run, "5e0c11aa", tmp_path / "out") / "run.py").read_text()
    assert "python run.py rows.npy        # features as they come, [N, 13]" in script
    assert "np.zeros((1, 13), np.float32)" in script
    assert '{"x": rows.astype(np.float32)}' in script
    ast.parse(script)


def test_an_empty_folder_may_be_there(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert (export_design(run, "3f2a9c1e", tmp_path / "out") / "run.py").is_file()


def test_an_unknown_design_is_answered_with_the_nearest(run: RunFolder, tmp_path: Path) -> None:
    match = (
        r"^No finished design is named '3f2a9c1f'\. Did you mean '3f2a9c1e'\? Known: 3f2a9c1e, 77b0aa10\.$"
    )
    with pytest.raises(UnknownNameError, match=match):
        export_design(run, "3f2a9c1f", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_path_is_no_design(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"'\.\./3f2a9c1e'"):
        export_design(run, "../3f2a9c1e", tmp_path / "out")


def test_a_run_without_designs_says_that_it_has_none(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"named 'a'\. Known: none\.$"):
        export_design(make_run(tmp_path / "run"), "a", tmp_path / "out")


def test_a_folder_with_anything_in_it_is_refused(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(RunFolderError, match=rf"^The folder {re.escape(repr(str(tmp_path)))} is not empty\."):
        export_design(run, "3f2a9c1e", tmp_path)


def test_a_file_is_no_folder(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(RunFolderError, match=r"out' is a file; a design is exported to a folder\."):
        export_design(run, "3f2a9c1e", tmp_path / "out")


def test_a_design_that_was_changed_is_not_handed_over(run: RunFolder, tmp_path: Path) -> None:
    (run.design_path("3f2a9c1e") / "model.onnx").write_text("something else")
    with pytest.raises(ArtifactError, match=r"File 'model\.onnx' of design '3f2a9c1e' differs"):
        export_design(run, "3f2a9c1e", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_script_says_how_it_is_called(run: RunFolder, tmp_path: Path) -> None:
    folder = export_design(run, "3f2a9c1e", tmp_path / "out")
    words = [sys.executable, str(folder / "run.py"), "--help"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "python run.py images.npy" in done.stdout


@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (3, 8, 8)])
def test_the_script_says_which_images_it_takes(shape: tuple[int, ...], tmp_path: Path) -> None:
    recorded = RunFolder.open(shutil.copytree(ASSETS / "0.1.0" / "run", tmp_path / "run"))
    design = min(path.name for path in recorded.designs_path.iterdir())
    folder = export_design(recorded, design, tmp_path / "out")
    for dtype in (np.uint8, np.float64):
        np.save(tmp_path / "x.npy", np.zeros(shape, dtype))
        words = [sys.executable, str(folder / "run.py"), str(tmp_path / "x.npy")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if dtype == np.uint8 and len(shape) == 4:
            assert (done.returncode, len(done.stdout.splitlines())) == (0, 3)
        else:
            (said,) = done.stderr.splitlines()
            assert said.endswith(
                f"holds {np.dtype(dtype)} of shape {shape}; give uint8 pixels, [N, 1, 8, 8]."
            )


def test_the_script_says_which_file_it_cannot_read(tmp_path: Path) -> None:
    recorded = RunFolder.open(shutil.copytree(ASSETS / "0.1.0" / "run", tmp_path / "run"))
    design = min(path.name for path in recorded.designs_path.iterdir())
    script = str(export_design(recorded, design, tmp_path / "out") / "run.py")
    (tmp_path / "text.npy").write_text("no array")
    for name in ("absent.npy", "text.npy"):
        words = [sys.executable, script, name]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        (said,) = done.stderr.splitlines()
        assert (done.returncode, said.startswith(f"{name} cannot be read: ")) == (1, True)
