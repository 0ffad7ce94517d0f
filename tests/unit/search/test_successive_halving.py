import numpy as np
import pytest

from penjing.search.successive_halving import SuccessiveHalvingSearcher
from penjing.space import Candidate
from penjing.testing.searcher import accuracy_of, conditional_problem


def promoted(searcher: SuccessiveHalvingSearcher) -> list[tuple[Candidate, float]]:
    return searcher.promoted(100, np.random.default_rng(0))


def test_of_three_on_a_rung_the_best_is_trained_on() -> None:
    problem = conditional_problem()
    searcher = SuccessiveHalvingSearcher(problem, reduction=3, rungs=3)
    drawn = searcher.ask(9, np.random.default_rng(0))
    for candidate in drawn[:2]:
        searcher.tell(candidate, {"accuracy": 0.5})
    assert promoted(searcher) == []
    for candidate in drawn[2:]:
        searcher.tell(candidate, {"accuracy": accuracy_of(candidate)})
    first = promoted(searcher)
    assert len(first) == 3
    assert {lengths for _, lengths in first} == {3.0}
    for candidate, _ in first:
        searcher.tell(candidate, {"accuracy": accuracy_of(candidate)})
    # Who is promoted to the last rung has had three times as much, and gets three times that.
    assert [lengths for _, lengths in promoted(searcher)] == [9.0]
    (last, _) = promoted(searcher)[0]
    searcher.tell(last, {"accuracy": 0.9})
    assert promoted(searcher) == []
    searcher.tell(last, {"accuracy": 0.8})
    assert promoted(searcher) == []


def test_the_promoted_are_those_that_no_other_beats() -> None:
    problem = conditional_problem()
    searcher = SuccessiveHalvingSearcher(problem, reduction=2)
    drawn = searcher.ask(12, np.random.default_rng(1))
    for candidate in drawn:
        searcher.tell(candidate, {"accuracy": accuracy_of(candidate)})
    points = problem.points([{**problem.costs(c), "accuracy": accuracy_of(c)} for c in drawn])
    beaten = [bool(np.any(np.all(points <= p, axis=1) & np.any(points < p, axis=1))) for p in points]
    fronts = {c.key for c, is_beaten in zip(drawn, beaten, strict=True) if not is_beaten}
    keys = {candidate.key for candidate, _ in promoted(searcher)}
    assert len(keys) == 6
    assert fronts <= keys or keys <= fronts


@pytest.mark.parametrize(
    ("longest", "expected"),
    [
        (2.0, [2.0]),
        (3.2, [3.2]),
        (4.0, [4.0]),
        (9.75, [3.0, 9.75]),
        (20.0, [3.0, 9.0, 20.0]),
        (1e3, [3, 9, 27]),
    ],
)
def test_no_training_is_longer_than_a_problem_lets_it_be(longest: float, expected: list[float]) -> None:
    problem = conditional_problem()
    problem.longest = longest
    searcher = SuccessiveHalvingSearcher(problem, reduction=3, rungs=4)
    told = searcher.ask(27, np.random.default_rng(0))
    lengths: list[float] = []
    while told:
        for candidate in told:
            searcher.tell(candidate, {"accuracy": accuracy_of(candidate)})
        of_rung = promoted(searcher)
        lengths += sorted({length for _, length in of_rung})
        told = [candidate for candidate, _ in of_rung]
    assert lengths == expected
