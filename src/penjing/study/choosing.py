"""Which designs are trained to the end: those that promise the most hypervolume together."""

from collections.abc import Collection, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from penjing.objectives import hypervolume_subset
from penjing.search import SurrogateSearcher
from penjing.space import Candidate, CarriedSpace, SearchSpace
from penjing.store import Trial
from penjing.study.draws import Draw, stream
from penjing.study.phases import phases_of
from penjing.study.proposer import SURROGATE, algorithm_of

if TYPE_CHECKING:
    from penjing.study.study import Study

_DRAWS_PER_PLACE = 20
# A third of the places goes to the most accurate.
_BETWEEN_THE_ACCURATE = 2
# Where designs that differ are wanted, no more than one in so many may cost about the same.
_ONE_IN = 3


class Choosing:
    """The choice of a study's finalists.

    Args:
        study: Whose finalists.
    """

    def __init__(self, study: "Study") -> None:
        self.study = study

    def chosen(self, n: int, besides: Collection[Candidate] = ()) -> list[Candidate]:
        """At most ``n`` candidates, the first most wanted, as the configuration has them chosen.

        Args:
            n: How many.
            besides: None of these: they were taken before.
        """
        study = self.study
        rng = stream(study.config.seed, Draw.FINALISTS, study.extension)
        way = study.config.finalists.chosen_by
        if way == "auto":
            last = algorithm_of(study, phases_of(study.config.search)[-1])
            way = SURROGATE if last == SURROGATE else "told"
        chosen: list[Candidate] = []
        if way == SURROGATE:
            searcher = study.prospects.surrogate(study.problem(self._space()), study.inherited_trials())
            chosen = self.promising(searcher, n, rng, besides)
        elif way == "told":
            told = [trial for trial in self._told() if Candidate(trial.candidate) not in besides]
            rows = [study.prospects.row(trial) for trial in told]
            chosen = [Candidate(trial.candidate) for trial in self.most_volume(told, rows, n)]
        problem = study.problem(self._space())
        for _ in range(_DRAWS_PER_PLACE * n):
            if len(chosen) >= n:
                break
            candidate = problem.sample_feasible(rng)
            if candidate not in chosen and candidate not in besides:
                chosen.append(candidate)
        return chosen

    def promising(
        self,
        searcher: SurrogateSearcher,
        n: int,
        rng: np.random.Generator,
        besides: Collection[Candidate] = (),
    ) -> list[Candidate]:
        """What a surrogate expects to be best together; some of it the most accurate.

        First every architecture once: another one tells more than the same in another precision.
        """
        n_accurate = self._n_for_accuracy(n)
        accurate = searcher.most_accurate(n_accurate + len(besides), rng) if n_accurate else []
        accurate = [candidate for candidate in accurate if candidate not in besides][:n_accurate]
        together = searcher.finalists(2 * n + len(besides), rng, self._most_alike(n), accurate)
        others = (candidate for candidate in together if candidate not in besides)
        # In turns, so that whoever takes fewer than n takes as many of each kind as it should.
        wanted = [one for first in accurate for one in (first, *islice(others, _BETWEEN_THE_ACCURATE))]
        wanted += others
        if self.wants_the_best:
            wanted.sort(key=lambda candidate: not searcher.trains_well(candidate))
        by_architecture: dict[str, Candidate] = {}
        for candidate in wanted:
            by_architecture.setdefault(self.study.pipeline.architecture_key(candidate), candidate)
        return list(dict.fromkeys([*by_architecture.values(), *wanted]))[:n]

    def leaders(
        self, searcher: SurrogateSearcher, candidates: Sequence[Candidate], n: int
    ) -> list[Candidate]:
        """Of some candidates those that would be finished as things stand, the most accurate first."""
        order = np.argsort(-searcher.predicted(candidates), kind="stable") if candidates else []
        accurate = [candidates[index] for index in order[: self._n_for_accuracy(n)]]
        together = searcher.together(candidates, n, 1 if self.wants_the_best else None)
        return list(dict.fromkeys([*accurate, *together]))[:n]

    def most_volume(self, trials: Sequence[Trial], rows: Sequence[dict[str, float]], n: int) -> list[Trial]:
        """The trials that together cover the most hypervolume; some of them the most accurate.

        Args:
            trials: A candidate that was evaluated several times counts as it was the last time.
            rows: Their metrics.
            n: How many.
        """
        latest = {trial.key: (trial, row) for trial, row in zip(trials, rows, strict=True)}
        if not latest:
            return []
        trials, rows = zip(*latest.values(), strict=True)
        points = self.study.problem(self.study.pipeline.space).points(rows)
        picked = sorted(range(len(trials)), key=lambda i: -rows[i]["accuracy"])[: self._n_for_accuracy(n)]
        picked += hypervolume_subset(points, n - len(picked), np.ones(points.shape[1]), points[picked])
        order = np.argsort(points.sum(axis=1), kind="stable")
        picked += [int(index) for index in order if index not in picked]
        return [trials[index] for index in picked[:n]]

    @property
    def cares_for_accuracy(self) -> bool:
        """Whether the best accuracy matters beyond its volume: one wants to see what is possible.

        Not where a box was stated: it says itself what accuracy is worth.
        """
        return "accuracy" not in self.study.config.hypervolume_box

    @property
    def wants_trade_offs(self) -> bool:
        """Whether designs that differ are wanted: not the most of a stated box, nor the one that is best."""
        return self.cares_for_accuracy and len(self.study.config.objectives) > 1

    @property
    def wants_the_best(self) -> bool:
        """Whether accuracy is all that counts: the search looks for it at every price of training."""
        return self.cares_for_accuracy and not self.wants_trade_offs

    def _n_for_accuracy(self, n: int) -> int:
        return max(1, n // (1 + _BETWEEN_THE_ACCURATE)) if self.cares_for_accuracy else 0

    def _most_alike(self, n: int) -> int | None:
        """Of ``n`` places, how many may go to candidates that cost about the same; None for all."""
        if self.wants_trade_offs:
            return -(-n // _ONE_IN)
        # Of each class of training times the best, then the second best: short trainings do not tell how much
        # computing the best design should take (ADR 15).
        return 1 if self.wants_the_best else None

    @property
    def _was_narrowed(self) -> bool:
        """Whether the last search phase was left winners of the one before."""
        phases = phases_of(self.study.config.search)
        return len(phases) > 1 and phases[-2].carry > 0

    def _told(self) -> list[Trial]:
        last = phases_of(self.study.config.search)[-1].name
        told = self.study.inherited_trials()
        return [trial for trial in told if trial.phase == last] if self._was_narrowed else told

    def _space(self) -> SearchSpace:
        """What the last search phase left open."""
        space, told = self.study.pipeline.space, [Candidate(t.candidate) for t in self._told()]
        is_open = not self._was_narrowed or not told
        return space if is_open else CarriedSpace(space, told)
