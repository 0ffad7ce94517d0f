"""A run as a study of Optuna, for those who want to look at it in Optuna's dashboard.

Every evaluation of the journal is a trial, in the order asked: a candidate that was judged briefly and then
finished is two of them. A choice has one distribution: numbers in order a range of numbers, anything else a
category; where it does not exist, the trial has no such parameter. Values are in base units (a fraction,
milliseconds, bytes), measured where a design was finished and predicted elsewhere.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from penjing.errors import RunFolderError
from penjing.objectives import Constraint, parse_objective
from penjing.search.optuna_samplers import quietly
from penjing.space import Choice, Value
from penjing.store import Manifest, RunFolder, Trial, write_atomically
from penjing.store.front import absolute_constraints, deciding_value, finished_designs, reference_of
from penjing.study.config import checked
from penjing.study.pipeline import Pipeline
from penjing.study.preparation import kept_facts
from penjing.study.rung import without_training
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu

_STATES = {"asked": TrialState.RUNNING, "done": TrialState.COMPLETE, "failed": TrialState.FAIL}
_KEPT_OF_CONFIG = ("data", "constraints", "budget", "seed")


def write_optuna_study(run: RunFolder, path: str | Path) -> int:
    """Write a run into a SQLite file that Optuna opens as ``sqlite:///FILE``.

    Args:
        run: The folder; it is only read, and may still be written by a study.
        path: The file, which must not exist.

    Returns:
        How many trials it has. The study is named as the folder.

    Raises:
        RunFolderError: If the file exists, or the run was stopped before its data were kept.

    Notes:
        Some 30 ms a trial: Optuna writes every parameter by itself.
    """
    path = Path(path)
    if path.exists():
        raise RunFolderError(
            f"{path} exists already. An export never overwrites. Name a file that does not exist.",
            path=str(path),
        )
    with run.journal(read_only=True) as journal:
        facts, reference, trials = kept_facts(journal), reference_of(journal), journal.trials()
    if facts is None:
        raise RunFolderError(
            f"The run {str(run.path)!r} was stopped before its data were kept, and evaluated nothing. "
            f"Go on with it first: penjing resume {run.path}",
            path=str(run.path),
        )
    config = checked(run.config)
    pipeline = Pipeline(config, facts, OnnxRuntimeCpu())
    distributions = _distributions([*pipeline.space, *pipeline.training_space], trials)
    constraints = absolute_constraints(config.constraints, reference)
    designs = {design.run.get("trial"): design for design in finished_designs(run)}
    wanted = [parse_objective(text) for text in config.objectives]
    metrics = [objective.metric for objective in wanted]
    write_atomically(
        path,
        _database(
            name=run.path.resolve().name,
            directions={
                o.metric: StudyDirection.MAXIMIZE if o.maximise else StudyDirection.MINIMIZE for o in wanted
            },
            facts={name: run.config[name] for name in _KEPT_OF_CONFIG if name in run.config},
            trials=[
                _frozen(trial, metrics, distributions, constraints, designs.get(trial.number))
                for trial in trials
            ],
        ),
    )
    return len(trials)


def _database(
    name: str,
    directions: Mapping[str, StudyDirection],
    facts: Mapping[str, Any],
    trials: Sequence[FrozenTrial],
) -> bytes:
    """The content of the file. Made in memory, so that the file is whole or absent."""
    with quietly():
        storage = RDBStorage("sqlite://")
        try:
            study = optuna.create_study(
                storage=storage, study_name=name, directions=list(directions.values())
            )
            study.set_metric_names(list(directions))
            for key, value in facts.items():
                study.set_user_attr(key, value)
            study.add_trials(trials)
            with storage.engine.connect() as connection:
                database: Any = connection.connection.driver_connection
                return database.serialize()
        finally:
            storage.remove_session()
            storage.engine.dispose()


def _distributions(choices: Iterable[Choice], trials: Sequence[Trial]) -> dict[str, BaseDistribution]:
    """One for each choice: Optuna wants the same in every trial.

    A journal may hold values that the space does not offer: without a teacher nothing is distilled,
    whatever the configuration says, and another version of Penjing may have offered others.
    """
    values: dict[str, list[Value]] = {}
    is_ordered: dict[str, bool] = {}
    for choice in choices:
        values[choice.name], is_ordered[choice.name] = list(choice.values), choice.ordered
    for trial in trials:
        for name, value in trial.candidate.items():
            known = values.setdefault(name, [])
            if value not in known:
                known.append(value)
    return {name: _distribution(known, is_ordered.get(name, False)) for name, known in values.items()}


def _distribution(values: Sequence[Value], is_ordered: bool) -> BaseDistribution:
    """The narrowest range of numbers that holds all values, or the values themselves."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if not is_ordered or len(numbers) < len(values):
        return CategoricalDistribution(values)
    low, high = min(numbers), max(numbers)
    if isinstance(low, int) and isinstance(high, int) and all(isinstance(n, int) for n in numbers):
        step = math.gcd(*(int(number) - low for number in numbers))
        return IntDistribution(low, high, step=step or 1)
    return FloatDistribution(low, high)


def _frozen(
    trial: Trial,
    metrics: Sequence[str],
    distributions: Mapping[str, BaseDistribution],
    constraints: Sequence[Constraint],
    design: Manifest | None,
) -> FrozenTrial:
    row = _row(trial, design)
    # A short training says little of whether a limit on accuracy will be met.
    decided = [c for c in constraints if c.metric in row and (c.metric != "accuracy" or _is_final(trial))]
    violations = {str(constraint): constraint.violation(row[constraint.metric]) for constraint in decided}
    broken = [text for text, violation in violations.items() if violation > 0]
    made = optuna.trial.create_trial(
        state=_STATES[trial.state],
        values=[row[metric] for metric in metrics] if row else None,
        params=trial.candidate,
        distributions={name: distributions[name] for name in trial.candidate},
        user_attrs=_attributes(trial, design, broken)
        | {metric: value for metric, value in row.items() if metric not in metrics},
        # Not the argument of that name, which gives each a name: the dashboard (0.21) reads a list alone.
        system_attrs={"constraints": list(violations.values())},
    )
    # Optuna's times are local and say no zone.
    made.datetime_start = datetime.fromtimestamp(trial.asked_at)
    if trial.told_at is not None:
        made.datetime_complete = datetime.fromtimestamp(trial.told_at)
    return made


def _is_final(trial: Trial) -> bool:
    return trial.fidelity == "final"


def _row(trial: Trial, design: Manifest | None) -> dict[str, float]:
    """Every metric that is known; empty if the trial has not ended well."""
    if trial.state != "done":
        return {}
    row = {**trial.measurements["costs"], "accuracy": trial.measurements["accuracy"]}
    return row if design is None else {metric: deciding_value(design, metric) for metric in row}


def _attributes(trial: Trial, design: Manifest | None, broken: Sequence[str]) -> dict[str, Any]:
    """What Optuna has no place for."""
    known = {
        "costs": ("predicted" if design is None else "measured") if trial.state == "done" else None,
        "broken": list(broken) or None,
        "design": trial.measurements.get("design") if _is_final(trial) else None,
        "seen_epochs": trial.measurements.get("seen_epochs"),
        "seconds": trial.seconds,
        "error": trial.error,
    }
    return {
        "phase": trial.phase,
        "fidelity": trial.fidelity,
        # The same at every fidelity: what is trained to the end has choices of training besides.
        "candidate": without_training(trial.candidate).key,
        **{name: value for name, value in known.items() if value is not None},
    }
