"""What does a run of 15 minutes give on Fashion-MNIST? Time, memory, designs, accuracy at given sizes.

    python benchmarks/fashion_mnist/run.py --data DATA --seeds 0 1 2

Resumable: a seed whose run folder has a front is not run again.
"""

import argparse
import json
import platform
import sys
import time
from datetime import date
from pathlib import Path

import psutil
import yaml

from penjing.store import RunFolder
from penjing.store.front import front_of

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
    path = HERE / "results" / f"{date.today()}-{platform.machine()}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"minutes": options.minutes, "runs": rows}, indent=1))


def one_run(options: argparse.Namespace, seed: int) -> dict[str, object]:
    """Run one seed, unless it was run, and read its front."""
    folder = options.work / f"seed{seed}"
    kept = options.work / f"seed{seed}.json"
    if not kept.exists():
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
