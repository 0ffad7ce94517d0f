"""What does Penjing itself cost, beside the training and measuring that it is there for?

    python benchmarks/overhead/run.py --data DATA

What depends on Penjing's own code is held against a bar.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from penjing.blas import one_blas_thread
from penjing.errors import EvaluationError
from penjing.search import SearchProblem, SurrogateSearcher
from penjing.space import Candidate
from penjing.store import Journal, RunFolder, content_key
from penjing.study.budget import Stopwatch, parse_budget
from penjing.study.config import StudyConfig, checked
from penjing.study.jobs import InheritedJob, Outcome
from penjing.study.pipeline import DataFacts, Pipeline
from penjing.study.preparation import facts_of, keep_data
from penjing.study.progress import Progress
from penjing.study.study import Study
from penjing.study.versions import versions
from penjing.study.workshop import Workshop, new_supernet
from penjing.targets.onnxruntime.latency_features import USUAL_PRICES_US
from penjing.targets.onnxruntime.latency_model import NAMES, LatencyModel
from penjing.targets.onnxruntime.processor import processor_info
from penjing.targets.onnxruntime.random_networks import random_artifact
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.tasks.classification import LabelledData
from penjing.tasks.image_classification import load

HERE = Path(__file__).parent
BOX = {"accuracy": (0.94, 0.8), "size_bytes": (4_000, 256_000), "latency_ms": (0.008, 0.1)}
# What is asked for: name, unit, most that is allowed.
BARS = {
    "journal, hashing and scheduling of one evaluation": ("ms", 10.0),
    "proposal, amortised": ("ms", 50.0),
    "estimated fidelity": ("ms", 1.0),
    "artifact": ("s", 0.2),
    "inherited evaluation": ("s", 0.5),
    "import penjing": ("s", 0.3),
    "penjing --help": ("s", 0.5),
}


class Bench:
    """What was found so far, with the bar that each number is held against, if any."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def found(self, what: str, values: Sequence[float], unit: str, bar: str = "") -> None:
        """Keep and print the median and the 90th percentile."""
        median, high = np.quantile(values, [0.5, 0.9])
        row = {"what": what, "median": float(median), "p90": float(high), "unit": unit, "n": len(values)}
        text = f"{what:<58} {median:>9.3f} {unit:<2} (p90 {high:.3f}, n={len(values)})"
        if bar:
            unit_of_bar, most = BARS[bar]
            assert unit_of_bar == unit
            row |= {"bar": bar, "at_most": most, "met": bool(median <= most)}
            text += f"  at most {most:g}: {'met' if row['met'] else 'NOT MET'}"
        self.rows.append(row)
        print(text, flush=True)


@one_blas_thread()
def main() -> None:
    """Measure everything, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True, help="Folder of Fashion-MNIST: train.npz, test.npz")
    parser.add_argument("--told", type=int, nargs="+", default=[100, 500], help="results that a searcher has")
    parser.add_argument("--evaluations", type=int, default=500, help="of the study that only keeps books")
    parser.add_argument("--inherited", type=int, default=30, help="candidates to evaluate")
    parser.add_argument("--processes", type=int, default=7, help="fresh ones")
    parser.add_argument("--work", default="runs/overhead", help="a folder on the disk where runs are kept")
    options = parser.parse_args()
    torch.set_num_threads(1)
    load_average = os.getloadavg()[0]
    if load_average > 0.5:
        print(f"WARNING: load average {load_average:.2f}: something else runs, all of this looks slower.")
    bench = Bench()
    Path(options.work).mkdir(parents=True, exist_ok=True)
    start_up(bench, options.processes)
    data = load(options.data, seed=0, max_train=4000)
    facts = facts_of(data)
    config = checked({"data": "fashion_mnist"})
    pipeline = Pipeline(config, facts, OnnxRuntimeCpu())
    pipeline.latency_ms = usual_latency_model(pipeline).predict_ms
    estimated(bench, pipeline)
    proposals(bench, pipeline, options.told)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        journal(bench, pipeline, Path(folder))
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        bookkeeping(bench, data, facts, Path(folder) / "run", options.evaluations)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        run = RunFolder.create(Path(folder) / "run", config.model_dump(mode="json"))
        keep_data(data, run)
        rng = np.random.default_rng(3)
        drawn = [small(pipeline, rng) for _ in range(options.inherited)]
        inherited(bench, config, facts, run, drawn)
    publish(options, bench, load_average)


def start_up(bench: Bench, n: int) -> None:
    """Fresh processes: Python alone, the import, the command line."""
    penjing = str(Path(sys.executable).with_name("penjing"))
    for what, command, bar in (
        ("python, nothing imported", [sys.executable, "-c", "pass"], ""),
        ("import penjing", [sys.executable, "-c", "import penjing"], "import penjing"),
        ("penjing --help", [penjing, "--help"], "penjing --help"),
    ):
        bench.found(what, [seconds_of(lambda c=command: silent(c)) for _ in range(n)], "s", bar)


def silent(command: list[str]) -> None:
    """Run and forget what it printed."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def seconds_of(work: Callable[[], object]) -> float:
    """Wall time."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def usual_latency_model(pipeline: Pipeline) -> LatencyModel:
    """A model with the usual prices: asking it takes as long as asking a fitted one."""
    prices = np.array([USUAL_PRICES_US[name] for name in NAMES]) / 1e3
    return LatencyModel(pipeline.abilities.width_multiple, prices, {})


def estimated(bench: Bench, pipeline: Pipeline) -> None:
    """Everything that is known of a candidate before training."""
    rng = np.random.default_rng(0)
    drawn = [pipeline.space.sample(rng) for _ in range(1000)]
    taken = [1e3 * seconds_of(lambda c=candidate: pipeline.costs(c)) for candidate in drawn]
    what = "estimated: blueprint, rewrite, bytes, latency model"
    bench.found(what, taken[200:], "ms", "estimated fidelity")
    taken = []
    for candidate in drawn[:50]:
        blueprint = pipeline.blueprint(candidate)
        taken.append(seconds_of(lambda b=blueprint: random_artifact(b, rng, reduced_range=True)))
    bench.found("artifact: random weights, scales, the file", taken, "s", "artifact")


def proposals(bench: Bench, pipeline: Pipeline, told: Sequence[int]) -> None:
    """The surrogate with results told; per candidate proposed.

    A run asks for four at a time where its budget is in evaluations; where it is in time for three a worker,
    or one a worker where evaluations are slow.
    """
    rng = np.random.default_rng(1)
    problem = SearchProblem(pipeline.space, pipeline.costs, BOX)
    searcher = SurrogateSearcher(problem)
    n_told = 0
    for n in sorted(told):
        for _ in range(n - n_told):
            searcher.tell(*accuracy_made_up(pipeline, problem.sample_feasible(rng), rng))
            n_told += 1
        for at_a_time in (1, 2, 4, 6):
            taken = []
            for turn in range(5):
                stream, began = np.random.default_rng([n, at_a_time, turn]), time.perf_counter()
                proposed = searcher.ask(at_a_time, stream)
                taken.append(1e3 * (time.perf_counter() - began) / at_a_time)
                for candidate in proposed:  # as in a run: nothing is asked twice with the same results
                    searcher.tell(*accuracy_made_up(pipeline, candidate, rng))
                n_told += at_a_time
            bench.found(f"proposal, {n} told, {at_a_time} at a time", taken, "ms", "proposal, amortised")


def accuracy_made_up(
    pipeline: Pipeline, candidate: Candidate, rng: np.random.Generator
) -> tuple[Candidate, dict[str, float]]:
    """A candidate with an accuracy that grows with its size."""
    size = np.log(pipeline.costs(candidate)["parameters"])
    return candidate, {"accuracy": float(np.clip(0.5 + 0.035 * size + 0.01 * rng.normal(), 0.1, 0.99))}


def journal(bench: Bench, pipeline: Pipeline, folder: Path) -> None:
    """Ask and tell on the disk, and the keys of a candidate."""
    rng = np.random.default_rng(2)
    drawn = [pipeline.space.sample(rng) for _ in range(300)]
    asks, tells, hashes = [], [], []
    with Journal.create(folder / "journal.db") as book:
        for number, candidate in enumerate(drawn):
            measurements = {"accuracy": 0.9, "costs": pipeline.costs(candidate), "epochs": 1.5}
            times = [time.perf_counter()]
            again = Candidate(candidate.as_dict())
            content_key("brief", again.key, pipeline.architecture_key(again))
            times.append(time.perf_counter())
            book.ask(number, "joint", "inherited", again.as_dict(), again.key)
            times.append(time.perf_counter())
            book.tell(number, "done", measurements, 1.0)
            times.append(time.perf_counter())
            for kept, taken in zip((hashes, asks, tells), 1e3 * np.diff(times), strict=True):
                kept.append(float(taken))
    bench.found("hashing: candidate and content key", hashes, "ms")
    bench.found("journal: ask", asks, "ms")
    bench.found("journal: tell", tells, "ms")


class AnswersAtOnce:
    """An executor whose evaluations take no time."""

    def map(self, jobs: Sequence[Any]) -> Iterator[Outcome]:
        """An accuracy from the candidate's name; finalists are not made."""
        for job in jobs:
            if isinstance(job, InheritedJob):
                seed = int(content_key(job.candidate), 16) % 2**32
                value = float(np.random.default_rng(seed).uniform(0.6, 0.9))
                yield Outcome({"accuracy": value}, 0.0, {"epochs": 1.0})
            else:
                yield Outcome({}, 0.0, error="not made: this study only keeps books")

    def as_completed(self, jobs: Sequence[Any]) -> Iterator[tuple[int, Outcome]]:
        """The same, as they end."""
        return enumerate(self.map(jobs))

    def train_in(self, precision: str) -> None:
        """Nothing is trained."""

    def close(self) -> None:
        """Nothing to close."""


def bookkeeping(bench: Bench, data: LabelledData, facts: DataFacts, folder: Path, n: int) -> None:
    """A whole study whose evaluations and proposals cost nothing: what is left is ours."""
    config = checked(
        {
            "data": "arrays", "budget": f"{n + 3} evaluations", "workers": 1, "finalists": {"count": 1},
            "objectives": ["accuracy", "size_bytes"], "search": {"algorithm": "random"},
        }
    )  # fmt: skip
    ends: list[float] = []

    def observe(progress: Progress) -> None:
        if progress.message.startswith("evaluation "):
            ends.append(time.perf_counter())

    run = RunFolder.create(folder, config.model_dump(mode="json"))
    keep_data(data, run)
    with run.lock(), run.journal() as book:
        pipeline = Pipeline(config, facts, OnnxRuntimeCpu())
        budget = parse_budget(config.budget)
        study = Study(run, book, config, facts, budget, pipeline, Stopwatch(), observe)
        study.executor.close()
        study.executor = AnswersAtOnce()
        with suppress(EvaluationError):  # no design is made
            study.work()
    taken = 1e3 * np.diff(ends)
    bar = "journal, hashing and scheduling of one evaluation"
    for at in sorted({min(100, len(taken)), len(taken)}):
        window = taken[max(0, at - 50) : at].tolist()
        bench.found(f"study: one evaluation that takes no time, after {at}", window, "ms", bar)


def small(pipeline: Pipeline, rng: np.random.Generator) -> Candidate:
    """A candidate within the box: what is beyond it no search evaluates."""
    while True:
        candidate = pipeline.space.sample(rng)
        costs = pipeline.costs(candidate)
        if costs["size_bytes"] < BOX["size_bytes"][1] and costs["latency_ms"] < BOX["latency_ms"][1]:
            return candidate


def inherited(
    bench: Bench, config: StudyConfig, facts: DataFacts, run: RunFolder, drawn: Sequence[Candidate]
) -> None:
    """Judge candidates with weights that are there: a supernet's, or kept ones. Training is not in it."""
    workshop = Workshop(run.path, with_validation_images(config, 2000), facts)
    run.weights_path.mkdir(exist_ok=True)
    supernet = new_supernet(workshop.pipeline, torch.Generator().manual_seed(0))
    save_file(supernet.state_dict(), run.weights_path / "supernet.safetensors")

    def judged(candidate: Candidate, way: str) -> float:
        key, epochs = ("supernet", 0.0) if way == "supernet" else (candidate.key, 0.05)
        job = InheritedJob(candidate.as_dict(), key, "", epochs, None, 0)
        outcome = workshop.do(job)
        if outcome.error:
            raise SystemExit(f"An evaluation failed: {outcome.error}")
        return outcome.seconds

    for way, text in (("supernet", "weights of a supernet"), ("alone", "weights that are kept")):
        for candidate in drawn if way == "alone" else drawn[:2]:
            judged(candidate, way)  # trains and keeps weights; brings data into memory
        taken = [judged(candidate, way) for candidate in drawn]
        bench.found(f"inherited: 2,000 images, {text}", taken, "s", "inherited evaluation")


def with_validation_images(config: StudyConfig, n: int) -> StudyConfig:
    """The same configuration with so many validation images."""
    return config.model_copy(update={"search": config.search.model_copy(update={"validation_images": n})})


def publish(options: argparse.Namespace, bench: Bench, load_average: float) -> None:
    """Keep what was found."""
    processor = processor_info()
    device = re.sub(r"[^a-z0-9]+", "-", str(processor["model"]).lower()).strip("-")
    settings = {name: value for name, value in vars(options).items() if name not in ("work", "data")}
    path = HERE / "results" / f"{date.today()}-{device}.json"
    path.parent.mkdir(exist_ok=True)
    content = {
        "settings": settings, "versions": versions(), "processor": processor,
        "load_average": load_average, "rows": bench.rows,
    }  # fmt: skip
    path.write_text(json.dumps(content, indent=1))
    print(f"Kept in benchmarks/{HERE.name}/results/{path.name}")


if __name__ == "__main__":
    main()
