"""Scores of untrained networks in a search: for its beginning, and to screen what is proposed blindly."""

import logging
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from penjing.protocols import Searcher
from penjing.search import SearchProblem
from penjing.search.random import fresh_samples
from penjing.search.screening import SCREENED, screened
from penjing.space import Candidate
from penjing.study.jobs import ScoreJob
from penjing.study.progress import WARNING

if TYPE_CHECKING:
    from penjing.study.study import Study

log = logging.getLogger(__name__)
_FIRST = 12
_FOR_ONE = 4


class ZeroCost:
    """Proposals of a search, chosen with the help of a score if the configuration names one.

    Args:
        study: Whose search; its workers score.
    """

    def __init__(self, study: "Study") -> None:
        self._study = study
        self._name = study.config.search.zero_cost
        self._scores: dict[str, float] = {}
        self._has_told = False

    def proposals(
        self, searcher: Searcher, algorithm: str, problem: SearchProblem, n: int, rng: np.random.Generator
    ) -> list[Candidate]:
        """What is to be evaluated next.

        Without a score what the searcher proposes. With one, the first dozen of a run are chosen among four
        times as many that are drawn, and later so are the proposals of an algorithm that has no model.
        """
        known = {trial.key for trial in self._study.journal.trials(fidelity="inherited")}
        if self._name is None or (len(known) >= _FIRST and algorithm not in SCREENED):
            return searcher.ask(n, rng)
        if len(known) >= _FIRST:
            proposed = searcher.ask(_FOR_ONE * n, rng)
        else:
            n = min(n, _FIRST - len(known))
            proposed = fresh_samples(problem, _FOR_ONE * n, rng, known)
        scores = self._scored(proposed)
        if np.isnan(scores).all():  # then costs alone would choose, which is no score's advice
            return proposed[:n]
        return screened(problem, proposed, scores, n)

    def _scored(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """Of each candidate, ``[n]``; NaN where the network cannot be scored."""
        key_of = self._study.pipeline.architecture_key
        new = {key_of(candidate): candidate for candidate in candidates}
        new = {key: candidate for key, candidate in new.items() if key not in self._scores}
        name = str(self._name)
        jobs = [ScoreJob(c.as_dict(), name, self._study.config.seed) for c in new.values()]
        for key, outcome in zip(new, self._study.executor.map(jobs), strict=True):
            self._scores[key] = outcome.measurements.get(name, math.nan)
            if outcome.error:
                log.warning("%s could not score a network: %s", name, outcome.error)
        if new and not self._has_told and all(map(math.isnan, self._scores.values())):
            self._has_told = True
            self._study.tell(f"{WARNING}no network has a score by {name} yet, so it chooses none")
        return np.array([self._scores[key_of(candidate)] for candidate in candidates])
