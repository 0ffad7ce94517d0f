"""Which search algorithms there are, by name: our own, pairs of them, and those of installed packages.

A package brings one with an entry point of the group ``penjing.searchers``.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from penjing.errors import InvalidValueError, MissingExtraError, missing_extra, unknown_name
from penjing.protocols import Searcher
from penjing.search.problem import SearchProblem

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

GROUP = "penjing.searchers"
"""Of the entry points by which packages bring search algorithms."""

# What is imported only when it searches.
_ALSO_NEEDS = {"optuna-gp": "torch", "optuna-cmaes": "cmaes"}
_EXTRAS = {"cmaes": "optuna", "hyperopt": "hyperopt", "optuna": "optuna"}


def searcher_class(name: str) -> Callable[[SearchProblem], Searcher]:
    """Look a search algorithm up, and find out whether what it needs is installed.

    Args:
        name: One of :data:`ALGORITHMS` or of an installed package, or ``hybrid:PROPOSER+SCREENER`` of two.

    Raises:
        UnknownNameError: If there is none of that name.
        InvalidValueError: If two are named that make no pair, or what a package brings cannot be loaded.
        MissingExtraError: If a package is missing that it needs.
    """
    if name.startswith(PAIR):
        return import_module("penjing.search.hybrid").pair_of(name, searcher_class)
    if name not in ALGORITHMS:
        brought = _brought()
        if name not in brought:
            raise unknown_name("search algorithm", name, all_algorithms())
        return _loaded(brought[name])
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
    return name in FORECASTERS or name.startswith(PAIR) or _is_brought_with(name, "expected_gain")


def trains_further(name: str) -> bool:
    """Whether the search algorithm of that name is a :class:`~penjing.protocols.Promoter`."""
    return name in PROMOTERS or _is_brought_with(name, "promoted")


def all_algorithms() -> list[str]:
    """The names of ours and of those that packages bring, whether or not they can be had."""
    return [*ALGORITHMS, *_brought()]


def available_algorithms() -> list[str]:
    """The names of those that can be had, those that packages bring among them; no pairs."""
    found: list[str] = []
    for name in all_algorithms():
        with suppress(MissingExtraError, InvalidValueError):
            searcher_class(name)
            found.append(name)
    return found


def _brought() -> Mapping[str, EntryPoint]:
    """What installed packages bring; nothing of theirs is imported. Our own names stay our own.

    Names with a sign that has a meaning where algorithms are named are passed over.
    """
    return {
        entry.name: entry
        for entry in entry_points(group=GROUP)
        if entry.name not in (*ALGORITHMS, "all") and not set(entry.name) & set(":+,")
    }


def _loaded(entry: EntryPoint) -> Callable[[SearchProblem], Searcher]:
    try:
        found = entry.load()
        if not callable(found):
            raise TypeError(f"it is no class, but {found!r}")
    except MissingExtraError:
        raise
    except Exception as error:  # whatever a package of somebody else raises when it is imported
        raise InvalidValueError(
            f"The search algorithm {entry.name!r} of {entry.dist.name if entry.dist else 'a package'} cannot "
            f"be loaded from {entry.value!r}: {error}. Mend the package, or take another algorithm."
        ) from error
    return cast(Callable[[SearchProblem], Searcher], found)


def _is_brought_with(name: str, attribute: str) -> bool:
    if name in ALGORITHMS or name.startswith(PAIR):
        return False
    # A class, as a rule: of what another callable makes nothing is known before it is called.
    brought = _brought()
    return name in brought and hasattr(_loaded(brought[name]), attribute)
