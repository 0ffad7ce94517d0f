"""Search algorithms, one a file, all behind ask and tell."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module

from penjing.errors import MissingExtraError, missing_extra, unknown_name
from penjing.protocols import Searcher
from penjing.search.asking import ask_beside
from penjing.search.evolution import EvolutionSearcher
from penjing.search.learning_curve import DEVIATION, EXPONENT, expected_accuracy, saturation_epochs
from penjing.search.local import LocalSearcher
from penjing.search.problem import SearchProblem
from penjing.search.random import RandomSearcher
from penjing.search.regularised_evolution import RegularisedEvolutionSearcher
from penjing.search.surrogate import SurrogateSearcher

# Named by where they stand: what a search needs (SciPy, torch, Optuna) is imported by those who search.
ALGORITHMS: Mapping[str, str] = {
    "random": "random.RandomSearcher",
    "evolution": "evolution.EvolutionSearcher",
    "regularised-evolution": "regularised_evolution.RegularisedEvolutionSearcher",
    "local": "local.LocalSearcher",
    "greedy": "greedy.GreedySearcher",
    "surrogate": "surrogate.SurrogateSearcher",
    "bayesian": "bayesian.BayesianSearcher",
    "graph-predictor": "graph_predictor.GraphPredictorSearcher",
    "reinforce": "policy.PolicySearcher",
    "ppo": "policy.ProximalPolicySearcher",
    "hybrid": "hybrid.HybridSearcher",
    "optuna-tpe": "optuna_samplers.TpeSearcher",
    "optuna-gp": "optuna_samplers.OptunaGpSearcher",
    "optuna-nsga2": "optuna_samplers.Nsga2Searcher",
    "optuna-nsga3": "optuna_samplers.Nsga3Searcher",
    "optuna-cmaes": "optuna_samplers.CmaEsSearcher",
    "hyperopt-tpe": "hyperopt_tpe.HyperoptSearcher",
    "asha": "successive_halving.SuccessiveHalvingSearcher",
    "multi-fidelity": "multi_fidelity.MultiFidelitySearcher",
    "auto": "auto.AutoSearcher",
}


PAIR = "hybrid:"
"""What the name of a pair of algorithms begins with."""

# Said here, so that a configuration is checked without importing all of them.
FORECASTERS = ("surrogate", "bayesian", "graph-predictor", "hybrid", "multi-fidelity", "auto")
PROMOTERS = ("asha", "multi-fidelity")

# What is imported only when it searches.
_ALSO_NEEDS = {"optuna-gp": "torch", "optuna-cmaes": "cmaes"}
_EXTRAS = {"cmaes": "optuna", "hyperopt": "hyperopt", "optuna": "optuna"}


def searcher_class(name: str) -> Callable[[SearchProblem], Searcher]:
    """Look a search algorithm up, and find out whether what it needs is installed.

    Args:
        name: One of :data:`ALGORITHMS`, or ``hybrid:PROPOSER+SCREENER`` of two of them.

    Raises:
        UnknownNameError: If there is none of that name.
        InvalidValueError: If two are named that make no pair.
        MissingExtraError: If a package is missing that it needs.
    """
    if name.startswith(PAIR):
        return import_module("penjing.search.hybrid").pair_of(name, searcher_class)
    if name not in ALGORITHMS:
        raise unknown_name("search algorithm", name, ALGORITHMS)
    module, _, kind = ALGORITHMS[name].partition(".")
    try:
        if name in _ALSO_NEEDS:
            import_module(_ALSO_NEEDS[name])
        return getattr(import_module(f"penjing.search.{module}"), kind)
    except ModuleNotFoundError as error:
        package = error.name or ""
        extra = _EXTRAS.get(package, "search")
        raise missing_extra(f"The search algorithm {name!r}", package, extra) from error


def searcher_named(name: str, problem: SearchProblem) -> Searcher:
    """Make the search algorithm of that name; see :func:`searcher_class` for what may go wrong."""
    return searcher_class(name)(problem)


def expects_gains(name: str) -> bool:
    """Whether the search algorithm of that name is a :class:`~penjing.protocols.Forecaster`."""
    return name in FORECASTERS or name.startswith(PAIR)


def trains_further(name: str) -> bool:
    """Whether the search algorithm of that name is a :class:`~penjing.protocols.Promoter`."""
    return name in PROMOTERS


def available_algorithms() -> list[str]:
    """The names of those whose packages are installed."""
    found: list[str] = []
    for name in ALGORITHMS:
        with suppress(MissingExtraError):
            searcher_class(name)
            found.append(name)
    return found


__all__ = [
    "ALGORITHMS",
    "DEVIATION",
    "EXPONENT",
    "FORECASTERS",
    "PAIR",
    "PROMOTERS",
    "EvolutionSearcher",
    "LocalSearcher",
    "RandomSearcher",
    "RegularisedEvolutionSearcher",
    "SearchProblem",
    "SurrogateSearcher",
    "ask_beside",
    "available_algorithms",
    "expected_accuracy",
    "expects_gains",
    "saturation_epochs",
    "searcher_class",
    "searcher_named",
    "trains_further",
]
