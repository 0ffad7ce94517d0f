"""Constrained greedy search: from a feasible design, take the move that gains most per cost, until none does.

Moves are derived from the space: every change of one choice is one, and its kind follows from the choice's
part and from what the change does to what exists. Where a design has more neighbours than can be tried, a
round tries one move of each kind, kinds that gained most first, then the next of each. Where no move gains,
the search begins anew from a drawn design. With several objectives every ascent follows a weighted Chebyshev
sum of its own.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np

from penjing.search.order import drawn_weights, stream_of, towards
from penjing.search.problem import SearchProblem
from penjing.search.random import fresh_samples
from penjing.space import Candidate


class GreedySearcher:
    """Best gain per cost, with restarts.

    Args:
        problem: Space, costs and constraints.
        n_initial: Feasible designs that are drawn first; the search begins at the best.
        look: Moves that are tried before the best of them is taken.
        rounds: How often as many are tried without a gain before the search begins anew.
    """

    def __init__(self, problem: SearchProblem, n_initial: int = 6, look: int = 8, rounds: int = 4) -> None:
        self.problem = problem
        self.n_initial = n_initial
        self.look = look
        self.rounds = rounds
        self._first: Candidate | None = None
        self._abandoned: set[str] = set()
        self._told: dict[str, Mapping[str, float]] = {}
        self._starts: list[Candidate] = []
        self._ascents = 0
        self._here: Candidate | None = None
        self._here_value = np.inf
        self._moves: dict[str, tuple[str, Candidate]] = {}
        self._tried = 0
        self._best: tuple[float, Candidate] | None = None
        self._n_moves, self._forbidden = 0, Counter[str]()
        self._gains: defaultdict[str, list[float]] = defaultdict(list)

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Learn what a move gained, and take the best of a round when it is over."""
        self._told[candidate.key] = {**self.problem.costs(candidate), **costs}
        self._first = self._first or candidate
        # What another phase found in a wider space, or was asked for where the search no longer is.
        if not self.problem.space.holds(candidate) or candidate.key in self._abandoned:
            return
        if self._here is None:
            self._starts.append(candidate)
            if len(self._starts) >= (self.n_initial if self._ascents == 0 else 1):
                self._stand(min(self._starts, key=self._value))
            return
        gain = (self._here_value - self._value(candidate)) / self.problem.finishing_cost(candidate)
        kind, _ = self._moves.pop(candidate.key, ("", candidate))
        self._gains[kind].append(gain)
        self._tried += 1
        if self._best is None or gain > self._best[0]:
            self._best = gain, candidate
        if self._moves and self._tried % self.look:
            return
        if self._best[0] > 0:
            self._stand(self._best[1])
        elif not self._moves or self._tried >= self.look * self.rounds:
            self._begin_anew()

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """The next ``n`` moves; drawn designs where the search begins."""
        found = self._ordered()[:n] if self._here else []
        known = {*self._told, *(candidate.key for candidate in found)}
        return [*found, *fresh_samples(self.problem, n - len(found), rng, known)]

    def binding(self) -> Mapping[str, float]:
        """Share of the moves from where the search stood that each hard constraint forbade, by its text."""
        return {text: n / self._n_moves for text, n in self._forbidden.most_common()}

    def _stand(self, candidate: Candidate) -> None:
        self._here, self._here_value = candidate, self._value(candidate)
        self._tried, self._best = 0, None
        self._moves = {}
        for other in self._neighbours(candidate):
            broken = self.problem.broken(other)
            self._n_moves += 1
            self._forbidden.update(broken.values())
            if other.key not in self._told and self.problem.violation(other) == 0:
                self._moves[other.key] = move_of(self.problem, candidate, other), other
        if not self._moves:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._ascents += 1
        self._abandoned |= set(self._moves)
        self._here, self._starts, self._moves = None, [], {}

    def _neighbours(self, candidate: Candidate) -> list[Candidate]:
        rng = self._stream(len(self._told))
        near = list({c.key: c for c in self.problem.space.neighbours(candidate, rng)}.values())
        return [near[index] for index in rng.permutation(len(near))]

    def _ordered(self) -> list[Candidate]:
        """One move of each kind, then the next of each; within a round, kinds that gained most come first."""
        promise = {kind: float(np.mean(gains[-20:])) for kind, gains in self._gains.items()}
        before: Counter[str] = Counter()
        keyed: list[tuple[int, float, int, Candidate]] = []
        for at, (kind, candidate) in enumerate(self._moves.values()):
            # What was never tried comes first.
            keyed.append((before[kind], -promise.get(kind, np.inf), at, candidate))
            before[kind] += 1
        return [candidate for *_, candidate in sorted(keyed, key=lambda key: key[:3])]

    def _stream(self, *parts: int) -> np.random.Generator:
        assert self._first is not None
        return stream_of(self._first, *parts)

    def _value(self, candidate: Candidate) -> float:
        """What the present ascent makes less."""
        points = self.problem.points([self._told[candidate.key]])
        weights = drawn_weights(points.shape[1], self._stream(self._ascents, 1))
        return float(towards(points, weights)[0])


def move_of(problem: SearchProblem, before: Candidate, after: Candidate) -> str:
    """Name the move between two candidates that differ in one choice and in what follows from it.

    Returns:
        For a choice of the compression ``compress-more`` or ``compress-less`` by the bytes, or
        ``compress-otherwise`` where they are equal or not known; ``train-otherwise`` for one of the training;
        else ``replace-layer`` for a choice without an order, and for one with an order ``add-layer`` and
        ``remove-layer`` where others begin or cease to exist by it, ``widen`` and ``narrow`` where not.

    Example:
        >>> from penjing.space import Choice, SearchSpace
        >>> space = SearchSpace([Choice("width", (8, 16))])
        >>> problem = SearchProblem(space, lambda candidate: {}, {"accuracy": (1.0, 0.0)})
        >>> move_of(problem, space.candidate({"width": 8}), space.candidate({"width": 16}))
        'widen'
    """
    choice = problem.space[next(name for name in before if name in after and before[name] != after[name])]
    if choice.part == "training":
        return "train-otherwise"
    if choice.part == "compression":
        sizes = [problem.costs(candidate).get("size_bytes", 0.0) for candidate in (before, after)]
        if sizes[0] == sizes[1]:
            return "compress-otherwise"
        return "compress-more" if sizes[1] < sizes[0] else "compress-less"
    if not choice.ordered:
        return "replace-layer"
    if len(after) != len(before):
        return "add-layer" if len(after) > len(before) else "remove-layer"
    places = [choice.values.index(candidate[choice.name]) for candidate in (before, after)]
    return "widen" if places[1] > places[0] else "narrow"
