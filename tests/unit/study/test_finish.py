"""Final measurements are repeated while the machine is slower than it was, and the quickest slot counts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.study.designs import add_design
from tests.unit.study.small_study import small_study

from penjing.store import Manifest, Trial
from penjing.study import finish
from penjing.study.finish import Finisher
from penjing.targets.onnxruntime.latency_model import NAMES, LatencyModel
from penjing.targets.onnxruntime.protocol import Latency
from penjing.targets.onnxruntime.target import METRONOME, OnnxRuntimeCpu

FITTED_AT_MS = 0.1


@pytest.mark.parametrize(
    ("slots_ms", "seconds", "written_ms"),
    [
        ([0.1, 0.1], None, [0.1, 0.1]),
        ([0.1, 0.2, 0.15, 0.1], None, [0.1, 0.2, 0.15, 0.1]),
        ([0.1, 0.2, 0.3, 0.15, 0.18], None, [0.1, 0.2, 0.15]),
        ([0.1, 0.2], 0.3, [0.1, 0.2]),
    ],
    ids=["quiet", "until it is quiet", "the quickest of the longer ones", "no time left"],
)
def test_a_disturbed_machine_is_measured_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    slots_ms: list[float],
    seconds: float | None,
    written_ms: list[float],
) -> None:
    left: Iterator[float] = iter(slots_ms)
    written: list[float] = []

    def measured(trials: list[Trial], seconds: float) -> dict[str, Any]:
        value = {"latency_ms": {"value": next(left)}}
        return {METRONOME: value, "design": value, "reference": value}

    with small_study(tmp_path / "run") as study:
        finisher = Finisher(study.run_folder, study.journal, study.config, study.pipeline)
        finisher._fitted_at_ms = FITTED_AT_MS
        one = one_trial("design")
        monkeypatch.setattr(
            finish, "measure_empty_call", lambda: Latency(0.01, 0.01, 0.01, 1, 1, 1, 0.0, 0.01)
        )
        monkeypatch.setattr(finisher, "_trials", lambda: [one])
        monkeypatch.setattr(finisher, "_accuracies", lambda trial: {})
        monkeypatch.setattr(finisher, "_measured", measured)
        monkeypatch.setattr(
            finisher,
            "_write_manifest",
            lambda trial, found, pace: written.append(found["latency_ms"]["value"]),
        )
        finisher.finish(seconds)
        assert written == written_ms
        assert not list(left)
        assert study.journal.get("pace") == pytest.approx(written_ms[-1] / FITTED_AT_MS)


def one_trial(design: str) -> Trial:
    return Trial(0, "finalists", "final", {}, "key", "done", {"design": design}, 1.0, None, 0.0, 1.0)


def test_accuracies_of_another_kind_of_processor_are_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_study(tmp_path / "run") as study:
        add_design(study.run_folder, "kept")
        folder = study.run_folder.design_path("kept")
        flags = study.pipeline.abilities.processor_flags
        replace(Manifest.read(folder), processor=flags).write(folder)
        finisher = Finisher(study.run_folder, study.journal, study.config, study.pipeline)
        monkeypatch.setattr(finish, "Session", lambda artifact: None)
        monkeypatch.setattr(finish, "_accuracy", lambda session, x, y, part: {"value": 0.1, "split": part})
        assert finisher._accuracies(one_trial("kept"))["test"]["value"] == 0.9
        replace(Manifest.read(folder), processor=(*flags, "zzz")).write(folder)
        assert finisher._accuracies(one_trial("kept"))["test"]["value"] == 0.1


def test_a_run_that_was_moved_knows_it_and_searches_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[float] = []

    def measure(*_: Any, **__: Any) -> dict[str, Latency]:
        measured.append(0.1 * (len(measured) + 1))
        return {"reference": Latency(measured[-1], measured[-1], measured[-1], 1, 1, 1, 0.0, measured[-1])}

    monkeypatch.setattr(finish, "measure_latency", measure)
    monkeypatch.setattr(
        OnnxRuntimeCpu, "latency_model", lambda *_: LatencyModel(8, np.ones(len(NAMES)), {}, FITTED_AT_MS)
    )
    with small_study(tmp_path / "run", objectives=["accuracy", "latency_ms"]) as study:
        finisher = Finisher(study.run_folder, study.journal, study.config, study.pipeline)
        for _ in range(2):
            finisher.prepare(None)
            assert not finisher.is_elsewhere
        study.journal.put("processor", ["of another kind"])
        for _ in range(2):
            finisher.prepare(None)
            assert finisher.is_elsewhere
        assert measured == [0.1]


def test_what_is_slower_by_its_kind_is_not_measured_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paces: list[float] = []
    with small_study(tmp_path / "run") as study:
        finisher = Finisher(study.run_folder, study.journal, study.config, study.pipeline)
        finisher.is_elsewhere = True
        monkeypatch.setattr(finisher, "_trials", lambda: [one_trial("design")])
        monkeypatch.setattr(finisher, "_accuracies", lambda trial: {})
        monkeypatch.setattr(finisher, "_measure", lambda *_: paces.append(2.0) or 2.0)
        finisher.finish(None)
    assert len(paces) == 2
