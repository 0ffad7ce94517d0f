"""Whether evaluations tell networks from chance: a search that learns from less goes by luck, and says so."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binom

from penjing.study.jobs import SUPERNET
from penjing.study.kept_data import KeptData
from penjing.study.progress import WARNING

if TYPE_CHECKING:
    from penjing.study.study import Study

# In the journal, once it was looked: what there is to say, if anything.
NO_BETTER_THAN_CHANCE = "no better than chance"
# With fewer, the good ones may not have been among them.
ENOUGH_NETWORKS = 8
_SURE = 0.99


class ChanceWatch:
    """Looks once whether the networks that were evaluated first are any better than chance.

    Args:
        study: Whose search.
    """

    def __init__(self, study: "Study") -> None:
        self.study = study

    def look(self, n_networks: int = ENOUGH_NETWORKS) -> None:
        """Warn, on the terminal and in the report, if even the best of them may have learnt nothing.

        Args:
            n_networks: With fewer it is not looked yet.
        """
        journal = self.study.journal
        if journal.get(NO_BETTER_THAN_CHANCE) is not None:
            return
        best: dict[str, float] = {}
        for trial in self.study.inherited_trials():
            best[trial.key] = max(best.get(trial.key, 0.0), trial.measurements["accuracy"])
        if len(best) < n_networks:
            return
        n_examples, commonest = self._judging()
        is_chance = may_be_chance(max(best.values()), commonest, n_examples, len(best))
        note = self._note(max(best.values()), commonest, len(best)) if is_chance else ""
        if journal.put_once(NO_BETTER_THAN_CHANCE, note):
            self.study.tell(WARNING + note)

    def _judging(self) -> tuple[int, float]:
        """How many examples judge a network, and the share of the commonest class among them."""
        search, data = self.study.config.search, KeptData(self.study.run_folder.path)
        labels = data.labels("validation" if search.folds == 1 else "train").numpy()
        n_examples = min(len(labels), search.validation_images * search.folds)
        return n_examples, float(np.bincount(labels).max()) / len(labels)

    def _note(self, best: float, commonest: float, n_networks: int) -> str:
        study = self.study
        longer = f"search.epochs more than {study.brief_epochs:.3g}"
        if study.way == SUPERNET:
            epochs = study.journal.get("shared training", {}).get("epochs", 0.0)
            longer = f"search.supernet_epochs more than {epochs:.3g}"
        # A clock ends shared training, however long it may be.
        instead = [longer] if study.plan is None else ["a larger budget"]
        if study.way == SUPERNET:
            instead.append("search.train_on: alone")
        return (
            f"None of the first {n_networks} networks can be told from chance: the best has {best:.1%}, and "
            f"saying the commonest class always {commonest:.1%}. The search goes by luck. Give "
            f"{' or '.join(instead)}."
        )


def may_be_chance(best: float, commonest: float, n_examples: int, n_networks: int) -> bool:
    """Whether some networks need not have learnt anything, for all that the best of them shows.

    Either it is no better than saying one class always, or no better than the best of as many that guess,
    with 99 % certainty. The second says nothing where even a network that has learnt half of what there is
    would not stand out: with few examples, or where nearly all are of one class.

    Args:
        best: Accuracy of the best, 0 to 1.
        commonest: Share of the commonest class, 0 to 1.
        n_examples: That judged them.
        n_networks: How many.

    Example:
        >>> [may_be_chance(best, 0.1, 1000, 8) for best in (0.12, 0.14)]
        [True, False]
    """
    by_guessing = float(binom.ppf(_SURE ** (1.0 / n_networks), n_examples, commonest)) / n_examples
    return best <= commonest or best <= by_guessing < (1.0 + commonest) / 2
