from collections import Counter
from collections.abc import Mapping

import numpy as np

from penjing.search import SearchProblem
from penjing.search.auto import AutoSearcher
from penjing.space import Candidate, Choice, SearchSpace
from penjing.testing.searcher import conditional_problem


def told(searcher: AutoSearcher, values: list[float]) -> None:
    rng = np.random.default_rng(0)
    for at, value in enumerate(values):
        for candidate in searcher.ask(1, np.random.default_rng([at, int(rng.integers(100))])):
            searcher.tell(candidate, {"accuracy": value})


def test_everybody_gets_a_turn_before_anybody_gets_a_second() -> None:
    searcher = AutoSearcher(conditional_problem(), block=4)
    told(searcher, [0.1 + 0.01 * at for at in range(12)])
    assert [d.algorithm for d in searcher.decisions[:3]] == list(searcher.names)
    assert [d.after for d in searcher.decisions] == [0, 4, 8, 12]


def test_who_gains_most_proposes_most() -> None:
    """Of three that propose at random, one is lucky whenever it proposes."""
    space = SearchSpace(Choice(f"c{at}", tuple(range(9))) for at in range(4))

    def costs(candidate: Candidate) -> Mapping[str, float]:
        return {}

    problem = SearchProblem(space, costs, {"accuracy": (1.0, 0.0)})
    searcher = AutoSearcher(problem, ("random", "evolution", "local"), block=5)
    best = 0.0
    for at in range(200):
        best += 0.004 if searcher.decisions[-1].algorithm == "local" else 0.0002
        for candidate in searcher.ask(1, np.random.default_rng(at)):
            searcher.tell(candidate, {"accuracy": best})
    turns = Counter(decision.algorithm for decision in searcher.decisions)
    assert turns["local"] > 0.5 * len(searcher.decisions)
    assert min(turns.values()) > 1


def test_the_space_says_who_may_propose() -> None:
    wide = SearchSpace(Choice(f"c{at}", tuple(range(9))) for at in range(20))
    assert "surrogate" in AutoSearcher(SearchProblem(wide, lambda c: {}, {"accuracy": (1.0, 0.0)})).names
    assert "local" in AutoSearcher(conditional_problem()).names
