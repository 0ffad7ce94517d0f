"""How long does a proposal take, by algorithm, results told and choices of the space?

    python benchmarks/time_per_proposal/run.py --algorithms random,bayesian --told 100 500 --choices 10 60

Every number is the median of a few asks for one candidate, in one thread, of a searcher that was told so many
results; between two asks one more is told, so that nothing that was computed before serves again.
"""

import argparse
import json
import os
import re
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch

from penjing.blas import one_blas_thread
from penjing.protocols import Promoter
from penjing.search import SearchProblem, available_algorithms, searcher_named
from penjing.search.random import uniform_samples
from penjing.space import Candidate, Choice, Condition, SearchSpace
from penjing.study.versions import versions
from penjing.targets.onnxruntime.processor import processor_info

HERE = Path(__file__).parent
# What a user waits for, at most: seconds by algorithm, results told and choices.
BARS = {("bayesian", 500): 1.0, ("graph-predictor", 500): 5.0, ("evolution", 2000): 0.001}


@one_blas_thread()
def main() -> None:
    """Time what was asked for, print a table, keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--algorithms", default="all", help="names, with commas between")
    parser.add_argument("--told", type=int, nargs="+", default=[100, 500, 2000])
    parser.add_argument("--choices", type=int, nargs="+", default=[10, 60])
    parser.add_argument("--asks", type=int, default=5)
    parser.add_argument(
        "--most-seconds", type=float, default=20.0, help="for one number; more asks begin no more"
    )
    options = parser.parse_args()
    names = available_algorithms() if options.algorithms == "all" else options.algorithms.split(",")
    torch.set_num_threads(1)
    load_average = os.getloadavg()[0]
    if load_average > 0.5:
        print(f"WARNING: load average {load_average:.2f}: something else runs.")
    rows = []
    print(f"{'algorithm':<22}{'choices':>8}" + "".join(f"{f'{n} told':>14}" for n in options.told))
    for name in names:
        for n_choices in options.choices:
            times = [seconds(name, n_choices, n, options.asks, options.most_seconds) for n in options.told]
            rows += [
                {"algorithm": name, "choices": n_choices, "told": n, "seconds": found}
                for n, found in zip(options.told, times, strict=True)
            ]
            print(
                f"{name:<22}{n_choices:>8}" + "".join(f"{1000 * found:>11.2f} ms" for found in times),
                flush=True,
            )
    for (name, n), bar in BARS.items():
        found = [row["seconds"] for row in rows if row["algorithm"] == name and row["told"] == n]
        if found:
            met = "met" if max(found) <= bar else "NOT MET"
            print(f"{name} at {n}: {1000 * max(found):.2f} ms, at most {1000 * bar:g} ms: {met}")
    processor = processor_info()
    device = re.sub(r"[^a-z0-9]+", "-", str(processor["model"]).lower()).strip("-")
    path = HERE / "results" / f"{date.today()}-{device}.json"
    path.parent.mkdir(exist_ok=True)
    content = {"rows": rows, "load_average": load_average, "versions": versions(), "processor": processor}
    path.write_text(json.dumps(content, indent=1))


def seconds(name: str, n_choices: int, n_told: int, n_asks: int, most_seconds: float) -> float:
    """The median time of one ask for one candidate."""
    problem = problem_of(n_choices)
    searcher = searcher_named(name, problem)
    rng = np.random.default_rng(0)
    drawn = uniform_samples(problem, n_told, rng, set())
    # Of those who train some further, as many results in all: a fifth of them of longer trainings.
    n_again = n_told // 5 if isinstance(searcher, Promoter) else 0
    for candidate in (*drawn[: n_told - n_again], *drawn[:n_again]):
        searcher.tell(candidate, {"accuracy": accuracy_of(candidate)})
    found: list[float] = []
    while len(found) < n_asks and sum(found) < most_seconds:
        began = time.perf_counter()
        if isinstance(searcher, Promoter):
            searcher.promoted(1, rng)
        (candidate,) = searcher.ask(1, rng)
        found.append(time.perf_counter() - began)
        searcher.tell(candidate, {"accuracy": accuracy_of(candidate)})
    return float(np.median(found))


def problem_of(n_choices: int) -> SearchProblem:
    """Blocks of operation, width and precision, a third of which exist only in a deep network."""
    choices = [Choice("depth", (1, 2, 3))]
    for at in range(n_choices - 1):
        conditions = (Condition("depth", (2, 3) if at % 6 < 3 else (3,)),) if at % 3 == 0 else ()
        kind = at % 3
        values = (("plain", "inverted", "separable"), (8, 16, 24, 32), (4, 8, 32))[kind]
        name = f"block{at // 3}.{('operation', 'width', 'bits')[kind]}"
        part = "compression" if kind == 2 else "architecture"
        choices.append(Choice(name, values, part, ordered=kind > 0, conditions=conditions))
    box = {"accuracy": (1.0, 0.0), "size_bytes": (10.0, 1e6)}
    return SearchProblem(SearchSpace(choices), costs_of, box)


def costs_of(candidate: Candidate) -> dict[str, float]:
    """Larger with every number that is larger; takes next to no time, so that proposals are what is timed."""
    total = 1.0 + sum(value for value in candidate.values() if isinstance(value, int))
    return {"parameters": 10 * total, "macs": 100 * total, "size_bytes": 40 * total}


def accuracy_of(candidate: Candidate) -> float:
    """Of some choices more than of others."""
    total = sum(
        (1 + at % 5) * (hash_of(name, value) % 97) for at, (name, value) in enumerate(candidate.items())
    )
    return 0.5 + 0.4 * (total % 1009) / 1009


def hash_of(name: str, value: object) -> int:
    """The same in every process."""
    return sum(ord(letter) * (at + 1) for at, letter in enumerate(f"{name}{value}"))


if __name__ == "__main__":
    main()
