"""The door for Python: search, resume, and what they give."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penjing.blas import one_blas_thread
from penjing.errors import ConfigError, InvalidValueError, PenjingError, RunFolderError, unknown_name
from penjing.objectives import METRICS
from penjing.space import Candidate
from penjing.store import Journal, JsonLinesHandler, RunFolder
from penjing.store.front import front_of
from penjing.study.budget import Budget, Stopwatch, parse_budget, span_key
from penjing.study.config import StudyConfig, checked
from penjing.study.exporting import export_design
from penjing.study.kind_of_run import named_data
from penjing.study.pipeline import Pipeline
from penjing.study.preparation import check_subset, facts_of, keep_data, kept_facts, load_data
from penjing.study.progress import DATA, Observer, Progress, ignore, warn
from penjing.study.study import Study
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.training import training_device

ARRAYS = "arrays"


class Result:
    """A run: finished, stopped, or still at work elsewhere.

    Args:
        run: Its folder.
        stopped_by: See the attribute.

    Attributes:
        stopped_by: The signal that ended it before its budget was used, such as ``signal.SIGINT``; None if
            none did, or if nobody here waited for it.
    """

    def __init__(self, run: RunFolder, stopped_by: int | None = None) -> None:
        self.run = run
        self.stopped_by = stopped_by

    def __repr__(self) -> str:
        return f"Result({str(self.run.path)!r})"

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
    constraints: str | Sequence[str] = (),
    budget: str = "10 min",
    out: str | Path = "runs/search",
    objectives: str | Sequence[str] = ("accuracy", "latency_ms", "size_bytes"),
    target: str = "onnxruntime-cpu",
    train_on: str | None = None,
    seed: int = 0,
    mode: str | None = None,
    algorithm: str | None = None,
    observe: Observer = warn,
    **settings: Any,
) -> Result:
    """Find the non-dominated designs for data, constraints and a budget.

    Args:
        task: What is learnt: ``image-classification``, or ``vector-classification`` from rows of features.
        data: A name, a path, one of these per part, or arrays; see ``docs/how-to/data.md``.
        constraints: Such as ``size_bytes <= 60 kB``; one, or several.
        budget: A time or a number of evaluations.
        out: The run folder; must be empty or absent.
        objectives: What is traded against what.
        target: Runtime and device.
        train_on: How weights are got: ``alone``, ``supernet`` or ``auto``, the default.
        seed: Of everything.
        mode: ``joint``, the default, ``sequential``, ``iterative`` or ``adaptive``.
        algorithm: Of the search; ``auto``, the default, picks by what an evaluation costs and how many there
            will be.
        observe: Called with progress; unless one is given, Python warns of what nobody should miss.
        **settings: Further keys of the configuration file, as nested mappings.

    Returns:
        The run, with its front; after Ctrl-C or SIGTERM of what was known, and ``stopped_by`` says so.

    Raises:
        PenjingError: Of the class that says what was wrong, before any time is spent where it can be known.
    """
    _check_observer(observe)
    if data is None:
        raise ConfigError("search needs data: a name, a path or arrays. Say, for example, data='digits'.")
    named = _named(data, named_data(task))
    described: dict[str, Any] = {
        "task": task,
        "data": ARRAYS if named is None else named,
        "constraints": constraints,
        "budget": budget,
        "objectives": objectives,
        "target": target,
        "seed": seed,
        **settings,
    }
    named_apart = {"mode": mode, "algorithm": algorithm, "train_on": train_on}
    described["search"] = _merged(named_apart, settings.get("search", {}))
    return run_study(checked(described), out, data if named is None else None, observe)


def resume(path: str | Path, budget: str | None = None, observe: Observer = warn) -> Result:
    """Go on with a run that was stopped, or give it more budget.

    Args:
        path: The run folder.
        budget: How much more, of the same kind as before, such as ``+10 min``; None for what was left.
        observe: As for :func:`search`.

    Raises:
        RunFolderError: If it is no run, another process writes it, or it was stopped before its data were
            kept and these were arrays that only the first process had.
    """
    _check_observer(observe)
    run = RunFolder.open(path)
    config = checked(run.config)
    extra = None if budget is None else parse_budget(budget, least_evaluations=1)
    with run.lock(), run.journal() as journal:
        _prepare(run, journal, config, None)
        stopwatch = Stopwatch(float(journal.get("elapsed_s", 0.0)))
        stopped_by = _work(run, journal, config, stopwatch, observe, extra)
    return Result(run, stopped_by)


def load(path: str | Path) -> Result:
    """Look at a run, also while another process works on it.

    Args:
        path: The run folder.

    Raises:
        RunFolderError: If it is no run, or of another version.
    """
    return Result(RunFolder.open(path))


def _check_observer(observe: Any) -> None:
    if not callable(observe):
        raise ConfigError(f"observe must be a function that is called with progress, got {observe!r}.")


def _merged(arguments: Mapping[str, str | None], settings: Any) -> Any:
    """Settings of the search, some of which have arguments of their own; what is no mapping stays what it is.

    Raises:
        ConfigError: If both say something, and not the same.
    """
    if not isinstance(settings, Mapping):
        return settings
    said = {name: value for name, value in arguments.items() if value is not None}
    for name, value in said.items():
        if name in settings and value != settings[name]:
            raise ConfigError(
                f"{name}={value!r} and search={{{name!r}: {settings[name]!r}}} contradict each other. "
                "Leave one of them out."
            )
    return {**said, **settings}


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
    if source is None and config.data == ARRAYS:
        raise ConfigError(
            f"The data are {ARRAYS!r}: what the run that this configuration is from had in memory. "
            f"Name data that are on disk ('./{ARRAYS}' for a path), or give the arrays to penjing.search."
        )
    stopwatch = Stopwatch()
    run = RunFolder.create(out, config.model_dump(mode="json"))
    with run.lock(), run.journal() as journal:
        try:
            _prepare(run, journal, config, source)
            stopped_by = _work(run, journal, config, stopwatch, observe)
        except PenjingError as error:
            # After a full disk a resume can follow.
            if not journal.trials() and not isinstance(error, RunFolderError):
                run.discard()
            raise
    return Result(run, stopped_by)


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


@contextmanager
def _extended(journal: Journal, extra: Budget | None) -> Iterator[Budget]:
    """The budget with so much more; without, if what follows fails before anything of it was used."""
    given = parse_budget(journal.get("budget"))
    if extra is None:
        yield given
        return
    budget, extension = given.plus(extra), int(journal.get("extension", 0))
    first_number = journal.next_number()
    journal.put_all({"budget": str(budget), "extension": extension + 1})
    try:
        yield budget
    except Exception:
        if journal.next_number() == first_number:
            # Who tries again adds it again.
            journal.put_all({"budget": str(given), "extension": extension, span_key(extension + 1): None})
        raise


@one_blas_thread()
def _work(
    run: RunFolder,
    journal: Journal,
    config: StudyConfig,
    stopwatch: Stopwatch,
    observe: Observer,
    extra: Budget | None = None,
) -> int | None:
    """Do what is left to do, with so much more budget; the signal that ended it early."""
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
        training_device(config.training.device)
        for note in journal.get("notes") or ():
            logger.warning(note)
            observe(Progress(DATA, stopwatch.elapsed_s, None, 0, 0, 0.0, None, note))
        with _extended(journal, extra) as budget:
            study = Study(run, journal, config, facts, budget, pipeline, stopwatch, observe)
            study.work()
        return study.stopped_by
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.close()
