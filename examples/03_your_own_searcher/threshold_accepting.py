"""A search algorithm of your own, as a package that Penjing finds once it is installed.

    pip install ./examples/03_your_own_searcher
    penjing benchmark table my.csv --choices a,b --maximise accuracy --algorithms random,threshold-accepting

Threshold accepting walks from a design to its neighbours, and at first also to those that are a little
worse (Dueck and Scheuer, Journal of Computational Physics 90, 1990).
"""

from collections.abc import Mapping

import numpy as np

from penjing.search import SearchProblem
from penjing.search.random import fresh_samples
from penjing.space import Candidate

TRIES = 60
FIRST_THRESHOLD, USUAL_LENGTH = 0.1, 100


class ThresholdAcceptingSearcher:
    """Proposes neighbours of where it stands.

    What it does is a function of what it was told and of the generators that it is given, so that a run that
    was killed goes on as it would have.

    Args:
        problem: Space, known costs, constraints, and the box in which objectives count.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self.problem = problem
        self._seen: set[str] = set()
        self._here: Candidate | None = None
        self._worth = np.inf

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Go where a result is better than here, or not much worse; less and less worse as time goes on."""
        self._seen.add(candidate.key)
        # Objectives as costs: 0 best, 1 worst. Their mean is one direction of many.
        point = self.problem.points([{**self.problem.costs(candidate), **costs}])[0]
        threshold = FIRST_THRESHOLD * max(0.0, 1.0 - len(self._seen) / USUAL_LENGTH)
        if point.mean() <= self._worth + threshold:
            self._here, self._worth = candidate, float(point.mean())

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Propose ``n`` feasible candidates, none of them told; fewer if the space has no more."""
        found: dict[str, Candidate] = {}
        for _ in range(TRIES * n if self._here else 0):
            near = self.problem.space.mutate(self._here, rng, 1)
            if near.key not in self._seen and self.problem.violation(near) == 0:
                found[near.key] = near
            if len(found) == n:
                break
        drawn = fresh_samples(self.problem, n - len(found), rng, {*self._seen, *found})
        return [*found.values(), *drawn]
