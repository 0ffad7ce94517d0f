"""Cost-aware search with a surrogate: only accuracy is modelled, all other objectives are known.

Sizes and operations of a candidate are exact and its latency is predicted before anything is trained, so a
proposal's value depends on one uncertain number. Many candidates are bred on the model alone; those
with the largest expected gain of hypervolume per expected cost are evaluated; where nothing but the trained
metric counts, those with the largest gain in every class of training times.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.objectives import hypervolume_gains, hypervolume_subset, non_dominated_mask
from penjing.objectives.learning_curve import ERROR_EXPONENT, LASTING_EXPONENT, counted
from penjing.search.breeding import bred
from penjing.search.niches import Spending
from penjing.search.order import with_point
from penjing.search.places import Places
from penjing.search.polishing import polished
from penjing.search.problem import CAPACITY, SearchProblem
from penjing.search.quadrature import normal_nodes
from penjing.search.random import fresh_samples
from penjing.search.regression import GrowingRegression, ScarceRegression
from penjing.search.spread import spread_out
from penjing.space import Candidate, Encoding

_QUANTILES = (-1.28, -0.52, 0.0, 0.52, 1.28)
_NODES = 12
# Of thousands of predictions the best are too good: finalists are chosen by a cautious one.
_CAUTION = 0.5
# Where that leaves places free, they go to those that would be worth one if they were better than expected.
_HOPES = (-1.0, -2.0)
# A precision moves accuracy by tenths of a point where an operation moves it by whole ones.
_SCALE_OF_PART = {"compression": 0.3}
# Finalists are chosen once and trained for minutes: their pool may be larger.
_FINAL_POOLS = 8
_DRAWN_FOR_NICHES = 20
# More for each found no better ones, and breeding is what a proposal takes.
_BRED_FOR_ONE = 40
# Passes count so little then that a larger network would make more of the time.
_MOST_SATURATIONS = 6.0


class SurrogateSearcher:
    """Proposes what promises most.

    Args:
        problem: Space, costs, constraints and box.
        n_initial: Candidates spread over the costs before the model is used.
        pool: Candidates bred on the model per ask, at most.

    Attributes:
        further_epochs: Training that a candidate gets beyond what was told, once it is finished.
            Accuracies are predicted for its end, so that they weigh as much against bytes and
            milliseconds as they will.
        saturates: Passes of a training that saturates, see :func:`~penjing.objectives.saturation_epochs`.
        counts_time: Whether time is what evaluations take from the search; else it is their number.
        expected_gain: See :class:`~penjing.protocols.Forecaster`.
    """

    expected_gain: float | None = None

    def __init__(self, problem: SearchProblem, n_initial: int = 8, pool: int = 120) -> None:
        self.problem = problem
        self.n_initial = n_initial
        self.pool = pool
        self.further_epochs: Callable[[Candidate], float] = lambda candidate: 0.0
        self.saturates = math.inf
        self.counts_time = True
        self._encoding = Encoding(problem.space, _SCALE_OF_PART)
        self._told: list[tuple[Candidate, float]] = []
        self._seen_epochs: list[float] = []
        self._seen: set[str] = set()
        self._rows: dict[str, tuple[NDArray[np.float64], list[float]]] = {}
        self._is_here: list[bool] = []
        self._regression = GrowingRegression()
        self._means: tuple[ScarceRegression | None, dict[str, float]] = None, {}

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Learn what an evaluation gave for the trained metric.

        Weights that were inherited carry training that others lack, and say more of their history than of
        their architecture. ``seen_epochs`` tells the model, so that it compares at equal training.
        """
        self._seen.add(candidate.key)
        self._seen_epochs.append(costs.get("seen_epochs", 1.0))
        self._told.append((candidate, costs[self.problem.trained_metric]))
        # A phase may be told what an earlier one learnt in a wider space.
        self._is_here.append(self.problem.space.holds(candidate))

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Propose ``n`` candidates."""
        if len(self._told) < self.n_initial:
            return spread_out(self.problem, [c for c, _ in self._told], n, rng, self._seen)
        # Without an end of training to look at, one price is as good as another.
        looks_everywhere = not self.problem.has_costs and math.isfinite(self.saturates)
        if looks_everywhere and (everywhere := self._best_at_every_price(n, rng)):
            return everywhere
        chosen, self.expected_gain = self._picked(self._model(), n, rng)
        taken = self._seen | {candidate.key for candidate in chosen}
        return [*chosen, *fresh_samples(self.problem, n - len(chosen), rng, taken)]

    @property
    def has_model(self) -> bool:
        """Whether enough was told to judge what another proposes."""
        return len(self._told) >= self.n_initial

    def screened(self, candidates: Sequence[Candidate], n: int) -> list[Candidate]:
        """Those ``n`` of given candidates that together promise most; fewer where no others gain."""
        chosen, self.expected_gain = self._chosen(self._model(), candidates, n)
        return chosen

    def _best_at_every_price(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """New architectures where the trained metric is all that counts; fewer where no more gain anything.

        What is dear to train may be better in the end, which short trainings do not tell (ADR 15).
        """
        spent = Spending(self.problem, [candidate for candidate, _ in self._told], self.counts_time)
        known = [*self._told_here(), *fresh_samples(self.problem, _DRAWN_FOR_NICHES, rng, set())]
        suitable = [candidate for candidate in known if self.trains_well(candidate)]
        niches = {self.problem.niche(candidate) for candidate in suitable or known}

        def is_open(candidate: Candidate) -> bool:
            return not spent.has(candidate) and (not suitable or self.trains_well(candidate))

        model, chosen, gains = self._model(), list[Candidate](), [0.0]
        while len(chosen) < n and niches:
            niche = spent.least(niches)
            found, gain = self._picked(model, 1, rng, niche, is_open)
            gains.append(gain)
            if not found:
                niches.remove(niche)
            for candidate in found:
                spent.add(candidate)
                chosen.append(candidate)
        # Of classes that were not asked as well: a search is over when none promises anything.
        self.expected_gain = max(*gains, self._picked(model, n, rng)[1])
        return chosen

    def trains_well(self, candidate: Candidate) -> bool:
        """Whether the training that finishes a candidate is long enough for it, and not far too long."""
        return self.saturates <= self.further_epochs(candidate) <= _MOST_SATURATIONS * self.saturates

    def _picked(
        self,
        model: ScarceRegression,
        n: int,
        rng: np.random.Generator,
        niche: int | None = None,
        is_open: Callable[[Candidate], bool] = lambda candidate: True,
    ) -> tuple[list[Candidate], float]:
        """At most ``n`` that are bred, of a niche if one is given; and the most that one may gain."""
        size = self.pool if niche is not None else min(self.pool, _BRED_FOR_ONE * n)
        made = self._bred(model, rng, size, niche)
        return self._chosen(model, [c for c in made if c.key not in self._seen and is_open(c)], n, niche)

    def _chosen(
        self, model: ScarceRegression, pool: Sequence[Candidate], n: int, niche: int | None = None
    ) -> tuple[list[Candidate], float]:
        """At most ``n`` of a pool that together gain most, per cost if of no niche; and the most of one."""
        if not pool:
            return [], 0.0
        mean, deviation = self._predict(model, pool)
        points = self._points(pool, mean)
        layers = self._layers(points, [mean - quantile * deviation for quantile in _QUANTILES])
        prices = [self.problem.evaluation_cost(c) if niche is None else 1.0 for c in pool]
        corner, whole = np.ones(points.shape[1]), self._front(model)
        front = whole if niche is None else self._front(model, niche)
        gain = self._most_expected(points, mean, deviation, whole)
        picked = hypervolume_subset(points, n, corner, front, layers, np.array(prices))
        return [pool[index] for index in picked], gain

    def _most_expected(
        self,
        points: NDArray[np.float64],
        mean: NDArray[np.float64],
        deviation: NDArray[np.float64],
        front: NDArray[np.float64],
    ) -> float:
        """The most that one point is expected to gain; hopes beyond the outer quantile count as well."""
        nodes, weights = normal_nodes(_NODES)
        layers = self._layers(points, [mean + node * deviation for node in nodes])
        gains = self._gains(np.vstack(layers), front).reshape(len(nodes), len(points))
        return float((weights @ gains).max())

    def finalists(
        self,
        n: int,
        rng: np.random.Generator,
        most_alike: int | None = None,
        besides: Sequence[Candidate] = (),
    ) -> list[Candidate]:
        """At most ``n`` candidates, told ones among them, that together promise the most for their training.

        Args:
            n: How many; fewer if there is nothing more.
            rng: Breeds the pool.
            most_alike: Of one :meth:`~SearchProblem.niche`, until all are full; None for any number.
            besides: Candidates that have their places, and count there.
        """
        model = self._model()
        made = self._bred(model, rng, _FINAL_POOLS * self.pool)
        pool = list({c.key: c for c in [*made, *self._told_here()]}.values())

        known: dict[tuple[str, bytes, float], Candidate] = {}

        def improved(one: Candidate, front: NDArray[np.float64], caution: float) -> Candidate:
            # Where niches are full the same is asked again and again, and each answer takes milliseconds.
            asked = (one.key, front.tobytes(), caution)
            if asked not in known:
                known[asked] = polished(
                    self.problem,
                    one,
                    lambda tried: self._gains(self._points_at(model, tried, caution), front),
                    rng,
                )
            return known[asked]

        return self._greedily(model, pool, n, improved, n if most_alike is None else most_alike, besides)

    def together(
        self, candidates: Sequence[Candidate], n: int, most_alike: int | None = None
    ) -> list[Candidate]:
        """The ``n`` of some candidates that together promise most, or fewer; as for :meth:`finalists`."""
        most_alike = n if most_alike is None else most_alike
        return self._greedily(self._model(), candidates, n, lambda one, front, caution: one, most_alike)

    def _greedily(
        self,
        model: ScarceRegression,
        pool: Sequence[Candidate],
        n: int,
        improved: Callable[[Candidate, NDArray[np.float64], float], Candidate],
        most_alike: int,
        besides: Sequence[Candidate] = (),
    ) -> list[Candidate]:
        """One candidate after the other, each that which gains most beside the ones before, improved.

        Judged with caution first; when nothing gains any more, with hope: what is known least may be better.
        The last places go to other architectures, as if the ones before were not there.
        """
        if not pool:
            return []
        places = Places(self.problem, pool, n, most_alike, besides)

        def fill(caution: float, front: NDArray[np.float64]) -> None:
            points = self._points_at(model, pool, caution)
            while (index := places.best(self._gains(points, front))) is not None:
                found = improved(pool[index], front, caution)
                if places.take(index, found):
                    front = with_point(front, self._points_at(model, [found], caution)[0])

        for caution in (_CAUTION, 0.0, *_HOPES):
            front = self._points_at(model, places.chosen, caution)
            fill(caution, front[non_dominated_mask(front)])
        architectures = [self.problem.space.trained_part(candidate) for candidate in pool]
        while len(places.chosen) < n:
            before = len(places.chosen)
            taken = {self.problem.space.trained_part(candidate) for candidate in places.chosen}
            places.reopen(np.array([architecture not in taken for architecture in architectures]))
            fill(_CAUTION, self._points_at(model, [], _CAUTION))
            if len(places.chosen) == before and not places.loosen():
                break
        return places.chosen

    def most_accurate(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """The feasible candidates with the highest predicted value of the trained metric.

        Args:
            n: How many; no two of one architecture, which would be trained twice to know the same.
            rng: Breeds the pool.
        """
        model = self._model()
        pool = self._bred(model, rng, _FINAL_POOLS * self.pool)
        mean, deviation = self._predict(model, pool)
        best: dict[str, Candidate] = {}
        for index in np.argsort(_CAUTION * deviation - mean, kind="stable"):
            best.setdefault(self.problem.space.trained_part(pool[index]).key, pool[index])
            if len(best) == n:
                break
        return list(best.values())

    def predicted(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """What the model expects of the trained metric, ``[n]``."""
        return self._mean(self._model(), candidates)

    def _model(self) -> ScarceRegression:
        error = np.log(np.maximum(self._error(np.array([value for _, value in self._told])), 1e-3))
        one_hot, features = self._encoded([candidate for candidate, _ in self._told], self._seen_epochs)
        # What is learnt is the deviation from the power law.
        return self._regression.fitted(one_hot, features, error + ERROR_EXPONENT * features[:, -1])

    def _encoded(
        self, candidates: Sequence[Candidate], seen_epochs: Sequence[float]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What the model is given: columns of the choices; capacity and training on logarithmic scales."""
        for candidate in candidates:
            if candidate.key not in self._rows:
                costs = self.problem.costs(candidate)
                capacity = [np.log(costs[name]) for name in CAPACITY if name in costs]
                self._rows[candidate.key] = self._encoding.one_hot([candidate])[0], capacity
        rows = [self._rows[candidate.key] for candidate in candidates]
        seen = np.log(counted(np.maximum(seen_epochs, 1e-3), self.saturates))
        return np.array([row for row, _ in rows]), np.column_stack([[row for _, row in rows], seen])

    def _predict(
        self, model: ScarceRegression, candidates: Sequence[Candidate]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and deviation of the trained metric; the model works on the logarithm of the error."""
        inputs, by = self._inputs(candidates)
        mean, deviation = model.predict(*inputs)
        error, (best, worst) = np.exp(mean) / by, self._from_none_to_all
        return best - (best - worst) * error, (best - worst) * error * deviation

    def _mean(self, model: ScarceRegression, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """The first of :meth:`_predict` alone; kept, as told ones are asked for again."""
        if self._means[0] is not model:
            self._means = model, {}
        known = self._means[1]
        if new := list({c.key: c for c in candidates if c.key not in known}.values()):
            inputs, by = self._inputs(new)
            best, worst = self._from_none_to_all
            means = best - (best - worst) * np.exp(model.mean(*inputs)) / by
            known.update(zip((c.key for c in new), means, strict=True))
        return np.array([known[candidate.key] for candidate in candidates])

    def _inputs(self, candidates: Sequence[Candidate]) -> tuple[tuple[NDArray[np.float64], ...], Any]:
        """What the model is asked, and what it leaves errors to be divided by, by the power law."""
        # All at the training that the best informed have had, and from there to the end.
        seen = max(self._seen_epochs)
        further = np.array([self.further_epochs(candidate) for candidate in candidates])
        usual = float(np.median(self._seen_epochs))
        lasting = (usual / (usual + further)) ** LASTING_EXPONENT
        encoded = self._encoded(candidates, [seen] * len(candidates))
        return (*encoded, lasting), counted(seen + further, self.saturates) ** ERROR_EXPONENT

    @property
    def _from_none_to_all(self) -> tuple[float, float]:
        """The trained metric's values where nothing and where all is wrong; a table says by its box."""
        metric = self.problem.trained_metric
        return (1.0, 0.0) if self.problem.metrics[metric].is_fraction else self.problem.box[metric]

    def _error(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        best, worst = self._from_none_to_all
        return (best - values) / (best - worst)

    def _points(self, candidates: Sequence[Candidate], accuracy: NDArray[np.float64]) -> NDArray[np.float64]:
        trained, costs = self.problem.trained_metric, [self.problem.costs(c) for c in candidates]
        columns = {
            name: accuracy if name == trained else [c[name] for c in costs] for name in self.problem.box
        }
        return self.problem.points_of(columns)

    def _layers(
        self, points: NDArray[np.float64], accuracies: Sequence[NDArray[np.float64]]
    ) -> list[NDArray[np.float64]]:
        """The same points with other values of the trained metric."""
        metric = self.problem.trained_metric
        column, layers = list(self.problem.box).index(metric), [points.copy() for _ in accuracies]
        for layer, accuracy in zip(layers, accuracies, strict=True):
            layer[:, column] = self.problem.normalised(metric, accuracy)
        return layers

    def _points_at(
        self, model: ScarceRegression, candidates: Sequence[Candidate], caution: float
    ) -> NDArray[np.float64]:
        """With so many deviations less than is expected of the trained metric."""
        if not candidates:
            return self._points([], np.zeros(0))
        if not caution:
            return self._points(candidates, self._mean(model, candidates))
        mean, deviation = self._predict(model, candidates)
        return self._points(candidates, mean - caution * deviation)

    def _gains(self, points: NDArray[np.float64], front: NDArray[np.float64]) -> NDArray[np.float64]:
        return hypervolume_gains(points, front, np.ones(points.shape[1]))

    def _front(self, model: ScarceRegression, niche: int | None = None) -> NDArray[np.float64]:
        """The front of what was told, or of a niche of it, by the model: noisy values would flatter it."""
        told = [c for c, _ in self._told if niche is None or self.problem.niche(c) == niche]
        if not told:
            return self._points([], np.zeros(0))
        points = self._points_at(model, told, 0.0)
        return points[non_dominated_mask(points)]

    def _told_here(self) -> list[Candidate]:
        """What was told and is of the problem's space."""
        return [told[0] for told, is_here in zip(self._told, self._is_here, strict=True) if is_here]

    def _bred(
        self, model: ScarceRegression, rng: np.random.Generator, pool_size: int, niche: int | None = None
    ) -> list[Candidate]:
        def points_of(candidates: Sequence[Candidate]) -> NDArray[np.float64]:
            return self._points_at(model, candidates, 0.0)

        return bred(self.problem, self._told_here(), points_of, rng, pool_size, niche)
