"""The compression that suits a candidate best, by what is expected of it: no evaluation is taken."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from penjing.search.problem import SearchProblem
from penjing.space import Candidate


def polished(
    problem: SearchProblem,
    candidate: Candidate,
    gains_of: Callable[[Sequence[Candidate]], NDArray[np.float64]],
    rng: np.random.Generator,
) -> Candidate:
    """The candidate's architecture with the compression that gains most, choice by choice.

    What a precision saves is known and what it costs is small: breeding, which has all choices to care
    for, leaves much of that on the table.

    Args:
        problem: Space, costs, constraints.
        candidate: To begin with.
        gains_of: What some are expected to gain, ``[n]``.
        rng: Draws neighbours where there are many.
    """
    best = 0.0
    while True:
        near = _compressed_otherwise(problem, candidate, rng)
        # One that costs the same is the same network said in another way, and has other neighbours.
        twins = [c for c in near if problem.costs(c) == problem.costs(candidate)]
        near += [other for twin in twins for other in _compressed_otherwise(problem, twin, rng)]
        tried = [candidate, *near]
        gains = gains_of(tried)
        index = int(np.argmax(gains))
        if index == 0 or gains[index] <= best:
            return candidate
        candidate, best = tried[index], gains[index]


def _compressed_otherwise(
    problem: SearchProblem, candidate: Candidate, rng: np.random.Generator
) -> list[Candidate]:
    """Feasible candidates of the same architecture, one change of compression away."""
    architecture = problem.space.trained_part(candidate)
    return [
        other
        for other in problem.space.neighbours(candidate, rng, ("compression",))
        if problem.space.trained_part(other) == architecture and problem.violation(other) == 0
    ]
