"""Which algorithm finds the best front of real networks with the fewest evaluations, and in the least time?

    python benchmarks/search_on_networks/run.py run --data FASHION_MNIST
    python benchmarks/search_on_networks/run.py table

One supernet is trained for all. Resumable: every evaluation and every search is kept as it ends.
"""

import argparse
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

import penjing
from penjing.blueprint import graph_of
from penjing.objectives import hypervolume, non_dominated_mask, parse_constraint
from penjing.search import SearchProblem, available_algorithms, searcher_named
from penjing.space import Candidate
from penjing.store import RunFolder
from penjing.study.config import checked
from penjing.study.jobs import SUPERNET, InheritedJob
from penjing.study.pipeline import DataFacts, Pipeline
from penjing.study.versions import versions
from penjing.study.workshop import Workshop
from penjing.targets.onnxruntime.latency_model import LatencyModel
from penjing.targets.onnxruntime.processor import processor_info
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu

HERE = Path(__file__).parent
# What weights that all share reach after a quarter of an hour; trained alone networks reach .84 to .92.
BOX = {"accuracy": [0.50, 0.85], "size_bytes": [4_000, 256_000], "latency_ms": [0.008, 0.1]}
# A supernet learns more of networks that are not too unlike; these are what a small device runs.
LIMITS = ("latency_ms <= 0.03", "size_bytes <= 64 kB")
BATCH = 4
# Where nobody is trained on these are random search and bayesian.
LEFT_OUT = {"asha", "multi-fidelity"}


def main() -> None:
    """Run what is left to run, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "table"):
        commands.add_parser(name).add_argument("--work", type=Path, default=Path("runs/search_on_networks"))
    run = commands.choices["run"]
    run.add_argument("--data", required=True, help="Folder of Fashion-MNIST: train.npz, test.npz")
    run.add_argument("--algorithms", default="all", help="names, with commas between")
    run.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    run.add_argument("--evaluations", type=int, default=200)
    run.add_argument("--supernet-epochs", type=float, default=24.0)
    run.add_argument("--max-train", type=int, default=20_000)
    options = parser.parse_args()
    {"run": searches, "table": table}[options.command](options)


def searches(options: argparse.Namespace) -> None:
    """Every algorithm with every seed, as far as they are not kept."""
    torch.set_num_threads(1)
    bench = Bench(prepared(options), options.work)
    names = options.algorithms.split(",")
    if options.algorithms == "all":
        names = [name for name in available_algorithms() if name not in LEFT_OUT]
    for seed in options.seeds:
        for name in names:
            if not any(s["algorithm"] == name and s["seed"] == seed for s in kept(options.work, "searches")):
                bench.search(name, seed, options.evaluations)


def prepared(options: argparse.Namespace) -> RunFolder:
    """A run whose supernet is trained and whose latency model is fitted, with next to nothing else done."""
    path = options.work / "run"
    if not (options.work / "prepared").exists():
        penjing.search(
            data=options.data, budget="4 evaluations", out=path, workers=1, max_train=options.max_train,
            constraints=list(LIMITS), hypervolume_box=BOX,
            search={"train_on": SUPERNET, "supernet_epochs": options.supernet_epochs},
            finalists={"count": 1, "epochs": 0.1},
        )  # fmt: skip
        (options.work / "prepared").touch()
    return RunFolder.open(path)


class Bench:
    """The problem that all searches share, and what is known of it.

    Args:
        run: Whose supernet and latency model serve.
        work: Where evaluations and searches are kept.
    """

    def __init__(self, run: RunFolder, work: Path) -> None:
        config = checked(run.config)
        with run.journal(read_only=True) as journal:
            facts: dict[str, Any] = journal.get("facts")
        known = DataFacts(**{**facts, "shape": tuple(facts["shape"])})
        self.pipeline = Pipeline(config, known, OnnxRuntimeCpu())
        model = LatencyModel.from_dict(json.loads((run.path / "latency_model.json").read_text()))
        self.pipeline.latency_ms = model.predict_ms
        self.workshop = Workshop(run.path, config, known)
        self.work = work
        self.known = {row["key"]: row for row in kept(work, "evaluations")}

    def problem(self) -> SearchProblem:
        """Anew for every search: nothing that one computed serves another."""
        box = {name: (ends[0], ends[1]) for name, ends in BOX.items()}
        box["accuracy"] = (BOX["accuracy"][1], BOX["accuracy"][0])
        return SearchProblem(
            self.pipeline.space,
            self.pipeline.costs,
            box,
            [parse_constraint(limit) for limit in LIMITS],
            graph=lambda candidate: graph_of(self.pipeline.blueprint(candidate)),
        )

    def search(self, name: str, seed: int, n: int) -> None:
        """One search, kept as it ends."""
        problem = self.problem()
        searcher = searcher_named(name, problem)
        keys: list[str] = []
        asking: list[float] = []
        while len(keys) < n:
            began = time.perf_counter()
            batch = searcher.ask(min(BATCH, n - len(keys)), np.random.default_rng([seed, len(keys)]))
            seconds = time.perf_counter() - began
            if not batch:
                break
            for candidate in batch:
                accuracy = self.evaluated(problem, candidate)
                began = time.perf_counter()
                searcher.tell(candidate, {"accuracy": accuracy})
                asking.append(seconds / len(batch) + time.perf_counter() - began)
                keys.append(candidate.key)
        keep(self.work, "searches", {"algorithm": name, "seed": seed, "keys": keys, "asking_s": asking})
        print(f"{name}, seed {seed}: {sum(asking):.1f} s of proposing", flush=True)

    def evaluated(self, problem: SearchProblem, candidate: Candidate) -> float:
        """Accuracy with the supernet's weights; computed once, whoever asks."""
        if candidate.key not in self.known:
            outcome = self.workshop.do(InheritedJob(candidate.as_dict(), SUPERNET, "", 0.0, None, 0))
            if outcome.error:
                raise SystemExit(outcome.error)
            row = {
                "key": candidate.key,
                "accuracy": outcome.measurements["accuracy"],
                "seconds": outcome.seconds,
                "point": problem.points([{**problem.costs(candidate), **outcome.measurements}])[0].tolist(),
            }
            keep(self.work, "evaluations", row)
            self.known[candidate.key] = row
        return float(self.known[candidate.key]["accuracy"])


def kept(work: Path, name: str) -> list[dict[str, Any]]:
    """What a file of JSON lines holds; a line that was cut off does not count."""
    path = work / f"{name}.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def keep(work: Path, name: str, row: Mapping[str, Any]) -> None:
    """Add a line."""
    with (work / f"{name}.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


def volumes(points: Sequence[Sequence[float]]) -> list[float]:
    """Hypervolume after each evaluation."""
    front, found, volume = np.zeros((0, len(points[0]))), [], 0.0
    for point in points:
        grown = np.vstack([front, point])
        mask = non_dominated_mask(grown)
        if mask[-1]:
            front = grown[mask]
            volume = hypervolume(front, np.ones(front.shape[1]))
        found.append(volume)
    return found


def table(options: argparse.Namespace) -> None:
    """Mean hypervolume against evaluations and against seconds; printed and written."""
    known = {row["key"]: row for row in kept(options.work, "evaluations")}
    # Two that ran at a time may have done the same.
    done = list({(one["algorithm"], one["seed"]): one for one in kept(options.work, "searches")}.values())
    shown = (50, 100, 200)
    times = (15.0, 30.0, 60.0)
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys(search["algorithm"] for search in done):
        own = [search for search in done if search["algorithm"] == name]
        curves = [volumes([known[key]["point"] for key in search["keys"]]) for search in own]
        clocks = [
            np.cumsum(
                [known[k]["seconds"] + s for k, s in zip(search["keys"], search["asking_s"], strict=True)]
            )
            for search in own
        ]
        row: dict[str, Any] = {"algorithm": name, "seeds": len(own)}
        for n in shown:
            values = [curve[min(n, len(curve)) - 1] for curve in curves]
            row[f"after_{n}"] = float(np.mean(values))
            row[f"after_{n}_deviation"] = float(np.std(values, ddof=1)) if len(values) > 1 else None
        for seconds in times:
            at = [int(np.searchsorted(clock, seconds, side="right")) for clock in clocks]
            row[f"after_{seconds:g}_s"] = float(
                np.mean([curve[i - 1] if i else 0.0 for curve, i in zip(curves, at, strict=True)])
            )
        row["ms_per_proposal"] = float(np.mean([1000 * np.mean(search["asking_s"]) for search in own]))
        rows.append(row)
    rows.sort(key=lambda row: -row[f"after_{shown[-1]}"])
    names = [name for name in rows[0] if not name.endswith("_deviation")] if rows else []
    print("  ".join(f"{name.replace('_', ' '):>21}" for name in names))
    for row in rows:
        texts = [f"{row[n]:.4g}" if isinstance(row[n], float) else str(row[n]) for n in names]
        print("  ".join(f"{text:>21}" for text in texts))
    processor = processor_info()
    device = re.sub(r"[^a-z0-9]+", "-", str(processor["model"]).lower()).strip("-")
    path = HERE / "results" / f"{date.today()}-{device}.json"
    path.parent.mkdir(exist_ok=True)
    content = {
        "rows": rows, "box": BOX, "evaluations_in_all": len(known), "load_average": os.getloadavg()[0],
        "versions": versions(), "processor": processor,
    }  # fmt: skip
    path.write_text(json.dumps(content, indent=1))
    print(f"Kept in benchmarks/{HERE.name}/results/{path.name}")


if __name__ == "__main__":
    main()
