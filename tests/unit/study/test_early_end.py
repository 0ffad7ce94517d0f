"""A search ends early where there is a reason, which is kept and said."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.study.instant_study import INSTANT, Killed, dies_after, session, work

from penjing.report import read_page, render
from penjing.search import graph_predictor
from penjing.store import RunFolder
from penjing.study import early_end
from penjing.study.config import StudyConfig, checked
from penjing.study.progress import Progress

EVALUATIONS = 150


def configured(**search: Any) -> StudyConfig:
    return checked({**INSTANT, "budget": f"{EVALUATIONS} evaluations", "search": search})


@pytest.fixture(autouse=True)
def _quick_predictor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_predictor, "_STEPS", 30)


def evaluated(folder: Path, config: StudyConfig) -> list[str]:
    with session(folder, config) as study:
        work(study)
        return [trial.key for trial in study.journal.trials(fidelity="inherited")]


@pytest.mark.parametrize("algorithm", ["surrogate", "bayesian", "graph-predictor", "hybrid"])
def test_a_search_ends_when_little_is_expected(algorithm: str, tmp_path: Path) -> None:
    config = configured(algorithm=algorithm, min_expected_gain=0.01)
    assert 10 < len(evaluated(tmp_path / "run", config)) < EVALUATIONS - 20


def test_a_threshold_that_nobody_gets_to_changes_nothing(tmp_path: Path) -> None:
    config = configured(algorithm="bayesian", min_expected_gain=1e-12)
    assert len(evaluated(tmp_path / "run", config)) == EVALUATIONS - 3


def test_little_is_expected_several_times_before_the_search_ends(tmp_path: Path) -> None:
    config = configured(algorithm="bayesian", min_expected_gain=0.01)
    with session(tmp_path / "run", config) as study:
        work(study)
        small = study.journal.get("asks in a row of small gains in joint, extension 0")
        told = study.journal.next_number()
    assert len(small) == early_end._SMALL_GAINS_IN_A_ROW
    # Of the last of these asks nothing is evaluated.
    assert small == [told - 8, told - 4, told]


def test_what_ended_a_search_is_said_kept_and_in_the_report(tmp_path: Path) -> None:
    said: list[Progress] = []
    config = configured(algorithm="bayesian", min_expected_gain=0.01)
    with session(tmp_path / "run", config, said.append) as study:
        work(study)
        n = study.journal.next_number()
    why = "no candidate is expected to add 0.01 to the hypervolume"
    assert [state.message for state in said if "early" in state.message] == [f"ends early: {why}"]
    page = read_page(RunFolder.open(tmp_path / "run"))
    assert [phase.ended_early for phase in page.phases] == [why]
    assert f"ended before its budget was used: {why}." in render(page)
    said.clear()
    with session(tmp_path / "run", config, said.append) as study:
        work(study)
        assert study.journal.next_number() == n
    assert not [state.message for state in said if "early" in state.message]


@pytest.mark.parametrize("life", [15, 47])
def test_a_search_that_was_killed_ends_as_early(life: int, tmp_path: Path) -> None:
    config = configured(algorithm="bayesian", min_expected_gain=0.01)
    undisturbed = evaluated(tmp_path / "undisturbed", config)
    for _ in range(40):
        with session(tmp_path / "killed", config) as study:
            dies_after(study.journal, life)
            try:
                work(study)
            except Killed:
                continue
            break
    assert evaluated(tmp_path / "killed", config) == undisturbed


@pytest.mark.parametrize(
    ("search", "why"),
    [
        ({"stop_at": ["size_bytes <= 4 kB"]}, "a candidate meets size_bytes <= 4 kB"),
        ({"patience": 8}, "the last 8 evaluations added no hypervolume"),
    ],
)
def test_other_reasons_are_said_as_well(search: dict[str, Any], why: str, tmp_path: Path) -> None:
    assert len(evaluated(tmp_path / "run", configured(algorithm="random", **search))) < EVALUATIONS - 20
    (phase,) = read_page(RunFolder.open(tmp_path / "run")).phases
    assert phase.ended_early == why


def test_a_batch_is_evaluated_to_its_end_before_a_target_counts(tmp_path: Path) -> None:
    """Whether a kill came after the one that reached it, or not."""
    config = configured(algorithm="random", stop_at=["size_bytes <= 4 kB"])
    undisturbed = evaluated(tmp_path / "undisturbed", config)
    assert len(undisturbed) % 4 == 0
    for _ in range(60):
        with session(tmp_path / "killed", config) as study:
            dies_after(study.journal, 14)
            try:
                work(study)
            except Killed:
                continue
            break
    assert evaluated(tmp_path / "killed", config) == undisturbed


def test_an_extension_searches_on(tmp_path: Path) -> None:
    config = configured(algorithm="bayesian", min_expected_gain=0.01)
    first = evaluated(tmp_path / "run", config)
    with RunFolder.open(tmp_path / "run").journal() as journal:
        journal.put("budget", f"{2 * EVALUATIONS} evaluations")
        journal.put("extension", 1)
    assert len(evaluated(tmp_path / "run", config)) > len(first)


def test_each_phase_ends_for_itself_and_the_run_when_all_that_follow_have_their_time(tmp_path: Path) -> None:
    phases = [{"name": "one"}, {"name": "two"}]
    search = {"phases": phases, "stop_at": ["size_bytes <= 4 kB"], "algorithm": "random", "epochs": 1.0}
    config = checked({**INSTANT, "budget": "20 min", "search": search})
    with session(tmp_path / "run", config) as study:
        work(study)
        assert study.plan
        kept = study.journal.get("ended early, extension 0")
        assert list(kept) == ["one", "two"]
        left_s = (study.seconds_left() or 0.0) - study.plan.finalists_s
    assert left_s == pytest.approx(0.0, abs=1e-6)
