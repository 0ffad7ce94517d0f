"""A search goes on in another process, where Python orders sets in another way."""

import os
import subprocess
import sys

import pytest

from penjing.search import available_algorithms

# Half a second a proposal.
SLOW = {"optuna-gp"}
SCRIPT = """
import sys
from penjing.search import graph_predictor, searcher_named
from penjing.testing.searcher import conditional_problem, worked

graph_predictor._STEPS = 10
for name in sys.argv[1:]:
    # Regularised evolution draws at random until fifty were told.
    n_asks = 14 if name == "regularised-evolution" else 7
    told, _ = worked(searcher_named(name, conditional_problem()), n_asks)
    print(name, *(candidate.key for candidate, _ in told))
"""


def proposed(names: list[str], hash_seed: int) -> list[str]:
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    command = [sys.executable, "-c", SCRIPT, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=300)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "names",
    [
        [name for name in available_algorithms() if name not in SLOW],
        pytest.param(sorted(SLOW), marks=pytest.mark.long),
    ],
    ids=["quick", "slow"],
)
def test_the_same_is_proposed_whatever_the_order_of_sets(names: list[str]) -> None:
    first, second = proposed(names, 1), proposed(names, 2)
    assert [line.split()[0] for line in first] == names
    for one, other in zip(first, second, strict=True):
        assert one == other
