"""The examples run, and what they leave behind is what the reference says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.docs.pages import ROOT, code, page, rows
from tests.docs.test_docs import assert_is_as_documented

from penjing.store import RunFolder
from penjing.store.front import front_of
from penjing.study.config import load_config

EXAMPLES = ROOT / "examples"
MOST_LINES = {"01_search_on_digits.py": 40, "02_your_own_arrays.py": 80}


def run_example(name: str, out: Path) -> str:
    command = [sys.executable, str(EXAMPLES / name), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What the first example left behind, and what it said."""
    out = tmp_path_factory.mktemp("example")
    return out, run_example("01_search_on_digits.py", out)


def test_the_first_example_prints_a_front_and_exports_a_design(searched: tuple[Path, str]) -> None:
    out, said = searched
    front = front_of(RunFolder.open(out / "run"))["front"]
    assert front
    assert all(entry["id"] in said for entry in front)
    exported = {path.name for path in (out / "best").iterdir()}
    text = page("how-to/run-an-exported-design.md").partition("## ")[0]
    assert exported == {code(cells[0])[0] for cells in rows(text)}
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=out / "best", capture_output=True, text=True, check=False
    )
    assert done.stdout.split()[0] == "0", done.stderr


def test_the_front_of_a_real_run_has_the_documented_keys(searched: tuple[Path, str]) -> None:
    document = front_of(RunFolder.open(searched[0] / "run"))
    assert_is_as_documented(json.loads(json.dumps(document)))


def test_every_entry_of_a_real_run_folder_is_documented(searched: tuple[Path, str]) -> None:
    text = page("reference/run-folder.md").partition("## A design")[0]
    documented = {name.rstrip("/") for cells in rows(text) for name in code(cells[0])}
    assert {path.name for path in (searched[0] / "run").iterdir()} <= documented


@pytest.mark.long
def test_the_second_example_classifies_with_the_exported_file(tmp_path: Path) -> None:
    said = run_example("02_your_own_arrays.py", tmp_path)
    assert float(said.split("%")[0]) > 60


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_configuration_among_the_examples_is_accepted(path: Path) -> None:
    assert load_config(path).data
    assert yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_example_can_be_read_at_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES.get(path.name, 80)
