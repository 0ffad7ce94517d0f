"""How many images a second does a network learn, by the images that a training step takes?

    python benchmarks/training_steps/run.py --data FASHION_MNIST

Networks are drawn from the space that `penjing run` searches, spread over operations; each is trained by
one thread, sizes of steps in turn, several times.
"""

import argparse
import json
import math
import os
import re
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch

from penjing.blueprint import Blueprint, macs, parameters
from penjing.families.plain import build_network, initialise_
from penjing.study.config import checked
from penjing.study.pipeline import Pipeline
from penjing.study.preparation import facts_of, load_data
from penjing.study.steps import fitting
from penjing.study.versions import versions
from penjing.targets.onnxruntime.processor import processor_info
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.training import Augmentation, Recipe, train_

HERE = Path(__file__).parent
SIZES = (64, 128, 256)
MOST_PARAMETERS = 60_000


def main() -> None:
    """Train every network with steps of every size, and print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True, help="Folder of Fashion-MNIST: train.npz, test.npz")
    parser.add_argument("--networks", type=int, default=14)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each training")
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = checked({"data": options.data})
    data = load_data(config)
    pipeline = Pipeline(config, facts_of(data), OnnxRuntimeCpu())
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    rows: list[dict[str, object]] = []
    print(f"{'operations':>12}{'largest':>9}{''.join(f'{n:>9}' for n in SIZES)}   taken", flush=True)
    for blueprint in drawn(pipeline, options.networks, options.seed):
        taken: dict[int, list[float]] = {n: [] for n in SIZES}
        for _ in range(options.times):
            for n in SIZES:
                taken[n].append(images_per_s(blueprint, x, y, n, options.seconds))
        largest = max(math.prod(layer.output_shape) for layer in blueprint.layers)
        chosen = fitting(Recipe(epochs=1, batch_size=max(SIZES)), blueprint).batch_size
        rows.append(
            {
                "macs": macs(blueprint),
                "parameters": parameters(blueprint),
                "largest_activation": largest,
                "images_per_s": {n: [round(speed) for speed in speeds] for n, speeds in taken.items()},
                "taken": chosen,
            }
        )
        speeds = "".join(f"{np.median(taken[n]):9,.0f}" for n in SIZES)
        print(f"{macs(blueprint):12,}{largest:9,}{speeds}   {chosen}", flush=True)
    keep(rows, vars(options))


def drawn(pipeline: Pipeline, n: int, seed: int) -> list[Blueprint]:
    """Networks of at most 60,000 parameters, from few operations to many."""
    rng = np.random.default_rng(seed)
    blueprints = [pipeline.float_blueprint(pipeline.space.sample(rng)) for _ in range(400)]
    small = [blueprint for blueprint in blueprints if parameters(blueprint) <= MOST_PARAMETERS]
    small.sort(key=macs)
    return [small[int(at)] for at in np.linspace(0, len(small) - 1, n)]


def images_per_s(blueprint: Blueprint, x: torch.Tensor, y: torch.Tensor, n: int, seconds: float) -> float:
    """Of a training of so long, with steps of ``n`` images."""
    generator = torch.Generator().manual_seed(0)
    network = initialise_(build_network(blueprint, trainable=True), generator)
    network.to(memory_format=torch.channels_last)
    recipe = Recipe(epochs=50, batch_size=n)
    began = time.perf_counter()
    done = train_(network, x, y, recipe, generator, Augmentation(), seconds=seconds)
    return done.epochs * len(x) / (time.perf_counter() - began)


def keep(rows: list[dict[str, object]], settings: dict[str, object]) -> None:
    """Write what was found, and on what."""
    processor = processor_info()
    device = re.sub(r"[^a-z0-9]+", "-", str(processor["model"]).lower()).strip("-")
    path = HERE / "results" / f"{date.today()}-{device}.json"
    path.parent.mkdir(exist_ok=True)
    asked = {name: value for name, value in settings.items() if name != "data"}
    found = {
        "settings": asked,
        "versions": versions(),
        "processor": processor,
        "load": os.getloadavg()[0],
        "networks": rows,
    }
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(f"Kept in benchmarks/{HERE.name}/results/{path.name}")


if __name__ == "__main__":
    main()
