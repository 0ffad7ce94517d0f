"""Final measurements are repeated while the machine is slower than it was, and the quickest slot counts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.study.small_study import small_study

from penjing.store import Trial
from penjing.study import finish
from penjing.study.finish import Finisher
from penjing.targets.onnxruntime.protocol import Latency
from penjing.targets.onnxruntime.target import METRONOME

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
        one = Trial(0, "finalists", "final", {}, "key", "done", {"design": "design"}, 1.0, None, 0.0, 1.0)
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
