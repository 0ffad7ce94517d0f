"""Places for finalists, of which not all may go to candidates that cost about the same."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from penjing.search.problem import SearchProblem
from penjing.space import Candidate


class Places:
    """Who of a pool has a place, and who may still get one.

    Args:
        problem: Says what a candidate costs, and to which niche it belongs.
        pool: Who may get one, not empty.
        n: How many places there are.
        most_alike: Of one :meth:`~SearchProblem.niche`.
        besides: Candidates that have a place already, and count in their niche.
    """

    def __init__(
        self,
        problem: SearchProblem,
        pool: Sequence[Candidate],
        n: int,
        most_alike: int,
        besides: Sequence[Candidate] = (),
    ) -> None:
        self._problem = problem
        self._n = n
        self._n_all = n + len(besides)
        self._most_alike = most_alike
        # Of designs of which only the best counts, none is better for being cheaper.
        self._expense = np.array([problem.finishing_cost(c) if problem.has_costs else 1.0 for c in pool])
        self._niches = np.array([problem.niche(candidate) for candidate in pool])
        self._alike = Counter(problem.niche(candidate) for candidate in besides)
        self._chosen: dict[str, Candidate] = {}
        self.reopen(np.ones(len(pool), dtype=bool))

    @property
    def chosen(self) -> list[Candidate]:
        """Who has a place, in the order in which they got it."""
        return list(self._chosen.values())

    def best(self, gains: NDArray[np.float64]) -> int | None:
        """Who gains most for its expense; None where no place is left, or nobody gains who may get one.

        Args:
            gains: Of everybody in the pool, ``[n]``.
        """
        if len(self._chosen) == self._n or not self._is_open.any():
            return None
        gains = np.where(self._is_open, gains, -1.0)
        index = int(np.argmax(gains / self._expense))
        return index if gains[index] > 0.0 else None

    def take(self, index: int, found: Candidate) -> bool:
        """Give a place to what was made of somebody; not if it has one, or its niche is full.

        Args:
            index: Of whom, in the pool; will not be asked for again.
            found: What was made of it.
        """
        self._is_open[index] = False
        niche = self._problem.niche(found)
        if found.key in self._chosen or self._alike[niche] >= self._most_alike:
            return False
        self._chosen[found.key] = found
        self._alike[niche] += 1
        if self._alike[niche] == self._most_alike:
            self._is_open[self._niches == niche] = False
        return True

    def reopen(self, who: NDArray[np.bool_]) -> None:
        """Let these, ``[n]``, be asked for again, where their niche is not full."""
        has_room = [self._alike[niche] < self._most_alike for niche in self._niches]
        self._is_open = who & np.array(has_room)

    def loosen(self) -> bool:
        """Let one more of each niche have a place; False if there are as many as places already."""
        if self._most_alike >= self._n_all:
            return False
        self._most_alike += 1
        return True
