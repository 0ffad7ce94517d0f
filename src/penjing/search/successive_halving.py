"""Asynchronous successive halving: many train briefly, those that stand out three times as long, and again.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, algorithm 2; with several
objectives who stands out is decided by non-dominated rank and crowding (Schmucker et al., "Multi-objective
Asynchronous Successive Halving", 2021, section 4). Nobody waits for a rung to be full.
"""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from penjing.search.order import places
from penjing.search.problem import SearchProblem
from penjing.search.random import fresh_samples, uniform_samples
from penjing.space import Candidate


class SuccessiveHalvingSearcher:
    """Draws candidates at random, and says which are to be trained on.

    A rung is what was told of a candidate for the first time, the second time and so on.

    Args:
        problem: Space, costs and constraints.
        reduction: Of so many in a rung one is promoted, to be trained so many times as long in all.
        rungs: How many there are: the longest training is ``reduction ** (rungs - 1)`` times the first.
            Where a problem says which lengths there are, the rungs are those; where it says which is the
            longest, the last is no longer.
    """

    def __init__(self, problem: SearchProblem, reduction: int = 3, rungs: int = 4) -> None:
        self.problem = problem
        self._lengths = problem.lengths or _lengths(reduction, rungs, problem.longest)
        self._rungs: list[dict[str, tuple[Candidate, NDArray[np.float64]]]] = [{} for _ in self._lengths]

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Put a candidate on the next rung that it was not on; on the last its result is renewed."""
        point = self.problem.points([{**self.problem.costs(candidate), **costs}])[0]
        rung = next((r for r in self._rungs if candidate.key not in r), self._rungs[-1])
        rung[candidate.key] = (candidate, point)

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Draw candidates for the lowest rung."""
        return uniform_samples(self.problem, n, rng, self._rungs[0])

    def promoted(
        self, n: int, rng: np.random.Generator, without: Collection[str] = ()
    ) -> list[tuple[Candidate, float]]:
        """Those that are to be trained on, of the highest rungs first; see the protocol.

        Of a rung it is one for every so many as the next is longer, so that all rungs take the same time.
        """
        found: list[tuple[Candidate, float]] = []
        for at in range(len(self._rungs) - 2, -1, -1):
            rung, above = self._rungs[at], self._rungs[at + 1]
            points = np.array([point for _, point in rung.values()])
            of = max(2, round(self._lengths[at + 1] / self._lengths[at]))
            best = np.argsort(places(points))[: len(rung) // of] if len(rung) else []
            candidates = [candidate for candidate, _ in rung.values()]
            promoted = [candidates[i] for i in best if candidates[i].key not in {*above, *without}]
            found += [(c, self._lengths[at + 1]) for c in promoted if self.problem.allows(c)]
        if len(found) < n and not fresh_samples(self.problem, 1, rng, self._rungs[0]):
            # Nobody new is left to make a rung fuller.
            found += self._waiting({*without, *(candidate.key for candidate, _ in found)})
        return found[:n]

    def _waiting(self, without: Collection[str]) -> list[tuple[Candidate, float]]:
        """Who could still be promoted, of the highest rungs and the best of each first."""
        found: list[tuple[Candidate, float]] = []
        for at in range(len(self._rungs) - 2, -1, -1):
            told = [
                one for key, one in self._rungs[at].items() if key not in {*self._rungs[at + 1], *without}
            ]
            points = np.array([point for _, point in told])
            order = np.argsort(places(points)) if told else []
            found += [(told[i][0], self._lengths[at + 1]) for i in order if self.problem.allows(told[i][0])]
        return found


def _lengths(reduction: int, rungs: int, longest: float) -> tuple[float, ...]:
    """Each so many times the one before; the last is the longest that may be, at least twice as long."""
    usual = [float(reduction**rung) for rung in range(rungs)]
    if longest >= usual[-1]:
        return tuple(usual)
    return (*(length for length in usual if 2.0 * length <= longest), longest)
