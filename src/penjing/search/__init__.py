"""Search algorithms, one a file, all behind ask and tell."""

from penjing.search.asking import ask_beside
from penjing.search.catalogue import (
    ALGORITHMS,
    FORECASTERS,
    PROMOTERS,
    all_algorithms,
    available_algorithms,
    expects_gains,
    searcher_class,
    searcher_named,
    trains_further,
)
from penjing.search.evolution import EvolutionSearcher
from penjing.search.local import LocalSearcher
from penjing.search.problem import SearchProblem
from penjing.search.random import RandomSearcher
from penjing.search.regularised_evolution import RegularisedEvolutionSearcher
from penjing.search.surrogate import SurrogateSearcher

__all__ = [
    "ALGORITHMS",
    "FORECASTERS",
    "PROMOTERS",
    "EvolutionSearcher",
    "LocalSearcher",
    "RandomSearcher",
    "RegularisedEvolutionSearcher",
    "SearchProblem",
    "SurrogateSearcher",
    "all_algorithms",
    "ask_beside",
    "available_algorithms",
    "expects_gains",
    "searcher_class",
    "searcher_named",
    "trains_further",
]
