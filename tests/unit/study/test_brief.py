"""What the speed of training decides: how long candidates train, and whether they train alone."""

from pathlib import Path

import pytest
from tests.unit.study.small_study import small_study

from penjing.study.brief import decide_brief_epochs, decide_way


def decided(folder: Path, step_ms: float | None, **said: object) -> tuple[str, float]:
    """Way and images of a brief training, on a machine where a step takes so long."""
    with small_study(folder, **said) as study:
        times = {} if step_ms is None else {"fp32": step_ms}
        study.journal.put("training precision", {"precision": "fp32", "step_ms": times})
        return decide_way(study), decide_brief_epochs(study) * study.facts.n_train


def test_without_a_clock_it_is_the_usual_length_wherever_it_runs(tmp_path: Path) -> None:
    way, images = decided(tmp_path / "run", None, budget="20 evaluations")
    assert way == "alone"
    assert 15_000 < images < 40_001


def test_a_slow_machine_trains_candidates_for_a_shorter_time(tmp_path: Path) -> None:
    _, quick = decided(tmp_path / "quick", 1.0, budget="10 min")
    way, slow = decided(tmp_path / "slow", 60.0, budget="10 min")
    assert way == "alone"
    assert 7_999 < slow < quick


def test_where_few_can_train_they_train_alone_all_the_same(tmp_path: Path) -> None:
    way, images = decided(tmp_path / "run", 5_000.0, budget="10 min")
    assert way == "alone"
    assert images == pytest.approx(8_000)


def test_one_training_is_shared_where_that_is_asked_for(tmp_path: Path) -> None:
    way, _ = decided(tmp_path / "run", 1.0, budget="10 min", search={"train_on": "supernet"})
    assert way == "supernet"


def test_what_is_configured_is_done(tmp_path: Path) -> None:
    search = {"train_on": "alone", "epochs": 2.0}
    way, images = decided(tmp_path / "run", 5_000.0, budget="10 min", search=search)
    assert way == "alone"
    with small_study(tmp_path / "run", budget="10 min", search=search) as study:
        assert images == 2.0 * study.facts.n_train


def test_what_was_decided_once_is_kept(tmp_path: Path) -> None:
    first = decided(tmp_path / "run", 1.0, budget="10 min")
    assert decided(tmp_path / "run", 5_000.0, budget="10 min") == first
