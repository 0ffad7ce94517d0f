"""Multi-objective evolution: non-dominated sorting and crowding, with constraint domination.

Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II",
IEEE TEC 6(2), 2002. Where we depart: the population is steady-state, and infeasible children are repaired
by drawing again, because feasibility is known before anything is trained.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from penjing.search.order import places
from penjing.search.problem import SearchProblem
from penjing.search.random import fresh_samples
from penjing.space import Candidate


class EvolutionSearcher:
    """Children of the best by rank and crowding.

    Args:
        problem: Space, costs and constraints.
        population: How many of the best may be parents.
    """

    def __init__(self, problem: SearchProblem, population: int = 20) -> None:
        self.problem = problem
        self.population = population
        self._alive: list[tuple[Candidate, NDArray[np.float64]]] = []
        self._seen: set[str] = set()

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Add a result; metrics that were not measured come from the problem's costs."""
        self._seen.add(candidate.key)
        point = self.problem.points([{**self.problem.costs(candidate), **costs}])[0]
        self._alive.append((candidate, point))
        if len(self._alive) == 2 * self.population:
            self._alive = self._best()

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Propose ``n`` candidates: random ones until there is a population, then children."""
        if len(self._seen) < min(self.population, 8):
            return fresh_samples(self.problem, n, rng, self._seen)
        parents = [candidate for candidate, _ in self._best()]
        made: dict[str, Candidate] = {}
        for _ in range(100 * n):
            if len(made) == n:
                break
            child = offspring(self.problem, parents, rng)
            if child.key not in self._seen and self.problem.violation(child) == 0:
                made[child.key] = child
        # A population that has converged breeds little that is new: the rest is drawn.
        drawn = fresh_samples(self.problem, n - len(made), rng, self._seen | made.keys())
        return [*made.values(), *drawn]

    def _best(self) -> list[tuple[Candidate, NDArray[np.float64]]]:
        order = np.argsort(places(np.array([point for _, point in self._alive])))
        return [self._alive[index] for index in order[: self.population]]


def offspring(problem: SearchProblem, parents: list[Candidate], rng: np.random.Generator) -> Candidate:
    """A child of one or two parents; earlier parents are likelier (binary tournament)."""

    def pick() -> Candidate:
        return parents[int(min(rng.integers(len(parents)), rng.integers(len(parents))))]

    child = problem.space.cross(pick(), pick(), rng) if rng.random() < 0.5 else pick()
    return problem.space.mutate(child, rng, int(rng.integers(1, 4)))
