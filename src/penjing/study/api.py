"""The door for Python: search, resume, and what they give."""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from penjing.blas import one_blas_thread
from penjing.errors import ConfigError, InvalidValueError, PenjingError, RunFolderError, unknown_name
from penjing.objectives import METRICS
from penjing.space import Candidate
from penjing.store import Journal, JsonLinesHandler, RunFolder
from penjing.store.front import front_of
from penjing.study.budget import Stopwatch, parse_budget
from penjing.study.config import StudyConfig, checked
from penjing.study.exporting import export_design
from penjing.study.kind_of_run import named_data
from penjing.study.pipeline import Pipeline
from penjing.study.preparation import check_subset, facts_of, keep_data, kept_facts, load_data
from penjing.study.progress import DATA, Observer, Progress, ignore
from penjing.study.study import Study
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu

ARRAYS = "arrays"


class Result:
    """A finished, or interrupted, run.

    Args:
        run: Its folder.
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run

    @property
    def front(self) -> list[dict[str, Any]]:
        """The non-dominated designs, smallest file first; see ``penjing front --json``."""
        return front_of(self.run)["front"]

    def best(self, metric: str = "accuracy") -> "Design":
        """The design of the front with the best value of a metric.

        Raises:
            InvalidValueError: If the front is empty.
            UnknownNameError: If the front has no such metric.
        """
        front = self.front
        if not front:
            raise InvalidValueError(
                f"The front of {self.run.path} is empty: no finished design meets the constraints. "
                "Resume with more budget, or relax a constraint."
            )
        name = "validation" if metric == "accuracy" else metric
        if metric not in METRICS or name not in front[0]:
            raise unknown_name("metric of a front", metric, [m for m in METRICS if m in front[0]])

        def value(entry: dict[str, Any]) -> float:
            found = entry[name]
            return float(found["value"] if isinstance(found, dict) else found)

        pick = max if METRICS[metric].maximise else min
        return Design(self.run, pick(front, key=value))


class Design:
    """One design of a front.

    Args:
        run: The folder it is in.
        entry: What the front says of it.
    """

    def __init__(self, run: RunFolder, entry: dict[str, Any]) -> None:
        self.run = run
        self.entry = entry

    def __repr__(self) -> str:
        return f"Design({self.entry['id']!r}, {self.entry['size_bytes']} bytes)"

    def export(self, folder: str | Path) -> Path:
        """Copy artifact, manifest, plain module, weights and a script that runs it."""
        return export_design(self.run, str(self.entry["id"]), Path(folder))


def search(
    task: str = "image-classification",
    data: Any = None,
    constraints: Sequence[str] = (),
    budget: str = "10 min",
    out: str | Path = "runs/search",
    objectives: Sequence[str] = ("accuracy", "latency_ms", "size_bytes"),
    target: str = "onnxruntime-cpu",
    train_on: str = "auto",
    seed: int = 0,
    mode: str = "joint",
    algorithm: str = "auto",
    observe: Observer = ignore,
    **settings: Any,
) -> Result:
    """Find the non-dominated designs for data, constraints and a budget.

    Args:
        task: What is learnt: ``image-classification``, or ``vector-classification`` from rows of features.
        data: A name, a path, one of these per part, or arrays; see ``docs/how-to/data.md``.
        constraints: Such as ``size_bytes <= 60 kB``.
        budget: A time or a number of evaluations.
        out: The run folder; must be empty or absent.
        objectives: What is traded against what.
        target: Runtime and device.
        train_on: How weights are got: ``alone``, ``supernet`` or ``auto``.
        seed: Of everything.
        mode: ``joint``, ``sequential``, ``iterative`` or ``adaptive``.
        algorithm: Of the search; ``auto`` picks by what an evaluation costs and how many there will be.
        observe: Called with progress.
        **settings: Further keys of the configuration file, as nested mappings.

    Returns:
        The run, with its front.
    """
    if data is None:
        raise ConfigError("search needs data: a name, a path or arrays. Say, for example, data='digits'.")
    named = _named(data, named_data(task))
    described: dict[str, Any] = {
        "task": task,
        "data": ARRAYS if named is None else named,
        "constraints": list(constraints),
        "budget": budget,
        "objectives": list(objectives),
        "target": target,
        "seed": seed,
        **settings,
    }
    described["search"] = {
        "mode": mode,
        "algorithm": algorithm,
        "train_on": train_on,
        **settings.get("search", {}),
    }
    return run_study(checked(described), out, data if named is None else None, observe)


def _named(data: Any, known: Collection[str]) -> str | dict[str, str] | None:
    """Data as a configuration names them, the same from any folder; None for arrays."""
    if isinstance(data, str | Path):
        path = Path(data).expanduser()
        # A name, such as digits or hf:NAME, stays one.
        is_path = isinstance(data, Path) or (data not in known and path.exists())
        return str(path.absolute() if is_path else data)
    if isinstance(data, Mapping) and data and all(isinstance(part, str | Path) for part in data.values()):
        return {name: str(_named(part, known)) for name, part in data.items()}
    return None


def run_study(config: StudyConfig, out: str | Path, source: Any = None, observe: Observer = ignore) -> Result:
    """Run a configuration in a new folder.

    Args:
        config: What is asked for.
        out: The folder; new or empty.
        source: Arrays to use instead of the data that the configuration names.
        observe: Called with progress.
    """
    stopwatch = Stopwatch()
    run = RunFolder.create(out, config.model_dump(mode="json"))
    with run.lock(), run.journal() as journal:
        try:
            _prepare(run, journal, config, source)
            _work(run, journal, config, stopwatch, observe)
        except PenjingError as error:
            # After a full disk a resume can follow.
            if not journal.trials() and not isinstance(error, RunFolderError):
                run.discard()
            raise
    return Result(run)


def resume_study(path: str | Path, extra_budget: str | None = None, observe: Observer = ignore) -> Result:
    """Go on with a run; with ``extra_budget`` beyond what it was given.

    Raises:
        RunFolderError: If it was stopped before its data were kept, and the data were
            arrays that only the first process had.
    """
    run = RunFolder.open(path)
    config = checked(run.config)
    with run.lock(), run.journal() as journal:
        _prepare(run, journal, config, None)
        if extra_budget is not None:
            budget = parse_budget(journal.get("budget")).plus(parse_budget(extra_budget))
            journal.put("budget", str(budget))
            journal.put("extension", int(journal.get("extension", 0)) + 1)
        _work(run, journal, config, Stopwatch(float(journal.get("elapsed_s", 0.0))), observe)
    return Result(run)


def _prepare(run: RunFolder, journal: Journal, config: StudyConfig, source: Any) -> None:
    """Load, check and keep the data, unless an earlier session did."""
    if journal.get("facts") is not None:
        return
    if source is None and config.data == ARRAYS:
        raise RunFolderError(
            f"The run {str(run.path)!r} was stopped before its data were kept, and its data were arrays "
            "in memory. Start it again in a new folder."
        )
    data = load_data(config, source)
    facts = facts_of(data)
    check_subset(config, facts)
    keep_data(data, run)
    journal.put("notes", list(data.notes))
    journal.put("class_names", list(data.class_names))
    journal.put("feature_names", data.feature_names and list(data.feature_names))
    journal.put("budget", config.budget)
    journal.put("facts", vars(facts))


def _check_that_it_goes_on(run: RunFolder, journal: Journal, pipeline: Pipeline) -> None:
    """Refuse a run whose evaluations are of another space than this version makes of its configuration."""
    for trial in journal.trials(fidelity="inherited"):
        if not pipeline.space.holds(Candidate(trial.candidate)):
            raise RunFolderError(
                f"The run {str(run.path)!r} was begun by another version of Penjing, whose networks had "
                f"other choices: evaluation {trial.number} is none of this version's candidates. Go on with "
                "the version that began it, or start in a new folder; front and report can still be had."
            )


@one_blas_thread()
def _work(
    run: RunFolder, journal: Journal, config: StudyConfig, stopwatch: Stopwatch, observe: Observer
) -> None:
    handler = JsonLinesHandler(run.log_path, logging.INFO)
    logger = logging.getLogger("penjing")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        facts = kept_facts(journal)
        assert facts is not None
        pipeline = Pipeline(config, facts, OnnxRuntimeCpu())
        _check_that_it_goes_on(run, journal, pipeline)
        budget = parse_budget(journal.get("budget"))
        for note in journal.get("notes") or ():
            logger.warning(note)
            observe(Progress(DATA, stopwatch.elapsed_s, None, 0, 0, 0.0, None, note))
        Study(run, journal, config, facts, budget, pipeline, stopwatch, observe).work()
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.close()
