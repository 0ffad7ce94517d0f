"""Is one joint search better than architecture first and compression second, in the same time?

    python benchmarks/joint_vs_sequential/run.py run --data DATA     # train; resumable, in pieces
    python benchmarks/joint_vs_sequential/run.py measure             # latency, with the machine to itself
    python benchmarks/joint_vs_sequential/run.py table

A cell is one search: a mode and a seed. A cell that was stopped is done anew, for every cell gets the
same time in one go. Finished cells and measured files are kept.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from penjing.objectives import hypervolume, non_dominated_mask, normalised, sign_test_p
from penjing.store import RunFolder
from penjing.store.front import finished_designs
from penjing.study.versions import versions
from penjing.targets.onnxruntime.processor import processor_info
from penjing.targets.onnxruntime.random_networks import metronome
from penjing.targets.onnxruntime.target import METRONOME, OnnxRuntimeCpu

HERE = Path(__file__).parent
BOX = {"accuracy": [0.80, 0.94], "size_bytes": [4_000, 256_000], "latency_ms": [0.008, 0.1]}
SPACE = {"precisions": ["fp32", "w8", "w8a8"]}
SMALL_BYTES = 16_000
TOLERATED_OVERRUN = 1.1
GROUP = 8
ATTEMPTS = 3

MODES: Mapping[str, Mapping[str, Any]] = {
    "joint": {},
    "sequential-6": {"search": {"mode": "sequential", "carry": 6}},
    "sequential-fp32": {"search": {"mode": "sequential", "carry": 6, "sequential_as": "fp32"}},
    "sequential-1": {"search": {"mode": "sequential", "carry": 1}},
    "random": {"search": {"algorithm": "random"}},
    # Ablations
    "evolution": {"search": {"algorithm": "evolution"}},
    "optuna": {"search": {"algorithm": "optuna-nsga2"}},
    "distillation": {"finalists": {"distillation": True}},
    "supernet": {"search": {"train_on": "supernet"}},
    "no-inheritance": {"search": {"inherit": False}},
    "random-finalists": {"finalists": {"chosen_by": "random"}},
}
MAIN = ("joint", "sequential-6", "sequential-fp32", "sequential-1", "random")


def main() -> None:
    """Run cells, measure their files, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "cell", "measure", "table"):
        commands.add_parser(name).add_argument("--work", default="runs/joint_vs_sequential")
    for name in ("run", "cell"):
        command = commands.choices[name]
        command.add_argument("--data", required=True, help="Folder of Fashion-MNIST: train.npz, test.npz")
        command.add_argument("--minutes", type=float, default=4)
        command.add_argument("--max-train", type=int, default=20_000)
    run = commands.choices["run"]
    run.add_argument("--modes", nargs="+", default=list(MAIN), help=f"of {', '.join(MODES)}")
    run.add_argument("--seeds", type=int, default=8, help="seeds 0 to N-1")
    run.add_argument("--only-seeds", type=int, nargs="+")
    run.add_argument("--max-cells", type=int, help="stop after so many")
    run.add_argument("--parallel", type=int, default=2, help="cells at a time, one core each")
    cell = commands.choices["cell"]
    cell.add_argument("--mode", required=True)
    cell.add_argument("--seed", type=int, required=True)
    cell.add_argument("--core", type=int)
    commands.choices["measure"].add_argument("--seconds-each", type=float, default=0.4)
    commands.choices["measure"].add_argument("--passes", type=int, default=2)
    options = parser.parse_args()
    {"run": run_cells, "cell": run_cell, "measure": measure, "table": table}[options.command](options)


# Cells


def run_cells(options: argparse.Namespace) -> None:
    """Keep as many cells running as there are cores to use, each on a core of its own."""
    for mode in options.modes:
        if mode not in MODES:
            raise SystemExit(f"Mode {mode!r} is not known. Known: {', '.join(MODES)}.")
    seeds = options.only_seeds if options.only_seeds is not None else range(options.seeds)
    left = []
    for seed in seeds:
        # A fresh order for every seed, so that no mode always has the same neighbour.
        order = np.random.default_rng([17, seed]).permutation(len(options.modes))
        left += [(options.modes[index], seed) for index in order]
    left = [pair for pair in left if not (folder_of(options, *pair) / "cell.json").exists()]
    left = left[: options.max_cells]
    cores = sorted(os.sched_getaffinity(0))[: options.parallel]
    if left:
        share_latency_model(options)
    print(f"{len(left)} cells to run, {options.minutes:g} min each, on {len(cores)} cores", flush=True)
    running: dict[int, subprocess.Popen[bytes]] = {}
    try:
        while left or running:
            for core in cores:
                ended = running[core].poll() if core in running else None
                if ended is not None:
                    running.pop(core)
                    print("failed: left for next time" if ended else "done", flush=True)
                if core not in running and left:
                    running[core] = started(options, *left.pop(0), core)
            time.sleep(0.5)
    finally:
        for process in running.values():
            process.kill()


def started(options: argparse.Namespace, mode: str, seed: int, core: int) -> "subprocess.Popen[bytes]":
    """Start a cell in a process of its own."""
    command = [
        sys.executable, str(HERE / "run.py"), "cell", "--mode", mode, "--seed", str(seed),
        "--core", str(core), "--data", options.data, "--work", options.work,
        "--minutes", str(options.minutes), "--max-train", str(options.max_train),
    ]  # fmt: skip
    # In a session of its own: Ctrl-C would make the search finish early instead of ending it.
    return subprocess.Popen(command, env=environment(options), start_new_session=True)


def environment(options: argparse.Namespace) -> dict[str, str]:
    """One thread, and a cache that belongs to this benchmark."""
    cache = str((Path(options.work) / "cache").resolve())
    return {**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": cache}


def share_latency_model(options: argparse.Namespace) -> None:
    """Fit the latency model once, before any cell: no cell pays for it, none fits it beside a neighbour."""
    from penjing.store import Journal
    from penjing.study.budget import plan_for
    from penjing.study.config import checked
    from penjing.study.finish import Finisher
    from penjing.study.pipeline import Pipeline
    from penjing.study.preparation import facts_of, load_data

    cache = Path(environment(options)["XDG_CACHE_HOME"])
    if list(cache.rglob("latency-*.json")):
        return
    config = checked({"data": options.data, "space": SPACE, "hypervolume_box": BOX})
    pipeline = Pipeline(config, facts_of(load_data(config)), OnnxRuntimeCpu())
    os.environ["XDG_CACHE_HOME"] = str(cache)
    for _ in range(ATTEMPTS):
        print("fitting the latency model that all cells share", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            run = RunFolder.create(Path(folder) / "run", config.model_dump(mode="json"))
            with Journal.create(Path(folder) / "journal.db") as journal:
                Finisher(run, journal, config, pipeline).prepare(plan_for(600))
        if list(cache.rglob("latency-*.json")):
            return
    raise SystemExit("The machine is too busy for a latency model: nothing else may run meanwhile.")


def run_cell(options: argparse.Namespace) -> None:
    """One search on one core."""
    from penjing.study.api import search

    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
        threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    out = folder_of(options, options.mode, options.seed)
    if out.exists():
        shutil.rmtree(out)  # what was left by a cell that was stopped
    if options.mode == "optuna":
        import optuna  # noqa: F401 - before the clock starts
    messages: list[str] = []
    began = time.perf_counter()
    result = search(
        data=options.data, budget=f"{options.minutes:g} min", out=out, seed=options.seed, workers=1,
        max_train=options.max_train, hypervolume_box=BOX, space=SPACE,
        observe=lambda progress: messages.append(progress.message), **MODES[options.mode],
    )  # fmt: skip
    seconds = time.perf_counter() - began
    if messages[-1] != "finished":
        raise SystemExit(f"{out.name} was stopped early; it is not a cell.")
    with result.run.journal(read_only=True) as journal:
        trials = journal.trials(state="done")
    counts = {f: sum(t.fidelity == f for t in trials) for f in ("inherited", "rung", "final")}
    facts = {
        "mode": options.mode, "seed": options.seed, "minutes": options.minutes,
        "max_train": options.max_train, "seconds": seconds, "evaluations": counts,
    }  # fmt: skip
    (out / "cell.json").write_text(json.dumps(facts))
    print(json.dumps(facts), flush=True)


def end_with(parent: int) -> None:
    """A cell does not outlive whoever started it."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def folder_of(options: argparse.Namespace, mode: str, seed: int) -> Path:
    """The run folder of a cell."""
    return Path(options.work) / f"{mode}-{seed}"


# Measuring


def finished_cells(work: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """What every finished cell says of itself, and its folder."""
    for path in sorted(work.glob("*/cell.json")):
        yield json.loads(path.read_text()), path.parent


def measure(options: argparse.Namespace) -> None:
    """Time the files of all finished cells in mixed groups, each with the same reference."""
    load_average = os.getloadavg()[0]
    if load_average > 0.5:
        print(f"WARNING: load average {load_average:.2f}: something else runs, latencies are off.")
    work = Path(options.work)
    kept = work / "latencies.jsonl"
    known = {(row["cell"], row["design"], row["turn"]) for row in lines_of(kept)}
    todo = [
        (folder.name, design.id, turn)
        for _, folder in finished_cells(work)
        for design in finished_designs(RunFolder.open(folder))
        for turn in range(options.passes)
    ]
    todo = [row for row in todo if row not in known]
    rng = np.random.default_rng(len(known))
    order = rng.permutation(len(todo))
    with kept.open("a") as file:
        for first in range(0, len(order), GROUP):
            group = [todo[int(index)] for index in order[first : first + GROUP]]
            files = {
                f"{cell} {design} {turn}": (work / cell / "designs" / design / "model.onnx").read_bytes()
                for cell, design, turn in group
            }
            made = OnnxRuntimeCpu().measure(
                {**files, METRONOME: metronome()}, METRONOME, seconds_each=options.seconds_each, rng=rng
            )
            for (cell, design, turn), name in zip(group, files, strict=True):
                row = {
                    "cell": cell, "design": design, "turn": turn, "ms": made[name].value,
                    "ratio": made[name].ratio_to_reference, "reference_ms": made[METRONOME].value,
                    "spread": made[name].spread, "load_average": load_average,
                }  # fmt: skip
                file.write(json.dumps(row) + "\n")
            file.flush()
            print(f"{min(first + GROUP, len(todo))} of {len(todo)} files", flush=True)


def lines_of(path: Path) -> list[dict[str, Any]]:
    """What a JSON-lines file holds."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# The table


def table(options: argparse.Namespace) -> None:
    """Hypervolumes of the cells whose every file was measured, and what they say."""
    work = Path(options.work)
    measured: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in lines_of(work / "latencies.jsonl"):
        measured.setdefault((row["cell"], row["design"]), []).append(row)
    typical = float(np.median([row["reference_ms"] for rows in measured.values() for row in rows] or [1.0]))
    cells = []
    for facts, folder in finished_cells(work):
        designs = finished_designs(RunFolder.open(folder))
        if not all((folder.name, design.id) in measured for design in designs):
            print(f"{folder.name}: not measured yet, left out")
            continue
        rows = [
            {
                "id": design.id,
                "validation": design.measurements["validation"]["value"],
                "test": design.measurements["test"]["value"],
                "size_bytes": design.measurements["size_bytes"],
                # The ratio is from within the rounds, so that what slowed a whole group down cancels.
                "latency_ms": typical * median_ratio(measured[folder.name, design.id]),
            }
            for design in designs
        ]
        front = front_among(rows)
        small = [row for row in front if row["size_bytes"] <= SMALL_BYTES]
        cells.append(
            {
                **facts, "hypervolume": volume(front, BOX), "front": front,
                "hypervolume_16kB": volume(small, {**BOX, "size_bytes": [4_000, SMALL_BYTES]}),
            }
        )  # fmt: skip
    for cell in cells:
        if cell["seconds"] > TOLERATED_OVERRUN * 60 * cell["minutes"]:
            print(
                f"WARNING: {cell['mode']}-{cell['seed']} took {cell['seconds']:.0f} s: delete it, run again."
            )
    if not cells:
        raise SystemExit("No finished cell is measured. Use the sub-commands run and measure first.")
    summary = {name: summarised(cells, name) for name in ("hypervolume", "hypervolume_16kB")}
    publish(cells, summary, typical)


def median_ratio(rows: Sequence[dict[str, Any]]) -> float:
    """Of a file to the reference, over all passes."""
    return float(np.median([row["ratio"] for row in rows]))


def front_among(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The front that the run reports, at quiet latencies: validation decides, as in a run."""
    if not rows:
        return []
    costs = np.array([[-row["validation"], row["size_bytes"], row["latency_ms"]] for row in rows])
    return [row for row, is_best in zip(rows, non_dominated_mask(costs), strict=True) if is_best]


def volume(rows: Sequence[dict[str, Any]], box: Mapping[str, Sequence[float]]) -> float:
    """Share of the box that the designs dominate: test accuracy linear, bytes and times logarithmic."""
    if not rows:
        return 0.0
    (worst, best), size, ms = box["accuracy"], box["size_bytes"], box["latency_ms"]
    costs = [[1 - row["test"], row["size_bytes"], row["latency_ms"]] for row in rows]
    points = normalised(costs, [1 - best, size[0], ms[0]], [1 - worst, size[1], ms[1]], [False, True, True])
    return hypervolume(points, np.ones(3))


def summarised(cells: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    """Means of every mode; joint against each other mode, paired by seed.

    The better sequential one has the higher mean; the best takes the best of them for every seed anew.
    """
    values: dict[str, dict[int, float]] = {}
    for cell in cells:
        values.setdefault(cell["mode"], {})[cell["seed"]] = cell[name]
    sequential = [found for mode, found in values.items() if mode.startswith("sequential")]
    compared = {mode: found for mode, found in values.items() if mode != "joint"}
    if len(sequential) > 1:
        common = set.intersection(*map(set, sequential))
        better = max(sequential, key=lambda found: sum(found[seed] for seed in common))
        compared["better sequential"] = {seed: better[seed] for seed in common}
        compared["best of sequential"] = {seed: max(s[seed] for s in sequential) for seed in common}
    summary: dict[str, Any] = {}
    print(f"\n{name:<20} {'seeds':>5} {'mean':>8} {'joint gains':>12} {'wins':>6} {'p':>7}")
    for mode, found in [("joint", values.get("joint", {})), *sorted(compared.items())]:
        seeds = sorted(set(found) & set(values.get("joint", {})))
        gains = [values["joint"][seed] - found[seed] for seed in seeds]
        wins, losses = sum(g > 0 for g in gains), sum(g < 0 for g in gains)
        row: dict[str, Any] = {"n": len(found), "mean": float(np.mean(list(found.values()) or [np.nan]))}
        text = f"{mode:<20} {row['n']:>5} {row['mean']:>8.4f}"
        if mode != "joint" and gains:
            row |= {"mean_gain": float(np.mean(gains)), "gains": dict(zip(seeds, gains, strict=True))}
            row |= {"wins": wins, "losses": losses, "p": sign_test_p(wins, losses)}
            text += f" {row['mean_gain']:>+12.4f} {wins:>3}/{wins + losses:<2} {row['p']:>7.3f}"
        summary[mode] = row
        print(text)
    return summary


def publish(cells: Sequence[dict[str, Any]], summary: Mapping[str, Any], reference_ms: float) -> None:
    """Keep the table and what it is made of."""
    processor = processor_info()
    device = re.sub(r"[^a-z0-9]+", "-", str(processor["model"]).lower()).strip("-")
    path = HERE / "results" / f"{date.today()}-{device}.json"
    path.parent.mkdir(exist_ok=True)
    settings = {"data": "fashion_mnist", "box": BOX, "small_bytes": SMALL_BYTES, "reference_ms": reference_ms}
    content = {
        "settings": settings, "versions": versions(), "processor": processor,
        "summary": summary, "cells": list(cells),
    }  # fmt: skip
    path.write_text(json.dumps(content, indent=1))
    print(f"\nKept in benchmarks/{HERE.name}/results/{path.name}")


if __name__ == "__main__":
    main()
