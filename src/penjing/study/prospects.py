"""What brief trainings promise: how fast networks train, how far finalists get, how good they will be."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from penjing.objectives import expected_accuracy, saturation_epochs
from penjing.search import SearchProblem, SurrogateSearcher
from penjing.space import Candidate
from penjing.store import Trial
from penjing.study.training_precision import reference_step_ms

if TYPE_CHECKING:
    from penjing.study.study import Study

# Passes over the data that a first rung should give; few and many finalists.
FIRST_EPOCHS = 5
# Where the best alone is looked for: networks of millions of operations show later what they are worth.
FIRST_EPOCHS_OF_THE_BEST = 8
# In passes of a training that saturates: what is longer overfits without more regularisation (ADR 17).
_LONG, _LEAST_PARAMETERS = 2.0, 10_000
FEWEST_FINALISTS, MOST_FINALISTS = 6, 12
# Where several objectives are to be traded: of designs above the size that its time can train few are better
# than smaller ones, and a third of twelve was of that kind (benchmarks/fashion_mnist).
MOST_TO_TRADE = 16
# Of so many a handful and more are on a front; they may have half of the passes.
ENOUGH_FINALISTS = 10
# As if so many designs of each worker shared its time for finalists evenly: most of it goes to one or two.
_SHARING = 2
# Of the last rung, for one design where several objectives are to be traded: two or three that were
# trained at length would beat all others.
MOST_SHARE_OF_ONE = 1 / 8
# A training step takes time even with a network of hardly any operations; of twice as many images, as
# finalists may take them, it takes less for each, but larger networks take fewer (ADR 12, 16).
_FIXED_MEGAMACS = 0.3
_FIXED_MEGAMACS_OF_LARGE_STEPS, _FACTOR_OF_LARGE_STEPS = 0.1, 1.5
# Before anything was trained; the seconds that a pass takes where relative_time is 1.
_USUAL_PACE_S, _USUAL_IMAGES = 20.0, 54_000


def relative_time(costs: Mapping[str, float]) -> float:
    """How long a network of such costs trains, relatively to others."""
    return _FIXED_MEGAMACS + costs["macs"] / 1e6


def learnt(trial: Trial) -> dict[str, float]:
    """What an evaluation found: accuracy, and how much training is behind it."""
    return {name: trial.measurements[name] for name in ("accuracy", "seen_epochs")}


class Prospects:
    """What a study may expect of its finalists, by what it knows so far.

    Args:
        study: Whose finalists.
    """

    def __init__(self, study: "Study") -> None:
        self._study = study

    @property
    def saturates(self) -> float:
        """Passes of a training that saturates."""
        return saturation_epochs(self._study.facts.n_train)

    @property
    def most_finalists(self) -> int:
        """How many designs are finished at most where a clock decides."""
        return MOST_TO_TRADE if self._study.choosing.wants_trade_offs else MOST_FINALISTS

    def seconds_per_epoch(self, candidate: Candidate) -> float:
        """Of training a finalist's network, by the pace of the brief trainings so far."""
        return self._pace_s() * self.finalist_time(self._study.pipeline.costs(candidate))

    def finalist_time(self, costs: Mapping[str, float]) -> float:
        """How long a pass takes as a finalist, in the unit of :func:`relative_time`."""
        if self._study.pipeline.finalist_batch_size <= self._study.config.training.batch_size:
            return relative_time(costs)
        of_large = _FACTOR_OF_LARGE_STEPS * (_FIXED_MEGAMACS_OF_LARGE_STEPS + costs["macs"] / 1e6)
        return of_large if self._study.config.finalists.batch_size else min(of_large, relative_time(costs))

    def finishing_cost(self, costs: Mapping[str, float]) -> float:
        """A finalist's share of the time, relatively: larger ones get more, but less than they would like."""
        return self.finalist_time(costs) ** 0.5

    def further_epochs(self) -> Callable[[Candidate], float]:
        """How many passes over the data a candidate gets as a finalist, roughly; fewer if it is large."""
        study, longest = self._study, self._study.finalist_epochs
        if study.plan is None:
            return lambda candidate: longest
        plan, pace_s = study.plan, self._pace_s()
        told = [self.finalist_time(trial.measurements["costs"]) for trial in study.inherited_trials()]
        usual = float(np.median(told or [1.0]))
        all_s, most_s, n = plan.finalists_s * study.workers, plan.finalists_s, _SHARING * study.workers
        if study.choosing.wants_trade_offs:
            most_s, n = min(most_s, MOST_SHARE_OF_ONE * all_s), round(1 / MOST_SHARE_OF_ONE)
        n = min(study.config.finalists.count or n, n)
        most_s = min(most_s, all_s / n)
        epochs = all_s / (pace_s * usual) / n

        def of(candidate: Candidate) -> float:
            time = self.finalist_time(study.pipeline.costs(candidate))
            # Its share of the time, by what a pass takes: both relatively to the usual network.
            return min(longest, most_s / (pace_s * time), epochs * (usual / time) ** 0.5)

        return of

    def is_trained_long(self, candidate: Candidate) -> bool:
        """Whether a finalist may be trained until it overfits: only where the best gets most of the time.

        Of images, and not if it is small: nothing is known of others (ADR 17).
        """
        study = self._study
        if study.facts.are_vectors or not study.choosing.wants_the_best:
            return False
        if study.pipeline.costs(candidate)["parameters"] < _LEAST_PARAMETERS:
            return False
        return self.further_epochs()(candidate) > _LONG * self.saturates

    def row(self, trial: Trial) -> dict[str, float]:
        """Every metric of a trial's candidate, accuracy as it is expected at the end of training."""
        row, seen = self._study.row(trial), trial.measurements["seen_epochs"]
        further = self.further_epochs()(Candidate(trial.candidate))
        return row | {"accuracy": expected_accuracy(row["accuracy"], seen, further, self.saturates)}

    def surrogate(self, problem: SearchProblem, trials: Sequence[Trial]) -> SurrogateSearcher:
        """One that was told some trials, and expects accuracies at the end of training."""
        searcher = SurrogateSearcher(problem, n_initial=1)
        for trial in trials:
            searcher.tell(Candidate(trial.candidate), learnt(trial))
        return self.informed(searcher)

    def informed(self, searcher: SurrogateSearcher) -> SurrogateSearcher:
        """Let a searcher know how long designs are trained in the end, and what that counts for."""
        searcher.further_epochs, searcher.saturates = self.further_epochs(), self.saturates
        searcher.counts_time = self._study.plan is not None
        return searcher

    def _pace_s(self) -> float:
        trained = [t for t in self._study.inherited_trials() if t.measurements["epochs"]]
        n_folds = self._study.config.search.folds
        paces = [
            (t.seconds or 0.0) / n_folds / t.measurements["epochs"] / relative_time(t.measurements["costs"])
            for t in trained
        ]
        return float(np.median(paces)) if paces else self._pace_of_the_reference_s()

    def _pace_of_the_reference_s(self) -> float:
        """By the probe of the training speed, where there was one."""
        study = self._study
        step_ms = reference_step_ms(study.journal)
        if not step_ms:
            return _USUAL_PACE_S * study.facts.n_train / _USUAL_IMAGES
        steps = study.facts.n_train / study.config.training.batch_size
        return 1e-3 * step_ms * steps / relative_time(study.journal.get("reference"))
