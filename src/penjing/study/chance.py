"""Whether evaluations tell networks from chance: a search that learns from less goes by luck, and says so."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binom

from penjing.store import Trial
from penjing.study.jobs import SUPERNET
from penjing.study.kept_data import KeptData
from penjing.study.progress import WARNING

if TYPE_CHECKING:
    from penjing.study.study import Study

# With fewer, the good ones may not have been among them.
_ENOUGH_EVALUATIONS = 8
_SURE = 0.99
_KEY = "looked for chance"


class ChanceWatch:
    """Looks once whether what was evaluated first is any better than chance.

    Args:
        study: Whose search.
    """

    def __init__(self, study: "Study") -> None:
        self.study = study

    def look(self, told: Sequence[Trial]) -> None:
        """Warn, on the terminal and in the report, if even the best network is none that has learnt.

        Args:
            told: The evaluations of a phase so far.
        """
        journal = self.study.journal
        accuracies = [trial.measurements["accuracy"] for trial in told if trial.state == "done"]
        if len(accuracies) < _ENOUGH_EVALUATIONS or journal.get(_KEY):
            return
        labels = KeptData(self.study.run_folder.path).labels("validation").numpy()
        n = min(len(labels), self.study.config.search.validation_images)
        commonest = float(np.bincount(labels).max()) / len(labels)
        if max(accuracies) <= reached_by_chance(commonest, n, len(accuracies)):
            self._warn(max(accuracies), commonest, len(accuracies))
        journal.put(_KEY, True)

    def _warn(self, best: float, commonest: float, n: int) -> None:
        study = self.study
        if study.way == SUPERNET:
            epochs = study.journal.get("shared training", {}).get("epochs", 0.0)
            instead = f"Give search.supernet_epochs more than {epochs:.3g}, or set search.train_on: alone"
        else:
            instead = f"Give search.epochs more than {study.brief_epochs:.3g}"
        note = (
            f"No network of the first {n} is better than chance: the best has {best:.1%}, and saying the "
            f"commonest class always {commonest:.1%}. The search goes by luck. {instead}."
        )
        others = [kept for kept in study.journal.get("notes", []) if kept != note]
        study.journal.put("notes", [*others, note])
        study.tell(WARNING + note)


def reached_by_chance(commonest: float, n_examples: int, n_networks: int) -> float:
    """The accuracy that the best of some networks stays below that have learnt nothing, with 99 % certainty.

    Args:
        commonest: Share of the commonest class, 0 to 1.
        n_examples: That judged them.
        n_networks: How many.

    Example:
        >>> round(reached_by_chance(0.1, 1000, 8), 3)
        0.13
    """
    return float(binom.ppf(_SURE ** (1.0 / n_networks), n_examples, commonest)) / n_examples
