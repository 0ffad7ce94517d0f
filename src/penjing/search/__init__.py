"""Search algorithms, one a file, all behind ask and tell."""

from penjing.errors import unknown_name
from penjing.search.evolution import EvolutionSearcher
from penjing.search.learning_curve import LATE_DEVIATION, LATE_EXPONENT, expected_accuracy
from penjing.search.problem import SearchProblem
from penjing.search.random import RandomSearcher
from penjing.search.surrogate import SurrogateSearcher

ALGORITHMS = {
    "random": RandomSearcher,
    "evolution": EvolutionSearcher,
    "surrogate": SurrogateSearcher,
}


def searcher_named(
    name: str, problem: SearchProblem
) -> RandomSearcher | EvolutionSearcher | SurrogateSearcher:
    """Make the search algorithm of that name.

    Raises:
        UnknownNameError: If there is none.
    """
    if name not in ALGORITHMS:
        raise unknown_name("search algorithm", name, ALGORITHMS)
    return ALGORITHMS[name](problem)


__all__ = [
    "ALGORITHMS",
    "LATE_DEVIATION",
    "LATE_EXPONENT",
    "EvolutionSearcher",
    "RandomSearcher",
    "SearchProblem",
    "SurrogateSearcher",
    "expected_accuracy",
    "searcher_named",
]
