"""Which architectures were trained briefly, for how long in all, and where their weights are."""

from collections.abc import Mapping
from dataclasses import dataclass

from penjing.space import OF_WEIGHTS, Candidate, SearchSpace, Value
from penjing.store import Journal, content_key
from penjing.study.jobs import SUPERNET


@dataclass(frozen=True)
class Trained:
    """An architecture that was judged: briefly trained, once or several times, or with shared weights.

    Attributes:
        choices: Those that its weights hang on.
        seen_epochs: Training behind its weights, its ancestors' included, in passes over the data.
        own_epochs: Those of them that were its own, in passes.
        times: How often it was trained; once where it had the supernet's weights alone.
        weights_key: Where its latest weights are; the supernet's if it was not trained itself.
    """

    choices: frozenset[tuple[str, Value]]
    seen_epochs: float
    own_epochs: float
    times: int
    weights_key: str


def architecture_key(space: SearchSpace, candidate: Candidate) -> str:
    """Equal for candidates that share a network before compression, and how the search trains it."""
    return space.trained_part(candidate).key


class Lineage:
    """The brief trainings of a study, as its journal tells them.

    Args:
        journal: Of the study.
        space: Of the study.
        seed: Whatever else decides what a brief training makes.
        inherits: Whether an architecture may begin with the weights of another.
    """

    def __init__(self, journal: Journal, space: SearchSpace, *seed: object, inherits: bool = True) -> None:
        self._journal = journal
        self._inherits = inherits
        self._space = space
        self._seed = seed
        self._trained: dict[str, Trained] = {}
        self._numbers: set[int] = set()

    def of(self, candidate: Candidate) -> Trained | None:
        """The training of a candidate's architecture; None before the first."""
        return self._all().get(architecture_key(self._space, candidate))

    def next_weights_key(self, candidate: Candidate) -> str:
        """Where the weights belong that one more training of the architecture makes."""
        trained = self.of(candidate)
        return self._weights_key(architecture_key(self._space, candidate), trained.times if trained else 0)

    def start_key(self, candidate: Candidate) -> str:
        """What a training begins with: its own weights, the supernet's, the nearest, else nothing: empty."""
        if own := self.of(candidate):
            return own.weights_key
        if self._has_supernet:
            return SUPERNET
        nearest = self.nearest(candidate) if self._inherits else None
        return nearest.weights_key if nearest else ""

    @property
    def _has_supernet(self) -> bool:
        return self._journal.get("way") == SUPERNET

    def nearest(self, candidate: Candidate) -> Trained | None:
        """The trained architecture that shares most choices; None before the first."""
        mine = self._choices(candidate)
        best, most = None, 0
        for trained in self._all().values():
            shared = len(mine & trained.choices)
            if shared > most:
                best, most = trained, shared
        return best

    def seen_before(self, candidate: Candidate, start_key: str) -> float:
        """Training behind the weights that a candidate begins with: all of its own, a part of another's.

        Args:
            candidate: Whose.
            start_key: The latest weights of an architecture, or the supernet's; empty for none.
        """
        if start_key == SUPERNET:
            return float(self._journal.get("shared training")["epochs"])
        start = next((t for t in self._all().values() if t.weights_key == start_key), None)
        if start is None:
            return 0.0
        mine = self._choices(candidate)
        return (len(mine & start.choices) / len(mine)) ** 2 * start.seen_epochs

    def _all(self) -> Mapping[str, Trained]:
        for trial in self._journal.trials(state="done", fidelity="inherited"):
            if trial.number in self._numbers:
                continue
            self._numbers.add(trial.number)
            candidate = Candidate(trial.candidate)
            key = architecture_key(self._space, candidate)
            before = self._trained.get(key)
            weights_key = str(trial.measurements["weights_key"])
            # Two candidates of one batch may share an architecture, which was trained once; one that was
            # only judged may be told after another was trained further.
            is_trained = trial.measurements["epochs"] > 0
            if before is None or (is_trained and weights_key != before.weights_key):
                # Journals before 2026-11-23 name a key of its own, without weights.
                is_shared = self._has_supernet and not is_trained
                self._trained[key] = Trained(
                    self._choices(candidate),
                    float(trial.measurements["seen_epochs"]),
                    float(trial.measurements["epochs"]) + (before.own_epochs if before else 0.0),
                    before.times + 1 if before else 1,
                    SUPERNET if is_shared else weights_key,
                )
        return self._trained

    def _choices(self, candidate: Candidate) -> frozenset[tuple[str, Value]]:
        return frozenset(self._space.project(candidate, *OF_WEIGHTS).items())

    def _weights_key(self, architecture: str, times: int) -> str:
        parts = ("brief", architecture, *self._seed)
        return content_key(*parts, times) if times else content_key(*parts)
