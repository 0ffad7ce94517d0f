"""What a search algorithm is given: the space, costs that need no training, constraints, a box.

The *box* says between which values each objective counts; inside it costs are
normalised to 0 (best) … 1 (worst), sizes and times on a logarithmic scale, so
that a hypervolume has a meaning and algorithms need not know units.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from penjing.errors import InfeasibleError
from penjing.objectives import METRICS, Constraint, normalised
from penjing.space import Candidate, SearchSpace

Costs = Callable[[Candidate], Mapping[str, float]]
_QUARTERS = 4


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
        log_error: Whether accuracy counts by the logarithm of the error, so that
            from 98 to 99 % is as much as from 60 to 80 %, instead of linearly.
    """

    def __init__(
        self,
        space: SearchSpace,
        costs: Costs,
        box: Mapping[str, tuple[float, float]],
        constraints: Sequence[Constraint] = (),
        trained_metric: str = "accuracy",
        evaluation_cost: Callable[[Candidate, Mapping[str, float]], float] = lambda candidate, costs: 1.0,
        log_error: bool = False,
        margins: Mapping[str, float] | None = None,
        finishing_cost: Callable[[Mapping[str, float]], float] = lambda costs: 1.0,
    ) -> None:
        self.space = space
        self.box = dict(box)
        self.constraints = tuple(constraints)
        self.trained_metric = trained_metric
        self._evaluation_cost = evaluation_cost
        self._finishing_cost = finishing_cost
        self.log_error = log_error
        self.margins = dict(margins or {})
        self._costs = costs
        self._known: dict[str, Mapping[str, float]] = {}

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
        costs = self.costs(candidate)
        broken = sum(self._violation_of(c, costs) for c in self.constraints if c.metric in costs)
        # What is worse than the box can gain nothing.
        return broken + sum(self._beyond(m, costs[m]) for m in self.box if m in costs)

    def _violation_of(self, constraint: Constraint, costs: Mapping[str, float]) -> float:
        spare = 1.0 + self.margins.get(constraint.metric, 0.0)
        return constraint.violation(costs[constraint.metric] * (spare if constraint.upper else 1.0 / spare))

    def _beyond(self, metric: str, value: float) -> float:
        excess = value / self.box[metric][1] - 1.0
        return max(0.0, -excess if METRICS[metric].maximise else excess)

    def points(self, rows: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
        """Normalised costs, ``[n, objectives]``, 0 best and 1 worst; outside the box is clipped."""
        columns = [self._normalised_column(metric, rows) for metric in self.box]
        return np.column_stack(columns) if rows else np.zeros((0, len(self.box)))

    def niche(self, candidate: Candidate) -> int:
        """What a candidate costs, 0 to 3: the quarter of the box that holds it, by its worst cost there."""
        costs = self.costs(candidate)
        known = [self._normalised_column(metric, [costs])[0] for metric in self.box if metric in costs]
        return int(min(_QUARTERS - 1, _QUARTERS * max(known, default=0.0)))

    def _normalised_column(self, metric: str, rows: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
        values = np.array([row[metric] for row in rows], dtype=float)
        best, worst = self.box[metric]
        if METRICS[metric].is_fraction:  # an error instead of an accuracy: lower is better
            errors = np.maximum(1.0 - values, 1e-9)
            return normalised(errors[:, None], [1.0 - best], [1.0 - worst], log=self.log_error)[:, 0]
        if METRICS[metric].maximise:
            return normalised(-values[:, None], [-best], [-worst])[:, 0]
        return normalised(values[:, None], [best], [worst], log=True)[:, 0]

    def sample_feasible(self, rng: np.random.Generator, tries: int = 1000) -> Candidate:
        """Draw until the hard constraints hold; walk towards them from the nearest if none does.

        Raises:
            InfeasibleError: If no feasible candidate was found.
        """
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
        costs = self.costs(best)
        broken = [c for c in self.constraints if c.metric in costs and self._violation_of(c, costs)]
        broken = broken or [
            Constraint(m, not METRICS[m].maximise, worst)
            for m, (_, worst) in self.box.items()
            if m in costs and self._beyond(m, costs[m])
        ]
        nearest = ", ".join(f"{c.metric} = {METRICS[c.metric].text(costs[c.metric], 3)}" for c in broken)
        raise InfeasibleError(
            f"No design of this space meets {' and '.join(repr(str(c)) for c in broken)}. "
            f"The nearest that was found has {nearest}. Relax the constraint or widen the space.",
            nearest=best.as_dict(),
            costs=dict(costs),
        )
