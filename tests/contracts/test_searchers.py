"""Every search algorithm that can be named in a configuration keeps the contract."""

import pytest

from penjing.search import ALGORITHMS, EvolutionSearcher, RandomSearcher, SurrogateSearcher
from penjing.testing.searcher import MakeSearcher, SearcherContract


class TestRandom(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return RandomSearcher


class TestEvolution(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return EvolutionSearcher


class TestSurrogate(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem: SurrogateSearcher(problem, pool=100)


class TestSurrogateThatModelsFromTheBeginning(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem: SurrogateSearcher(problem, n_initial=2, pool=100)


def test_every_algorithm_stands_here() -> None:
    assert set(ALGORITHMS.values()) == {RandomSearcher, EvolutionSearcher, SurrogateSearcher}
