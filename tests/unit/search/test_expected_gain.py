"""What searchers with a model say that there is left to gain."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pytest

from penjing.objectives import hypervolume, hypervolume_gains, non_dominated_mask
from penjing.protocols import Forecaster, Promoter, Searcher
from penjing.search import (
    FORECASTERS,
    PROMOTERS,
    SearchProblem,
    available_algorithms,
    graph_predictor,
    searcher_named,
)
from penjing.search.auto import AutoSearcher
from penjing.search.gains import Gains, Told
from penjing.search.pool import Pool
from penjing.search.warp import scale_of
from penjing.space import Candidate, Choice, SearchSpace
from penjing.testing.searcher import accuracy_of, conditional_costs, conditional_problem, generator

THRESHOLD, IN_A_ROW = 0.002, 3


class Stated:
    """An expectation as it is stated."""

    def __init__(self, mean: np.ndarray, variance: np.ndarray) -> None:
        self.mean, self.variance = mean, variance

    def rows(self, index: np.ndarray) -> "Stated":
        return Stated(self.mean[index], self.variance[index])

    def learn(self, index: int) -> None:
        self.variance[index] *= 0.1


def nothing_said(candidate: Candidate) -> Mapping[str, float]:
    return {}


@pytest.mark.parametrize("objectives", [("accuracy",), ("accuracy", "size_bytes")])
def test_the_most_that_is_gained_is_the_mean_over_what_may_come(objectives: tuple[str, ...]) -> None:
    """Against draws, in the unit of the box: with one objective by the improvement as well."""
    rng = np.random.default_rng(0)
    box = {"accuracy": (0.95, 0.6), "size_bytes": (100.0, 1000.0)}
    box = {name: box[name] for name in objectives}
    problem = SearchProblem(SearchSpace([Choice("at", (0, 1, 2))]), nothing_said, box)
    accuracies, sizes = np.array([0.7, 0.8, 0.85, 0.9]), np.array([150.0, 300.0, 500.0, 900.0])
    scores = scale_of(accuracies, len(objectives))
    rows = [{"accuracy": a, "size_bytes": s} for a, s in zip(accuracies, sizes, strict=True)]
    told = Told(scores, 1.0, problem.points(rows), scores.scores, noise=0.1)
    candidates = list(problem.space.every_candidate())
    columns = [problem.normalised("size_bytes", [200.0, 400.0, 990.0])] if len(objectives) > 1 else []
    points = np.column_stack([np.zeros(3), *columns])
    # What costs much is worth as much where it is.
    expense = np.array([1.0, 50.0, 1.0])
    mean, variance = np.array([-0.5, 0.9 if len(objectives) == 1 else 1.3, -1.5]), np.array([0.2, 0.3, 0.1])
    pool = Pool(candidates, Stated(mean, variance), points, expense)
    gains = Gains(problem, told, pool, Stated(mean, variance.copy()))
    gains.best(2)
    front = told.points[non_dominated_mask(told.points)]
    drawn = []
    for at in range(3):
        values = scores.value(mean[at] + np.sqrt(variance[at]) * rng.normal(size=20_000))
        cloud = np.repeat(points[at : at + 1], len(values), axis=0)
        cloud[:, 0] = problem.normalised("accuracy", values)
        drawn.append(hypervolume_gains(cloud, front, np.ones(len(objectives))).mean())
    assert gains.most == pytest.approx(max(drawn), rel=0.05)
    assert np.argmax(drawn) == 1


@pytest.mark.parametrize("name", available_algorithms())
def test_who_says_what_is_expected_and_who_trains_further_are_named(name: str) -> None:
    made = searcher_named(name, conditional_problem())
    assert isinstance(made, Forecaster) == (name in FORECASTERS)
    assert isinstance(made, Promoter) == (name in PROMOTERS)


def remaining(problem: SearchProblem, told: list[Candidate]) -> float:
    """The hypervolume that everything that may be proposed has beyond what was told."""

    def volume(candidates: list[Candidate]) -> float:
        rows = [{**conditional_costs(c), "accuracy": accuracy_of(c)} for c in candidates]
        points = problem.points(rows)
        return hypervolume(points, np.ones(points.shape[1]))

    return volume(problem.feasible) - volume(told)


@pytest.mark.parametrize("name", [name for name in FORECASTERS if name != "auto"])
@pytest.mark.parametrize("objectives", [("accuracy",), ("accuracy", "size_bytes")])
def test_little_is_expected_before_everything_is_told_and_not_while_much_can_be_gained(
    name: str, objectives: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_predictor, "_STEPS", 40)
    given = conditional_problem()
    box = {metric: given.box[metric] for metric in objectives}
    problem = SearchProblem(given.space, conditional_costs, box, given.constraints)
    searcher = searcher_named(name, problem)
    assert isinstance(searcher, Forecaster)
    told: list[Candidate] = []
    small = 0
    while small < IN_A_ROW:
        batch = searcher.ask(4, generator(len(told)))
        gain = searcher.expected_gain
        small = small + 1 if gain is not None and gain < THRESHOLD else 0
        if gain is not None and remaining(problem, told) > 0.1:
            assert gain > THRESHOLD
        for candidate in batch:
            searcher.tell(candidate, {"accuracy": accuracy_of(candidate)})
            told.append(candidate)
        assert len(told) < 0.5 * len(problem.feasible)
    assert remaining(problem, told) < 0.02


def test_an_auto_search_says_what_the_one_expects_whose_turn_it_is() -> None:
    searcher = AutoSearcher(conditional_problem(), ("random", "bayesian"), block=12)
    said: list[tuple[str, bool]] = []
    for ask in range(15):
        turn = searcher.decisions[-1].algorithm
        for candidate in searcher.ask(4, generator(ask)):
            searcher.tell(candidate, {"accuracy": accuracy_of(candidate)})
        if ask % 3 < 2:  # else the turn is the next one's
            said.append((turn, searcher.expected_gain is not None))
    assert set(said) == {("random", False), ("bayesian", True)}


def test_where_nothing_is_left_nothing_is_expected() -> None:
    space = SearchSpace([Choice("width", tuple(range(1, 13)))])
    problem = SearchProblem(space, nothing_said, {"accuracy": (1.0, 0.0)})
    for make in (partial(searcher_named, name) for name in ("surrogate", "bayesian", "graph-predictor")):
        searcher: Searcher = make(problem)
        for width in range(1, 13):
            searcher.tell(space.candidate({"width": width}), {"accuracy": width / 20})
        for width in range(1, 4):  # that enough was told for a model
            searcher.tell(space.candidate({"width": width}), {"accuracy": width / 20})
        assert searcher.ask(1, generator(0)) == []
        assert isinstance(searcher, Forecaster)
        assert searcher.expected_gain == 0.0
