"""Every search algorithm that can be named in a configuration keeps the contract."""

from functools import partial

import pytest

from penjing.search import (
    ALGORITHMS,
    RegularisedEvolutionSearcher,
    SurrogateSearcher,
    graph_predictor,
    model_based,
    searcher_named,
)
from penjing.search.bayesian import BayesianSearcher
from penjing.search.local import LocalSearcher
from penjing.search.multi_fidelity import MultiFidelitySearcher
from penjing.testing.searcher import MakeSearcher, SearcherContract

# Half a second a proposal.
SLOW = {"optuna-gp"}
PAIRS = ["hybrid:evolution+surrogate", "hybrid:local+graph-predictor"]
NAMES = [
    pytest.param(name, marks=pytest.mark.long) if name in SLOW else name for name in (*ALGORITHMS, *PAIRS)
]


@pytest.mark.parametrize("name", NAMES)
class TestEveryAlgorithm(SearcherContract):
    @pytest.fixture
    def make_searcher(self, name: str, monkeypatch: pytest.MonkeyPatch) -> MakeSearcher:
        # What a predictor has learnt is no part of the contract.
        monkeypatch.setattr(graph_predictor, "_STEPS", 10)
        return partial(searcher_named, name)


class TestSurrogateThatModelsFromTheBeginning(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem: SurrogateSearcher(problem, n_initial=2, pool=100)


class TestBayesianThatModelsFromTheBeginning(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem: BayesianSearcher(problem, n_initial=2)


class TestBayesianThatBreedsItsPool(SearcherContract):
    @pytest.fixture
    def make_searcher(self, monkeypatch: pytest.MonkeyPatch) -> MakeSearcher:
        monkeypatch.setattr(model_based, "is_listable", lambda problem: False)
        return lambda problem: BayesianSearcher(problem, n_initial=2, pool=60)


class TestTwoFidelitiesThatModelFromTheBeginning(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem: MultiFidelitySearcher(problem, n_initial=4, n_longer=2)


class TestTwoFidelitiesThatBreedTheirPool(SearcherContract):
    @pytest.fixture
    def make_searcher(self, monkeypatch: pytest.MonkeyPatch) -> MakeSearcher:
        monkeypatch.setattr(model_based, "is_listable", lambda problem: False)
        return lambda problem: MultiFidelitySearcher(problem, n_initial=4, n_longer=2, pool=60)


class TestRegularisedEvolutionOfASmallPopulation(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem: RegularisedEvolutionSearcher(problem, population=6, sample=3)


class TestLocalThatDescendsAtOnce(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem: LocalSearcher(problem, n_initial=1)
