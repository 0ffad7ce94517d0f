from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.unit.study.small_study import small_study
from torch import nn

from penjing.errors import ConfigError
from penjing.space import Candidate
from penjing.study import training_precision
from penjing.study.training_precision import (
    decide_training_precision,
    kept_training_precision,
    reference_step_ms,
)
from penjing.training.device import threads

A_TIME = {"budget": "1 min"}


def reference(study: Any) -> Candidate:
    return study.pipeline.family.covering(list(study.pipeline.space))[0]


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """What the next probes of the reference will find, each used up once; drawn networks are as the last."""
    found: list[dict[str, float]] = []
    drawn: dict[str, float] = {}

    def step_ms(build: Callable[[], nn.Module], *described: Any) -> dict[str, float]:
        assert sum(weight.numel() for weight in build().parameters()) > 0
        *_, precisions, seconds = described
        if seconds < len(precisions) * training_precision._PROBE_S:
            return drawn
        made = found.pop()
        assert tuple(made) == tuple(precisions)
        drawn.update(made)
        return made

    monkeypatch.setattr(training_precision, "precisions_of", lambda device: ("fp32", "bf16"))
    monkeypatch.setattr(training_precision, "step_ms", step_ms)
    return found


def test_a_budget_in_evaluations_asks_no_clock(tmp_path: Path, probes: list[dict[str, float]]) -> None:
    with small_study(tmp_path / "run") as study:
        assert decide_training_precision(study, reference(study)) == "fp32"
        assert reference_step_ms(study.journal) is None
        assert study.journal.get("training precision")["decided_by"] == "a budget without a clock"


def test_what_was_timed_holds_for_the_whole_run(tmp_path: Path, probes: list[dict[str, float]]) -> None:
    probes += [{"fp32": 1.0, "bf16": 2.0}, {"fp32": 4.0, "bf16": 1.0}]
    for _ in range(2):
        with small_study(tmp_path / "run", **A_TIME) as study:
            assert decide_training_precision(study, reference(study)) == "bf16"
            assert kept_training_precision(study.journal) == "bf16"
            assert reference_step_ms(study.journal) == 1.0
            kept = study.journal.get("training precision")
            assert kept["step_ms"] == {"fp32": 4.0, "bf16": 1.0}
            assert kept["decided_by"] == "timing"
    assert len(probes) == 1


def test_what_drawn_networks_lose_outweighs_what_the_reference_gains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed: list[int] = []

    def step_ms(build: Callable[[], nn.Module], *described: Any) -> dict[str, float]:
        timed.append(sum(weight.numel() for weight in build().parameters()))
        return {"fp32": 16.0, "bf16": 14.0} if len(timed) == 1 else {"fp32": 10.0, "bf16": 30.0}

    monkeypatch.setattr(training_precision, "precisions_of", lambda device: ("fp32", "bf16"))
    monkeypatch.setattr(training_precision, "step_ms", step_ms)
    with small_study(tmp_path / "run", **A_TIME) as study:
        assert decide_training_precision(study, reference(study)) == "fp32"
        assert reference_step_ms(study.journal) == 16.0
    assert len(set(timed)) > 2


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_is_configured_is_taken_and_timed_alone(
    tmp_path: Path, probes: list[dict[str, float]], precision: str
) -> None:
    probes.append({precision: 3.0})
    for budget, step_ms in (("1 min", 3.0), ("6 evaluations", None)):
        with small_study(tmp_path / budget, budget=budget, training={"precision": precision}) as study:
            assert decide_training_precision(study, reference(study)) == precision
            assert reference_step_ms(study.journal) == step_ms
            assert study.journal.get("training precision")["decided_by"] == "the configuration"


def test_a_device_without_a_choice_trains_in_32_bits(
    tmp_path: Path, probes: list[dict[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_precision, "precisions_of", lambda device: ("fp32",))
    probes.append({"fp32": 3.0})
    with small_study(tmp_path / "run", **A_TIME) as study:
        assert decide_training_precision(study, reference(study)) == "fp32"
        assert reference_step_ms(study.journal) == 3.0
        assert study.journal.get("training precision")["decided_by"] == "what the device computes in hardware"


def test_a_step_is_timed_in_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def step_ms(*described: Any) -> dict[str, float]:
        seen.append(torch.get_num_threads())
        return {"fp32": 1.0}

    monkeypatch.setattr(training_precision, "precisions_of", lambda device: ("fp32",))
    monkeypatch.setattr(training_precision, "step_ms", step_ms)
    with threads(2), small_study(tmp_path / "run", **A_TIME) as study:
        decide_training_precision(study, reference(study))
        assert torch.get_num_threads() == 2
    assert seen == [1]


def test_a_device_that_is_not_there_is_refused_before_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with (
        pytest.raises(ConfigError, match=r"training\.device is 'cuda'"),
        small_study(tmp_path / "run", training={"device": "cuda"}),
    ):
        pass
