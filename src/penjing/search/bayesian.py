"""Bayesian optimisation: a Gaussian process says how good and how unsure; the most is gained where both help.

What is expected to gain is in :mod:`~penjing.search.gains`. Limits on known costs are kept by not proposing
what breaks them; one on the trained metric is the end of its box, below which nothing is gained, so that it
counts by its probability. Where we depart from the sources: the trained metric is modelled by ranks, with
several objectives on a scale that is logarithmic far below the good; candidates are compared by choices,
capacity and, where the problem has them, graphs; what a problem calls exact is worth its own luck as well.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from penjing.search.gaussian_process import GaussianProcess
from penjing.search.likeness import Described, Likeness
from penjing.search.model_based import Model, ModelBasedSearcher
from penjing.search.problem import SearchProblem
from penjing.search.warp import scale_of
from penjing.space import Candidate

# Weights of the kernel change little with a few results more: they are fitted when so much more is known.
_GROWTH = 1.25


class BayesianSearcher(ModelBasedSearcher):
    """Proposes what is expected to gain most, per expected cost.

    Args:
        problem: Space, costs, constraints, box; graphs where it has them.
        n_initial: Drawn at random before there is a model.
        pool: Candidates to look at where a space is too large to look at all.

    Attributes:
        likeness: Compares candidates.
    """

    def __init__(self, problem: SearchProblem, n_initial: int = 10, pool: int = 300) -> None:
        super().__init__(problem, n_initial, pool)
        self.likeness = Likeness(problem)
        self._weights: dict[int, Mapping[str, float]] = {}

    def describe(self, candidates: Sequence[Candidate]) -> Described:
        """Candidates as the kernel compares them."""
        return self.likeness.describe(candidates)

    def fitted(self, told: Sequence[Candidate], scores: NDArray[np.float64]) -> Model:
        """A process whose weights are those of the first so many that were told."""
        n = grown(self.n_initial, len(told))
        if n not in self._weights:
            first = scale_of(np.array(self._values[:n]), len(self.problem.box)).scores
            self._weights[n] = GaussianProcess(self.likeness, self.describe(told[:n]), first).weights
        return GaussianProcess(self.likeness, self.describe(told), scores, self._weights[n])


def grown(n: int, told: int) -> int:
    """Of how many the weights are fitted when so many are told: ``n``, a quarter more, and so on.

    A function of what was told, whenever it was asked: a searcher that was rebuilt fits the same.
    """
    n = min(n, told)
    while np.ceil(n * _GROWTH) <= told:
        n = int(np.ceil(n * _GROWTH))
    return n
