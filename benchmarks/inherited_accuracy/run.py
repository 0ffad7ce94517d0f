"""How well do inherited weights rank networks? Kendall's tau with accuracy after training alone.

    python benchmarks/inherited_accuracy/run.py --data DATA --networks 40

Resumable: every network that was trained is kept in a JSON-lines file.
"""

import argparse
import json
import re
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from penjing.blueprint import Blueprint, macs, parameters
from penjing.families.elastic.inherit import inherit_
from penjing.families.elastic.supernet import Supernet, largest_shapes
from penjing.families.plain import build_network, initialise_
from penjing.search import SearchProblem, SurrogateSearcher
from penjing.space import Candidate, SearchSpace
from penjing.study.config import checked
from penjing.study.kept_data import places_in_class
from penjing.study.pipeline import Pipeline
from penjing.study.preparation import facts_of
from penjing.study.versions import versions
from penjing.targets.onnxruntime.processor import processor_info
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.tasks.image_classification import load
from penjing.training import SHARED_RECIPE, Augmentation, accuracy, sandwich_of, train_, train_supernet_

HERE = Path(__file__).parent
INHERITED = ", inherited"
LEAST_MACS, MOST_MACS = 6e4, 2e6
LEAST_PARAMETERS, MOST_PARAMETERS = 1_000, 80_000


def main() -> None:
    """Run what is left to run, then print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="Folder of Fashion-MNIST: train.npz, test.npz")
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument(
        "--spread-over",
        choices=["parameters", "operations"],
        default="parameters",
        help="what networks differ in",
    )
    parser.add_argument("--train", type=int, default=20_000, help="training images")
    parser.add_argument("--epochs", type=float, default=12, help="length of training alone")
    parser.add_argument(
        "--brief", type=float, nargs="+", default=[1.5], help="lengths of short trainings, in passes"
    )
    parser.add_argument(
        "--subset", type=float, nargs="*", default=[0.1], help="parts of the images, in the steps of --brief"
    )
    parser.add_argument("--supernet-seconds", type=float, nargs="+", default=[60, 180])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", help="where results are kept; by default a file of its own for each spread")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bench = Bench(options)
    bench.train_alone()
    for seconds in options.supernet_seconds:
        bench.judge_with_supernet(seconds)
    bench.publish()


class Bench:
    """Networks, data and what is known so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        data = load(options.data, seed=0, max_train=options.train)
        self.x, self.y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
        # What a search sees; and what that is compared with, which more images judge.
        self.judging = {
            "validation": (torch.from_numpy(data.validation.x), torch.from_numpy(data.validation.y)),
            "test": (torch.from_numpy(data.test.x), torch.from_numpy(data.test.y)),
        }
        pipeline = Pipeline(checked({"data": options.data}), facts_of(data), OnnxRuntimeCpu())
        self.pipeline = pipeline
        self.family = pipeline.family
        self.space = SearchSpace(self.family.choices(pipeline.abilities))
        self.recipe = pipeline.recipe(pipeline.default_training(), 1.0)
        self.candidates = self._stratified(options.networks)
        self.blueprints = [self.family.blueprint(candidate) for candidate in self.candidates]
        self.work = Path(options.work or f"runs/inherited_accuracy_{options.spread_over}.jsonl")
        self.work.parent.mkdir(parents=True, exist_ok=True)
        self.rows = [json.loads(line) for line in self.work.open()] if self.work.exists() else []
        self._sizes: dict[tuple[str, int], torch.Tensor] = {}

    def _stratified(self, n: int) -> list[Candidate]:
        """Networks spread evenly over the logarithm of their size, up to what a small device runs."""
        rng = np.random.default_rng(0)
        by_operations = self.options.spread_over == "operations"
        least, most = (LEAST_MACS, MOST_MACS) if by_operations else (LEAST_PARAMETERS, MOST_PARAMETERS)
        chosen: dict[int, Candidate] = {}
        while len(chosen) < n:
            candidate = self.space.sample(rng)
            blueprint = self.family.blueprint(candidate)
            if not LEAST_MACS <= macs(blueprint) <= MOST_MACS or parameters(blueprint) > MOST_PARAMETERS:
                continue
            size = macs(blueprint) if by_operations else parameters(blueprint)
            place = int(n * np.log(size / least) / np.log(most / least))
            if size >= least and place < n:
                chosen.setdefault(place, candidate)
        return [chosen[place] for place in sorted(chosen)]

    def images(self, part: str, blueprint: Blueprint) -> torch.Tensor:
        """Images in the resolution a network reads."""
        size = blueprint["input.dequantize"].output_shape[1]
        source = self.x if part == "train" else self.judging[part][0]
        if size == source.shape[2]:
            return source
        if (part, size) not in self._sizes:
            pieces = [
                functional.interpolate(p.float(), (size, size), mode="bilinear") for p in source.split(2000)
            ]
            self._sizes[part, size] = torch.cat([p.floor().to(torch.uint8) for p in pieces])
        return self._sizes[part, size]

    def keep(self, **row: object) -> None:
        """Append a result to the file at once."""
        self.rows.append(row)
        with self.work.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(row, flush=True)

    def known(self, way: str, index: int) -> bool:
        """Whether a result exists."""
        return any(row["way"] == way and row["index"] == index for row in self.rows)

    def train_alone(self) -> None:
        """Every network to the end; briefly; and briefly from the weights of the nearest before it.

        In a drawn order, as a search does not go from small to large.
        """
        order = [int(index) for index in np.random.default_rng(2).permutation(len(self.blueprints))]
        for at, index in enumerate(order):
            blueprint = self.blueprints[index]
            nearest = max(order[:at], key=lambda other: self._shared(index, other), default=None)
            for way, (epochs, part_of_images) in self._trainings().items():
                inherits = way.endswith(INHERITED)
                if self.known(way, index):
                    continue
                generator = torch.Generator().manual_seed(index)
                network = initialise_(build_network(blueprint, trainable=True), generator)
                if inherits and nearest is not None:
                    inherit_(network, load_file(self._weights(nearest, epochs)))
                network.to(memory_format=torch.channels_last)
                started = time.perf_counter()
                recipe = replace(self.recipe, epochs=epochs / part_of_images)
                shown = places_in_class(self.y, seed=0) < part_of_images
                images = self.images("train", blueprint)[shown]
                train_(network, images, self.y[shown], recipe, generator, Augmentation())
                seconds = time.perf_counter() - started
                part = "test" if way == "alone" else "validation"
                value = accuracy(network, self.images(part, blueprint), self.judging[part][1])
                if inherits:
                    save_file(
                        {name: t.contiguous() for name, t in network.state_dict().items()},
                        self._weights(index, epochs),
                    )
                self.keep(
                    way=way,
                    index=index,
                    accuracy=value,
                    seconds=seconds,
                    macs=macs(blueprint),
                    parameters=parameters(blueprint),
                )

    def _trainings(self) -> dict[str, tuple[float, float]]:
        """Passes over all images that each way of training takes the time of, and the part that it sees."""
        whole = {**self._lengths(), "alone": self.options.epochs}
        parts = {
            f"brief {epochs:g}, of {part:g} of the images": (epochs, part)
            for epochs in self.options.brief
            for part in self.options.subset
        }
        return {**{way: (epochs, 1.0) for way, epochs in whole.items()}, **parts}

    def _lengths(self) -> dict[str, float]:
        """Every kind of short training, and how many passes it has."""
        return {
            f"brief {length:g}{inherited}": length
            for length in self.options.brief
            for inherited in ("", INHERITED)
        }

    def _weights(self, index: int, epochs: float) -> Path:
        return self.work.with_name(f"{self.work.stem}-{epochs:g}-{index}.safetensors")

    def _shared(self, index: int, other: int) -> int:
        """How many choices two networks have in common."""
        return len(set(self.candidates[index].items()) & set(self.candidates[other].items()))

    def judge_with_supernet(self, seconds: float) -> None:
        """Train a supernet for a time and judge every network with its weights."""
        way = f"supernet {seconds:g} s"
        if all(self.known(way, index) for index in range(len(self.blueprints))):
            return
        generator = torch.Generator().manual_seed(0)
        rng = np.random.default_rng(1)
        covering = [self.family.blueprint(c) for c in self.family.covering(list(self.space))]
        supernet = Supernet(largest_shapes(covering), generator)
        pool = [self.family.blueprint(self.space.sample(rng)) for _ in range(3000)]
        pool = sorted(
            (b for b in pool if macs(b) <= MOST_MACS and parameters(b) <= MOST_PARAMETERS), key=macs
        )
        done = train_supernet_(
            supernet,
            sandwich_of(pool),
            lambda b: self.images("train", b),
            self.y,
            replace(SHARED_RECIPE, epochs=1000),
            generator,
            Augmentation(),
            seconds,
        )
        for index, blueprint in enumerate(self.blueprints):
            network = supernet.extract(blueprint)
            for module in network.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.momentum = None
            network.train()
            with torch.no_grad():
                for first in range(0, 1024, 512):
                    network(self.images("train", blueprint)[first : first + 512])
            value = accuracy(network, self.images("validation", blueprint), self.judging["validation"][1])
            self.keep(
                way=way,
                index=index,
                accuracy=value,
                epochs=done.epochs,
                macs=macs(blueprint),
                parameters=parameters(blueprint),
            )

    def _modelled(self, brief: dict[int, float], epochs: float) -> dict[int, float]:
        """What the surrogate of a run expects at the end of training, told all short trainings."""
        box = {"accuracy": (1.0, 0.5), "size_bytes": (4e3, 2.56e5)}
        searcher = SurrogateSearcher(
            SearchProblem(self.pipeline.space, self.pipeline.costs, box), n_initial=1
        )
        searcher.further_epochs = lambda candidate: self.options.epochs - epochs
        floats = {i: Candidate({**self.candidates[i], **self.pipeline.uniform("fp32")}) for i in brief}
        for index, candidate in floats.items():
            searcher.tell(candidate, {"accuracy": brief[index], "seen_epochs": epochs})
        return dict(zip(floats, searcher.predicted(list(floats.values())).tolist(), strict=True))

    def publish(self) -> None:
        """Kendall's tau of every way, with bootstrap intervals, printed and written."""
        from scipy.stats import kendalltau

        truth = {row["index"]: row["accuracy"] for row in self.rows if row["way"] == "alone"}
        ways = {row["way"] for row in self.rows} - {"alone"}
        columns = {way: {r["index"]: r["accuracy"] for r in self.rows if r["way"] == way} for way in ways}
        for way, epochs in self._lengths().items():
            columns[f"surrogate of {way}"] = self._modelled(columns[way], epochs)
        columns["log(operations)"] = {r["index"]: r["macs"] for r in self.rows if r["way"] == "alone"}
        columns["log(parameters)"] = {r["index"]: r["parameters"] for r in self.rows if r["way"] == "alone"}
        rng = np.random.default_rng(0)
        table: dict[str, dict[str, float]] = {}
        for way, values in sorted(columns.items()):
            both = sorted(set(values) & set(truth))
            a = np.array([values[i] for i in both])
            b = np.array([truth[i] for i in both])
            c = np.array([columns["log(operations)"][i] for i in both])
            again = [rng.integers(len(a), size=len(a)) for _ in range(1000)]
            taus = np.array([kendalltau(a[i], b[i])[0] for i in again])
            more = taus - np.array([kendalltau(c[i], b[i])[0] for i in again])
            low, high, least, most = (
                *np.nanquantile(taus, [0.025, 0.975]),
                *np.nanquantile(more, [0.025, 0.975]),
            )
            tau = float(kendalltau(a, b)[0])
            gain = tau - float(kendalltau(c, b)[0])
            table[way] = {
                "tau": tau, "low": float(low), "high": float(high), "n": len(both),
                "more_than_operations": gain, "more_low": float(least), "more_high": float(most),
            }  # fmt: skip
            print(
                f"{way:<36} tau {tau:.3f} [{low:.3f}, {high:.3f}]  "
                f"more than operations {gain:+.3f} [{least:+.3f}, {most:+.3f}]  n={len(both)}"
            )
        processor = processor_info()
        device = re.sub(r"[^a-z0-9]+", "-", str(processor["model"]).lower()).strip("-")
        path = HERE / "results" / f"{date.today()}-{device}.json"
        path.parent.mkdir(exist_ok=True)
        content = {
            "settings": vars(self.options) | {"data": "fashion_mnist", "work": self.work.name}, "tau": table,
            "versions": versions(), "processor": processor, "rows": self.rows,
        }  # fmt: skip
        path.write_text(json.dumps(content, indent=1))
        print(f"Kept in benchmarks/{HERE.name}/results/{path.name}")


if __name__ == "__main__":
    main()
