"""A study whose evaluations take no time, on a clock of its own, that dies after so many writes.

What a candidate is worth is a function of the candidate, and some fail. Everything else is as in a run: the
search, the journal, and what a resume rebuilds from it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from penjing.space import Candidate
from penjing.store import Journal, RunFolder
from penjing.study.brief import decide_brief_epochs, decide_way
from penjing.study.budget import Stopwatch, parse_budget
from penjing.study.config import StudyConfig, checked
from penjing.study.jobs import SUPERNET, InheritedJob, Outcome
from penjing.study.lengths import lengths_of
from penjing.study.pipeline import Pipeline
from penjing.study.preparation import facts_of, keep_data, load_data
from penjing.study.progress import Observer, ignore
from penjing.study.searching import Search
from penjing.study.study import Study
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.tasks.classification import LabelledData

# The second block of the first stage, with its precision, exists only where the stage is two deep.
FEW_NETWORKS = {
    "precisions": ["fp32", "w8"],
    "family": {
        "stem_widths": [4, 8],
        "stem_kernels": [3],
        "stem_strides": [1],
        "stage_widths": [[4, 8], [8, 16]],
        "stage_depths": [[1, 2], [1]],
        "stage_strides": [[1], [2]],
        "operations": ["plain"],
        "kernels": [3],
    },
}
LIMIT_BYTES = 9_000
INSTANT: dict[str, Any] = {
    "data": "digits",
    "objectives": ["accuracy", "size_bytes"],
    "constraints": [f"size_bytes <= {LIMIT_BYTES} B"],
    "budget": "40 evaluations",
    "workers": 2,
    "space": FEW_NETWORKS,
    "finalists": {"count": 1},
}
_WRITES = ("put", "put_once", "ask", "tell", "event", "begin_phase", "end_phase")


class Killed(BaseException):
    """The process is gone."""


class Clock:
    """Seconds that pass only when it is said."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class InstantExecutor:
    """Says at once what candidates are worth; on the clock that takes a while.

    Weights are empty files: what begins with some, or is judged by them, needs theirs.
    """

    def __init__(self, pipeline: Pipeline, clock: Clock, weights: Path) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self._weights = weights
        weights.mkdir(exist_ok=True)
        (weights / SUPERNET).touch()

    def map(self, jobs: Sequence[InheritedJob], /) -> Iterator[Outcome]:
        for job in jobs:
            seconds = 2.0 + _luck(Candidate(job.candidate), 1)
            self._clock.now_s += seconds
            yield self._outcome(job, seconds)

    def as_completed(self, jobs: Sequence[InheritedJob], /) -> Iterator[tuple[int, Outcome]]:
        yield from enumerate(self.map(jobs))

    def train_in(self, precision: str, /) -> None:
        pass

    def close(self) -> None:
        pass

    def _outcome(self, job: InheritedJob, seconds: float) -> Outcome:
        candidate = Candidate(job.candidate)
        needed = job.parent_key if job.epochs else job.weights_key
        assert not needed or (self._weights / needed).exists(), f"no weights {needed!r}"
        is_long = job.epochs > lengths_of(self._pipeline.facts).brief
        if _luck(candidate, 2) < 0.1 or (is_long and _luck(candidate, 4) < 0.2):
            return Outcome({}, seconds, error="ArtifactError: Training diverged.")
        (self._weights / job.weights_key).touch()
        return Outcome({"accuracy": worth(self._pipeline, candidate)}, seconds, {"epochs": job.epochs})


def worth(pipeline: Pipeline, candidate: Candidate) -> float:
    """Better with more operations and with more bits, and a little luck."""
    costs = pipeline.costs(candidate)
    kept = 1.0 - 0.02 * sum(value == "w8" for value in candidate.values())
    return kept * (1.0 - 1.5 * costs["macs"] ** -0.25) + 0.01 * _luck(candidate, 3)


def _luck(candidate: Candidate, of: int) -> float:
    return float(np.random.default_rng([int(candidate.key, 16), of]).random())


@cache
def instant_data() -> LabelledData:
    """The data of all these studies."""
    return load_data(checked(INSTANT))


@cache
def instant_pipeline() -> Pipeline:
    """The pipeline of all these studies: pure functions, so that what one computed another need not."""
    config = checked(INSTANT)
    pipeline = Pipeline(config, facts_of(instant_data()), OnnxRuntimeCpu())
    pipeline.blueprint = cache(pipeline.blueprint)
    return pipeline


@contextmanager
def session(folder: Path, config: StudyConfig, observe: Observer = ignore) -> Iterator[Study]:
    """Make the run folder, or go on with the one that is there, as ``penjing resume`` does."""
    is_new = not (folder / "config.yaml").exists()
    run = RunFolder.create(folder, config.model_dump(mode="json")) if is_new else RunFolder.open(folder)
    if is_new:
        keep_data(instant_data(), run)
    pipeline, clock = instant_pipeline(), Clock()
    with run.lock(), run.journal() as journal:
        # Decided by timing in a run.
        journal.put_once("training precision", {"precision": "fp32", "step_ms": {}})
        stopwatch = Stopwatch(float(journal.get("elapsed_s", 0.0)), clock)
        budget = parse_budget(journal.put_once("budget", config.budget))
        study = Study(run, journal, config, pipeline.facts, budget, pipeline, stopwatch, observe)
        study.executor = InstantExecutor(pipeline, clock, run.path / "weights of the instant study")
        yield study


def work(study: Study) -> None:
    """Search, and nothing else."""
    study.journal.put_once("reference", {})
    study.box.open(study.problem(study.pipeline.space))
    study.way = decide_way(study)
    study.brief_epochs = decide_brief_epochs(study)
    if study.way == SUPERNET:
        study.journal.put_once("shared training", {"epochs": 2.0})
    Search(study).run()


def dies_after(journal: Journal, n_writes: int, of: Sequence[str] = _WRITES) -> None:
    """Let the process be killed before its next write, or write of some kinds, once there were so many."""
    left = n_writes

    def mortal(write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return write(*arguments, **named)

        return counted

    for name in of:
        setattr(journal, name, mortal(getattr(journal, name)))
