"""Local search: go to the first neighbour that is better; begin anew where none is.

White, Nolen and Savani, "Exploring the Loss Landscape in Neural Architecture Search", UAI 2021, who found
this simple way hard to beat on tables. Where we depart: with several objectives every descent follows a
weighted Chebyshev sum of its own, drawn when it begins, so that descents end all over the front.
"""

from collections.abc import Mapping

import numpy as np

from penjing.search.order import drawn_weights, stream_of, towards
from penjing.search.problem import SearchProblem
from penjing.search.random import fresh_samples
from penjing.space import Candidate


class LocalSearcher:
    """First improvement, with restarts.

    Args:
        problem: Space, costs and constraints.
        n_initial: Drawn at random before the first descent, which begins at the best of them.
    """

    def __init__(self, problem: SearchProblem, n_initial: int = 10) -> None:
        self.problem = problem
        self.n_initial = n_initial
        self._first: Candidate | None = None
        self._told: dict[str, Mapping[str, float]] = {}
        self._here: Candidate | None = None
        self._here_value = np.inf
        self._start: tuple[float, Candidate] | None = None
        self._descents = 0
        self._pending: list[Candidate] = []

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Go to the candidate if it is better than where the search is."""
        self._told[candidate.key] = {**self.problem.costs(candidate), **costs}
        self._first = self._first or candidate
        if not self.problem.space.holds(candidate):
            return  # what another phase found in a wider space
        if len(self._told) < self.n_initial:
            self._remember_start(candidate)
            return
        if self._here is None:
            self._remember_start(candidate)
            assert self._start is not None
            self._move(self._start[1])
        elif self._value(candidate) < self._here_value:
            self._move(candidate)
        else:
            self._pending = [other for other in self._pending if other.key not in self._told]
        if not self._pending:
            # A valley: the next descent begins with whatever is drawn and told next.
            self._descents += 1
            self._here, self._start = None, None

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """The next ``n`` neighbours of where the search is; drawn ones where a descent begins."""
        found = self._pending[:n]
        known = {*self._told, *(candidate.key for candidate in found)}
        return [*found, *fresh_samples(self.problem, n - len(found), rng, known)]

    def _remember_start(self, candidate: Candidate) -> None:
        value = self._value(candidate)
        if self._start is None or value < self._start[0]:
            self._start = value, candidate

    def _move(self, candidate: Candidate) -> None:
        rng = self._stream(len(self._told))
        self._here, self._here_value = candidate, self._value(candidate)
        near = {c.key: c for c in self.problem.space.neighbours(candidate, rng)}
        fresh = [c for c in near.values() if c.key not in self._told and self.problem.violation(c) == 0]
        self._pending = [fresh[index] for index in rng.permutation(len(fresh))]

    def _stream(self, *parts: int) -> np.random.Generator:
        assert self._first is not None
        return stream_of(self._first, *parts)

    def _value(self, candidate: Candidate) -> float:
        """What the present descent makes less."""
        point = self.problem.points([self._told[candidate.key]])[0]
        if len(point) == 1:
            return float(point[0])
        weights = drawn_weights(len(point), self._stream(self._descents, 1))
        return float(towards(point[None], weights)[0])
