"""How well do inherited weights rank networks? Kendall's tau with accuracy after training alone.

    python benchmarks/inherited_accuracy/run.py --data DATA --networks 40

Resumable: every network that was trained is kept in a JSON-lines file.
"""

import argparse
import itertools
import json
import platform
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from penjing.blueprint import Blueprint, InputSpec, macs, parameters
from penjing.families.convolutional import ConvolutionalFamily
from penjing.families.elastic.supernet import Supernet, largest_shapes
from penjing.families.plain import build_network, initialise_
from penjing.protocols import Abilities
from penjing.space import SearchSpace
from penjing.tasks.image_classification import load
from penjing.training import Augmentation, Recipe, accuracy, train_, train_supernet_

HERE = Path(__file__).parent


def main() -> None:
    """Run what is left to run, then print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="Folder of Fashion-MNIST: train.npz, test.npz")
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument("--train", type=int, default=20_000, help="training images")
    parser.add_argument("--epochs", type=float, default=12, help="length of training alone")
    parser.add_argument("--brief", type=float, default=1.5, help="length of a short training")
    parser.add_argument("--supernet-seconds", type=float, nargs="+", default=[60, 180])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", default="runs/inherited_accuracy.jsonl")
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
        pixels = data.train.x.astype(np.float64)
        self.x, self.y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
        self.val_x, self.val_y = torch.from_numpy(data.validation.x), torch.from_numpy(data.validation.y)
        given = InputSpec("x", data.shape, scale=float(np.float32(1 / pixels.std())))
        self.family = ConvolutionalFamily(given, data.n_classes)
        self.space = SearchSpace(self.family.choices(Abilities((), ())))
        self.blueprints = self._stratified(options.networks)
        self.work = Path(options.work)
        self.work.parent.mkdir(parents=True, exist_ok=True)
        self.rows = [json.loads(line) for line in self.work.open()] if self.work.exists() else []
        self._sizes: dict[tuple[str, int], torch.Tensor] = {}

    def _stratified(self, n: int) -> list[Blueprint]:
        """Networks spread evenly over the logarithm of operations, up to what a small device runs."""
        rng = np.random.default_rng(0)
        drawn = [self.family.blueprint(self.space.sample(rng)) for _ in range(4000)]
        drawn = [b for b in drawn if macs(b) <= 2e6 and parameters(b) <= 80_000]
        edges = np.linspace(np.log(6e4), np.log(2e6), n + 1)
        chosen: list[Blueprint] = []
        for low, high in itertools.pairwise(edges):
            inside = [b for b in drawn if low <= np.log(macs(b)) < high]
            if inside:
                chosen.append(inside[int(rng.integers(len(inside)))])
        return chosen

    def images(self, part: str, blueprint: Blueprint) -> torch.Tensor:
        """Images in the resolution a network reads."""
        size = blueprint["input.dequantize"].output_shape[1]
        source = self.x if part == "train" else self.val_x
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
        """Every network briefly, and to the end."""
        for index, blueprint in enumerate(self.blueprints):
            for way, epochs in (("brief", self.options.brief), ("alone", self.options.epochs)):
                if self.known(way, index):
                    continue
                generator = torch.Generator().manual_seed(index)
                network = initialise_(build_network(blueprint, trainable=True), generator)
                network.to(memory_format=torch.channels_last)
                started = time.perf_counter()
                recipe = Recipe(epochs=epochs)
                train_(network, self.images("train", blueprint), self.y, recipe, generator, Augmentation())
                seconds = time.perf_counter() - started
                value = accuracy(network, self.images("validation", blueprint), self.val_y)
                self.keep(
                    way=way,
                    index=index,
                    accuracy=value,
                    seconds=seconds,
                    macs=macs(blueprint),
                    parameters=parameters(blueprint),
                )

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
        pool = sorted((b for b in pool if macs(b) <= 2e6 and parameters(b) <= 80_000), key=macs)
        large, small = pool[-60:], pool[:60]

        def draw(generator: torch.Generator) -> list[Blueprint]:
            def one(among: list[Blueprint]) -> Blueprint:
                return among[int(torch.randint(len(among), (1,), generator=generator))]

            return [one(large), one(small), one(pool), one(pool)]

        recipe = Recipe(epochs=1000, learning_rate=0.05)
        done = train_supernet_(
            supernet,
            draw,
            lambda b: self.images("train", b),
            self.y,
            recipe,
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
                for first in range(0, 2048, 512):
                    network(self.images("train", blueprint)[first : first + 512])
            value = accuracy(network, self.images("validation", blueprint), self.val_y)
            self.keep(
                way=way,
                index=index,
                accuracy=value,
                epochs=done.epochs,
                macs=macs(blueprint),
                parameters=parameters(blueprint),
            )

    def publish(self) -> None:
        """Kendall's tau of every way, with bootstrap intervals, printed and written."""
        from scipy.stats import kendalltau

        truth = {row["index"]: row["accuracy"] for row in self.rows if row["way"] == "alone"}
        ways = {row["way"] for row in self.rows} - {"alone"}
        columns = {way: {r["index"]: r["accuracy"] for r in self.rows if r["way"] == way} for way in ways}
        columns["log(operations)"] = {r["index"]: r["macs"] for r in self.rows if r["way"] == "alone"}
        columns["log(parameters)"] = {r["index"]: r["parameters"] for r in self.rows if r["way"] == "alone"}
        rng = np.random.default_rng(0)
        table = {}
        for way, values in sorted(columns.items()):
            both = sorted(set(values) & set(truth))
            a = np.array([values[i] for i in both])
            b = np.array([truth[i] for i in both])
            taus = [
                kendalltau(a[i], b[i])[0] for i in (rng.integers(len(a), size=len(a)) for _ in range(1000))
            ]
            low, high = np.nanquantile(taus, [0.025, 0.975])
            table[way] = {
                "tau": round(float(kendalltau(a, b)[0]), 3),
                "low": round(float(low), 3),
                "high": round(float(high), 3),
                "n": len(both),
            }
            print(f"{way:<20} tau {table[way]['tau']:.3f} [{low:.3f}, {high:.3f}] n={len(both)}")
        device = platform.processor() or platform.machine()
        path = HERE / "results" / f"{date.today()}-{device}.json"
        path.write_text(
            json.dumps(
                {
                    "settings": vars(self.options) | {"data": "fashion_mnist"},
                    "tau": table,
                    "torch": torch.__version__,
                    "rows": self.rows,
                },
                indent=1,
            )
        )


if __name__ == "__main__":
    main()
