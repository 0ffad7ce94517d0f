"""What every version wrote is still read; what a later one wrote is refused with a reason."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.formats.record import ASSETS, KEPT

from penjing.blueprint import Blueprint, blueprint
from penjing.errors import FormatVersionError
from penjing.report import write_report
from penjing.store import Manifest, RunFolder, eventlog, front, journal, manifest, run_folder
from penjing.store.front import front_of
from penjing.study.config import checked
from penjing.targets.onnxruntime import latency_model
from penjing.targets.onnxruntime.latency_model import LatencyModel
from penjing.targets.onnxruntime.runtime import Session

VERSIONS = sorted(ASSETS.glob("*.*.*"), key=lambda folder: tuple(map(int, folder.name.split("."))))
MOST_BYTES = 200_000


@pytest.fixture(params=VERSIONS, ids=lambda folder: folder.name)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of what a version wrote: SQLite makes files beside a journal, even to read it."""
    return shutil.copytree(request.param, tmp_path / "written")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def designs(run: Path) -> list[Path]:
    return sorted((run / "designs").iterdir())


def test_a_run_folder_opens_and_its_configuration_is_accepted(written: Path) -> None:
    assert checked(RunFolder.open(written / "run").config).data == "digits"


def test_a_journal_tells_what_happened_and_can_be_gone_on_with(written: Path) -> None:
    run = RunFolder.open(written / "run")
    with run.journal(read_only=True) as read:
        trials = read.trials()
        assert [trial.number for trial in trials] == list(range(len(trials)))
        finished = [t.measurements["design"] for t in trials if (t.fidelity, t.state) == ("final", "done")]
        assert sorted(finished) == [folder.name for folder in designs(run.path)]
        assert read.phases()
        assert read.events("progress")
        assert read.get("reference")["latency_ms"] > 0
    with run.lock(), run.journal() as goes_on:
        goes_on.ask(goes_on.next_number(), "joint", "inherited", {"width": 8}, "key")
        assert len(goes_on.trials(state="asked")) == 1


def test_a_design_is_whole_and_its_file_runs(written: Path) -> None:
    for folder in designs(written / "run"):
        made = Manifest.read(folder)
        made.verify(folder)
        network = Blueprint.from_dict(made.blueprint)
        pixels = np.zeros((2, *network.input.shape), np.uint8)
        assert Session(folder / "model.onnx").predict(pixels).shape == (2, 10)


def test_a_blueprint_reads_back_as_it_was_written(written: Path) -> None:
    content = read_json(written / "blueprint.json")
    assert json.loads(json.dumps(Blueprint.from_dict(content).as_dict())) == content


def test_a_latency_model_predicts_or_says_that_it_is_measured_again(written: Path) -> None:
    content = read_json(written / "run" / "latency_model.json")
    if content["format_version"] != latency_model.FORMAT_VERSION:
        with pytest.raises(FormatVersionError, match="Delete the file, and it is measured again"):
            LatencyModel.from_dict(content)
        return
    model = LatencyModel.from_dict(content)
    assert model.predict_ms(Blueprint.from_dict(read_json(written / "blueprint.json"))) > 0


def test_the_front_says_what_it_said(written: Path) -> None:
    assert_holds(front_of(RunFolder.open(written / "run")), read_json(written / "front.json"))


def assert_holds(now: Any, then: Any) -> None:
    """Keys may have been added; none was removed or means something else."""
    if isinstance(then, dict):
        assert then.keys() <= now.keys()
        for key in then:
            assert_holds(now[key], then[key])
    elif isinstance(then, list):
        assert len(now) == len(then)
        for pair in zip(now, then, strict=True):
            assert_holds(*pair)
    else:
        assert now == then


def test_a_report_is_written_of_it(written: Path) -> None:
    said = write_report(RunFolder.open(written / "run")).read_text(encoding="utf-8")
    assert all(folder.name in said for folder in designs(written / "run"))
    assert "could not be read" not in said


def versions_in(folder: Path) -> dict[str, Any]:
    run = folder / "run"
    with sqlite3.connect(f"file:{run / 'journal.db'}?mode=ro", uri=True) as connection:
        (in_journal,) = connection.execute("SELECT value FROM meta WHERE name = 'format_version'").fetchone()
    connection.close()
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return {
        "config.yaml": yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))["format_version"],
        "journal.db": in_journal,
        "log.jsonl": json.loads(lines[0])["format_version"],
        "latency_model.json": read_json(run / "latency_model.json")["format_version"],
        "manifest.json": read_json(designs(run)[0] / "manifest.json")["format_version"],
        "blueprint.json": read_json(folder / "blueprint.json")["format_version"],
        "front.json": read_json(folder / "front.json")["format_version"],
    }


def test_there_is_an_example_of_every_format_in_its_present_version(tmp_path: Path) -> None:
    """After a change of format: python -m tests.formats.record, under a new version of Penjing."""
    newest = shutil.copytree(VERSIONS[-1], tmp_path / "newest")
    assert versions_in(newest) == {
        "config.yaml": run_folder.CONFIG_FORMAT_VERSION,
        "journal.db": journal.JOURNAL_FORMAT_VERSION,
        "log.jsonl": eventlog.LOG_FORMAT_VERSION,
        "latency_model.json": latency_model.FORMAT_VERSION,
        "manifest.json": manifest.MANIFEST_FORMAT_VERSION,
        "blueprint.json": blueprint.FORMAT_VERSION,
        "front.json": front.FRONT_FORMAT_VERSION,
    }
    assert {path.name for path in (newest / "run").iterdir()} >= set(KEPT)


def with_version_99(path: Path) -> None:
    if path.suffix == ".db":
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE meta SET value = 99 WHERE name = 'format_version'")
        connection.close()
    elif path.suffix == ".json":
        path.write_text(json.dumps({**read_json(path), "format_version": 99}), encoding="utf-8")
    else:
        path.write_text(path.read_text("utf-8").replace("format_version: 1", "format_version: 99"), "utf-8")


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("run/config.yaml", lambda folder: RunFolder.open(folder / "run")),
        ("run/journal.db", lambda folder: RunFolder.open(folder / "run").journal(read_only=True)),
        ("run/latency_model.json", lambda f: LatencyModel.from_dict(read_json(f / "run/latency_model.json"))),
        ("run/designs/*/manifest.json", lambda folder: Manifest.read(designs(folder / "run")[0])),
        ("blueprint.json", lambda folder: Blueprint.from_dict(read_json(folder / "blueprint.json"))),
    ],
)
def test_a_version_that_is_not_known_is_refused(
    name: str, read: Callable[[Path], object], tmp_path: Path
) -> None:
    folder = shutil.copytree(VERSIONS[-1], tmp_path / "written")
    for path in folder.glob(name):
        with_version_99(path)
    with pytest.raises(FormatVersionError, match="format_version 99"):
        read(folder)


def test_the_examples_are_small_and_tell_nothing_of_the_machine_that_wrote_them() -> None:
    files = [path for path in ASSETS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES * len(VERSIONS)
    for path in files:
        content = path.read_bytes()
        assert not re.search(rb"/[a-z]{3,}/", content), f"{path} names a folder of the machine"
