"""What a search algorithm is given: the space, costs that need no training, constraints, a box.

The *box* says between which values each objective counts; inside it costs are
normalised to 0 (best) … 1 (worst), sizes and times on a logarithmic scale, so
that a hypervolume has a meaning and algorithms need not know units.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penjing.blueprint import Graph
from penjing.errors import InfeasibleError
from penjing.objectives import METRICS, Metric, normalised
from penjing.space import Candidate, SearchSpace

Costs = Callable[[Candidate], Mapping[str, float]]
# What a network can learn; bytes and milliseconds also tell of precisions, which hardly change that.
CAPACITY = ("parameters", "macs")
_QUARTERS = 4


class Limit(Protocol):
    """What a hard constraint has to say; :class:`~penjing.objectives.Constraint` is one."""

    @property
    def metric(self) -> str:
        """Of which costs give a value."""
        ...

    @property
    def limit(self) -> float | None:
        """The limit itself."""
        ...

    @property
    def upper(self) -> bool:
        """Whether values above the limit break it."""
        ...

    def violation(self, value: float) -> float:
        """By how much a value breaks it, relatively; 0 when it is met."""
        ...


class SearchProblem:
    """The space and everything that is known about a candidate before it is trained.

    Args:
        space: What may vary.
        costs: Exact or predicted values of every metric that needs no training.
        box: Metric to (best, worst) value, one entry per objective; the trained
            metric's own entry included.
        constraints: Absolute ones on metrics that ``costs`` gives: hard.
        trained_metric: The objective that only training reveals.
        evaluation_cost: Relative expense of evaluating a candidate whose costs are given;
            used to prefer cheap ones at equal gain.
        finishing_cost: Relative expense of training a candidate of such costs to the end; what is
            finished gains most for it.
        margins: Metric to the relative error of its prediction: constraints are met with
            that much to spare, so that what is chosen meets them when it is measured.
        metrics: What is known of every metric of the box; a table has its own.
        linear: Metrics that count linearly although less of them is better.
        graph: The network of a candidate as a graph, for models that learn from that.
        is_exact: Whether what is told of a candidate is what it is, its luck included, so that
            it will be the same when it is looked at again.
        candidates: Those that can be had, where that is not the whole space: a table may lack rows.
        lengths: How long an evaluation can train, the shortest first, as multiples of that; empty where any
            length can be had.
        longest: Where any can be had, none is longer than so many times the shortest; at least 2.
        log_error: Whether accuracy counts by the logarithm of the error, so that
            from 98 to 99 % is as much as from 60 to 80 %, instead of linearly.
    """

    def __init__(
        self,
        space: SearchSpace,
        costs: Costs,
        box: Mapping[str, tuple[float, float]],
        constraints: Sequence[Limit] = (),
        trained_metric: str = "accuracy",
        evaluation_cost: Callable[[Candidate, Mapping[str, float]], float] = lambda candidate, costs: 1.0,
        log_error: bool = False,
        margins: Mapping[str, float] | None = None,
        finishing_cost: Callable[[Mapping[str, float]], float] = lambda costs: 1.0,
        metrics: Mapping[str, Metric] = METRICS,
        linear: Collection[str] = (),
        graph: Callable[[Candidate], Graph] | None = None,
        is_exact: bool = False,
        candidates: Sequence[Candidate] | None = None,
        lengths: Sequence[float] = (),
        longest: float = math.inf,
    ) -> None:
        self.space = space
        self.metrics = metrics
        self.linear = frozenset(linear)
        self.graph = graph
        self.is_exact = is_exact
        self.candidates = candidates
        self.lengths = tuple(lengths)
        self.longest = longest
        self._there = None if candidates is None else {candidate.key for candidate in candidates}
        self.box = dict(box)
        self.constraints = tuple(constraints)
        self.trained_metric = trained_metric
        self._evaluation_cost = evaluation_cost
        self._finishing_cost = finishing_cost
        self.log_error = log_error
        self.margins = dict(margins or {})
        self._costs = costs
        self._known: dict[str, Mapping[str, float]] = {}

    def within(self, space: SearchSpace) -> "SearchProblem":
        """The same problem, of a part of the space; what is known of costs stays known."""
        made = copy(self)
        made.space = space
        if self.candidates is not None:
            made.candidates = [candidate for candidate in self.candidates if space.holds(candidate)]
        vars(made).pop("feasible", None)  # that of the whole space
        return made

    def costs(self, candidate: Candidate) -> Mapping[str, float]:
        """The metrics of a candidate that need no training; computed once."""
        if candidate.key not in self._known:
            self._known[candidate.key] = self._costs(candidate)
        return self._known[candidate.key]

    def evaluation_cost(self, candidate: Candidate) -> float:
        """The relative expense of evaluating a candidate, as far as it is known before."""
        return self._evaluation_cost(candidate, self.costs(candidate))

    def finishing_cost(self, candidate: Candidate) -> float:
        """The relative expense of training a candidate to the end."""
        return self._finishing_cost(self.costs(candidate))

    def violation(self, candidate: Candidate) -> float:
        """By how much, relatively and in sum, constraints and box are exceeded; 0 when all are met."""
        if self._there is not None and candidate.key not in self._there:
            return np.inf
        costs = self.costs(candidate)
        broken = sum(self._violation_of(c, costs) for c in self.constraints if c.metric in costs)
        # What is worse than the box can gain nothing.
        return broken + sum(self._beyond(m, costs[m]) for m in self.box if m in costs)

    def allows(self, candidate: Candidate) -> bool:
        """Whether a candidate is of the space, and keeps the constraints: told may have been others."""
        return self.space.holds(candidate) and self.violation(candidate) == 0

    def broken(self, candidate: Candidate) -> Mapping[str, str]:
        """What a candidate breaks, metric to text: constraints, or else the ends of the box."""
        if self._there is not None and candidate.key not in self._there:
            return {}
        costs = self.costs(candidate)
        found = {
            c.metric: str(c) for c in self.constraints if c.metric in costs and self._violation_of(c, costs)
        }
        return found or {
            metric: f"{metric} {'>=' if self.metrics[metric].maximise else '<='} {self._text(metric, worst)}"
            for metric, (_, worst) in self.box.items()
            if metric in costs and self._beyond(metric, costs[metric])
        }

    def _text(self, metric: str, value: float) -> str:
        return self.metrics[metric].text(value, 3) if metric in self.metrics else f"{value:.4g}"

    def _violation_of(self, constraint: Limit, costs: Mapping[str, float]) -> float:
        spare = 1.0 + self.margins.get(constraint.metric, 0.0)
        return constraint.violation(costs[constraint.metric] * (spare if constraint.upper else 1.0 / spare))

    def _beyond(self, metric: str, value: float) -> float:
        worst = self.box[metric][1]
        excess = (value - worst) / (abs(worst) or 1.0)
        return max(0.0, -excess if self.metrics[metric].maximise else excess)

    def points(self, rows: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
        """Normalised costs, ``[n, objectives]``, 0 best and 1 worst; outside the box is clipped."""
        return self.points_of({metric: [row[metric] for row in rows] for metric in self.box})

    def points_of(self, columns: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
        """The same of values by metric, ``[n]`` each."""
        return np.column_stack([self.normalised(metric, columns[metric]) for metric in self.box])

    @property
    def has_costs(self) -> bool:
        """Whether anything counts beside the trained metric."""
        return set(self.box) != {self.trained_metric}

    def niche(self, candidate: Candidate) -> int:
        """What a candidate costs, 0 to 3: the quarter of the box that holds it, by its worst cost there.

        Where the box has no costs it is the class of its ``finishing_cost``, within a factor of the root of
        two: a factor of two in time, where that is the root of a time.
        """
        if not self.has_costs:
            return round(2.0 * math.log2(max(self.finishing_cost(candidate), 1e-9)))
        costs = self.costs(candidate)
        known = [self.normalised(metric, [costs[metric]])[0] for metric in self.box if metric in costs]
        return int(min(_QUARTERS - 1, _QUARTERS * max(known, default=0.0)))

    def normalised(self, metric: str, values: ArrayLike) -> NDArray[np.float64]:
        """Values of one objective, ``[n]``, as costs: 0 at the box's best, 1 at its worst, clipped."""
        column = np.asarray(values, dtype=np.float64)[:, None]
        best, worst = self.box[metric]
        if self.metrics[metric].is_fraction:  # an error instead of an accuracy: lower is better
            errors = np.maximum(1.0 - column, 1e-9)
            return normalised(errors, [1.0 - best], [1.0 - worst], log=self.log_error)[:, 0]
        if self.metrics[metric].maximise:
            return normalised(-column, [-best], [-worst])[:, 0]
        return normalised(column, [best], [worst], log=metric not in self.linear)[:, 0]

    @cached_property
    def feasible(self) -> list[Candidate]:
        """Every candidate that keeps the constraints; for spaces that can be listed."""
        every = self.space.every_candidate() if self.candidates is None else self.candidates
        return [candidate for candidate in every if self.violation(candidate) == 0]

    @property
    def n_candidates(self) -> int:
        """How many there are, whatever the constraints."""
        return self.space.cardinality if self.candidates is None else len(self.candidates)

    def sample_feasible(self, rng: np.random.Generator, tries: int = 1000) -> Candidate:
        """Draw until the hard constraints hold; walk towards them from the nearest if none does.

        Raises:
            InfeasibleError: If no feasible candidate was found.
        """
        if self.candidates is not None:
            if not self.feasible:
                raise self._infeasible(min(self.candidates, key=self.violation))
            return self.feasible[int(rng.integers(len(self.feasible)))]
        best, least = None, np.inf
        for _ in range(tries):
            candidate = (
                self.space.sample(rng)
                if best is None or rng.random() < 0.5
                else self.space.mutate(best, rng, int(rng.integers(1, 4)))
            )
            violation = self.violation(candidate)
            if violation == 0:
                return candidate
            if violation < least:
                best, least = candidate, violation
        assert best is not None
        raise self._infeasible(best)

    def _infeasible(self, best: Candidate) -> InfeasibleError:
        """Say what no candidate keeps to, and how near the nearest came."""
        costs, broken = self.costs(best), self.broken(best)
        nearest = ", ".join(f"{metric} = {self._text(metric, costs[metric])}" for metric in broken)
        return InfeasibleError(
            f"No design of this space meets {' and '.join(repr(text) for text in broken.values())}. "
            f"The nearest that was found has {nearest}. Relax the constraint or widen the space.",
            nearest=best.as_dict(),
            costs=dict(costs),
        )
