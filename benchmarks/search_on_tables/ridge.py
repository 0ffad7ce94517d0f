"""The line to beat: a ridge regression on pairs of choices that takes what it expects to gain most.

    python benchmarks/search_on_tables/ridge.py NASBENCH201 --seeds 20 --limits none,25,50
    python benchmarks/search_on_tables/ridge.py my.csv --choices a,b --maximise accuracy --minimise ms

After 20 drawn cells, batches of ten. Targets are ranks; features are each choice and each pair of choices.
With one objective the best by the regression are looked at; with a device those that together would add most
hypervolume, its column being known. It is no part of Penjing, but what a careful person would do
in a few lines.
"""

import argparse
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from penjing.objectives import hypervolume_subset
from penjing.tables import DEVICES, Judge, Search, Table, hwnas, nas201, table_of

Array = NDArray[np.float64]
PENALTY = 1.0
SHOWN = (50, 100, 200)


def main() -> None:
    """Print what the ridge regression reaches on every table that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "path", type=Path, help="folder of nasbench201.csv.gz and hw_nas_bench.csv.gz, or a table"
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=20, help="rows that are drawn")
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument(
        "--limits", default="none,25,50", help="percentiles of the device's column, none, or ''"
    )
    parser.add_argument("--choices", help="of a table: columns that together name a row")
    parser.add_argument("--maximise", help="of a table: what evaluations reveal")
    parser.add_argument("--minimise", action="append", default=[], help="of a table: a known cost")
    options = parser.parse_args()
    if options.path.is_file() and not (options.choices and options.maximise):
        parser.error("A table needs --choices and --maximise.")
    for table in tables_of(options):
        queries = 300 if table.has_best else 200
        searches = [
            searched(table, seed, queries, options.first, options.batch) for seed in range(options.seeds)
        ]
        scores = Judge(table).scores(searches)["ridge"]
        shares = " / ".join(f"{scores.at(n).mean():.4f}" for n in SHOWN)
        what = "regret" if table.has_best else "hypervolume"
        print(f"{table.name}: {what} {shares} after {' / '.join(map(str, SHOWN))}", end="")
        if table.has_best:
            print(
                f"; best row at {np.median(scores.hits):.1f} (median), "
                f"within {queries}: {scores.found_within(queries):.0%}",
                end="",
            )
        print(flush=True)


def tables_of(options: argparse.Namespace) -> Iterator[Table]:
    """The table that is named, or those of the folder."""
    if options.path.is_file():
        yield table_of(options.path, options.choices.split(","), options.maximise, options.minimise, [])
        return
    yield nas201(options.path)
    for limit in options.limits.split(",") if options.limits else ():
        for device in DEVICES:
            yield hwnas(options.path, device, None if limit == "none" else float(limit))


def searched(table: Table, seed: int, queries: int, first: int, batch: int) -> Search:
    """One search of a table."""
    rng = np.random.default_rng([seed])
    features, points = features_of(table), table.points()
    allowed = np.flatnonzero(table.is_allowed)
    rows: list[int] = rng.permutation(allowed)[:first].tolist()
    while len(rows) < min(queries, len(allowed)):
        left = np.setdiff1d(allowed, rows)
        expected = regression(features, table.sought, rows)[left]
        order = np.argsort(-expected, kind="stable")
        if points.shape[1] == 1:
            rows += left[order[:batch]].tolist()
            continue
        guessed = points[left].copy()
        best = table.objectives[0]
        guessed[:, 0] = np.clip((expected - best.best) / (best.worst - best.best), 0.0, 1.0)
        picked = hypervolume_subset(guessed, batch, np.ones(points.shape[1]), points[rows])
        picked += [int(at) for at in order if at not in set(picked)][: batch - len(picked)]
        rows += left[picked].tolist()
    return Search("ridge", seed, tuple(rows[:queries]), 0.0)


def regression(features: Array, sought: Array, rows: list[int]) -> Array:
    """What every row is expected to have, by the ranks of those that are known."""
    known = sought[rows]
    ranks = (rankdata(known) - 0.5) / len(rows)
    told, centre = features[rows], ranks.mean()
    dual = np.linalg.solve(told @ told.T + PENALTY * np.eye(len(rows)), ranks - centre)
    expected = centre + features @ (told.T @ dual)
    order = np.argsort(known)
    # Beyond the best and the worst that are known, ranks go on at the slope of the whole.
    inside = np.interp(expected, ranks[order], known[order])
    slope = np.ptp(known[order][len(rows) // 2 :]) / max(0.5, 1.0 / len(rows))
    return inside + slope * np.maximum(expected - ranks.max(), 0.0)


def features_of(table: Table) -> Array:
    """Each choice and each pair of choices as zeros and ones, ``[rows, features]``."""
    columns = [
        np.array(
            [[candidate[choice.name] == value for value in choice.values] for candidate in table.candidates]
        )
        for choice in table.space
    ]
    pairs = [
        (one[:, :, None] & other[:, None, :]).reshape(len(one), -1) for one, other in combinations(columns, 2)
    ]
    return np.hstack([*columns, *pairs]).astype(np.float64)


if __name__ == "__main__":
    main()
