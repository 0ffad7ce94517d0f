"""Reinforcement learning: a policy that builds candidates choice by choice, and learns what they are worth.

REINFORCE with a baseline and entropy: Williams, "Simple statistical gradient-following algorithms for
connectionist reinforcement learning", 1992; Zoph and Le, ICLR 2017. PPO: Schulman et al., "Proximal Policy
Optimization Algorithms", 2017, equation 7. What breaks constraints is punished in proportion, the idea of
TuNAS (Bender et al., CVPR 2020, section 3.2) on one side of the limit, and needs no training to be known: the
policy learns to keep them from candidates that are only drawn. With several objectives the policy is also
given the weights of a Chebyshev sum, and every result teaches it under several weights, so that one policy
covers a front where MnasNet's reward (Tan et al., CVPR 2019, equation 2) looks at one point of it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from penjing.search.order import drawn_weights, stream_of, towards
from penjing.search.problem import SearchProblem
from penjing.search.random import fresh_samples
from penjing.space import Candidate, Value

Array = NDArray[np.float64]
_TRIES = 60
_WEIGHTS_PER_RESULT = 4
_IMAGINED = 16
_PENALTY = 0.5
# Results that are all alike say little, and must not say it loudly.
_LEAST_DEVIATION, _MOST_ADVANTAGE = 0.01, 3.0


class PolicySearcher:
    """Draws candidates from a policy that results have trained.

    Args:
        problem: Space, costs and constraints.
        batch: Results from which the policy learns at once.
        rate: Of learning (Adam).
        entropy: How much an undecided policy is worth.
        clip: Of PPO: how far one batch may move a probability; None for REINFORCE, one step a batch.
        epochs: Steps that PPO makes with one batch.
    """

    def __init__(
        self,
        problem: SearchProblem,
        batch: int = 10,
        rate: float = 0.1,
        entropy: float = 0.02,
        clip: float | None = None,
        epochs: int = 4,
    ) -> None:
        self.problem = problem
        self.batch = batch
        self.entropy = entropy
        self.clip = clip
        self.epochs = epochs if clip is not None else 1
        self._first: Candidate | None = None
        self._policy = _Policy(problem, rate)
        self._seen: set[str] = set()
        self._waiting: list[tuple[Candidate, Mapping[str, float]]] = []
        self._baseline: float | None = None

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Learn, whenever a batch of results is complete."""
        self._seen.add(candidate.key)
        self._first = self._first or candidate
        self._waiting.append((candidate, {**self.problem.costs(candidate), **costs}))
        if len(self._waiting) == self.batch:
            self._learn()
            self._waiting = []

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Draw ``n`` candidates from the policy; where it repeats itself, from the space."""
        made: dict[str, Candidate] = {}
        for _ in range(_TRIES * n):
            if len(made) == n:
                break
            candidate = self._policy.draw(drawn_weights(len(self.problem.box), rng), rng)
            if candidate.key not in self._seen and self.problem.violation(candidate) == 0:
                made[candidate.key] = candidate
        known = {*self._seen, *made}
        return [*made.values(), *fresh_samples(self.problem, n - len(made), rng, known)]

    def _learn(self) -> None:
        assert self._first is not None
        rng = stream_of(self._first, len(self._seen))
        points = self.problem.points([costs for _, costs in self._waiting])
        lessons: list[_Lesson] = []
        advantages = np.zeros(0)
        is_single = points.shape[1] == 1
        for _ in range(1 if is_single else _WEIGHTS_PER_RESULT):
            weights = drawn_weights(points.shape[1], rng)
            rewards = -towards(points, weights)
            # Directions differ in what is usual; in one direction it is learnt as the search goes on.
            usual = float(rewards.mean())
            if is_single:
                self._baseline = usual if self._baseline is None else 0.7 * self._baseline + 0.3 * usual
                usual = self._baseline
            gains = (rewards - usual) / max(float(rewards.std()), _LEAST_DEVIATION)
            advantages = np.append(advantages, np.clip(gains, -_MOST_ADVANTAGE, _MOST_ADVANTAGE))
            lessons += [self._policy.lesson(candidate, weights) for candidate, _ in self._waiting]
        for _ in range(_IMAGINED):
            weights = drawn_weights(points.shape[1], rng)
            candidate = self._policy.draw(weights, rng)
            violation = self.problem.violation(candidate)
            if 0 < violation < np.inf:
                lessons.append(self._policy.lesson(candidate, weights))
                advantages = np.append(advantages, -_PENALTY * min(1.0, violation))
        before = np.array([self._policy.log_probability(lesson) for lesson in lessons])
        for _ in range(self.epochs):
            self._policy.step(lessons, self._scaled(lessons, advantages, before), self.entropy)

    def _scaled(self, lessons: "Sequence[_Lesson]", advantages: Array, before: Array) -> Array:
        """How much each lesson still counts: PPO's clipped objective has no slope beyond the clip."""
        if self.clip is None:
            return advantages
        ratio = np.exp([self._policy.log_probability(lesson) for lesson in lessons] - before)
        too_far = np.where(advantages > 0, ratio > 1 + self.clip, ratio < 1 - self.clip)
        return np.where(too_far, 0.0, ratio * advantages)


class ProximalPolicySearcher(PolicySearcher):
    """The same by PPO: several careful steps with every batch."""

    def __init__(self, problem: SearchProblem) -> None:
        super().__init__(problem, clip=0.2)


_Lesson = list[tuple[int, Array, int]]  # the choice, what the policy knew, the place of the value


class _Policy:
    """Logits of every choice, linear in the values chosen before it and in the weights of the objectives.

    Choices that do not exist are not drawn, and teach nothing.
    """

    def __init__(self, problem: SearchProblem, rate: float) -> None:
        self._space = problem.space
        self._rate = rate
        self._column: dict[tuple[str, Value], int] = {}
        for choice in problem.space:
            if len(choice.values) > 1:
                for value in choice.values:
                    self._column[choice.name, value] = len(self._column)
        n_objectives = len(problem.box)
        # A constant, the weights where there are several objectives, all values of all choices.
        self._first_column = 1 + (n_objectives if n_objectives > 1 else 0)
        n_known = self._first_column + len(self._column)
        self._logits = [np.zeros((len(choice.values), n_known)) for choice in problem.space]
        self._mean = [np.zeros_like(logits) for logits in self._logits]
        self._square = [np.zeros_like(logits) for logits in self._logits]
        self._steps = 0

    def draw(self, weights: Array, rng: np.random.Generator) -> Candidate:
        """A candidate, for these weights of the objectives."""
        known = self._known(weights)
        made: dict[str, Value] = {}
        for at, choice in enumerate(self._space):
            if not choice.exists(made):
                continue
            place = 0
            if len(choice.values) > 1:
                chances = np.cumsum(_softmax(self._logits[at] @ known))
                place = int(min(np.searchsorted(chances, rng.random()), len(choice.values) - 1))
            made[choice.name] = choice.values[place]
            self._add(known, choice.name, made[choice.name])
        candidate = Candidate(made)
        # A space of which only parts can be had draws what is like it.
        return candidate if self._space.holds(candidate) else self._space.sample(rng)

    def lesson(self, candidate: Candidate, weights: Array) -> _Lesson:
        """What the policy knew before every choice of a candidate, and what was chosen."""
        known = self._known(weights)
        found: _Lesson = []
        for at, choice in enumerate(self._space):
            if choice.name not in candidate or not choice.offers(candidate[choice.name]):
                continue
            if len(choice.values) > 1:
                found.append((at, known.copy(), choice.values.index(candidate[choice.name])))
            self._add(known, choice.name, candidate[choice.name])
        return found

    def log_probability(self, lesson: _Lesson) -> float:
        """Of drawing what a lesson tells of."""
        return float(
            sum(np.log(_softmax(self._logits[at] @ known)[place] + 1e-12) for at, known, place in lesson)
        )

    def step(self, lessons: Sequence[_Lesson], advantages: Array, entropy: float) -> None:
        """One step of Adam (Kingma and Ba, ICLR 2015) towards what was better, and towards indecision."""
        slopes = [np.zeros_like(logits) for logits in self._logits]
        for lesson, advantage in zip(lessons, advantages, strict=True):
            for at, known, place in lesson:
                chances = _softmax(self._logits[at] @ known)
                slope = -chances * advantage
                slope[place] += advantage
                surprise = np.log(chances + 1e-12)
                slope -= entropy * chances * (surprise - chances @ surprise)
                slopes[at] += np.outer(slope, known) / len(lessons)
        self._steps += 1
        for at, slope in enumerate(slopes):
            self._mean[at] = 0.9 * self._mean[at] + 0.1 * slope
            self._square[at] = 0.99 * self._square[at] + 0.01 * slope**2
            mean = self._mean[at] / (1 - 0.9**self._steps)
            square = self._square[at] / (1 - 0.99**self._steps)
            self._logits[at] += self._rate * mean / (np.sqrt(square) + 1e-4)

    def _known(self, weights: Array) -> Array:
        known = np.zeros(self._first_column + len(self._column))
        known[0] = 1.0
        if self._first_column > 1:
            known[1 : self._first_column] = weights
        return known

    def _add(self, known: Array, name: str, value: Value) -> None:
        column = self._column.get((name, value))
        if column is not None:
            known[self._first_column + column] = 1.0


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()
