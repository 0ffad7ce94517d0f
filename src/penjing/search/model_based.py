"""What searchers share that learn a model of the trained metric and evaluate what it promises most of."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
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
        self._latest: tuple[Model, Told] | None = None
        self._of_all: Expectation | None = None

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
        self.outdate()

    def outdate(self) -> None:
        """Learn anew before the next proposal: something was told, here or where a subclass looks as well."""
        self._latest = self._of_all = None

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Propose ``n`` candidates that together promise most."""
        if not self.has_model:
            return fresh_samples(self.problem, n, rng, self._seen)
        chosen = self.promising(n, rng)
        known = {*self._seen, *(candidate.key for candidate in chosen)}
        return [*chosen, *fresh_samples(self.problem, n - len(chosen), rng, known)]

    def promising(
        self,
        n: int,
        rng: np.random.Generator,
        without: Collection[str] = frozenset(),
        besides: Sequence[Candidate] = (),
    ) -> list[Candidate]:
        """The ``n`` that together promise most, none of them told; fewer where no others gain.

        Args:
            n: How many.
            rng: Breeds, where a space is too large to look at all.
            without: Keys of further candidates that are not wanted.
            besides: Candidates to look at as well, where not all are.
        """
        model, told = self._learnt()
        unwanted = {*self._seen, *without}
        if is_listable(self.problem):
            return self._best(self._listed(model, told, unwanted), n)
        return self._best(self._bred(model, told, rng, unwanted, besides), n)

    @property
    def has_model(self) -> bool:
        """Whether enough was told."""
        return len(self._told) >= self.n_initial

    @property
    def told(self) -> Sequence[Candidate]:
        """Of whom something was told, in that order."""
        return self._told

    def was_told(self, candidate: Candidate) -> bool:
        """Whether something was told of a candidate."""
        return candidate.key in self._seen

    def scores(self, n: int | None = None) -> Mapping[str, float]:
        """Scores of what was told, or of the first ``n`` of it, by key; more is better."""
        scores = scale_of(np.array(self._values[:n]), len(self.problem.box)).scores
        return dict(zip((candidate.key for candidate in self._told[:n]), scores.tolist(), strict=True))

    def model(self) -> Model:
        """What was learnt from what was told."""
        return self._learnt()[0]

    def leading(self, candidates: Sequence[Candidate], n: int) -> list[Candidate]:
        """The ``n`` best of some candidates that were told: those that no other beats, spread widely."""
        keys = {candidate.key for candidate in candidates}
        at = [index for index, candidate in enumerate(self._told) if candidate.key in keys]
        rows = self._rows()
        order = np.argsort(places(self.problem.points([rows[index] for index in at])), kind="stable")
        return [self._told[at[index]] for index in order[:n]]

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
        if self._latest is None:
            self._latest = self._learning()
        return self._latest

    def _learning(self) -> tuple[Model, Told]:
        scores = scale_of(np.array(self._values), len(self.problem.box))
        model = self.fitted(self._told, scores.scores)
        known = scores.scores if self.problem.is_exact else model.expect(self.describe(self._told)).mean
        return model, Told(scores, self._sign, self.problem.points(self._rows()), known, model.noise)

    def _rows(self) -> list[dict[str, float]]:
        """Every metric of what was told."""
        return [
            {**self.problem.costs(candidate), self.problem.trained_metric: self._sign * value}
            for candidate, value in zip(self._told, self._values, strict=True)
        ]

    def _gains(self, model: Model, told: Told, pool: Pool) -> Gains:
        return Gains(self.problem, told, pool, model.expect(pool.described))

    def _pool(self, candidates: Sequence[Candidate]) -> Pool:
        return Pool.of(self.problem, candidates, self.describe(candidates))

    def _listed(self, model: Model, told: Told, unwanted: Collection[str]) -> Gains | None:
        """Of everything that is not unwanted; None if nothing is left."""
        if self._all is None:
            self._all = self._pool(self.problem.feasible)
        left = np.flatnonzero([candidate.key not in unwanted for candidate in self._all.candidates])
        if not len(left):
            return None
        # Of all, told or not: how alike they are to those told is kept from ask to ask.
        if self._of_all is None:
            self._of_all = model.expect(self._all.described)
        expected = self._of_all.rows(left)
        pool = self._all.rows(left)
        # What an evaluation costs may follow from what was evaluated, unlike all else that is kept here.
        expense = np.array([self.problem.evaluation_cost(candidate) for candidate in pool.candidates])
        return Gains(self.problem, told, replace(pool, expense=expense), expected)

    def _bred(
        self,
        model: Model,
        told: Told,
        rng: np.random.Generator,
        unwanted: Collection[str],
        besides: Sequence[Candidate],
    ) -> Gains | None:
        """Of children of what is best, then of the children that promise most; None if there are no more."""
        parents = [self._told[at] for at in np.argsort(places(told.points))[:_PARENTS]]
        found = list(besides)
        known = {*unwanted, *(candidate.key for candidate in found)}
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
