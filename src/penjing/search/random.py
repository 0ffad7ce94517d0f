"""Random search without repetition: the yardstick that every algorithm has to beat."""

from collections.abc import Collection, Mapping

import numpy as np

from penjing.search.problem import SearchProblem
from penjing.space import Candidate

# A space in which so many draws in a row are known is taken for used up.
_TRIES_IN_VAIN = 300


class RandomSearcher:
    """Proposes feasible candidates, never the same twice, each of those that are left as likely as any other.

    Args:
        problem: Space, costs and constraints.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self.problem = problem
        self._seen: set[str] = set()

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Draw ``n`` candidates; fewer when the space has no more to give."""
        return uniform_samples(self.problem, n, rng, self._seen)

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Remember that the candidate was evaluated."""
        self._seen.add(candidate.key)


def uniform_samples(
    problem: SearchProblem, n: int, rng: np.random.Generator, seen: Collection[str]
) -> list[Candidate]:
    """Feasible candidates that are not in ``seen``, each as likely as any other."""
    if problem.candidates is not None:
        return _from_list(problem, n, rng, seen)
    made: dict[str, Candidate] = {}
    for _ in range(_TRIES_IN_VAIN + n):
        if len(made) == n:
            break
        candidate = problem.space.sample_uniformly(rng)
        if candidate.key not in seen and problem.violation(candidate) == 0:
            made[candidate.key] = candidate
    # What few designs are is found by walking, which cannot be fair.
    drawn = fresh_samples(problem, n - len(made), rng, {*seen, *made})
    return [*made.values(), *drawn]


def fresh_samples(
    problem: SearchProblem, n: int, rng: np.random.Generator, seen: Collection[str]
) -> list[Candidate]:
    """Feasible candidates, drawn choice by choice, that are not in ``seen``, which is left as it is."""
    if problem.candidates is not None:
        return _from_list(problem, n, rng, seen)
    made: dict[str, Candidate] = {}
    in_vain = 0
    while len(made) < n and in_vain < _TRIES_IN_VAIN:
        candidate = problem.sample_feasible(rng)
        is_fresh = candidate.key not in seen and candidate.key not in made
        in_vain = 0 if is_fresh else in_vain + 1
        if is_fresh:
            made[candidate.key] = candidate
    return list(made.values())


def _from_list(
    problem: SearchProblem, n: int, rng: np.random.Generator, seen: Collection[str]
) -> list[Candidate]:
    left = [candidate for candidate in problem.feasible if candidate.key not in seen]
    return [left[index] for index in rng.permutation(len(left))[:n]]
