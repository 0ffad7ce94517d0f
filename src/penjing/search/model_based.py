"""What searchers share that learn a model of the trained metric and evaluate what it promises most of."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from penjing.search.gains import Expectation, Gains, Told
from penjing.search.order import places
from penjing.search.pool import Pool, bred, is_listable
from penjing.search.problem import SearchProblem
from penjing.search.random import fresh_samples
from penjing.search.warp import scale_of
from penjing.space import Candidate

Array = NDArray[np.float64]
_GENERATIONS = 3
_PARENTS = 30


class Model(Protocol):
    """A model that was fitted to what was told."""

    @property
    def noise(self) -> float:
        """Variance of what is told around what the model explains."""
        ...

    def expect(self, described: Any) -> Expectation:
        """What is expected of some candidates."""
        ...


class ModelBasedSearcher(ABC):
    """Looks at all candidates of a small space, or breeds many of a large one; evaluates what promises most.

    A subclass gives :meth:`describe` and :meth:`fitted`.

    Args:
        problem: Space, costs, constraints, box.
        n_initial: Drawn at random before there is a model.
        pool: Candidates to look at where a space is too large to look at all.

    Attributes:
        expected_gain: See :class:`~penjing.protocols.Forecaster`.
    """

    expected_gain: float | None = None

    def __init__(self, problem: SearchProblem, n_initial: int, pool: int) -> None:
        self.problem = problem
        self.n_initial = n_initial
        self.pool = pool
        self._sign = 1.0 if problem.metrics[problem.trained_metric].maximise else -1.0
        self._told: list[Candidate] = []
        self._values: list[float] = []
        self._seen: set[str] = set()
        self._all: Pool | None = None

    @abstractmethod
    def describe(self, candidates: Sequence[Candidate]) -> Any:
        """Candidates as the model reads them."""

    @abstractmethod
    def fitted(self, told: Sequence[Candidate], scores: Array) -> Model:
        """A model of what was told: a function of that alone, so that a rebuilt searcher fits the same.

        Args:
            told: In the order in which it was told.
            scores: Scores of the trained metric, ``[n]``; more is better.
        """

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Learn what an evaluation gave for the trained metric."""
        self._seen.add(candidate.key)
        self._told.append(candidate)
        self._values.append(self._sign * costs[self.problem.trained_metric])

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Propose ``n`` candidates that together promise most."""
        if not self.has_model:
            return fresh_samples(self.problem, n, rng, self._seen)
        model, told = self._learnt()
        is_small = is_listable(self.problem)
        gains = self._listed(model, told) if is_small else self._bred(model, told, rng)
        chosen = self._best(gains, n)
        known = {*self._seen, *(candidate.key for candidate in chosen)}
        return [*chosen, *fresh_samples(self.problem, n - len(chosen), rng, known)]

    @property
    def has_model(self) -> bool:
        """Whether enough was told."""
        return len(self._told) >= self.n_initial

    def screened(self, candidates: Sequence[Candidate], n: int) -> list[Candidate]:
        """Those ``n`` of given candidates that together promise most; fewer where no others gain."""
        if not candidates:
            return self._best(None, n)
        return self._best(self._gains(*self._learnt(), self._pool(candidates)), n)

    def _best(self, gains: Gains | None, n: int) -> list[Candidate]:
        if gains is None:
            self.expected_gain = 0.0
            return []
        chosen = gains.best(n)
        self.expected_gain = gains.most
        return chosen

    def _learnt(self) -> tuple[Model, Told]:
        scores = scale_of(np.array(self._values), len(self.problem.box))
        model = self.fitted(self._told, scores.scores)
        rows = [
            {**self.problem.costs(candidate), self.problem.trained_metric: self._sign * value}
            for candidate, value in zip(self._told, self._values, strict=True)
        ]
        known = scores.scores if self.problem.is_exact else model.expect(self.describe(self._told)).mean
        return model, Told(scores, self._sign, self.problem.points(rows), known, model.noise)

    def _gains(self, model: Model, told: Told, pool: Pool) -> Gains:
        return Gains(self.problem, told, pool, model.expect(pool.described))

    def _pool(self, candidates: Sequence[Candidate]) -> Pool:
        return Pool.of(self.problem, candidates, self.describe(candidates))

    def _listed(self, model: Model, told: Told) -> Gains | None:
        """Of everything that was not told; None if nothing is left."""
        if self._all is None:
            self._all = self._pool(self.problem.feasible)
        left = np.flatnonzero([candidate.key not in self._seen for candidate in self._all.candidates])
        if not len(left):
            return None
        # Of all, told or not: how alike they are to those told is kept from ask to ask.
        expected = model.expect(self._all.described).rows(left)
        pool = self._all.rows(left)
        # What an evaluation costs may follow from what was evaluated, unlike all else that is kept here.
        expense = np.array([self.problem.evaluation_cost(candidate) for candidate in pool.candidates])
        return Gains(self.problem, told, replace(pool, expense=expense), expected)

    def _bred(self, model: Model, told: Told, rng: np.random.Generator) -> Gains | None:
        """Of children of what is best, then of the children that promise most; None if there are no more."""
        parents = [self._told[at] for at in np.argsort(places(told.points))[:_PARENTS]]
        known = set(self._seen)
        found: list[Candidate] = []
        gains: Gains | None = None
        for _ in range(_GENERATIONS):
            born = bred(self.problem, parents, self.pool // _GENERATIONS, rng, known)
            known |= {candidate.key for candidate in born}
            found += born
            if not found:
                break
            gains = self._gains(model, told, self._pool(found))
            parents = [found[at] for at in np.argsort(-gains.each(), kind="stable")[:_PARENTS]]
        return gains
