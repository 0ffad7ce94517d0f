"""Does a search beat networks that a careful person would make by hand, at the same recipe?

    python benchmarks/against_reference/run.py references --data DATA --minutes 15
    python benchmarks/against_reference/run.py widths --data DATA --minutes 15
    python benchmarks/against_reference/run.py compare --data DATA RUN...

Resumable: a network that was trained is kept under ``runs/against_reference``.
"""

import argparse
import json
import multiprocessing
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from penjing.blueprint import Blueprint, BlueprintBuilder, InputSpec, macs, parameters
from penjing.compression.quantization.rewrite import with_precisions
from penjing.compression.quantization.simulate import calibrate, simulate_
from penjing.families.plain import build_network, float_weights, folded, initialise_
from penjing.objectives import paired_difference_interval, wilson_interval
from penjing.store import RunFolder, write_atomically
from penjing.store.front import front_of
from penjing.study.budget import parse_budget
from penjing.study.preparation import facts_of
from penjing.study.versions import versions
from penjing.targets.onnxruntime.processor import processor_info
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.tasks.classification import LabelledData
from penjing.tasks.image_classification import load
from penjing.training import Augmentation, Recipe, accuracy, train_

HERE = Path(__file__).parent
RECIPE = Recipe(epochs=300, learning_rate=0.1, weight_decay=5e-4)
TUNING_SHARE = 0.1  # of the time, for quantization-aware training where INT8 costs accuracy
TOLERATED_LOSS = 0.001
WIDTHS = (0.25, 0.375, 0.5, 0.75, 1.0)
PRECISIONS = ("fp32", "w8a8")
REFERENCE = "references/plain fp32"


@dataclass(frozen=True)
class Bar:
    """What a design must reach, in shares of the better reference in 32-bit floats.

    ``loss``: how much accuracy it may lose, as observed. ``margin``: how much it is shown not to lose.
    """

    minutes: float
    parameters: float
    size_bytes: float
    latency_ms: float
    loss: float | None = None
    margin: float | None = None


BARS = {
    "15 min: within 2 points at 1/3 of the parameters, 1/8 of the bytes, 1/2 of the latency": Bar(
        15, 1 / 3, 1 / 8, 1 / 2, loss=0.02
    ),
    "60 min: within 1 point at the same sizes": Bar(60, 1 / 3, 1 / 8, 1 / 2, loss=0.01),
    "60 min: not inferior by 0.5 points at 1/2 of the parameters, 1/6 of the bytes": Bar(
        60, 1 / 2, 1 / 6, np.inf, margin=0.005
    ),
}


def plain(given: InputSpec, n_classes: int, width: float = 1.0) -> Blueprint:
    """Four plain convolutions; 47,000 parameters at full width."""
    build = BlueprintBuilder(given)
    at = build.dequantize()
    for index, (channels, stride) in enumerate(((16, 1), (32, 2), (48, 2), (64, 2))):
        at = build.conv2d(f"block{index}.conv", at, scaled(channels, width), stride=stride)
    return build.finish(build.linear("head.linear", build.global_average_pool(at), n_classes))


def inverted(given: InputSpec, n_classes: int, width: float = 1.0) -> Blueprint:
    """A stem and seven inverted bottlenecks (MobileNetV2); 68,000 parameters at full width."""
    build = BlueprintBuilder(given)
    here = scaled(16, width)
    at = build.conv2d("stem.conv", build.dequantize(), here)
    blocks = ((24, 2), (24, 1), (32, 2), (32, 1), (32, 1), (48, 2), (48, 1))
    for index, (channels, stride) in enumerate(blocks):
        name, out, hidden = f"block{index}", scaled(channels, width), 4 * here
        source = at
        at = build.conv2d(f"{name}.expand", at, hidden, kernel=1)
        at = build.conv2d(f"{name}.depthwise", at, hidden, stride=stride, groups=hidden)
        at = build.conv2d(f"{name}.project", at, out, kernel=1, activation="none")
        if stride == 1 and out == here:
            at = build.add(f"{name}.add", at, source)
        here = out
    return build.finish(build.linear("head.linear", build.global_average_pool(at), n_classes))


def scaled(channels: int, width: float) -> int:
    """A share of the channels, as a multiple of 4."""
    return max(4, 4 * round(channels * width / 4))


NETWORKS: Mapping[str, Callable[[InputSpec, int, float], Blueprint]] = {"plain": plain, "inverted": inverted}


def main() -> None:
    """Train references, train the boring baseline, or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("references", "widths", "compare"):
        command = commands.add_parser(name)
        command.add_argument("--data", required=True, help="Folder of Fashion-MNIST: train.npz, test.npz")
        command.add_argument("--work", default="runs/against_reference")
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--max-train", type=int, help="fewer training images, to try the script")
    commands.choices["references"].add_argument("--minutes", type=float, default=15, help="for each network")
    commands.choices["references"].add_argument("--threads", type=int, default=1)
    commands.choices["widths"].add_argument("--minutes", type=float, default=15, help="for all ten together")
    commands.choices["widths"].add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    commands.choices["compare"].add_argument("runs", nargs="+", metavar="RUN")
    commands.choices["compare"].add_argument("--reference-minutes", type=float, default=15)
    commands.choices["compare"].add_argument("--seconds-each", type=float, default=1.0, help="of measuring")
    options = parser.parse_args()
    {"references": train_references, "widths": train_widths, "compare": compare}[options.command](options)


# Training


@dataclass(frozen=True)
class Job:
    """One network to train alone; the tuning follows only where INT8 costs accuracy."""

    name: str
    width: float
    seconds: float
    tuning_seconds: float
    folder: Path
    data: str
    seed: int
    max_train: int | None
    threads: int


def train_references(options: argparse.Namespace) -> None:
    """Both references, one after the other, each for the whole time."""
    for name in NETWORKS:
        seconds, folder = 60 * options.minutes, folder_of(options, "references", options.minutes) / name
        train_alone(
            Job(
                name, 1.0, seconds, TUNING_SHARE * seconds, folder,
                options.data, options.seed, options.max_train, options.threads,
            )
        )  # fmt: skip


def train_widths(options: argparse.Namespace) -> None:
    """Both families in five widths; together they get the time, and the cores, that a search gets."""
    data = data_of(options.data, options.seed, options.max_train)
    folder = folder_of(options, "widths", options.minutes)
    chosen = [(name, width) for name in NETWORKS for width in WIDTHS]
    weight = {
        pair: (0.2 + macs(NETWORKS[pair[0]](input_of(data), data.n_classes, pair[1])) / 1e6) ** 0.5
        for pair in chosen
    }
    per_weight = 60 * options.minutes * options.workers / sum(weight.values())
    jobs = [
        Job(
            name, width, (1 - TUNING_SHARE) * per_weight * weight[name, width],
            TUNING_SHARE * per_weight * weight[name, width], folder / f"{name}-{width:g}",
            options.data, options.seed, options.max_train, 1,
        )
        for name, width in sorted(chosen, key=lambda pair: -weight[pair])
    ]  # fmt: skip
    # A pool of this kind ends its workers when it is left, also by Ctrl-C.
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        pool.map(train_alone, jobs, chunksize=1)


def train_alone(job: Job) -> None:
    """Train a network, write both its files; nothing if that was done already."""
    done = job.folder / "facts.json"
    if done.exists():
        print(f"{job.folder.name}: trained already")
        return
    torch.set_num_threads(job.threads)
    data = data_of(job.data, job.seed, job.max_train)
    blueprint = NETWORKS[job.name](input_of(data), data.n_classes, job.width)
    generator = torch.Generator().manual_seed(job.seed)
    network = initialise_(build_network(blueprint, trainable=True), generator)
    network.to(memory_format=torch.channels_last)
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    started = time.perf_counter()
    recipe = train_(network, x, y, RECIPE, generator, Augmentation(), seconds=job.seconds)
    job.folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {
        "network": job.name, "width": job.width, "recipe": asdict(recipe), "seed": job.seed,
        "parameters": parameters(blueprint), "macs": macs(blueprint), "n_train": len(y),
    }  # fmt: skip
    for precision in PRECISIONS:
        facts[precision] = write_file(job, network, blueprint, precision, data, job.seed)
    facts["seconds"] = time.perf_counter() - started
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, job.folder / "weights.safetensors")
    write_atomically(done, json.dumps(facts, indent=1))
    print(f"{job.folder.name}: {json.dumps({p: facts[p] for p in PRECISIONS})}", flush=True)


def write_file(
    job: Job, network: nn.Module, given: Blueprint, precision: str, data: LabelledData, seed: int
) -> dict[str, float]:
    """Compress as a search's finalists are compressed, tuned only if that helps, and write the file."""
    target = OnnxRuntimeCpu()
    blueprint = with_precisions(given, lambda layer: precision)
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    val_x, val_y = torch.from_numpy(data.validation.x), torch.from_numpy(data.validation.y)

    ready = folded(network, blueprint)
    scheme = calibrate(ready, blueprint, x[:512].split(256), target.abilities().reduced_range)
    ready = simulate_(ready, blueprint, scheme)
    facts = {"validation": accuracy(ready, val_x, val_y)}
    if precision != "fp32" and accuracy(network, val_x, val_y) - facts["validation"] > TOLERATED_LOSS:
        tuned = simulate_(folded(network, blueprint), blueprint, scheme)
        tuning = replace(RECIPE, learning_rate=5e-4, optimiser="adamw", weight_decay=0.0)
        train_(tuned, x, y, tuning, generator, Augmentation(), seconds=job.tuning_seconds)
        facts["validation_tuned"] = accuracy(tuned, val_x, val_y)
        if facts["validation_tuned"] > facts["validation"]:
            ready = tuned
    artifact = target.write(blueprint, float_weights(ready, blueprint), scheme)
    write_atomically(job.folder / f"{precision}.onnx", artifact)
    return facts


@lru_cache(maxsize=1)
def data_of(path: str, seed: int, max_train: int | None) -> LabelledData:
    """The data, once per process."""
    return load(path, seed=seed, max_train=max_train)


def folder_of(options: argparse.Namespace, kind: str, minutes: float) -> Path:
    """Where the networks that were trained for so long are kept."""
    return Path(options.work) / f"{kind}-{minutes:g}min"


def input_of(data: LabelledData) -> InputSpec:
    """The same normalisation as a run's, from the training images."""
    return InputSpec("x", data.shape, scale=float(np.float32(1.0 / facts_of(data).deviation)))


# Comparison


@dataclass
class Entry:
    """A file with everything that is compared; ``correct`` is one boolean per test image."""

    name: str
    artifact: bytes
    parameters: int
    validation: float
    correct: Any = None
    latency: Any = None

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        return len(self.artifact)

    @property
    def test(self) -> float:
        """Test accuracy."""
        return float(self.correct.mean())

    def row(self) -> dict[str, Any]:
        """For the table and the results."""
        low, high = wilson_interval(int(self.correct.sum()), len(self.correct))
        return {
            "name": self.name, "parameters": self.parameters, "size_bytes": self.size_bytes,
            "latency_ms": self.latency.value, "latency_low_ms": self.latency.low,
            "latency_high_ms": self.latency.high, "ratio_to_reference": self.latency.ratio_to_reference,
            "validation": self.validation, "test": self.test, "test_low": low, "test_high": high,
        }  # fmt: skip


def compare(options: argparse.Namespace) -> None:
    """Measure everything in one slot, print the table, and say which bars are met."""
    data = load(options.data, seed=options.seed)
    folder = folder_of(options, "references", options.reference_minutes)
    references = trained(folder, "references", PRECISIONS)
    if not references:
        raise SystemExit("There is no trained reference. Run the sub-command references first.")
    runs = {path: RunFolder.open(path) for path in options.runs}
    minutes = {path: (parse_budget(run.config["budget"]).seconds or 0.0) / 60 for path, run in runs.items()}
    designs = {path: designs_of(run) for path, run in runs.items()}
    widths = {
        m: trained(folder_of(options, "widths", m), f"widths {m:g} min", ("w8a8",))
        for m in set(minutes.values())
    }
    everything = [*references, *chain(*designs.values()), *chain(*widths.values())]
    measure(everything, data, options.seconds_each)

    better = max((e for e in references if e.name.endswith("fp32")), key=lambda e: e.test)
    print(f"\nThe better reference is {better.name!r}.")
    verdicts = []
    for path, found in designs.items():
        print(f"\n{Path(path).name} ({minutes[path]:g} min), {len(found)} designs on the front")
        verdicts += [
            {"run": Path(path).name, "minutes": minutes[path], "bar": text, **judged(bar, found, better)}
            for text, bar in BARS.items()
        ]
        for verdict in verdicts[-len(BARS) :]:
            applies = "" if minutes[path] >= BARS[verdict["bar"]].minutes else " (run shorter than that)"
            word = "met    " if verdict["met"] else "not met"
            print(f"  {word} {verdict['bar']}{applies}: {verdict['why']}")
        verdicts.append({"run": Path(path).name, **baseline(found, widths[minutes[path]])})
        print(f"  {verdicts[-1]['why']}")
    publish(options, everything, better, verdicts)


def trained(folder: Path, label: str, precisions: Sequence[str]) -> list[Entry]:
    """The files that the other sub-commands wrote."""
    made = []
    for path in sorted(folder.glob("*/facts.json")):
        facts = json.loads(path.read_text())
        for precision in precisions:
            artifact = (path.parent / f"{precision}.onnx").read_bytes()
            seen = facts[precision]
            validation = max(seen["validation"], seen.get("validation_tuned", 0.0))
            name = f"{label}/{path.parent.name} {precision}"
            made.append(Entry(name, artifact, facts["parameters"], validation))
    return made


def designs_of(run: RunFolder) -> list[Entry]:
    """The reported front of a run."""
    return [
        Entry(
            f"{run.path.name}/{entry['id']}", run.resolve(entry["artifact"]).read_bytes(),
            entry["parameters"], entry["validation"]["value"],
        )
        for entry in front_of(run)["front"]
    ]  # fmt: skip


def measure(entries: Sequence[Entry], data: LabelledData, seconds_each: float) -> None:
    """Latency of all files, interleaved in one slot, then the test images."""
    if os.getloadavg()[0] > 0.5:
        print(f"WARNING: load average {os.getloadavg()[0]:.2f}: something else runs, latencies are off.")
    target = OnnxRuntimeCpu()
    files = {entry.name: entry.artifact for entry in entries}
    first = REFERENCE if REFERENCE in files else next(iter(files))
    latencies = target.measure(files, first, seconds_each=seconds_each, rng=np.random.default_rng(0))
    for entry in entries:
        entry.latency = latencies[entry.name]
        entry.correct = target.predict(entry.artifact, data.test.x).argmax(1) == data.test.y
    print(f"{'':<36} {'params':>8} {'bytes':>8} {'ms':>8} {'val':>7} {'test':>7}")
    for entry in sorted(entries, key=lambda e: e.size_bytes):
        print(
            f"{entry.name:<36} {entry.parameters:>8,} {entry.size_bytes:>8,} {entry.latency.value:>8.4f} "
            f"{entry.validation:>7.2%} {entry.test:>7.2%}"
        )


def judged(bar: Bar, designs: Sequence[Entry], better: Entry) -> dict[str, Any]:
    """Of the designs small enough, validation picks one; its test accuracy decides."""
    small = [
        d for d in designs
        if d.parameters <= bar.parameters * better.parameters
        and d.size_bytes <= bar.size_bytes * better.size_bytes
        and d.latency.value <= bar.latency_ms * better.latency.value
    ]  # fmt: skip
    if not small:
        return {"met": False, "why": "no design is that small and fast"}
    design = max(small, key=lambda d: (d.validation, -d.size_bytes))
    difference, low, high = paired_difference_interval(design.correct, better.correct)
    met = difference >= -bar.loss if bar.loss is not None else low > -(bar.margin or 0.0)
    why = f"{design.name}: {100 * difference:+.2f} points [{100 * low:+.2f}, {100 * high:+.2f}] in test"
    return {
        "met": bool(met), "why": why, "design": design.name,
        "difference": difference, "low": low, "high": high,
    }  # fmt: skip


def baseline(designs: Sequence[Entry], widths: Sequence[Entry]) -> dict[str, Any]:
    """Whether a hand-made network in some width beats a reported design in everything, beyond intervals."""
    bar = "no width of a hand-made network in INT8 dominates a reported design beyond both intervals"
    if not widths:
        return {"bar": bar, "met": None, "why": "baseline: not trained for this budget; run widths first"}
    as_seen, beyond = [], []
    for design in designs:
        for other in widths:
            if other.size_bytes > design.size_bytes:
                continue
            if other.test >= design.test and other.latency.value <= design.latency.value:
                as_seen.append([other.name, design.name])
                _, low, _ = paired_difference_interval(other.correct, design.correct)
                if low > 0 and other.latency.high < design.latency.low:
                    beyond.append([other.name, design.name])
    word = "not met" if beyond else "met    "
    why = f"{word} {bar}: {len(beyond)} beyond intervals, {len(as_seen)} in values"
    return {"bar": bar, "met": not beyond, "why": why, "beyond": beyond, "in_values": as_seen}


def publish(
    options: argparse.Namespace, entries: Sequence[Entry], better: Entry, verdicts: Sequence[dict[str, Any]]
) -> None:
    """Keep everything; one boolean per test image stays out."""
    processor = processor_info()
    device = re.sub(r"[^a-z0-9]+", "-", str(processor["model"]).lower()).strip("-")
    settings = {
        "data": "fashion_mnist", "seed": options.seed, "reference_minutes": options.reference_minutes,
        "seconds_each": options.seconds_each,
    }  # fmt: skip
    path = HERE / "results" / f"{date.today()}-{device}.json"
    path.parent.mkdir(exist_ok=True)
    content = {
        "settings": settings, "versions": versions(), "processor": processor,
        "load_average": os.getloadavg()[0], "better_reference": better.name, "verdicts": list(verdicts),
        "rows": [entry.row() for entry in entries],
    }  # fmt: skip
    path.write_text(json.dumps(content, indent=1))
    print(f"\nKept in benchmarks/{HERE.name}/results/{path.name}")


if __name__ == "__main__":
    main()
