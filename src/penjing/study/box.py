"""Between which values each objective counts: what a hypervolume is a part of."""

from collections.abc import Callable, Sequence

import numpy as np

from penjing.search import SearchProblem
from penjing.store import Journal
from penjing.study.config import StudyConfig
from penjing.study.draws import Draw, stream

_BEST_ACCURACY, _WORST_ACCURACY = 0.995, 0.6
# A short training misjudges the end by about so much.
_NEARLY = 0.02
# Whoever allows 64 kB may want 4 kB; less is hardly worth more.
_WIDTH = 16
_DRAWN = 200
# Evaluations after which it is known roughly what accuracies are like.
_SETTLED_AFTER, _SETTLED = 8, "box is settled"
# A small validation split cannot tell lower errors apart.
_LEAST_ERROR = 0.02
_MOST_ERROR = 0.36


class Box:
    """The box of one study: as configured, else from what random designs cost and the first of them learn.

    Args:
        config: Objectives, and what is said of their ranges.
        journal: Keeps what was decided.
        wanted_accuracies: The lower limits of accuracy that constraints set, as far as they are known.

    Attributes:
        values: Metric to (best, worst) value, one entry per objective; empty until :meth:`open`.
    """

    def __init__(
        self, config: StudyConfig, journal: Journal, wanted_accuracies: Callable[[], Sequence[float]]
    ) -> None:
        self._config = config
        self._journal = journal
        self._wanted_accuracies = wanted_accuracies
        self.values: dict[str, tuple[float, float]] = {}

    def open(self, problem: SearchProblem) -> None:
        """Decide it, or read what was decided.

        Args:
            problem: The whole space with its hard constraints.
        """
        kept = self._journal.get("box") or self._journal.put_once("box", self._drawn(problem))
        self.values = {name: (pair[0], pair[1]) for name, pair in kept.items()}

    @property
    def is_settled(self) -> bool:
        """Whether it is decided which accuracies count: from the start where it was stated."""
        is_stated = "accuracy" in self._config.hypervolume_box or bool(self._wanted_accuracies())
        return is_stated or bool(self._journal.get(_SETTLED))

    def settle(self, problem: SearchProblem, accuracies: Sequence[float]) -> None:
        """Let accuracy count where networks for these data differ, once a few were trained; done once.

        From the best error so far, as it is expected at the end: half of it is the best that counts, two and
        a half times as much is worth nothing. A range for all data sets would make halving a network's bytes
        worth more than any accuracy that can be gained; a closer one hangs on what few evaluations promise.

        Args:
            problem: Its box follows.
            accuracies: Of all evaluations so far, as they are expected at the end of training.
        """
        if len(accuracies) < _SETTLED_AFTER or self.is_settled:
            return
        error = min(max(1.0 - max(accuracies), _LEAST_ERROR), _MOST_ERROR)
        self.values["accuracy"] = (1.0 - 0.5 * error, 1.0 - 2.5 * error)
        self._journal.put("box", self.values)
        self._journal.put(_SETTLED, True)
        problem.box.update(self.values)

    def worst_accuracy(self) -> float:
        """Below it a design is worth nothing: near what constraints ask for, where they do."""
        wanted = self._wanted_accuracies()
        return float(np.clip(max(wanted) - _NEARLY, 0.0, 0.99)) if wanted else _WORST_ACCURACY

    def _drawn(self, problem: SearchProblem) -> dict[str, tuple[float, float]]:
        """As configured, else what random designs span."""
        rng = stream(self._config.seed, Draw.BOX)
        rows = [problem.costs(problem.sample_feasible(rng)) for _ in range(_DRAWN)]
        box: dict[str, tuple[float, float]] = {}
        for text in self._config.objectives:
            metric = text.split()[-1]
            if metric in self._config.hypervolume_box:
                first, second = self._config.hypervolume_box[metric]
                box[metric] = (second, first) if metric == "accuracy" else (first, second)
            elif metric == "accuracy":
                box[metric] = (_BEST_ACCURACY, self.worst_accuracy())
            else:
                values = np.array([row[metric] for row in rows])
                limits = [c.limit for c in problem.constraints if c.metric == metric and c.limit]
                worst = min([*limits, float(np.quantile(values, 0.9))])
                box[metric] = (max(0.5 * float(values.min()), worst / _WIDTH), worst)
        return box
