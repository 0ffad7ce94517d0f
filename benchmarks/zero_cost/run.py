"""Do our zero-cost scores order cells as the published ones do, and what do they cost?

    python benchmarks/zero_cost/run.py --tables NASBENCH201 --data CIFAR10 --cells 300

Resumable: every cell that was scored is kept in a JSON-lines file.
"""

import argparse
import json
import math
import re
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

from penjing.blueprint import InputSpec
from penjing.columns import read_columns
from penjing.families.cells import NasBench201Family
from penjing.families.plain import drawn_network
from penjing.study.versions import versions
from penjing.tables import nas201
from penjing.targets.onnxruntime.processor import processor_info
from penjing.training.zero_cost import zero_cost_scores

HERE = Path(__file__).parent
# Ours to theirs, and the least correlation that is asked for.
PUBLISHED = {
    "params": ("params", 0.9), "macs": ("flops", 0.9), "synflow": ("synflow", 0.9), "naswot": ("nwot", 0.9),
    "snip": ("snip", 0.7), "grad_norm": ("grad_norm", 0.7),
    "fisher": ("fisher", 0.7), "jacov": ("jacov", 0.7),
    "grasp": ("grasp", None), "zen": ("zen", None),
}  # fmt: skip


def main() -> None:
    """Score what is left to score, then print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tables", type=Path, required=True, help="folder of the NAS-Bench-201 files")
    parser.add_argument("--data", type=Path, required=True, help="folder of CIFAR-10: train_10k.npz")
    parser.add_argument("--cells", type=int, default=300)
    parser.add_argument("--batch", type=int, default=32, help="images")
    parser.add_argument("--scores", default=",".join(PUBLISHED), help="names, with commas between")
    parser.add_argument("--work", type=Path, default=Path("runs/zero_cost.jsonl"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = nas201(options.tables)
    published = read_columns(options.tables / "zero_cost_cifar10.csv.gz")
    row_of = {int(index): at for at, index in enumerate(published["index"])}
    with np.load(options.data / "train_10k.npz") as file:
        x, y = file["x"], file["y"]
    drawn = np.random.default_rng(0).permutation(len(x))[: options.batch]
    images = torch.from_numpy(x[drawn].transpose(0, 3, 1, 2).copy())  # channels come last in the file
    labels = torch.from_numpy(y[drawn].astype(np.int64))
    family = NasBench201Family(InputSpec("x", (3, 32, 32), scale=1 / 62, zero_point=121), 10)
    cells = np.random.default_rng(1).permutation(sorted(row_of))[: options.cells]
    options.work.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in options.work.open()] if options.work.exists() else []
    known = {row["index"] for row in rows}
    for index in map(int, cells):
        if index in known:
            continue
        blueprint = family.blueprint(table.candidates[index])
        row = {"index": index, "scores": {}, "seconds": {}}
        for name in options.scores.split(","):
            began = time.perf_counter()
            row["scores"] |= zero_cost_scores(blueprint, images, labels, 0, drawn_network, [name])
            row["seconds"][name] = time.perf_counter() - began
        rows.append(row)
        with options.work.open("a") as file:
            file.write(json.dumps(row) + "\n")
    publish(options, rows, published, row_of, table.sought)


def publish(options, rows, published, row_of, accuracy) -> None:
    """Rank correlations with the published scores and with accuracy, and time per cell."""
    found = []
    print(f"{'score':<12}{'cells':>6}{'with published':>16}{'with accuracy':>15}{'s per cell':>12}")
    for name in options.scores.split(","):
        theirs, bar = PUBLISHED[name]
        kept = [row for row in rows if row["scores"][name] is not None and math.isfinite(row["scores"][name])]
        ours = [row["scores"][name] for row in kept]
        other = [float(published[theirs][row_of[row["index"]]]) for row in kept]
        rank = float(spearmanr(ours, other)[0])
        worth = float(spearmanr(ours, [accuracy[row["index"]] for row in kept])[0])
        seconds = float(np.median([row["seconds"][name] for row in kept]))
        verdict = "" if bar is None else f"   at least {bar}: {'met' if rank >= bar else 'NOT MET'}"
        print(f"{name:<12}{len(kept):>6}{rank:>16.3f}{worth:>15.3f}{seconds:>12.3f}{verdict}")
        found.append(
            {"score": name, "cells": len(kept), "with_published": rank, "with_accuracy": worth, "s": seconds}
        )
    processor = processor_info()
    device = re.sub(r"[^a-z0-9]+", "-", str(processor["model"]).lower()).strip("-")
    path = HERE / "results" / f"{date.today()}-{device}.json"
    path.parent.mkdir(exist_ok=True)
    content = {"batch": options.batch, "scores": found, "versions": versions(), "processor": processor}
    path.write_text(json.dumps(content, indent=1))


if __name__ == "__main__":
    main()
