import numpy as np
import pytest

from penjing.objectives import parse_constraint
from penjing.search import SearchProblem
from penjing.search.greedy import GreedySearcher, move_of
from penjing.space import Choice, Condition, SearchSpace
from penjing.testing.searcher import conditional_costs, conditional_problem

SPACE = SearchSpace(
    [
        Choice("kind", ("plain", "wide"), ordered=False),
        Choice("depth", (1, 2)),
        Choice("width", (1, 2, 4)),
        Choice("second", (1, 2), conditions=(Condition("depth", (2,)),)),
        Choice("factor", (1, 2), conditions=(Condition("kind", ("wide",)),)),
        Choice("bits", (4, 8, 32), "compression"),
        Choice("rate", (0.1, 0.2), "training"),
    ]
)
PROBLEM = SearchProblem(SPACE, conditional_costs, {"accuracy": (1.0, 0.0)})
HERE = {"kind": "plain", "depth": 1, "width": 2, "bits": 8, "rate": 0.1}


@pytest.mark.parametrize(
    ("change", "move"),
    [
        ({"kind": "wide", "factor": 2}, "replace-layer"),
        ({"depth": 2, "second": 1}, "add-layer"),
        ({"width": 4}, "widen"),
        ({"width": 1}, "narrow"),
        ({"bits": 4}, "compress-more"),
        ({"bits": 32}, "compress-less"),
        ({"rate": 0.2}, "train-otherwise"),
    ],
)
def test_moves_have_their_names(change: dict, move: str) -> None:
    before, after = SPACE.candidate(HERE), SPACE.candidate(HERE | change)
    assert move_of(PROBLEM, before, after) == move
    back = {"widen": "narrow", "add-layer": "remove-layer", "compress-more": "compress-less"}
    if move in back:
        assert move_of(PROBLEM, after, before) == back[move]


def one_objective(limit: str) -> SearchProblem:
    given = conditional_problem()
    return SearchProblem(given.space, conditional_costs, {"accuracy": (1.0, 0.0)}, [parse_constraint(limit)])


def test_the_best_of_a_round_is_where_the_next_begins() -> None:
    problem = one_objective("size_bytes <= 150 B")
    searcher = GreedySearcher(problem, n_initial=1, look=100)
    start = problem.space.candidate({"kind": "plain", "width": 1, "depth": 1, "bits": 8})
    searcher.tell(start, {"accuracy": 0.5})
    moves = searcher.ask(8, np.random.default_rng(0))
    values = {move.key: 0.5 + problem.costs(move)["parameters"] / 100 for move in moves}
    for move in moves:
        searcher.tell(move, {"accuracy": values[move.key]})
    best = max(moves, key=lambda move: values[move.key])
    follow = searcher.ask(3, np.random.default_rng(1))
    assert best["width"] == 8
    for move in follow:
        assert sum(best[name] != move[name] for name in best if name in move) == 1


def test_it_says_which_constraint_binds() -> None:
    problem = one_objective("size_bytes <= 4 B")
    searcher = GreedySearcher(problem, n_initial=1)
    assert searcher.binding() == {}
    candidate = problem.space.candidate({"kind": "plain", "width": 1, "depth": 1, "bits": 4})
    searcher.tell(candidate, {"accuracy": 0.5})
    assert 0 < searcher.binding()["size_bytes <= 4 B"] <= 1
