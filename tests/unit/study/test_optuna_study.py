"""A run as a study of Optuna: what a trial has is what the journal has, and Optuna reads it."""

import shutil
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from tests.formats.record import ASSETS
from tests.unit.study.designs import add_design, make_run
from typer.testing import CliRunner

from penjing.cli.app import app
from penjing.errors import RunFolderError
from penjing.store import Manifest, RunFolder
from penjing.study.optuna_study import write_optuna_study

METRICS = ("accuracy", "latency_ms", "size_bytes")
FACTS = {
    "shape": [1, 8, 8],
    "n_classes": 10,
    "n_train": 1000,
    "mean": 80.0,
    "deviation": 90.0,
    "fingerprint": "a1",
}
COSTS = {"parameters": 300, "macs": 7000, "size_bytes": 1250, "latency_ms": 0.012}
REFERENCE = {"latency_ms": 0.02, "size_bytes": 5000.0}
CONSTRAINTS = ["size_bytes <= 1 kB", "latency_ms <= 0.5 * reference", "accuracy >= 90 %"]


@pytest.fixture
def recorded(tmp_path: Path) -> RunFolder:
    """A copy of a run that a released version made: SQLite makes files beside a journal, even to read it."""
    return RunFolder.open(shutil.copytree(ASSETS / "0.1.0" / "run", tmp_path / "mine"))


def loaded(run: RunFolder, tmp_path: Path) -> optuna.Study:
    path = tmp_path / "deep" / "study.db"
    n = write_optuna_study(run, path)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    study = optuna.load_study(study_name=run.path.name, storage=storage)
    assert n == len(study.trials)
    made = optuna.create_study(study_name=study.study_name, directions=study.directions)
    made.add_trials(study.trials)  # validates them
    storage.remove_session()
    storage.engine.dispose()
    return made


def trial_of(tmp_path: Path, told: dict[str, Any] | None, **asked: Any) -> FrozenTrial:
    """The one trial of a run: done with these measurements, or failed if there are none."""
    run = make_run(tmp_path / "run", reference=REFERENCE, constraints=CONSTRAINTS)
    entry = {"phase": "joint", "fidelity": "inherited", "candidate": {"stem.width": 8}, "key": "k1"} | asked
    with run.lock(), run.journal() as journal:
        journal.put("facts", FACTS)
        journal.ask(0, **entry)
        if told is None:
            journal.tell(0, "failed", {}, 1.5, "ArtifactError: It diverged.")
        else:
            journal.tell(0, "done", {"costs": COSTS, **told}, 2.5)
    (trial,) = loaded(run, tmp_path).trials
    return trial


def test_every_evaluation_is_a_trial(recorded: RunFolder, tmp_path: Path) -> None:
    study = loaded(recorded, tmp_path)
    with recorded.journal(read_only=True) as journal:
        trials = journal.trials()
    assert len(study.trials) == len(trials) == 8
    for made, trial in zip(study.trials, trials, strict=True):
        assert made.number == trial.number
        assert made.state == TrialState.COMPLETE
        assert made.params == trial.candidate
        assert made.user_attrs["phase"] == trial.phase
        assert made.user_attrs["fidelity"] == trial.fidelity
        assert made.user_attrs["seconds"] == trial.seconds
        assert made.datetime_start is not None
        assert made.datetime_complete is not None
        assert made.datetime_start.timestamp() == pytest.approx(trial.asked_at, abs=1e-5)
        assert made.datetime_complete.timestamp() == pytest.approx(trial.told_at, abs=1e-5)


def test_values_are_measured_where_a_design_was_finished_and_else_predicted(
    recorded: RunFolder, tmp_path: Path
) -> None:
    study = loaded(recorded, tmp_path)
    with recorded.journal(read_only=True) as journal:
        trials = journal.trials()
    kinds = []
    for made, trial in zip(study.trials, trials, strict=True):
        expected = [trial.measurements["accuracy"], *(trial.measurements["costs"][m] for m in METRICS[1:])]
        if trial.fidelity == "final":
            measured = Manifest.read(recorded.design_path(trial.measurements["design"])).measurements
            expected = [
                measured["validation"]["value"],
                measured["latency_ms"]["value"],
                measured["size_bytes"],
            ]
        assert made.values == expected
        kinds.append((made.user_attrs["fidelity"], made.user_attrs["costs"], "design" in made.user_attrs))
    assert kinds == [("inherited", "predicted", False)] * 6 + [("final", "measured", True)] * 2


def test_directions_and_names_are_those_of_the_objectives(recorded: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    write_optuna_study(recorded, path)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    study = optuna.load_study(study_name="mine", storage=storage)
    assert study.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE, StudyDirection.MINIMIZE]
    assert study.metric_names == list(METRICS)
    assert study.user_attrs == {
        "data": "digits",
        "constraints": ["size_bytes <= 6 kB"],
        "budget": "8 evaluations",
        "seed": 1,
    }
    storage.remove_session()
    storage.engine.dispose()


def test_the_trials_of_one_candidate_are_known_by_its_key(tmp_path: Path) -> None:
    told = {"accuracy": 0.8}
    brief = trial_of(tmp_path / "brief", told)
    trained = {"stem.width": 8, "training.learning_rate": 0.4}
    final = trial_of(tmp_path / "final", told, candidate=trained, fidelity="final", key="k2")
    other = trial_of(tmp_path / "other", told, candidate={"stem.width": 16})
    assert final.params == trained
    assert brief.user_attrs["candidate"] == final.user_attrs["candidate"] != other.user_attrs["candidate"]


def test_a_choice_has_one_distribution_where_it_exists(recorded: RunFolder, tmp_path: Path) -> None:
    trials = loaded(recorded, tmp_path).trials
    found: dict[str, Any] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            assert found.setdefault(name, distribution) == distribution
    assert found["stage1.width"] == IntDistribution(8, 32, step=4)  # 8, 12, 16, 24, 32
    assert found["input.resolution"] == IntDistribution(8, 8)
    assert found["stage1.block0.operation"] == CategoricalDistribution(("plain", "inverted", "separable"))
    assert found["network.precision"] == CategoricalDistribution(("fp32", "w8", "w8a8", "mixed"))
    assert found["training.learning_rate"] == FloatDistribution(0.2, 0.8)
    for trial in trials:  # one precision for all, or each its own
        assert ("head.precision" in trial.params) == (trial.params["network.precision"] == "mixed")
    assert {trial.params["network.precision"] == "mixed" for trial in trials} == {True, False}


def test_a_value_that_is_not_offered_widens_the_distribution(tmp_path: Path) -> None:
    candidate = {"stem.width": 400, "training.distillation_weight": 0.5, "network.precision": "w2", "new": 3}
    made = trial_of(tmp_path, {"accuracy": 0.8}, candidate=candidate)
    assert made.params == candidate
    assert made.distributions["stem.width"].high == 400
    assert made.distributions["training.distillation_weight"] == FloatDistribution(0.0, 0.5)
    assert made.distributions["network.precision"] == CategoricalDistribution(
        ("fp32", "w8", "w8a8", "mixed", "w2")
    )
    assert made.distributions["new"] == CategoricalDistribution((3,))


def test_what_failed_has_failed_and_says_why(tmp_path: Path) -> None:
    made = trial_of(tmp_path, None)
    assert made.state == TrialState.FAIL
    assert made.values is None
    assert made.constraints == {}
    assert made.user_attrs["error"] == "ArtifactError: It diverged."
    assert made.user_attrs["seconds"] == 1.5
    assert "costs" not in made.user_attrs


def test_what_was_asked_and_not_told_is_running(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    with run.lock(), run.journal() as journal:
        journal.put("facts", FACTS)
        journal.ask(0, "joint", "inherited", {"stem.width": 8}, "k1")
        (made,) = loaded(run, tmp_path).trials  # while a study holds the folder
    assert made.state == TrialState.RUNNING
    assert made.params == {"stem.width": 8}
    assert made.datetime_complete is None
    assert made.values is None


def test_what_breaks_a_constraint_is_infeasible_by_as_much(tmp_path: Path) -> None:
    made = trial_of(tmp_path, {"accuracy": 0.8})
    assert made.state == TrialState.COMPLETE
    assert made.values == [0.8, 0.012, 1250.0]
    assert made.constraints == {"0": 0.25, "1": pytest.approx(0.2)}
    assert made.user_attrs["broken"] == ["size_bytes <= 1 kB", "latency_ms <= 10 us"]
    # What the dashboard reads.
    assert made.system_attrs == {"constraints": list(made.constraints.values())}


def test_what_breaks_nothing_is_feasible(tmp_path: Path) -> None:
    costs = COSTS | {"size_bytes": 900, "latency_ms": 0.01}
    made = trial_of(tmp_path, {"accuracy": 0.8, "costs": costs})
    assert made.constraints == {"0": 0.0, "1": 0.0}
    assert "broken" not in made.user_attrs


def test_limits_on_accuracy_are_decided_for_what_was_trained_to_the_end(tmp_path: Path) -> None:
    made = trial_of(tmp_path, {"accuracy": 0.81, "design": "3f2a9c1e"}, fidelity="final")
    assert list(made.constraints.values())[2] == pytest.approx(0.1)
    assert made.user_attrs["broken"][2] == "accuracy >= 90 %"
    assert made.user_attrs["design"] == "3f2a9c1e"
    assert made.user_attrs["costs"] == "predicted"  # stopped before it was measured


def test_metrics_that_are_no_objective_are_attributes(tmp_path: Path) -> None:
    made = trial_of(tmp_path, {"accuracy": 0.8, "seen_epochs": 1.5})
    assert {name: made.user_attrs[name] for name in ("parameters", "macs", "seen_epochs")} == {
        "parameters": 300,
        "macs": 7000,
        "seen_epochs": 1.5,
    }
    assert "accuracy" not in made.user_attrs


def test_a_design_of_another_trial_lends_no_values(tmp_path: Path) -> None:
    """One that a stop shipped and a resume finished: its file is that of the later trial."""
    run = make_run(tmp_path / "run")
    add_design(run, "3f2a9c1e")
    with run.lock(), run.journal() as journal:
        journal.put("facts", FACTS)
        journal.ask(0, "stopped early", "final", {"stem.width": 8}, "k1")
        journal.tell(0, "done", {"accuracy": 0.5, "costs": COSTS, "design": "3f2a9c1e"}, 1.0)
    (made,) = loaded(run, tmp_path).trials
    assert made.values == [0.5, 0.012, 1250.0]


def test_a_file_that_exists_is_left_as_it_is(recorded: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    path.write_text("mine")
    with pytest.raises(RunFolderError, match=r"study\.db exists already\. An export never overwrites\."):
        write_optuna_study(recorded, path)
    assert path.read_text() == "mine"


def test_a_run_that_has_no_data_yet_says_how_to_go_on(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    with pytest.raises(
        RunFolderError, match=r"evaluated nothing\. Go on with it first: penjing resume .*run$"
    ):
        write_optuna_study(run, tmp_path / "study.db")
    assert not (tmp_path / "study.db").exists()


def test_optuna_is_as_loud_as_before(recorded: RunFolder, tmp_path: Path) -> None:
    level = optuna.logging.get_verbosity()
    write_optuna_study(recorded, tmp_path / "study.db")
    assert optuna.logging.get_verbosity() == level


def test_the_command_says_how_to_look_at_it(recorded: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    shown = CliRunner().invoke(app, ["export-optuna", str(recorded.path), str(path)], catch_exceptions=False)
    assert shown.stdout == f"Exported 8 trials. Look at them with: optuna-dashboard sqlite:///{path}\n"
    assert path.is_file()
