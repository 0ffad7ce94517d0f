"""What each algorithm promises beyond the contract, and that the surrogate is worth having."""

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from penjing.errors import MissingExtraError, UnknownNameError
from penjing.objectives import hypervolume
from penjing.search import (
    EvolutionSearcher,
    RandomSearcher,
    SearchProblem,
    SurrogateSearcher,
    available_algorithms,
    searcher_named,
    surrogate,
)
from penjing.search.polishing import polished
from penjing.space import Candidate, Choice, SearchSpace

WIDTHS, BITS = (4, 8, 16, 32), (4, 8, 32)
SPACE = SearchSpace(
    [
        *(Choice(f"stage{i}.width", WIDTHS) for i in range(4)),
        *(Choice(f"stage{i}.operation", ("plain", "inverted", "separable"), ordered=False) for i in range(4)),
        *(Choice(f"stage{i}.bits", BITS, "compression") for i in range(4)),
    ]
)
BOX = {"accuracy": (0.99, 0.5), "size_bytes": (500.0, 20_000.0)}
_COST = {"plain": 9.0, "inverted": 4.0, "separable": 1.5}
_WORTH = {"plain": 0.0, "inverted": 0.35, "separable": -0.15}


def costs_of(candidate: Candidate) -> Mapping[str, float]:
    parameters = [
        float(candidate[f"stage{i}.width"]) * _COST[str(candidate[f"stage{i}.operation"])] * (i + 3)
        for i in range(4)
    ]
    size = sum(n * float(candidate[f"stage{i}.bits"]) / 8 for i, n in enumerate(parameters))
    return {"parameters": sum(parameters), "macs": 40 * sum(parameters), "size_bytes": 200 + size}


def accuracy_of(candidate: Candidate) -> float:
    """The logarithm of the error is a sum over choices, the stages not alike."""
    log_error = 0.0
    for i, weight in enumerate((1.0, 0.3, 0.6, 0.1)):
        log_error -= 0.45 * weight * np.log2(float(candidate[f"stage{i}.width"]) / 4)
        log_error -= weight * _WORTH[str(candidate[f"stage{i}.operation"])]
        log_error += weight * {4: 0.8, 8: 0.05, 32: 0.0}[int(str(candidate[f"stage{i}.bits"]))]
    return 1.0 - 0.3 * float(np.exp(log_error))


def problem(
    evaluation_cost: Callable[[Candidate, Mapping[str, float]], float] = lambda candidate, costs: 1.0,
    finishing_cost: Callable[[Mapping[str, float]], float] = lambda costs: 1.0,
) -> SearchProblem:
    return SearchProblem(
        SPACE,
        costs_of,
        BOX,
        evaluation_cost=evaluation_cost,
        finishing_cost=finishing_cost,
        log_error=True,
    )


def volume_after(algorithm: str, n: int, seed: int) -> float:
    given = problem()
    searcher = searcher_named(algorithm, given)
    if isinstance(searcher, SurrogateSearcher):
        searcher.pool = 80
    rows: list[Mapping[str, float]] = []
    noise = np.random.default_rng([seed, 77])
    while len(rows) < n:
        for candidate in searcher.ask(8, np.random.default_rng([seed, len(rows)])):
            accuracy = accuracy_of(candidate)
            searcher.tell(candidate, {"accuracy": accuracy + noise.normal(0, 0.005)})
            rows.append({**costs_of(candidate), "accuracy": accuracy})
    return hypervolume(given.points(rows[:n]), np.ones(2))


def test_the_surrogate_beats_random_search_with_40_evaluations() -> None:
    """Sign test: at least 9 of 10 seeds has p = 0.011 if neither were better."""
    pairs = [(volume_after("surrogate", 40, seed), volume_after("random", 40, seed)) for seed in range(10)]
    assert sum(ours > theirs for ours, theirs in pairs) >= 9, pairs
    assert np.mean([ours - theirs for ours, theirs in pairs]) > 0.03, pairs


def test_evolution_beats_random_search_with_200_evaluations() -> None:
    pairs = [(volume_after("evolution", 200, seed), volume_after("random", 200, seed)) for seed in range(10)]
    assert sum(ours > theirs for ours, theirs in pairs) >= 9, pairs


def test_an_unknown_algorithm_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match=r"named 'surogate'\. Did you mean 'surr"):
        searcher_named("surogate", problem())


@pytest.mark.parametrize(
    ("name", "kind"),
    [("random", RandomSearcher), ("evolution", EvolutionSearcher), ("surrogate", SurrogateSearcher)],
)
def test_a_name_gives_its_class(name: str, kind: type) -> None:
    assert isinstance(searcher_named(name, problem()), kind)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("hyperopt-tpe", "hyperopt", "hyperopt"), ("optuna-cmaes", "cmaes", "optuna")],
)
def test_an_algorithm_whose_package_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "penjing.search.hyperopt_tpe", raising=False)
    with pytest.raises(MissingExtraError, match=rf"{name}' needs {package}, .*penjing\[{extra}\]"):
        searcher_named(name, problem())
    assert name not in available_algorithms()
    assert "optuna-tpe" in available_algorithms()


def test_the_first_candidates_of_the_surrogate_are_far_apart_even_one_by_one(
    rng: np.random.Generator,
) -> None:
    """With one worker every ask is for one candidate, which has to differ from those before it."""
    given = problem(lambda _, costs: costs["macs"])
    searcher = SurrogateSearcher(given)
    sizes: list[float] = []
    for _ in range(8):
        (candidate,) = searcher.ask(1, rng)
        searcher.tell(candidate, {"accuracy": accuracy_of(candidate)})
        sizes.append(costs_of(candidate)["parameters"])
    usual = [costs_of(SPACE.sample(rng))["parameters"] for _ in range(200)]
    assert min(sizes) < np.quantile(usual, 0.1)
    assert max(sizes) > np.median(usual)


def test_candidates_that_cost_the_same_are_not_proposed_twice_in_a_batch(rng: np.random.Generator) -> None:
    given = SearchProblem(SPACE, lambda _: {"size_bytes": 1000.0, "parameters": 10.0}, BOX)
    batch = SurrogateSearcher(given).ask(6, rng)
    assert len({candidate.key for candidate in batch}) == 6


def test_cheap_candidates_are_preferred_at_equal_gain(rng: np.random.Generator) -> None:
    """The same model and pool; only what an evaluation costs differs."""
    found: dict[bool, float] = {}
    for per_cost in (True, False):
        given = problem(lambda _, costs, per_cost=per_cost: 0.1 + costs["macs"] / 1e4 if per_cost else 1.0)
        searcher = SurrogateSearcher(given, pool=200)
        for candidate in (SPACE.sample(np.random.default_rng([7, i])) for i in range(16)):
            searcher.tell(candidate, {"accuracy": accuracy_of(candidate)})
        chosen = [c for seed in range(10) for c in searcher.ask(2, np.random.default_rng(seed))]
        found[per_cost] = float(np.mean([costs_of(candidate)["macs"] for candidate in chosen]))
    assert found[True] < 0.6 * found[False]


def taught(n: int = 24, given: SearchProblem | None = None) -> SurrogateSearcher:
    searcher = SurrogateSearcher(given or problem(), n_initial=1, pool=200)
    for i in range(n):
        candidate = SPACE.sample(np.random.default_rng([6, i]))
        searcher.tell(candidate, {"accuracy": accuracy_of(candidate)})
    return searcher


def test_the_most_accurate_are_among_the_best_there_are(rng: np.random.Generator) -> None:
    chosen = taught().most_accurate(3, rng)
    drawn = [accuracy_of(SPACE.sample(rng)) for _ in range(500)]
    assert len({Candidate(SPACE.project(candidate, "architecture")) for candidate in chosen}) == 3
    assert min(map(accuracy_of, chosen)) > np.quantile(drawn, 0.95)


def test_finalists_may_be_told_candidates_and_do_not_dominate_each_other(rng: np.random.Generator) -> None:
    searcher = taught()
    chosen = searcher.finalists(6, rng)
    assert len({candidate.key for candidate in chosen}) == len(chosen) > 2
    predicted = searcher.predicted(chosen)
    sizes = np.array([costs_of(candidate)["size_bytes"] for candidate in chosen])
    order = np.argsort(sizes)
    assert np.all(np.diff(predicted[order]) > 0)


def test_places_that_nothing_is_expected_to_earn_go_to_what_may_be_better(rng: np.random.Generator) -> None:
    """Where all cost the same, one candidate is expected to be best; the others are near it, not anywhere."""
    searcher = taught(given=SearchProblem(SPACE, lambda c: {**costs_of(c), "size_bytes": 1_000.0}, BOX))
    chosen = searcher.finalists(8, rng)
    assert len({candidate.key for candidate in chosen}) == 8
    expected = searcher.predicted(chosen)
    anywhere = searcher.predicted([SPACE.sample(rng) for _ in range(500)])
    assert expected[0] > np.quantile(anywhere, 0.98)
    assert expected.min() > np.quantile(anywhere, 0.9)


def test_nobody_is_improved_twice_beside_the_same_front(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where most are refused, as their niche is full, the same would be asked for every place."""
    asked: Counter[tuple[str, bytes]] = Counter()
    drawn = [SPACE.sample(np.random.default_rng([11, at])) for at in range(60)]

    def counted(given: SearchProblem, one: Candidate, gains_of: Any, *others: Any) -> Candidate:
        asked[one.key, gains_of(drawn).tobytes()] += 1  # another front is another gain of some of them
        return polished(given, one, gains_of, *others)

    monkeypatch.setattr(surrogate, "polished", counted)
    assert len(taught(60).finalists(8, rng, most_alike=1)) == 8
    assert len(asked) > 8
    assert set(asked.values()) == {1}


def test_finalists_can_be_spread_over_what_they_cost(rng: np.random.Generator) -> None:
    searcher = taught(60)

    def niches(candidates: list[Candidate]) -> Counter[int]:
        return Counter(searcher.problem.niche(candidate) for candidate in candidates)

    taken = searcher.finalists(1, rng)
    spread = searcher.finalists(6, rng, most_alike=2)
    (other,) = searcher.finalists(1, rng, most_alike=1, besides=taken)
    assert max(niches(searcher.finalists(6, rng)).values()) > 2
    assert len(spread) == 6
    assert max(niches(spread).values()) == 2
    assert searcher.problem.niche(other) not in niches(taken)
    assert len(searcher.finalists(12, rng, most_alike=1)) == 12


def test_the_first_finalist_is_the_one_that_gains_most_for_its_training() -> None:
    """The same candidates; only whether gains are divided by what finishing costs differs."""
    drawn = [SPACE.sample(np.random.default_rng([9, i])) for i in range(60)]
    (alike,) = taught(60).together(drawn, 1)
    (dear,) = taught(60, problem(finishing_cost=lambda costs: costs["macs"])).together(drawn, 1)
    assert costs_of(dear)["macs"] < costs_of(alike)["macs"]


def test_predictions_are_accuracies(rng: np.random.Generator) -> None:
    searcher = taught(60)
    fresh = [SPACE.sample(rng) for _ in range(200)]
    predicted = searcher.predicted(fresh)
    truth = np.array([accuracy_of(candidate) for candidate in fresh])
    assert np.all(predicted < 1.0)
    assert np.corrcoef(predicted, truth)[0, 1] > 0.8


def test_finalists_take_the_compression_that_costs_nothing(rng: np.random.Generator) -> None:
    """Where eight bits are as accurate as 32, no finalist keeps 32, however many choices there are."""
    layers = [Choice(f"layer{i}.bits", (8, 32), "compression", ordered=False) for i in range(12)]
    space = SearchSpace([Choice("width", (4, 8, 16, 32)), *layers])

    def costs(candidate: Candidate) -> Mapping[str, float]:
        bits = sum(float(str(value)) for name, value in candidate.items() if name.endswith("bits"))
        width = float(str(candidate["width"]))
        return {"size_bytes": width * bits, "parameters": width, "macs": width}

    box = {"accuracy": (0.99, 0.6), "size_bytes": (100.0, 20_000.0)}
    searcher = SurrogateSearcher(SearchProblem(space, costs, box), n_initial=1, pool=40)
    for _ in range(12):
        candidate = space.sample(rng)
        searcher.tell(candidate, {"accuracy": 0.7 + 0.05 * np.log2(float(str(candidate["width"])))})
    for finalist in searcher.finalists(4, rng):
        assert {finalist[layer.name] for layer in layers} == {8}


def test_of_some_candidates_those_are_taken_that_promise_most_together() -> None:
    """Twins add nothing to each other, so one of each pair is enough."""
    searcher = taught(60)
    drawn = [SPACE.sample(np.random.default_rng([8, i])) for i in range(30)]
    chosen = searcher.together([*drawn, *drawn], 5)
    assert len({candidate.key for candidate in chosen}) == len(chosen) == 5
    assert searcher.together(chosen, 9) == chosen
    assert searcher.together([], 9) == []
