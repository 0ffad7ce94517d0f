from collections import Counter
from collections.abc import Mapping

import numpy as np

from penjing.search import SearchProblem
from penjing.search.auto import COMPRESSION, AutoSearcher, Decision
from penjing.space import Candidate, Choice, SearchSpace
from penjing.testing.searcher import accuracy_of, conditional_problem


def told(searcher: AutoSearcher, values: list[float]) -> None:
    rng = np.random.default_rng(0)
    for at, value in enumerate(values):
        for candidate in searcher.ask(1, np.random.default_rng([at, int(rng.integers(100))])):
            searcher.tell(candidate, {"accuracy": value})


def test_the_first_has_the_benefit_of_the_doubt_and_all_are_tried() -> None:
    searcher = AutoSearcher(conditional_problem(), block=4)
    told(searcher, [0.9 - 0.8 * 0.99**at for at in range(80)])
    turns = [decision.algorithm for decision in searcher.decisions]
    assert turns[:2] == 2 * [searcher.names[0]]
    assert set(turns) == set(searcher.names)
    assert [decision.after for decision in searcher.decisions] == list(range(0, 81, 4))
    assert "not tried" in searcher.decisions[1].reason
    assert "not tried" not in searcher.decisions[-1].reason


def test_who_gains_nothing_gives_way_soon() -> None:
    searcher = AutoSearcher(conditional_problem(), block=4)
    told(searcher, [0.5] * 12)
    assert searcher.decisions[-1].algorithm != searcher.names[0]


def test_what_others_proposed_is_nobodys_turn() -> None:
    problem = conditional_problem()
    searcher = AutoSearcher(problem, ("random", "evolution"), block=4)
    for candidate in problem.feasible[:7]:
        searcher.tell(candidate, {"accuracy": accuracy_of(candidate)})
    searcher.begin()
    assert [(d.after, d.algorithm) for d in searcher.decisions] == [(7, "random")]
    told(searcher, [0.5] * 8)
    assert [d.after for d in searcher.decisions] == [7, 11, 15]


def test_turns_that_were_decided_before_stay_whose_they_were() -> None:
    """By an earlier version, which decided otherwise."""
    problem = conditional_problem()
    searcher = AutoSearcher(problem, ("random", "evolution", "local"), block=4)
    earlier = [
        Decision(0, "random", "first"),
        Decision(4, "local", "as it was"),
        Decision(9, "evolution", "no"),
    ]
    searcher.begin(earlier)
    told(searcher, [0.1 * at for at in range(9)])
    assert searcher.decisions[:2] == earlier[:2]
    assert searcher.decisions[2].after == 8


def test_a_turn_of_compression_keeps_the_leaders_architectures() -> None:
    problem = conditional_problem()
    searcher = AutoSearcher(problem, ("random", COMPRESSION), block=8)
    rng = np.random.default_rng(0)
    seen: list[Candidate] = []

    def work(n: int) -> None:
        for _ in range(0, n, 2):
            for candidate in searcher.ask(2, rng):
                searcher.tell(candidate, {"accuracy": accuracy_of(candidate)})
                seen.append(candidate)

    while searcher.decisions[-1].algorithm != COMPRESSION:
        work(8)
    began = len(seen)
    work(8)
    architecture = [problem.space.project(candidate, "architecture") for candidate in seen]
    assert all(later in architecture[:began] for later in architecture[began:])
    assert len({candidate.key for candidate in seen}) == len(seen) > began
    again = AutoSearcher(problem, ("random", COMPRESSION), block=8)
    other = AutoSearcher(problem, ("random", COMPRESSION), block=8)
    for at, candidate in enumerate(seen[: began + 4]):
        again.tell(candidate, {"accuracy": accuracy_of(candidate)})
        if at == began:
            other.ask(2, np.random.default_rng(1))  # builds the search of the turn early
        other.tell(candidate, {"accuracy": accuracy_of(candidate)})
    assert again.ask(2, np.random.default_rng(5)) == other.ask(2, np.random.default_rng(5))


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
