"""What does a run of 15 minutes give on Fashion-MNIST? Time, memory, designs, accuracy at given sizes.

    python benchmarks/fashion_mnist/run.py --data DATA --seeds 0 1 2

Resumable: a seed that was run to its end is not run again; one that was cut is begun anew.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import yaml

from penjing.store import RunFolder
from penjing.store.front import front_of
from penjing.study.versions import versions
from penjing.targets.onnxruntime.processor import processor_info

HERE = Path(__file__).parent
SIZES = (8_000, 16_000, 32_000, 64_000)


def main() -> None:
    """Run what is left to run, then print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True, help="Folder of Fashion-MNIST: train.npz, test.npz")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--work", type=Path, default=Path("runs/fashion_mnist"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    rows = [one_run(options, seed) for seed in options.seeds]
    print(
        f"{'seed':>4}{'seconds':>9}{'GiB':>6}{'designs':>9}"
        + "".join(f"{f'<= {s // 1000} kB':>12}" for s in SIZES)
    )
    for row in rows:
        best = "".join(f"{row['accuracy'][str(size)]:>12.2%}" for size in SIZES)
        print(f"{row['seed']:>4}{row['seconds']:>9.0f}{row['peak_pss_gib']:>6.2f}{row['designs']:>9}{best}")
    for what, met in bars(rows, 60 * options.minutes).items():
        print(f"{what}: {'met' if met else 'NOT MET'}")
    processor = processor_info()
    device = re.sub(r"[^a-z0-9]+", "-", str(processor["model"]).lower()).strip("-")
    path = HERE / "results" / f"{date.today()}-{device}.json"
    path.parent.mkdir(exist_ok=True)
    content = {"minutes": options.minutes, "versions": versions(), "processor": processor, "runs": rows}
    path.write_text(json.dumps(content, indent=1))


def bars(rows: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, bool]:
    """What every run must keep."""
    return {
        "within 10 % of the time": all(abs(row["seconds"] / seconds - 1) <= 0.1 for row in rows),
        "at least 6 designs": all(row["designs"] >= 6 for row in rows),
        "at most 4 GiB": all(row["peak_pss_gib"] <= 4 for row in rows),
    }


def one_run(options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Run one seed, unless it was run, and read its front."""
    folder = options.work / f"seed{seed}"
    kept = options.work / f"seed{seed}.json"
    if not kept.exists():
        if folder.exists():
            raise SystemExit(f"{folder} was cut short. Remove it, and its seed is run anew.")
        config = options.work / f"seed{seed}.yaml"
        config.write_text(
            yaml.safe_dump(
                {
                    "data": str(Path(options.data).resolve()),
                    "budget": f"{options.minutes:g} min",
                    "constraints": [f"size_bytes <= {SIZES[-1]}"],
                    "seed": seed,
                }
            )
        )
        kept.write_text(json.dumps(timed([str(config), "--out", str(folder)])))
    front = front_of(RunFolder.open(folder))["front"]
    # The test accuracy of what validation would choose under each size.
    accuracy = {}
    for size in SIZES:
        fitting = [entry for entry in front if entry["size_bytes"] <= size]
        chosen = max(fitting, key=lambda entry: entry["validation"]["value"], default=None)
        accuracy[str(size)] = float("nan") if chosen is None else chosen["accuracy"]["value"]
    return {"seed": seed, "designs": len(front), "accuracy": accuracy, "front": front} | json.loads(
        kept.read_text()
    )


def timed(arguments: list[str]) -> dict[str, float]:
    """Seconds and peak proportional memory of the process tree of one ``penjing run``."""
    command = [sys.executable, "-c", "from penjing.cli import main; main()", "run", *arguments]
    began, peak = time.perf_counter(), 0
    process = psutil.Popen(command)
    while process.poll() is None:
        peak = max(peak, sum(pss_of(p) for p in [process, *children_of(process)]))
        time.sleep(2)
    if process.returncode:
        raise SystemExit(f"The run failed: {' '.join(arguments)}")
    return {"seconds": time.perf_counter() - began, "peak_pss_gib": peak / 2**30}


def children_of(process: psutil.Process) -> list[psutil.Process]:
    """All descendants; none if the process has ended meanwhile."""
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def pss_of(process: psutil.Process) -> int:
    """Proportional set size in bytes; 0 if the process has ended meanwhile."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


if __name__ == "__main__":
    main()
