"""Bayesian optimisation over two lengths of training: a short one says who deserves the long one.

What the long one gives is modelled as a function of the candidate and of what the short one gave (Perdikaris
et al., "Nonlinear information fusion algorithms for data-efficient multi-fidelity modelling", Proc. R. Soc. A
473, 2017): where that is not known, the mean is taken over what it may be. Where we depart: the mean is taken
at three points instead of many; who promises most is trained briefly first, and for long when it still
promises most after that, so that no weighing of lengths has to be believed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penjing.search.bayesian import BayesianSearcher, grown
from penjing.search.gaussian_process import GaussianProcess, Prediction
from penjing.search.likeness import Described
from penjing.search.model_based import Model, ModelBasedSearcher
from penjing.search.problem import SearchProblem
from penjing.search.quadrature import normal_nodes
from penjing.search.random import fresh_samples
from penjing.search.warp import scale_of
from penjing.space import Candidate

Array = NDArray[np.float64]
_NODES, _NODE_WEIGHTS = normal_nodes(3)
# Where a problem does not say which lengths there are: as much longer as a rung of successive halving.
_USUAL_LENGTH = 3.0


class MultiFidelitySearcher:
    """Proposes whom a long training is expected to gain most from, and says who of those told is to have it.

    What is told of a candidate for the first time is what a short training gave, or inherited weights without
    any, whatever is told of it later is what a long one did. Where nobody is trained further this is
    :class:`~penjing.search.bayesian.BayesianSearcher`.

    Args:
        problem: Space, costs, constraints, box; graphs where it has them.
        n_initial: Drawn at random and trained briefly before there is a model.
        n_longer: So many of the best of them are trained for long before there is a model of that.
        pool: Candidates to look at where a space is too large to look at all.
    """

    def __init__(
        self, problem: SearchProblem, n_initial: int = 20, n_longer: int = 5, pool: int = 300
    ) -> None:
        self.problem = problem
        self._brief = BayesianSearcher(problem, n_initial, pool)
        self._long = _AfterBrief(problem, self._brief, n_longer, pool)
        # Of the latest ranking those of whom nothing was told, for the ask that fills its batch up, and what
        # its best is expected to gain.
        self._newcomers: list[Candidate] = []
        self._most: float = 0.0

    @property
    def expected_gain(self) -> float | None:
        """See :class:`~penjing.protocols.Forecaster`."""
        return (self._long if self._long.has_model else self._brief).expected_gain

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Learn what a short training gave; a long one where something was told of the candidate before."""
        (self._long if self._brief.was_told(candidate) else self._brief).tell(candidate, costs)
        self._long.outdate()
        self._newcomers, self._most = [], 0.0

    def promoted(
        self, n: int, rng: np.random.Generator, without: Collection[str] = ()
    ) -> list[tuple[Candidate, float]]:
        """Whom a long training is expected to gain more from than from anybody else; see the protocol."""
        waiting = [candidate for candidate in self._long.waiting() if candidate.key not in without]
        if self._long.has_model:
            ranked = self._long.promising(n, rng, without, waiting)
            chosen = [candidate for candidate in ranked if self._brief.was_told(candidate)]
            self._newcomers = [candidate for candidate in ranked if not self._brief.was_told(candidate)]
            self._most = self._long.expected_gain or 0.0
            missing = n - len(ranked)
        elif self._brief.has_model:
            chosen = self._brief.leading(waiting, min(n, self._long.n_initial - len(self._long.told)))
            missing = 0
        else:
            chosen, missing = [], n
        if missing and not self._fresh(1, self._newcomers, rng):
            # Nobody is left of whom nothing was told.
            left = [candidate for candidate in waiting if candidate not in chosen]
            chosen += self._brief.leading(left, missing)
        usual = min(_USUAL_LENGTH, self.problem.longest)
        length = self.problem.lengths[-1] if self.problem.lengths else usual
        return [(candidate, length) for candidate in chosen]

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Propose ``n`` candidates for a short training."""
        if not self._long.has_model:
            return self._brief.ask(n, rng)
        chosen = self._newcomers[:n]
        if len(chosen) < n:
            known = {candidate.key for candidate in (*self._brief.told, *chosen)}
            chosen = [*chosen, *self._long.promising(n - len(chosen), rng, without=known)]
            self._long.expected_gain = max(self._long.expected_gain or 0.0, self._most)
        return [*chosen, *self._fresh(n - len(chosen), chosen, rng)]

    def _fresh(self, n: int, besides: Sequence[Candidate], rng: np.random.Generator) -> list[Candidate]:
        """Drawn candidates of whom nothing was told."""
        known = {candidate.key for candidate in (*self._brief.told, *besides)}
        return fresh_samples(self.problem, n, rng, known)


class _AfterBrief(ModelBasedSearcher):
    """What long trainings give to those of whom it is known, or expected, what a short one gave."""

    def __init__(self, problem: SearchProblem, brief: BayesianSearcher, n_initial: int, pool: int) -> None:
        super().__init__(problem, n_initial, pool)
        self._brief = brief
        self._n_brief: list[int] = []
        self._weights: dict[int, Mapping[str, float]] = {}

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Learn what a long training gave, and remember how many short ones it came after."""
        super().tell(candidate, costs)
        self._n_brief.append(len(self._brief.told))

    def waiting(self) -> list[Candidate]:
        """Those who have had a short training only, and may have a long one."""
        return [c for c in self._brief.told if not self.was_told(c) and self.problem.allows(c)]

    def describe(self, candidates: Sequence[Candidate]) -> "_Named":
        """Candidates as the kernel compares them, but for what a short training gave."""
        return _Named([candidate.key for candidate in candidates], self._brief.describe(candidates))

    def fitted(self, told: Sequence[Candidate], scores: Array) -> Model:
        """A process whose weights are those of the first so many that were told, as it was known then."""
        n = grown(self.n_initial, len(told))
        described, likeness = self._brief.describe(told), self._brief.likeness
        if n not in self._weights:
            first = scale_of(np.array(self._values[:n]), len(self.problem.box)).scores
            earlier = self._brief.scores(self._n_brief[n - 1])
            known = replace(described.rows(slice(n)), earlier=_of(earlier, told[:n]))
            self._weights[n] = GaussianProcess(likeness, known, first).weights
        earlier = self._brief.scores()
        known = replace(described, earlier=_of(earlier, told))
        process = GaussianProcess(likeness, known, scores, self._weights[n])
        return _Layered(self._brief.model(), earlier, process)


def _of(scores: Mapping[str, float], candidates: Sequence[Candidate]) -> Array:
    return np.array([scores[candidate.key] for candidate in candidates])


@dataclass(frozen=True)
class _Named:
    """Candidates as numbers, and who they are."""

    keys: list[str]
    described: Described

    def rows(self, index: NDArray[np.intp]) -> "_Named":
        """Some of them."""
        return _Named([self.keys[int(at)] for at in index], self.described.rows(index))


class _Layered:
    """A process for long trainings above one for short ones."""

    def __init__(self, brief: Model, earlier: Mapping[str, float], process: GaussianProcess) -> None:
        self._brief = brief
        self._earlier = earlier
        self._process = process

    @property
    def noise(self) -> float:
        """Variance of what is told around what the model explains."""
        return self._process.noise

    def expect(self, described: _Named) -> "_Mean":
        """What is expected of some candidates, whatever a short training would give."""
        expected = self._brief.expect(described.described)
        deviation = np.sqrt(expected.variance + self._brief.noise)
        known = np.array([self._earlier.get(key, np.nan) for key in described.keys])
        earlier = np.where(np.isnan(known), expected.mean, known)
        deviation[~np.isnan(known)] = 0.0
        may_be = [earlier + node * deviation for node in _NODES]
        return _Mean(self._process.expect_each(described.described, may_be))


class _Mean:
    """The mean over what a short training may give, of what is expected then."""

    def __init__(self, parts: Sequence[Prediction]) -> None:
        self._parts = parts

    @property
    def mean(self) -> Array:
        """Expected value."""
        return _NODE_WEIGHTS @ np.array([part.mean for part in self._parts])

    @property
    def variance(self) -> Array:
        """Of the value, without noise: within what a short training may give, and between."""
        second = _NODE_WEIGHTS @ np.array([part.variance + part.mean**2 for part in self._parts])
        return np.maximum(second - self.mean**2, 1e-10)

    def rows(self, index: NDArray[np.intp]) -> Self:
        """The same of some of them."""
        return type(self)([part.rows(index) for part in self._parts])

    def learn(self, index: int) -> None:
        """Suppose that one candidate is told, as it is expected to be."""
        for part in self._parts:
            part.learn(index)
