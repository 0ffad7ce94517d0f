"""The choice of the algorithm as a choice: several learn from everything, and what has paid proposes.

A bandit over algorithms, as adaptive operator selection does it with the parts of an evolution (Fialho et
al., "Extreme Value Based Adaptive Operator Selection", PPSN 2008): results come in blocks, one algorithm
proposes a block, and is worth the share of its gain in that of the block before, so that it does not matter
that gains shrink as a search goes on. The upper confidence bound (Auer, Cesa-Bianchi and Fischer, 2002) says
whose turn it is; what paid long ago is forgotten. Where a space has compression beside architecture, a search
of the leaders' compression alone takes part too: phases, by what they pay instead of by a plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from penjing.objectives import hypervolume
from penjing.protocols import Forecaster, Searcher
from penjing.search.order import places
from penjing.search.pool import MOST_TO_LIST
from penjing.search.problem import SearchProblem
from penjing.space import Candidate, CarriedSpace, SearchSpace

COMPRESSION = "evolution on compression"
"""Who changes nothing but the compression of the architectures that lead."""

_FORGETS = 0.8
_CURIOSITY = 0.3
# Before it had a turn an algorithm is worth what so many blocks of these shares would say: the first as much
# as was gained just before, the others less. Else each would have a turn where the first would gain most.
_BLOCKS_BELIEVED, _BELIEVED_OF_FIRST, _BELIEVED_OF_OTHERS = 2.0, 0.5, 0.4
_LEADERS = 6


@dataclass(frozen=True)
class Decision:
    """Who proposes from some result on, and why."""

    after: int
    algorithm: str
    reason: str


class AutoSearcher:
    """Lets several algorithms take turns by what they gained.

    Args:
        problem: Space, costs, constraints, box.
        algorithms: Names of who may propose, the likeliest to pay first; None chooses by the space.
        block: Results after which somebody else may propose; no more are proposed at once.
    """

    def __init__(
        self, problem: SearchProblem, algorithms: tuple[str, ...] | None = None, block: int = 12
    ) -> None:
        self.problem = problem
        self.block = block
        self.names = algorithms or _fitting(problem)
        self.decisions = [Decision(0, self.names[0], "the first of those that suit the space")]
        self._searchers = {name: _made(name, problem) for name in self.names if name != COMPRESSION}
        self._told: list[tuple[Candidate, Mapping[str, float]]] = []
        self._rows: list[Mapping[str, float]] = []
        self._worth: list[tuple[str, float]] = []
        self._volume = 0.0
        self._gain: float | None = None
        self._began = 0
        self._decided: tuple[Decision, ...] = ()

    def begin(self, decided: Sequence[Decision] = ()) -> None:
        """Nobody here proposed what was told so far: the turns begin now.

        Args:
            decided: What was decided of the turns that are told next, by an earlier version perhaps.
        """
        self._began, self._decided = len(self._rows), tuple(decided)
        self.decisions, first = [], Decision(self._began, self.names[0], self.decisions[0].reason)
        self.decisions.append(self._as_decided(first))
        self._worth = []
        self._volume, self._gain = self._volume_now() if self._rows else 0.0, None
        self._searchers.pop(COMPRESSION, None)

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Let all learn; at the end of a block, decide anew. A function of what was told alone."""
        for searcher in self._searchers.values():
            searcher.tell(candidate, costs)
        self._told.append((candidate, costs))
        self._rows.append({**self.problem.costs(candidate), **costs})
        if self._n_own % self.block == 0:
            self._decide()

    @property
    def _n_own(self) -> int:
        """Results of what was proposed here."""
        return len(self._rows) - self._began

    def _volume_now(self) -> float:
        points = self.problem.points(self._rows)
        return hypervolume(points, np.full(points.shape[1], 1.0 + 1e-9))

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Ask the one whose turn it is, for no more than are left of the block."""
        n = min(n, self.block - self._n_own % self.block)
        found = self._whose_turn.ask(n, rng)
        # Few architectures have few ways to be compressed: then the first has the turn.
        return found or self._searchers[self.names[0]].ask(n, rng)

    @property
    def expected_gain(self) -> float | None:
        """What the one expects whose turn it is; None if it has no model."""
        searcher = self._whose_turn
        return searcher.expected_gain if isinstance(searcher, Forecaster) else None

    @property
    def _whose_turn(self) -> Searcher:
        name = self.decisions[-1].algorithm
        if name == COMPRESSION and name not in self._searchers:  # perhaps rebuilt amid the block
            self._searchers[name] = self._of_compression()
        return self._searchers[name]

    def _decide(self) -> None:
        volume = self._volume_now()
        gain, before = volume - self._volume, self._gain
        # What the first block gains on nothing is no measure for the second.
        self._volume, self._gain = volume, None if self._n_own == self.block else gain
        # Who gains as much as was gained just before is worth one half; of the first block nobody can say.
        share = 0.5 if before is None else gain / (gain + before) if gain + before > 0 else 0.0
        self._worth.append((self.decisions[-1].algorithm, share))
        index = {name: self._index(name) for name in self.names}
        best = max(self.names, key=lambda name: index[name])
        tried = {name for name, _ in self._worth}
        reason = ", ".join(
            f"{name} {index[name]:.2f}{'' if name in tried else ' (not tried)'}" for name in self.names
        )
        self.decisions.append(self._as_decided(Decision(len(self._rows), best, reason)))
        # Who leads has changed: made anew when it has the turn.
        self._searchers.pop(COMPRESSION, None)

    def _as_decided(self, decision: Decision) -> Decision:
        """What was decided there before, if anything."""
        earlier = self._decided[len(self.decisions) : len(self.decisions) + 1]
        return earlier[0] if earlier and earlier[0].after == decision.after else decision

    def _of_compression(self) -> Searcher:
        """A search of the leaders' compression, as the last decision found the leaders."""
        after = self.decisions[-1].after
        order = np.argsort(places(self.problem.points(self._rows[:after])))
        space = self.problem.space
        leaders: dict[str, Candidate] = {}
        for candidate in (self._told[at][0] for at in order):
            if len(leaders) < _LEADERS:
                leaders.setdefault(space.trained_part(candidate).key, candidate)
        searcher = _made("evolution", self.problem.within(CarriedSpace(space, list(leaders.values()))))
        for candidate, costs in self._told:
            searcher.tell(candidate, costs)
        return searcher

    def _index(self, name: str) -> float:
        """What an algorithm is expected to be worth, with the benefit of the doubt."""
        weights = _FORGETS ** np.arange(len(self._worth))[::-1]
        own = np.array([who == name for who, _ in self._worth])
        shares = np.array([share for _, share in self._worth])
        believed = _BELIEVED_OF_FIRST if name == self.names[0] else _BELIEVED_OF_OTHERS
        n = float(weights[own].sum()) + _BLOCKS_BELIEVED
        worth = ((weights * shares)[own].sum() + _BLOCKS_BELIEVED * believed) / n
        return float(worth + _CURIOSITY * np.sqrt(np.log(1.0 + len(self._worth)) / n))


def _fitting(problem: SearchProblem) -> tuple[str, ...]:
    """A model, and beside it what walks where candidates are few, or another model; and evolution."""
    second = "local" if problem.n_candidates <= MOST_TO_LIST else "surrogate"
    # A space that is narrowed already has one compression, or few architectures.
    has_both = type(problem.space) is SearchSpace and all(
        any(len(problem.space[name].values) > 1 for name in problem.space.of_parts(part))
        for part in ("architecture", "compression")
    )
    return ("bayesian", second, "evolution", *([COMPRESSION] if has_both else []))


def _made(name: str, problem: SearchProblem) -> Searcher:
    # Who lists all algorithms lists this one: looked up when it is needed.
    from penjing.search import searcher_named

    return searcher_named(name, problem)
