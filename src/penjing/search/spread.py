"""Where a search begins that knows nothing: candidates far apart in what they cost."""

from collections.abc import Collection, Sequence

import numpy as np

from penjing.search.problem import CAPACITY, SearchProblem
from penjing.search.random import fresh_samples
from penjing.space import Candidate

COSTS = (*CAPACITY, "size_bytes", "latency_ms")


def spread_out(
    problem: SearchProblem,
    told: Sequence[Candidate],
    n: int,
    rng: np.random.Generator,
    seen: Collection[str],
) -> list[Candidate]:
    """Feasible candidates far from one another and from what was told: farthest-point sampling.

    Args:
        problem: Says what they cost.
        told: What is known already.
        n: How many; fewer if there are no more.
        rng: Draws them.
        seen: Keys of none of these.
    """
    drawn = fresh_samples(problem, 24 * n, rng, seen)
    if not drawn:
        return []
    # Large networks teach little more than middling ones, and take most of the time.
    drawn.sort(key=lambda c: (problem.evaluation_cost(c), c.key))
    drawn = drawn[: max(n, (2 * len(drawn)) // 3)]
    rows = [problem.costs(candidate) for candidate in (*told, *drawn)]
    features = np.log([[row[name] for name in COSTS if name in row] for row in rows])
    features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9)
    known, features = features[: len(told)], features[len(told) :]
    distance = np.full(len(drawn), np.inf)
    for row in known:
        distance = np.minimum(distance, ((features - row) ** 2).sum(axis=1))
    chosen: list[int] = []
    while len(chosen) < min(n, len(drawn)):
        index = int(np.argmax(distance))  # the cheapest, where nothing is known yet
        chosen.append(index)
        distance = np.minimum(distance, ((features - features[index]) ** 2).sum(axis=1))
        distance[chosen] = -1.0
    return [drawn[index] for index in chosen]
