"""What ends a phase of a search before its budget is used, and why.

Decided by what is in the journal and kept there: a run that is resumed does not decide anew, and the report
says why.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from penjing.objectives import hypervolume, parse_constraint
from penjing.protocols import Forecaster, Searcher
from penjing.store import Trial
from penjing.study.phases import Phase, phases_of

if TYPE_CHECKING:
    from penjing.study.study import Study

# The first models are surer than they should be. On NAS-Bench-201 (accuracy alone, box 80 to 100 %, batches
# of four, six seeds), forty more evaluations after one ask below 0.002 found 0.017 of the box, after two
# 0.012, after three 0.009, after five 0.006; each ask more costs a batch.
_SMALL_GAINS_IN_A_ROW = 3


class EarlyEnd:
    """Of the phases of a study's search.

    Args:
        study: Whose search.
    """

    def __init__(self, study: "Study") -> None:
        self.study = study

    def has_come(self, phase: Phase, told: Sequence[Trial]) -> bool:
        """Whether something ends a phase, or has ended it; what it is is kept and said once.

        Args:
            phase: Which.
            told: Its evaluations in this stretch of the run.
        """
        study = self.study
        kept = study.journal.get(self._key, {})
        if phase.name in kept:
            return True
        why = self._of_target(told) or self._of_patience(told) or self._of_small_gains(phase)
        if why:
            phases = phases_of(study.config.search)
            study.end_early(sum(other.share for other in phases[1 + phases.index(phase) :]))
            study.journal.put(self._key, {**kept, phase.name: why})
            study.tell(f"ends early: {why}")
        return bool(why)

    def note(self, phase: Phase, ask: int, searcher: Searcher) -> None:
        """Keep whether little is expected of an ask; where no model spoke, that says nothing.

        Args:
            phase: Which.
            ask: Number of the first trial that it will be.
            searcher: Who was asked.
        """
        study = self.study
        least = study.config.search.min_expected_gain
        gain = searcher.expected_gain if isinstance(searcher, Forecaster) else None
        # Before the box is settled, a share of it will soon be another.
        if least is None or gain is None or not study.box.is_settled:
            return
        before = study.journal.get(self._small_key(phase), [])
        # What is asked again after a kill is the same ask.
        small = [*(other for other in before if other != ask), ask] if gain < least else []
        if small != before:
            study.journal.put(self._small_key(phase), small)

    @property
    def _key(self) -> str:
        return f"ended early, extension {self.study.extension}"

    def _small_key(self, phase: Phase) -> str:
        return f"asks in a row of small gains in {phase.name}, extension {self.study.extension}"

    def _of_target(self, told: Sequence[Trial]) -> str:
        """One candidate already is, with inherited weights, all that was asked for."""
        texts = self.study.config.search.stop_at
        wanted = [parse_constraint(text) for text in texts]
        rows = [self.study.row(trial) for trial in told if trial.state == "done"]
        is_reached = bool(wanted) and any(all(c.is_met(row[c.metric]) for c in wanted) for row in rows)
        return f"a candidate meets {' and '.join(texts)}" if is_reached else ""

    def _of_patience(self, told: Sequence[Trial]) -> str:
        """The last evaluations, as many as ``patience`` says, added no hypervolume."""
        patience = self.study.config.search.patience
        rows = [self.study.prospects.row(trial) for trial in told if trial.state == "done"]
        if patience is None or len(rows) <= patience or not self.study.box.is_settled:
            return ""
        points = self.study.problem(self.study.pipeline.space).points(rows)
        reference = np.ones(points.shape[1])
        if hypervolume(points, reference) > hypervolume(points[:-patience], reference):
            return ""
        return f"the last {patience} evaluations added no hypervolume"

    def _of_small_gains(self, phase: Phase) -> str:
        """Several asks in a row found nothing of which much is expected."""
        if len(self.study.journal.get(self._small_key(phase), [])) < _SMALL_GAINS_IN_A_ROW:
            return ""
        least = self.study.config.search.min_expected_gain
        return f"no candidate is expected to add {least:g} to the hypervolume"
