"""Regularised evolution: the oldest dies, not the worst.

Real, Aggarwal, Huang and Le, "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019,
algorithm 1. Where we depart: with several objectives the best of a tournament is decided by non-dominated
rank and then by crowding, as in NSGA-II; what was evaluated is not evaluated again: a child that is known is
mutated once more, as often as it takes to be new; batches are bred from one population.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from penjing.search.order import places
from penjing.search.problem import SearchProblem
from penjing.search.random import fresh_samples
from penjing.space import Candidate

_TRIES = 200


class RegularisedEvolutionSearcher:
    """Mutates the best of a few that were drawn from the youngest.

    Args:
        problem: Space, costs and constraints.
        population: How many of the youngest are alive; as many are drawn at random first.
        sample: How many of them a tournament draws.
    """

    def __init__(self, problem: SearchProblem, population: int = 50, sample: int = 10) -> None:
        self.problem = problem
        self.population = population
        self.sample = sample
        self._told: list[tuple[Candidate, NDArray[np.float64]]] = []
        self._seen: set[str] = set()

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Add the youngest; metrics that were not measured come from the problem's costs."""
        self._seen.add(candidate.key)
        point = self.problem.points([{**self.problem.costs(candidate), **costs}])[0]
        self._told.append((candidate, point))

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Propose ``n`` candidates: drawn ones until the population is whole, then mutants."""
        if len(self._told) < self.population:
            return fresh_samples(self.problem, n, rng, self._seen)
        alive = self._told[-self.population :]
        points = np.array([point for _, point in alive])
        made: dict[str, Candidate] = {}
        while len(made) < n:
            drawn = rng.integers(len(alive), size=self.sample)
            parent = alive[int(drawn[np.argmin(places(points[drawn]))])][0]
            child = self._fresh_mutant(parent, rng, made)
            if child is None:
                break
            made[child.key] = child
        drawn = fresh_samples(self.problem, n - len(made), rng, {*self._seen, *made})
        return [*made.values(), *drawn]

    def _fresh_mutant(
        self, parent: Candidate, rng: np.random.Generator, made: Mapping[str, Candidate]
    ) -> Candidate | None:
        child = parent
        for _ in range(_TRIES):
            mutant = self.problem.space.mutate(child, rng)
            if self.problem.violation(mutant) > 0:
                continue
            child = mutant
            if child.key not in self._seen and child.key not in made:
                return child
        return None
