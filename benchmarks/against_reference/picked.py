"""Networks of the search's own family, picked by hand and trained alone: what could it have found?

    python benchmarks/against_reference/picked.py --data DATA --network inverted-4 --minutes 36

One core, 32-bit floats; accuracies on validation and on test, which nothing here decides by. The space offers
at most three blocks a stage unless ``space.family.stage_depths`` says otherwise; ``inverted-4`` has four.
"""

import argparse
import time

import torch

from penjing.blueprint import macs, parameters
from penjing.families.plain import build_network, initialise_
from penjing.space import Candidate, Value
from penjing.study.config import checked
from penjing.study.pipeline import Pipeline
from penjing.study.preparation import facts_of, load_data
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.training import Augmentation, Recipe, accuracy, train_

Block = tuple[str, int]  # an operation, and how many times as wide it is within
PLAIN: Block = ("plain", 1)


def inverted(expansion: int) -> Block:
    """A bottleneck that is wider within; with a sum where its ends fit."""
    return ("inverted", expansion)


# Width, stride and blocks of three stages, after a stem of 16 channels at full resolution.
NETWORKS: dict[str, list[tuple[int, int, list[Block]]]] = {
    "plain": [(16, 1, [PLAIN]), (24, 2, 2 * [PLAIN]), (48, 2, [PLAIN])],
    "inverted-3": [(16, 1, [inverted(2)]), (24, 2, 3 * [inverted(3)]), (32, 2, [inverted(3)])],
    "inverted-4": [(16, 1, [inverted(2)]), (24, 2, 4 * [inverted(3)]), (32, 2, [inverted(3)])],
}


def candidate(stages: list[tuple[int, int, list[Block]]]) -> Candidate:
    """The architecture as the search would say it; kernels of 3."""
    said: dict[str, Value] = {"input.resolution": 28, "stem.width": 16, "stem.kernel": 3, "stem.stride": 1}
    for i, (width, stride, blocks) in enumerate(stages, start=1):
        said |= {f"stage{i}.depth": len(blocks), f"stage{i}.width": width, f"stage{i}.stride": stride}
        for j, (operation, expansion) in enumerate(blocks):
            said |= {f"stage{i}.block{j}.operation": operation, f"stage{i}.block{j}.kernel": 3}
            if operation == "inverted":
                said[f"stage{i}.block{j}.expansion"] = expansion
    return Candidate(said)


def main() -> None:
    """Train one, and print what it is and how far it came."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True, help="Folder of Fashion-MNIST: train.npz, test.npz")
    parser.add_argument("--network", choices=NETWORKS, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.2)
    parser.add_argument("--label-smoothing", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = checked({"data": options.data})
    data = load_data(config)
    family = Pipeline(config, facts_of(data), OnnxRuntimeCpu()).family
    blueprint = family.blueprint(candidate(NETWORKS[options.network]))
    print(
        f"{options.network}: {parameters(blueprint):,} parameters, {macs(blueprint):,} operations", flush=True
    )
    generator = torch.Generator().manual_seed(options.seed)
    network = initialise_(build_network(blueprint, trainable=True), generator)
    network.to(memory_format=torch.channels_last)
    recipe = Recipe(
        epochs=300,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        label_smoothing=options.label_smoothing,
        weight_decay=5e-4,
    )
    began = time.perf_counter()
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    done = train_(network, x, y, recipe, generator, Augmentation(), seconds=60 * options.minutes)
    minutes = (time.perf_counter() - began) / 60
    reached = {
        name: accuracy(network, torch.from_numpy(split.x), torch.from_numpy(split.y))
        for name, split in (("validation", data.validation), ("test", data.test))
    }
    print(
        f"{done.epochs:.1f} passes in {minutes:.1f} min: "
        + ", ".join(f"{n} {a:.2%}" for n, a in reached.items())
    )


if __name__ == "__main__":
    main()
