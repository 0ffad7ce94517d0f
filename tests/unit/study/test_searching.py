"""A search first looks at many candidates briefly, then trains those further that would be finished."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.study.instant_study import INSTANT, session, work
from tests.unit.study.small_study import SMALL, small_study

import penjing
from penjing.errors import ConfigError, InfeasibleError, UnknownNameError
from penjing.report import write_report
from penjing.search import SurrogateSearcher, available_algorithms
from penjing.space import Candidate
from penjing.store import RunFolder
from penjing.study import shared
from penjing.study.api import resume
from penjing.study.config import checked
from penjing.study.jobs import InheritedJob
from penjing.study.pipeline import DataFacts, Pipeline
from penjing.study.rung import without_training
from penjing.study.searching import Search, _waves
from penjing.study.study import Study
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu

# What is this small and brief is no better than chance, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:None of the first")

EVERY = [*available_algorithms(), "hybrid:evolution+surrogate"]


def test_the_rest_of_a_search_trains_contenders_further(tmp_path: Path) -> None:
    with searched_at_once(tmp_path / "run", epochs=5.0) as study:
        own = own_trainings(study)
    assert max(map(len, own)) > 1
    assert_each_begins(own, [(5.0, 1.0)] * 10)


def test_of_candidates_with_one_architecture_the_first_trains_it() -> None:
    jobs = [InheritedJob({}, key, "", 1.0, None, 0) for key in ("a", "b", "a", "c", "b")]
    assert _waves(jobs) == [[0, 1, 3], [2, 4]]


def inherited(folder: Path, phase: str = "joint") -> int:
    with small_study(folder) as study:
        return len(study.journal.trials(fidelity="inherited", phase=phase))


@pytest.mark.parametrize("search", [{"stop_at": ["size_bytes <= 50 kB"]}, {"patience": 1}])
def test_a_search_that_has_what_it_looked_for_or_gains_no_more_is_over(
    search: dict[str, object], tmp_path: Path
) -> None:
    said = {"budget": "60 evaluations", "finalists": {"epochs": 1.0, "count": 1}}
    result = penjing.search(out=tmp_path / "run", search={"epochs": 0.2, **search}, **SMALL | said)
    assert len(result.front) == 1
    assert 0 < inherited(tmp_path / "run") < 40


def test_finalists_get_their_share_of_the_time_after_a_search_that_ended_early(tmp_path: Path) -> None:
    with small_study(tmp_path / "run", budget="10 min") as study:
        assert study.plan
        before = study.seconds_left() or 0.0
        study.end_early()
        after = study.seconds_left() or 0.0
    assert before > 500
    assert after == pytest.approx(study.plan.finalists_s, abs=1.0)


def test_the_second_phase_knows_what_the_first_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[int] = []
    ask = SurrogateSearcher.ask

    def spied(searcher: SurrogateSearcher, *arguments: Any) -> list[Candidate]:
        known.append(len(searcher._told))
        return ask(searcher, *arguments)

    monkeypatch.setattr(SurrogateSearcher, "ask", spied)
    said = {"budget": "24 evaluations", "finalists": {"epochs": 1.0, "count": 1}}
    penjing.search(
        out=tmp_path / "run", mode="sequential", search={"epochs": 0.2, "sequential_as": "w8"}, **SMALL | said
    )
    assert known == sorted(known)
    assert inherited(tmp_path / "run", "architecture") in known
    with small_study(tmp_path / "run") as study:
        keys = [trial.key for trial in study.inherited_trials()]
    assert len(keys) == len(set(keys))


def test_a_space_grows_and_shrinks_by_phases_and_the_report_says_what_was_ruled_out(tmp_path: Path) -> None:
    phases = [
        {"name": "shallow", "only": {"stage1.depth": [1]}},
        {"name": "all", "share": 2},
        {"name": "left", "shrink": True},
    ]
    # More operations are worth more here: where that is all that counts, some widths have nothing for them.
    said = {"objectives": ["accuracy"], "search": {"phases": phases, "algorithm": "random"}}
    said |= {"budget": "60 evaluations"}
    with session(tmp_path / "run", checked(INSTANT | said)) as study:
        work(study)
        dropped = study.journal.get("ruled out")["left"]
    assert dropped
    page = write_report(RunFolder.open(tmp_path / "run")).read_text()
    assert all(name in page for name in dropped)


@pytest.mark.parametrize("algorithm", [name for name in EVERY if name != "optuna-gp"])
def test_every_phase_keeps_to_its_part_of_the_space(tmp_path: Path, algorithm: str) -> None:
    phases = [
        {"name": "shallow", "only": {"stage1.depth": [1]}},
        {"name": "all", "share": 2},
        {"name": "left", "shrink": True},
        {"name": "deep", "only": {"stage1.depth": [2]}},
    ]
    search = {"phases": phases, "algorithm": algorithm}
    with session(
        tmp_path / "run", checked({**INSTANT, "budget": "50 evaluations", "search": search})
    ) as study:
        work(study)
        dropped = study.journal.get("ruled out")["left"]
        asked = {
            phase["name"]: [Candidate(trial.candidate) for trial in study.journal.trials(phase=phase["name"])]
            for phase in phases
        }
    assert {candidate["stage1.depth"] for candidate in asked["shallow"]} == {1}
    assert {candidate["stage1.depth"] for candidate in asked["deep"]} == {2}
    assert len({candidate["stage1.depth"] for candidate in asked["all"]}) == 2
    assert asked["left"]
    assert not any(c.get(name) in values for c in asked["left"] for name, values in dropped.items())


def test_a_phase_that_no_candidate_suits_is_found_before_time_is_spent(tmp_path: Path) -> None:
    deep = {"name": "deep", "only": {"stage2.depth": [2]}, "precision": "fp32"}
    said = {"constraints": ["size_bytes <= 2 kB"], "search": {"phases": [{"name": "all"}, deep]}}
    with pytest.raises(InfeasibleError, match="No design of this space"):
        penjing.search(out=tmp_path / "run", **SMALL | said)
    assert not (tmp_path / "run").exists()


def test_more_folds_than_examples_are_refused() -> None:
    config = checked({"data": "digits", "search": {"folds": 20}})
    facts = DataFacts((1, 8, 8), 2, n_train=10, mean=0.0, deviation=1.0, fingerprint="")
    with pytest.raises(ConfigError, match="folds is 20, but there are 10"):
        Pipeline(config, facts, OnnxRuntimeCpu())


def test_a_value_that_no_choice_has_is_found_before_time_is_spent(tmp_path: Path) -> None:
    phases = [{"name": "shallow", "only": {"stage2.dept": [1]}}]
    with pytest.raises(UnknownNameError, match=r"Did you mean 'stage2\.depth'"):
        penjing.search(out=tmp_path / "run", search={"phases": phases}, **SMALL)


def test_candidates_are_judged_by_the_mean_over_folds(tmp_path: Path) -> None:
    said = {"budget": "8 evaluations", "finalists": {"epochs": 1.0, "count": 1}}
    penjing.search(out=tmp_path / "run", search={"epochs": 0.5, "folds": 3}, **SMALL | said)
    weights = [path.stem for path in (tmp_path / "run" / "weights").glob("*.safetensors")]
    with small_study(tmp_path / "run") as study:
        keys = {trial.measurements["weights_key"] for trial in study.inherited_trials()}
    assert keys
    for key in keys:
        assert {key, f"{key}-1", f"{key}-2"} <= set(weights)


def test_successive_halving_trains_those_further_that_stand_out(tmp_path: Path) -> None:
    said = {"budget": "30 evaluations", "finalists": {"epochs": 1.0, "count": 1}}
    said |= {"hypervolume_box": {"accuracy": [0.05, 0.99]}}
    search = {"epochs": 0.5, "inherit": False}
    penjing.search(out=tmp_path / "run", algorithm="asha", search=search, **SMALL | said)
    with small_study(tmp_path / "run") as study:
        seen: dict[str, list[float]] = {}
        for trial in study.inherited_trials():
            seen.setdefault(trial.key, []).append(trial.measurements["seen_epochs"])
    times = sorted({len(epochs) for epochs in seen.values()})
    assert times[-1] == 2
    for epochs in seen.values():
        assert epochs == pytest.approx([0.5, 1.0][: len(epochs)], rel=0.2)


def own_trainings(study: Study) -> list[list[tuple[float, float]]]:
    """Of each architecture that was judged: the passes of each training, and the part of the images."""
    made: dict[str, dict[str, tuple[float, float]]] = {}
    for trial in study.inherited_trials():
        key = study.pipeline.architecture_key(Candidate(trial.candidate))
        trainings = made.setdefault(key, {})
        if trial.measurements["epochs"]:
            subset = study.journal.get(f"training of {trial.number}")["subset"]
            # Two of a batch may share an architecture, which was trained once.
            trainings[trial.measurements["weights_key"]] = trial.measurements["epochs"], subset
    return [list(trainings.values()) for trainings in made.values()]


def assert_each_begins(made: list[list[tuple[float, float]]], expected: list[tuple[float, float]]) -> None:
    for one in made:
        assert np.array(one).ravel() == pytest.approx(np.array(expected[: len(one)]).ravel())


@contextmanager
def searched_at_once(folder: Path, longest: float = 30.0, **search: object) -> Iterator[Study]:
    """A study after its search, which took no time."""
    finalists = {"count": 1, "epochs": longest}
    said = {"budget": "60 evaluations", "finalists": finalists, "search": {"epochs": 0.5, **search}}
    with session(folder, checked({**INSTANT, **said})) as study:
        work(study)
        yield study


def test_successive_halving_over_subsets_shows_more_images_to_those_that_stand_out(tmp_path: Path) -> None:
    with searched_at_once(tmp_path / "run", algorithm="asha", subset=0.2) as study:
        own = own_trainings(study)
    assert max(map(len, own)) >= 3
    assert_each_begins(own, [(0.5, 0.2), (1.0, 0.6), (3.0, 1.0), (9.0, 1.0)])


@pytest.mark.parametrize(
    ("algorithm", "longest", "expected"),
    [
        ("asha", 3.0, [(0.5, 1.0), (1.0, 1.0), (1.5, 1.0)]),
        ("asha", 0.1, [(0.5, 1.0), (0.5, 1.0)]),
        ("multi-fidelity", 0.1, [(0.5, 1.0), (0.5, 1.0)]),
    ],
)
def test_nobody_is_trained_longer_than_a_finalist(
    tmp_path: Path, algorithm: str, longest: float, expected: list[tuple[float, float]]
) -> None:
    """But twice as long as at first."""
    with searched_at_once(tmp_path / "run", longest=longest, algorithm=algorithm) as study:
        own = own_trainings(study)
    assert max(map(len, own)) == len(expected)
    assert_each_begins(own, expected)


@pytest.mark.parametrize("inherit", [True, False])
def test_with_two_fidelities_those_are_trained_further_that_promise_most(
    tmp_path: Path, inherit: bool
) -> None:
    """Three times as long in all, whatever their weights began with."""
    with searched_at_once(tmp_path / "run", algorithm="multi-fidelity", inherit=inherit) as study:
        own = own_trainings(study)
    assert {len(one) for one in own} == {1, 2}
    assert_each_begins(own, [(0.5, 1.0), (1.0, 1.0)])


@pytest.mark.parametrize("algorithm", ["asha", "multi-fidelity"])
def test_after_inherited_weights_those_that_stand_out_are_trained_themselves(
    algorithm: str, tmp_path: Path
) -> None:
    with searched_at_once(tmp_path / "run", algorithm=algorithm, train_on="supernet") as study:
        own = own_trainings(study)
        first: dict[str, float] = {}
        for trial in study.inherited_trials():
            first.setdefault(trial.key, trial.measurements["epochs"])
    assert set(first.values()) == {0.0}
    assert {len(one) for one in own} >= {0, 1}
    assert_each_begins(own, [(1.5, 1.0), (3.0, 1.0), (9.0, 1.0)])


def test_who_was_trained_after_a_supernet_is_finished_with_those_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_POOL", 40)
    said = {
        "budget": "24 evaluations",
        "finalists": {"epochs": 20.0, "count": 2},
    }
    said |= {"hypervolume_box": {"accuracy": [0.05, 0.99]}}
    search = {"epochs": 3.0, "train_on": "supernet", "supernet_epochs": 5.0}
    result = penjing.search(out=tmp_path / "run", algorithm="asha", search=search, **SMALL | said)
    with small_study(tmp_path / "run") as study:
        weights = {
            study.pipeline.architecture_key(Candidate(trial.candidate)): trial.measurements["weights_key"]
            for trial in study.inherited_trials()
            if trial.measurements["epochs"]
        }
        assert weights
        assert all(
            (study.run_folder.weights_path / f"{key}.safetensors").exists() for key in weights.values()
        )
        seats = study.journal.get("seats of finalists, first rung")
        starts = {
            study.pipeline.architecture_key(without_training(seat["candidate"])): seat["start_key"]
            for seat in seats
        }
    assert starts == {key: weights.get(key, "supernet") for key in starts}
    assert set(starts) & set(weights)
    assert result.front


def test_an_adaptive_search_decides_who_proposes_and_the_report_says_so(tmp_path: Path) -> None:
    said = {"budget": "34 evaluations", "finalists": {"epochs": 1.0, "count": 1}}
    said |= {"hypervolume_box": {"accuracy": [0.05, 0.99]}}
    penjing.search(out=tmp_path / "run", mode="adaptive", search={"epochs": 0.2}, **SMALL | said)
    with small_study(tmp_path / "run") as study:
        decisions = study.journal.get("decisions")["adaptive"]
    assert [made["after"] for made in decisions] == [0, 12, 24]
    assert [made["algorithm"] for made in decisions[:2]] == ["bayesian", "bayesian"]
    assert "evolution on compression" in decisions[1]["reason"]
    page = write_report(RunFolder.open(tmp_path / "run")).read_text()
    assert "Who proposed" in page
    assert all(made["algorithm"] in page and made["reason"] in page for made in decisions)


@pytest.mark.parametrize(
    ("limit", "worst"), [(["accuracy >= 40 %"], 0.38), (["accuracy >= 1 %"], 0.0), ([], 0.6)]
)
def test_what_was_asked_for_counts_even_if_it_is_little(
    limit: list[str], worst: float, tmp_path: Path
) -> None:
    with small_study(tmp_path / "run", constraints=limit) as study:
        study.journal.put("reference", {})
        assert study.box.worst_accuracy() == pytest.approx(worst)


def test_winners_are_decided_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"budget": "24 evaluations", "finalists": {"epochs": 1.0, "count": 1}}
    how = {"epochs": 0.2, "sequential_as": "w8", "carry": 2}
    penjing.search(out=tmp_path / "run", mode="sequential", search=how, **SMALL | said)
    monkeypatch.setattr(Search, "_winners", lambda *_: pytest.fail("chosen again"))
    resume(tmp_path / "run")


def test_without_a_latency_model_nothing_is_said_of_the_machines_pace(tmp_path: Path) -> None:
    said = {"budget": "4 evaluations", "search": {"epochs": 0.1}, "finalists": {"epochs": 0.1, "count": 1}}
    result = penjing.search(out=tmp_path / "run", **SMALL | said)
    with result.run.journal(read_only=True) as journal:
        assert journal.get("reference_measured")["empty_call_ms"] > 0.0
        assert journal.get("pace") is None


@pytest.mark.parametrize(("workers", "turn"), [(2, 12), (8, 24)])
def test_a_turn_of_auto_keeps_all_workers_busy(workers: int, turn: int, tmp_path: Path) -> None:
    said = {"search": {"mode": "adaptive"}, "workers": workers, "budget": "5 min"}
    with session(tmp_path, checked(INSTANT | said)) as study:
        work(study)
        trials = study.journal.trials(phase="adaptive")
        decided = [decision["after"] for decision in study.journal.get("decisions")["adaptive"]]
    assert len(trials) > turn
    assert all(after % turn == 0 for after in decided)


def test_a_greedy_search_says_which_constraint_was_in_the_way(tmp_path: Path) -> None:
    said = {"hypervolume_box": {"size_bytes": [1_000, 100_000]}, "search": {"algorithm": "greedy"}}
    with session(tmp_path / "run", checked({**INSTANT, **said})) as study:
        work(study)
        (shares,) = study.journal.get("binding").values()
        limit = str(study.known_constraints()[0])
    assert 0 < shares[limit] < 1
    page = write_report(RunFolder.open(tmp_path / "run")).read_text()
    assert f"forbade {shares[limit]:.0%}" in page
