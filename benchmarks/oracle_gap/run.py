"""With evaluations that cost nearly nothing, how much does choosing jointly gain over choosing in turn?

    python benchmarks/oracle_gap/run.py --data DATA --minutes 20

One supernet is trained; its weights judge every candidate. Both ways may look at equally many candidates,
drawn at random, so that no search algorithm has a part in the answer. Resumable: supernet, latency model
and every evaluation are kept.
"""

import argparse
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from penjing.blueprint import Blueprint, macs
from penjing.compression.quantization.simulate import calibrate, simulate_
from penjing.families.elastic.supernet import Supernet
from penjing.families.plain import folded
from penjing.objectives import hypervolume, hypervolume_gains, non_dominated_mask, normalised
from penjing.space import Candidate, CarriedSpace, SearchSpace
from penjing.store import write_atomically
from penjing.study.config import checked
from penjing.study.pipeline import Pipeline
from penjing.study.preparation import facts_of
from penjing.study.versions import versions
from penjing.study.workshop import new_supernet
from penjing.targets.onnxruntime.latency_model import LatencyModel
from penjing.targets.onnxruntime.processor import processor_info
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.tasks.image_classification import load
from penjing.training import SHARED_RECIPE, Augmentation, accuracy, sandwich_of, train_supernet_

HERE = Path(__file__).parent
SIZE_BYTES, LATENCY_MS = (4_000, 256_000), (0.008, 0.1)
WINNERS = 6
N_BOOTSTRAP = 1000


def main() -> None:
    """Do what is left to do, then print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True, help="Folder of Fashion-MNIST: train.npz, test.npz")
    parser.add_argument("--minutes", type=float, default=20, help="for the supernet")
    parser.add_argument("--evaluations", type=int, default=3000, help="for each way")
    parser.add_argument("--uniform", nargs="+", default=["w8a8"], help="what the architecture is judged as")
    parser.add_argument("--only", nargs="+", help="ways to evaluate in this process, such as joint")
    parser.add_argument("--accuracy-box", type=float, nargs=2, default=[0.6, 0.9])
    parser.add_argument("--validation", type=int, default=2000, help="images")
    parser.add_argument("--max-train", type=int, default=20_000)
    parser.add_argument("--fit-seconds", type=float, default=60, help="of measuring for the latency model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", default="runs/oracle_gap")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bench = Bench(options)
    ways = ["joint", *(f"sequential-{precision}" for precision in options.uniform)]
    if options.evaluations == 0:
        return
    for way in options.only or ways:
        bench.evaluate(way)
    bench.publish(ways)


class Bench:
    """Data, space, supernet, latency model; and where results are kept."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.work = Path(options.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self._check_settings()
        data = load(options.data, seed=options.seed, max_train=options.max_train)
        self.x, self.y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
        self.val_x = torch.from_numpy(data.validation.x[: options.validation])
        self.val_y = torch.from_numpy(data.validation.y[: options.validation])
        self._sizes: dict[tuple[str, int], torch.Tensor] = {}
        self.pipeline = Pipeline(checked({"data": "fashion_mnist"}), facts_of(data), OnnxRuntimeCpu())
        self.pipeline.latency_ms = self._latency_model().predict_ms
        self.supernet = self._supernet()
        self._trained: dict[str, nn.Module] = {}

    def _check_settings(self) -> None:
        """What is kept belongs to these settings, and must not be mixed with others."""
        names = ("minutes", "validation", "max_train", "seed")
        mine = {name: getattr(self.options, name) for name in names}
        path = self.work / "settings.json"
        if path.exists() and (kept := json.loads(path.read_text())) != mine:
            raise SystemExit(f"{self.work} was begun with {kept}, got {mine}. Choose another --work.")
        write_atomically(path, json.dumps(mine))

    def _latency_model(self) -> LatencyModel:
        path = self.work / "latency_model.json"
        if not path.exists():
            if os.getloadavg()[0] > 0.5:
                print(f"WARNING: load average {os.getloadavg()[0]:.2f}: latencies are off.", flush=True)
            model = OnnxRuntimeCpu().fit_latency_model(
                lambda rng: self.pipeline.blueprint(self.pipeline.space.sample(rng)),
                np.random.default_rng([self.options.seed, 0]),
                seconds=self.options.fit_seconds,
            )
            write_atomically(path, json.dumps(model.as_dict()))
        return LatencyModel.from_dict(json.loads(path.read_text()))

    def _supernet(self) -> Supernet:
        generator = torch.Generator().manual_seed(self.options.seed)
        supernet = new_supernet(self.pipeline, generator)
        path = self.work / "supernet.safetensors"
        if path.exists():
            supernet.load_state_dict(load_file(path))
            return supernet
        rng = np.random.default_rng([self.options.seed, 1])
        drawn = [self.within_the_box(self.pipeline.space.sample, rng) for _ in range(1500)]
        pool = sorted((self.pipeline.float_blueprint(c) for c in drawn), key=macs)
        done = train_supernet_(
            supernet, sandwich_of(pool), lambda b: self.images("train", b), self.y,
            replace(SHARED_RECIPE, epochs=1000), generator, Augmentation(), 60 * self.options.minutes,
        )  # fmt: skip
        print(f"the supernet was trained for {done.epochs:.1f} epochs", flush=True)
        save_file({n: t.contiguous() for n, t in supernet.state_dict().items()}, path)
        return supernet

    def images(self, part: str, blueprint: Blueprint) -> torch.Tensor:
        """Images in the resolution that a network reads."""
        source = self.x if part == "train" else self.val_x
        size = blueprint.input.shape[1]
        if "input.resize" in blueprint:
            size = blueprint["input.resize"].output_shape[1]
        if size == source.shape[2]:
            return source
        if (part, size) not in self._sizes:
            # Down, not to the nearest, as the network and its file do.
            self._sizes[part, size] = torch.cat(
                [
                    functional.interpolate(piece.float(), (size, size), mode="bilinear").floor().byte()
                    for piece in source.split(2000)
                ]
            )
        return self._sizes[part, size]

    # Candidates

    def within_the_box(
        self, sample: Callable[[np.random.Generator], Candidate], rng: np.random.Generator
    ) -> Candidate:
        """Draw until bytes and latency count; neither way spends evaluations on what costs rule out."""
        for _ in range(10_000):
            candidate = sample(rng)
            costs = self.pipeline.costs(candidate)
            if costs["size_bytes"] < SIZE_BYTES[1] and costs["latency_ms"] < LATENCY_MS[1]:
                return candidate
        raise SystemExit("Nothing that may be drawn is within the box of bytes and latency.")

    def candidates(self, way: str, rows: Sequence[dict[str, Any]]) -> Iterator[Candidate]:
        """What is to be evaluated after ``rows``; every draw has a random stream of its own.

        All ways draw the same architectures, as far as their costs are within the box: how lucky a draw
        of architectures is decides more than how precisions are chosen.
        """
        space: SearchSpace = self.pipeline.space
        n = self.options.evaluations

        def drawn(sample: Callable[[np.random.Generator], Candidate], index: int) -> Candidate:
            return self.within_the_box(sample, np.random.default_rng([self.options.seed, 2, index]))

        if way == "joint":
            yield from (drawn(space.sample, index) for index in range(len(rows), n))
            return
        precision = self.pipeline.uniform(way.removeprefix("sequential-"))

        def uniform(rng: np.random.Generator) -> Candidate:
            return Candidate({**space.project(space.sample(rng), "architecture"), **precision})

        yield from (drawn(uniform, index) for index in range(len(rows), n // 2))
        first = self.rows_of(way)[: n // 2]
        winners = [CarriedSpace(space, [Candidate(row["candidate"])]) for row in self.best(first, WINNERS)]
        for index in range(max(len(rows), n // 2), n):
            yield drawn(winners[index % len(winners)].sample, index)

    def best(self, rows: Sequence[dict[str, Any]], n: int) -> list[dict[str, Any]]:
        """The ``n`` that together gain the most hypervolume, one after the other."""
        points = self.points(rows)
        picked: list[int] = []
        while len(picked) < n:
            gains = hypervolume_gains(points, points[picked], np.ones(3))
            gains[picked] = -1.0
            if gains.max() <= 0 and picked:
                break
            picked.append(int(np.argmax(gains)))
        return [rows[index] for index in picked]

    # Evaluations

    def path_of(self, way: str) -> Path:
        """Where evaluations are kept: how many there will be decides when the winners are picked."""
        return self.work / f"{way}-of-{self.options.evaluations}.jsonl"

    def rows_of(self, way: str) -> list[dict[str, Any]]:
        """The evaluations that are known, in order."""
        path = self.path_of(way)
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def evaluate(self, way: str) -> None:
        """Judge every candidate that is left."""
        known = self.rows_of(way)
        told = time.perf_counter()
        with self.path_of(way).open("a") as file:
            for index, candidate in enumerate(self.candidates(way, known), start=len(known)):
                started = time.perf_counter()
                row = {
                    "candidate": candidate.as_dict(), "accuracy": self.accuracy_of(candidate),
                    **self.pipeline.costs(candidate),
                }  # fmt: skip
                row["seconds"] = round(time.perf_counter() - started, 4)
                file.write(json.dumps(row) + "\n")
                file.flush()
                if time.perf_counter() - told > 30 or index + 1 == self.options.evaluations:
                    told = time.perf_counter()
                    print(f"{way}: {index + 1} of {self.options.evaluations}, {row['seconds']} s", flush=True)

    def accuracy_of(self, candidate: Candidate) -> float:
        """Validation accuracy with the supernet's weights, precisions simulated after training."""
        blueprint = self.pipeline.blueprint(candidate)
        copy = folded(self.recalibrated(candidate), blueprint)
        images = self.images("train", blueprint)[:512]
        scheme = calibrate(copy, blueprint, images.split(256), self.pipeline.abilities.reduced_range)
        return accuracy(simulate_(copy, blueprint, scheme), self.images("validation", blueprint), self.val_y)

    def recalibrated(self, candidate: Candidate) -> nn.Module:
        """The architecture's network with normalisation statistics of its own; the last ones are kept."""
        key = self.pipeline.architecture_key(candidate)
        if key not in self._trained:
            plain = self.pipeline.float_blueprint(candidate)
            network = self.supernet.extract(plain)
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = None
            network.train()
            with torch.no_grad():
                for batch in self.images("train", plain)[:2048].split(512):
                    network(batch)
            if len(self._trained) > 2 * WINNERS:
                self._trained.pop(next(iter(self._trained)))
            self._trained[key] = network.eval()
        return self._trained[key]

    # The answer

    def points(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """Normalised costs: error linear, bytes and milliseconds logarithmic."""
        worst, best = self.options.accuracy_box
        costs = [[1 - row["accuracy"], row["size_bytes"], row["latency_ms"]] for row in rows]
        low, high = [1 - best, SIZE_BYTES[0], LATENCY_MS[0]], [1 - worst, SIZE_BYTES[1], LATENCY_MS[1]]
        return normalised(costs, low, high, [False, True, True])

    def publish(self, ways: Sequence[str]) -> None:
        """Hypervolume of every way with bootstrap intervals over its evaluations, printed and written."""
        found = {way: rows for way in ways if len(rows := self.rows_of(way)) >= self.options.evaluations}
        points = {way: self.points(rows[: self.options.evaluations]) for way, rows in found.items()}
        drawn = {way: self._bootstrap(way, costs) for way, costs in points.items()}
        table: dict[str, Any] = {}
        print(f"{'':<18} {'hypervolume':>11} {'bootstrap 95 %':>18} {'front':>6} {'best':>7}")
        for way, costs in points.items():
            low, high = np.quantile(drawn[way], [0.025, 0.975])
            best = max(row["accuracy"] for row in found[way])
            table[way] = {
                "hypervolume": hypervolume(costs, np.ones(3)), "low": low, "high": high,
                "front": len(_once_each(costs, non_dominated_mask(costs))), "best_accuracy": best,
                "after": {n: hypervolume(costs[:n], np.ones(3)) for n in _milestones(len(costs))},
                "seconds_each": float(np.median([row["seconds"] for row in found[way]])),
            }  # fmt: skip
            row = table[way]
            print(
                f"{way:<18} {row['hypervolume']:>11.4f} {f'[{low:.4f}, {high:.4f}]':>18} "
                f"{row['front']:>6} {best:>7.2%}"
            )
        for way in table:
            if way != "joint" and "joint" in table:
                gain = table["joint"]["hypervolume"] - table[way]["hypervolume"]
                low, high = np.quantile(drawn["joint"] - drawn[way], [0.025, 0.975])
                table[way]["joint_gains"] = {"value": gain, "low": low, "high": high}
                print(f"joint gains {gain:+.4f} [{low:+.4f}, {high:+.4f}] over {way}")
        left_out = sorted(set(ways) - set(found))
        if left_out:
            print(f"not finished, left out: {', '.join(left_out)}")
            return
        processor = processor_info()
        device = re.sub(r"[^a-z0-9]+", "-", str(processor["model"]).lower()).strip("-")
        path = HERE / "results" / f"{date.today()}-{device}.json"
        path.parent.mkdir(exist_ok=True)
        settings = {k: v for k, v in vars(self.options).items() if k not in ("data", "work", "only")}
        settings |= {"data": "fashion_mnist", "size_bytes": SIZE_BYTES, "latency_ms": LATENCY_MS}
        fronts = {
            way: [found[way][i] for i in _once_each(costs, non_dominated_mask(costs))]
            for way, costs in points.items()
        }
        content = {
            "settings": settings,
            "versions": versions(), "processor": processor, "table": table, "fronts": fronts,
        }  # fmt: skip
        path.write_text(json.dumps(content, indent=1))
        print(f"Kept in benchmarks/{HERE.name}/results/{path.name}")

    def _bootstrap(self, way: str, points: Any) -> Any:
        """Hypervolumes of evaluations drawn again with replacement; the two halves of sequential apart."""
        rng = np.random.default_rng([self.options.seed, 5])
        n = len(points)
        parts = [np.arange(n)] if way == "joint" else [np.arange(n // 2), np.arange(n // 2, n)]
        volumes = []
        for _ in range(N_BOOTSTRAP):
            rows = np.concatenate([rng.choice(part, size=len(part)) for part in parts if len(part)])
            volumes.append(hypervolume(points[np.unique(rows)], np.ones(3)))
        return np.array(volumes)


def _once_each(points: Any, mask: Any) -> list[int]:
    """Indices of the rows under a mask, equal rows once."""
    rows = np.flatnonzero(mask)
    _, first = np.unique(points[rows], axis=0, return_index=True)
    return sorted(int(rows[index]) for index in first)


def _milestones(n: int) -> list[int]:
    return sorted({max(1, round(n * share)) for share in (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)})


if __name__ == "__main__":
    main()
