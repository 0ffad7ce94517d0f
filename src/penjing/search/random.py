"""Random search without repetition: the yardstick that every algorithm has to beat."""

from collections.abc import Mapping

import numpy as np

from penjing.search.problem import SearchProblem
from penjing.space import Candidate

# A space in which so many draws in a row are known is taken for used up.
_TRIES_IN_VAIN = 300


class RandomSearcher:
    """Proposes feasible candidates drawn choice by choice, never the same twice.

    Args:
        problem: Space, costs and constraints.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self.problem = problem
        self._seen: set[str] = set()

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Draw ``n`` candidates; fewer when the space has no more to give."""
        return fresh_samples(self.problem, n, rng, self._seen)

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Remember that the candidate was evaluated."""
        self._seen.add(candidate.key)


def fresh_samples(
    problem: SearchProblem, n: int, rng: np.random.Generator, seen: set[str]
) -> list[Candidate]:
    """Feasible candidates that are not in ``seen``, which is left as it is."""
    made: dict[str, Candidate] = {}
    in_vain = 0
    while len(made) < n and in_vain < _TRIES_IN_VAIN:
        candidate = problem.sample_feasible(rng)
        is_fresh = candidate.key not in seen and candidate.key not in made
        in_vain = 0 if is_fresh else in_vain + 1
        if is_fresh:
            made[candidate.key] = candidate
    return list(made.values())
