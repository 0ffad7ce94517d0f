"""How long candidates take to train, in classes, and which class was looked at least."""

from collections.abc import Iterable

import numpy as np

from penjing.search.problem import SearchProblem
from penjing.search.random import fresh_samples
from penjing.space import Candidate

_DRAWN, _TRIES = 20, 10


class Spending:
    """What evaluations took, by niche.

    Args:
        problem: Says which niche a candidate belongs to, and how long it trains.
        told: What was evaluated. What shares an architecture was trained once.
        counts_time: Whether time is what they took; else it is their number.
    """

    def __init__(self, problem: SearchProblem, told: Iterable[Candidate], counts_time: bool = True) -> None:
        self._problem = problem
        self._counts_time = counts_time
        self._trained: set[Candidate] = set()
        self._spent: dict[int, float] = {}
        for candidate in told:
            self.add(candidate)

    def has(self, candidate: Candidate) -> bool:
        """Whether a candidate's architecture is among those that were counted."""
        return self._problem.space.trained_part(candidate) in self._trained

    def add(self, candidate: Candidate) -> None:
        """Count a candidate that is going to be evaluated."""
        if not self.has(candidate):
            self._trained.add(self._problem.space.trained_part(candidate))
            niche = self._problem.niche(candidate)
            # A finalist's price is the root of its time (ADR 9).
            price = self._problem.finishing_cost(candidate) ** 2 if self._counts_time else 1.0
            self._spent[niche] = self._spent.get(niche, 0.0) + price

    def least(self, niches: Iterable[int]) -> int:
        """That of some niches which took least; of several the cheapest."""
        return min(niches, key=lambda niche: (self._spent.get(niche, 0.0), niche))


def drawn_of(problem: SearchProblem, niche: int | None, n: int, rng: np.random.Generator) -> list[Candidate]:
    """Feasible candidates of a niche, or of any: ``n``, or fewer of a niche that holds few."""
    if niche is None:
        return fresh_samples(problem, n, rng, set())
    found: dict[str, Candidate] = {}
    for _ in range(_TRIES):
        drawn = fresh_samples(problem, _DRAWN, rng, found)
        found |= {candidate.key: candidate for candidate in drawn if problem.niche(candidate) == niche}
        if len(found) >= n:
            break
    return list(found.values())[:n]
