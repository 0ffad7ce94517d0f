"""Does INT8 buy time where networks are large enough, and does a front show it? CIFAR-10, 32×32×3.

python benchmarks/int8_on_cifar/run.py run --data DATA        # the search; resumable
python benchmarks/int8_on_cifar/run.py compare                # needs the machine to itself

The space is plain convolutions, wide and at full resolution in the stem, on which eight bits can outrun
what their boundaries cost.
"""

import argparse
import json
import os
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from penjing.blueprint import Blueprint, precision_named
from penjing.compression.quantization.rewrite import with_precisions
from penjing.families.convolutional import ConvolutionalFamily, ConvolutionalSettings
from penjing.space import Candidate
from penjing.store import RunFolder
from penjing.store.front import finished_designs, front_of
from penjing.study.api import resume, search
from penjing.study.versions import versions
from penjing.targets.onnxruntime.processor import processor_info
from penjing.targets.onnxruntime.random_networks import random_artifact
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu

HERE = Path(__file__).parent
QUIET_LOAD = 0.5
FAMILY: dict[str, Any] = {
    "stem_widths": [16, 32],
    "stem_kernels": [3],
    "stem_strides": [1],
    "stage_widths": [[32, 48, 64], [48, 64, 96], [64, 96, 128]],
    "stage_depths": [[1, 2], [1, 2], [0, 1, 2]],
    "stage_strides": [[1, 2], [2], [2]],
    "operations": ["plain"],
    "kernels": [3],
    "resolutions": [32],
}
BOX = {"accuracy": [0.5, 0.9], "size_bytes": [16_000, 1_000_000], "latency_ms": [0.05, 4.0]}


def main() -> None:
    """Search, or compare what was found with its twins in other precisions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "compare"):
        commands.add_parser(name).add_argument("--work", type=Path, default=Path("runs/int8_on_cifar"))
    run = commands.choices["run"]
    run.add_argument("--data", type=Path, required=True, help="folder with train_10k.npz and test_2k.npz")
    run.add_argument("--minutes", type=float, default=20)
    run.add_argument("--seed", type=int, default=0)
    commands.choices["compare"].add_argument("--seconds-each", type=float, default=1.0)
    options = parser.parse_args()
    {"run": run_search, "compare": compare}[options.command](options)


def run_search(options: argparse.Namespace) -> None:
    """One run, or the rest of it."""
    if (options.work / "journal.db").exists():
        resume(options.work, observe=lambda progress: print(progress.message, flush=True))
        return
    files = {part: str((options.data / name).resolve()) for part, name in
             (("train", "train_10k.npz"), ("test", "test_2k.npz"))}  # fmt: skip
    search(
        data=files, budget=f"{options.minutes:g} min", out=options.work, seed=options.seed,
        space={"family": FAMILY, "precisions": ["fp32", "w8", "w8a8"]}, hypervolume_box=BOX,
        observe=lambda progress: print(progress.message, flush=True),
    )  # fmt: skip


def compare(options: argparse.Namespace) -> None:
    """Time every design of the front beside the same network in other precisions."""
    load_average = os.getloadavg()[0]
    if load_average > QUIET_LOAD:
        print(f"WARNING: load average {load_average:.2f}: something else runs, latencies are off.")
    run = RunFolder.open(options.work)
    on_front = [entry["id"] for entry in front_of(run)["front"]]
    designs = [design for design in finished_designs(run) if design.id in on_front]
    rng = np.random.default_rng(0)
    rows = []
    for design in designs:
        blueprint = Blueprint.from_dict(design.blueprint)
        plain = float_blueprint(design.candidate, blueprint)
        files = {"as found": (run.design_path(design.id) / "model.onnx").read_bytes()}
        files |= {name: random_artifact(with_precisions(plain, lambda _, name=name: name), rng, True)
                  for name in ("fp32", "w8", "w8a8")}  # fmt: skip
        made = OnnxRuntimeCpu().measure(files, "fp32", seconds_each=options.seconds_each, rng=rng)
        integer = [precision_named(layer.precision).integer for layer in blueprint.weighted_layers]
        rows.append(
            {
                "id": design.id, "test": design.measurements["test"]["value"],
                "size_bytes": design.measurements["size_bytes"], "macs": design.measurements["macs"],
                "integer_layers": sum(integer), "layers": len(integer),
                "latency_ms": {name: latency.value for name, latency in made.items()},
                "is_faster_in_integers": made["as found"].high < made["fp32"].low,
                "intervals_ms": {name: [latency.low, latency.high] for name, latency in made.items()},
                "ratio_to_fp32": {name: latency.ratio_to_reference for name, latency in made.items()},
            }
        )  # fmt: skip
    publish(rows, load_average)


def float_blueprint(candidate: dict[str, Any], blueprint: Blueprint) -> Blueprint:
    """The same network in 32-bit floats."""
    settings = ConvolutionalSettings.for_images(_shape(blueprint)).with_changes(FAMILY)
    (n_classes,) = blueprint.shape_of(blueprint.output)
    return ConvolutionalFamily(blueprint.input, n_classes, settings).blueprint(Candidate(candidate))


def _shape(blueprint: Blueprint) -> tuple[int, int, int]:
    channels, height, width = blueprint.input.shape
    return channels, height, width


def publish(rows: list[dict[str, Any]], load_average: float) -> None:
    """Print the table and keep it."""
    print(
        f"{'design':<10}{'test':>8}{'kB':>8}{'MMACs':>8}{'integer':>9}"
        f"{'found ms':>10}{'fp32 ms':>9}{'found/fp32':>12}{'w8/fp32':>9}{'w8a8/fp32':>11}"
    )
    for row in sorted(rows, key=lambda row: row["size_bytes"]):
        ms, ratio = row["latency_ms"], row["ratio_to_fp32"]
        layers = f"{row['integer_layers']}/{row['layers']}"
        print(
            f"{row['id']:<10}{row['test']:>8.2%}{row['size_bytes'] / 1e3:>8.1f}{row['macs'] / 1e6:>8.1f}"
            f"{layers:>9}{ms['as found']:>10.3f}{ms['fp32']:>9.3f}{ratio['as found']:>12.2f}"
            f"{ratio['w8']:>9.2f}{ratio['w8a8']:>11.2f}"
        )
    buys = [row for row in rows if row["integer_layers"] and row["is_faster_in_integers"]]
    fastest = sorted(rows, key=lambda row: row["latency_ms"]["as found"])[: max(1, len(rows) // 2)]
    shown = sum(row in buys for row in fastest)
    print(
        f"INT8 buys time in {len(buys)} designs of {len(rows)}; {shown} of the fastest half are among them."
    )
    processor = processor_info()
    device = re.sub(r"[^a-z0-9]+", "-", str(processor["model"]).lower()).strip("-")
    path = HERE / "results" / f"{date.today()}-{device}.json"
    path.parent.mkdir(exist_ok=True)
    content = {"family": FAMILY, "box": BOX, "load_average": load_average, "rows": rows}
    content |= {"versions": versions(), "processor": processor}
    path.write_text(json.dumps(content, indent=1))
    print(f"Kept in benchmarks/{HERE.name}/results/{path.name}")


if __name__ == "__main__":
    main()
