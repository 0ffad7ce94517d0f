"""What every search algorithm promises, as tests that its author inherits.

::

    class TestMySearcher(SearcherContract):
        @pytest.fixture
        def make_searcher(self):
            return MySearcher        # or any function from a SearchProblem to a Searcher

pytest collects the inherited tests; nothing else is needed.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from penjing.objectives import parse_constraint
from penjing.protocols import Forecaster, Promoter, Searcher
from penjing.search import SearchProblem, ask_beside
from penjing.space import Candidate, Choice, Condition, SearchSpace

MakeSearcher = Callable[[SearchProblem], Searcher]
Told = list[tuple[Candidate, Mapping[str, float]]]

CHANCE = 0.1
_KIND = Choice("kind", ("plain", "wide"), ordered=False)
_WIDTH = Choice("width", (1, 2, 4, 8))
_DEPTH = Choice("depth", (1, 2, 3))
_FACTOR = Choice("factor", (2, 3, 4), conditions=(Condition("kind", ("wide",)),))
_SECOND = Choice("second", (1, 2, 4), conditions=(Condition("depth", (2, 3)),))
_BITS = Choice("bits", (4, 8, 32), "compression")


def conditional_problem() -> SearchProblem:
    """A space of 504 candidates with conditions, and a hard constraint that about half of them break."""
    space = SearchSpace([_KIND, _WIDTH, _DEPTH, _FACTOR, _SECOND, _BITS])
    box = {"accuracy": (1.0, 0.0), "size_bytes": (10.0, 1000.0)}
    return SearchProblem(space, conditional_costs, box, [parse_constraint("size_bytes <= 150 B")])


def tiny_problem() -> SearchProblem:
    """A space of six candidates."""
    space = SearchSpace([Choice("width", (1, 2, 4)), Choice("bits", (4, 8), "compression")])
    return SearchProblem(space, conditional_costs, {"accuracy": (1.0, 0.0), "size_bytes": (1.0, 1000.0)})


def conditional_costs(candidate: Candidate) -> dict[str, float]:
    """Larger with every choice that is larger."""
    value = {name: float(chosen) for name, chosen in candidate.items() if not isinstance(chosen, str)}
    parameters = value["width"] * (value.get("depth", 1.0) + value.get("second", 0.0))
    parameters *= value.get("factor", 1.0)
    return {"parameters": parameters, "macs": 10 * parameters, "size_bytes": parameters * value["bits"] / 2}


def accuracy_of(candidate: Candidate) -> float:
    """Better with parameters and bits; what an evaluation of the contract's problems finds."""
    costs = conditional_costs(candidate)
    return 1.0 - 0.6 * costs["parameters"] ** -0.4 - 0.2 / float(candidate["bits"])


def generator(ask: int, seed: int = 0) -> np.random.Generator:
    """The generator of one ask, as a study makes it: a function of seed and number alone."""
    return np.random.default_rng([seed, ask])


def worked(
    searcher: Searcher, n_asks: int, n: int = 4, seed: int = 0, fails: Sequence[int] = ()
) -> tuple[Told, Told]:
    """Ask and tell as a study does.

    Args:
        searcher: Is told everything.
        n_asks: How often to ask.
        n: Candidates per ask.
        seed: Of the asks.
        fails: Numbers of evaluations that fail: told chance-level accuracy.

    Returns:
        Everything that was told, in order, and the part of it that failed.
    """
    told: Told = []
    failed: Told = []
    for ask in range(n_asks):
        for candidate in searcher.ask(n, generator(ask, seed)):
            is_failed = len(told) in fails
            entry = candidate, {"accuracy": CHANCE if is_failed else accuracy_of(candidate)}
            searcher.tell(*entry)
            told.append(entry)
            failed += [entry] if is_failed else []
    return told, failed


def worked_further(searcher: Promoter, n_asks: int, n: int = 4) -> tuple[Told, list[float]]:
    """Train those further who are to be, and others for the first time, as a study does.

    Returns:
        Everything that was told, in order, and the lengths of all further trainings.
    """
    told: Told = []
    lengths: list[float] = []
    for ask in range(n_asks):
        rng = generator(ask)
        again = searcher.promoted(n, rng)
        known = {candidate.key for candidate, _ in told}
        assert len(again) <= n
        assert all(candidate.key in known for candidate, _ in again)
        new = searcher.ask(n - len(again), rng)
        assert not known & {candidate.key for candidate in new}
        batch = [*again, *((candidate, 1.0) for candidate in new)]
        for candidate, length in batch:
            assert conditional_problem().violation(candidate) == 0
            costs = {"accuracy": 1.0 - (1.0 - accuracy_of(candidate)) * length**-0.2}
            searcher.tell(candidate, costs)
            told.append((candidate, costs))
        lengths += [length for _, length in again]
    return told, lengths


class SearcherContract:
    """Inherit and give ``make_searcher``; see the module for the four lines that it takes."""

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        """From a problem to the searcher under test."""
        raise NotImplementedError("Give make_searcher: a fixture that returns the searcher's class.")

    def test_every_proposal_is_a_feasible_candidate_of_the_space(self, make_searcher: MakeSearcher) -> None:
        """Canonical, with no choice that does not exist, and within the hard constraints."""
        problem = conditional_problem()
        told, _ = worked(make_searcher(problem), n_asks=8)
        assert len(told) == 32
        for candidate, _ in told:
            assert problem.space.candidate(candidate.as_dict()) == candidate
            assert problem.costs(candidate)["size_bytes"] <= 150

    def test_what_was_told_is_never_proposed_again(self, make_searcher: MakeSearcher) -> None:
        """Nor is anything twice in one batch."""
        told, _ = worked(make_searcher(conditional_problem()), n_asks=10)
        keys = [candidate.key for candidate, _ in told]
        assert len(keys) == len(set(keys)) == 40

    def test_the_same_seed_gives_the_same_run(self, make_searcher: MakeSearcher) -> None:
        """All randomness comes from the generators, and another seed is another run."""
        runs = [worked(make_searcher(conditional_problem()), n_asks=6, seed=seed)[0] for seed in (3, 3, 4)]
        assert runs[0] == runs[1]
        assert runs[0] != runs[2]

    @pytest.mark.parametrize("n_asks", [1, 2, 3, 6])
    def test_a_searcher_that_was_rebuilt_goes_on_as_the_first_would(
        self, make_searcher: MakeSearcher, n_asks: int
    ) -> None:
        """Told the same results in order, it proposes the same for the same generator."""
        first = make_searcher(conditional_problem())
        told, _ = worked(first, n_asks, fails=(2, 5))
        rebuilt = make_searcher(conditional_problem())
        for candidate, costs in told:
            rebuilt.tell(candidate, costs)
        expected = first.ask(4, generator(99))
        assert rebuilt.ask(4, generator(99)) == expected
        assert len(expected) == 4

    def test_evaluations_that_failed_do_not_end_the_search(self, make_searcher: MakeSearcher) -> None:
        """A failure is told as chance-level accuracy; the candidate is not tried again."""
        told, failed = worked(make_searcher(conditional_problem()), n_asks=8, fails=(0, 5, 9, 10, 11, 20))
        keys = [candidate.key for candidate, _ in told]
        assert len(failed) == 6
        assert len(keys) == len(set(keys)) == 32

    def test_a_search_in_which_everything_failed_goes_on(self, make_searcher: MakeSearcher) -> None:
        """Equal results have no spread, which must not be divided by."""
        told, _ = worked(make_searcher(conditional_problem()), n_asks=6, fails=range(24))
        assert len(told) == 24

    @pytest.mark.parametrize("n", [1, 4, 50])
    def test_a_space_that_is_used_up_ends_the_search(self, make_searcher: MakeSearcher, n: int) -> None:
        """Fewer than ``n`` when fewer are left, none when none is, and every candidate is found."""
        problem = tiny_problem()
        searcher = make_searcher(problem)
        told, _ = worked(searcher, n_asks=12, n=n)
        assert len(told) == problem.space.cardinality == 6
        assert searcher.ask(n, generator(100)) == []

    def test_using_up_a_space_of_which_a_part_is_allowed_ends_with_that_part(
        self, make_searcher: MakeSearcher
    ) -> None:
        """What the constraints forbid is not waited for."""
        tiny = tiny_problem()
        limit = parse_constraint("size_bytes <= 8 B")
        told, _ = worked(make_searcher(SearchProblem(tiny.space, conditional_costs, tiny.box, [limit])), 6, 3)
        sizes = sorted(conditional_costs(candidate)["size_bytes"] for candidate, _ in told)
        assert sizes == [2.0, 4.0, 4.0, 8.0, 8.0]

    def test_what_is_expected_is_a_share_of_the_box_and_the_same_after_a_restart(
        self, make_searcher: MakeSearcher
    ) -> None:
        """Of a searcher that says what it expects."""
        first = make_searcher(conditional_problem())
        if not isinstance(first, Forecaster):
            return
        assert first.expected_gain is None
        told, _ = worked(first, n_asks=6)
        rebuilt = make_searcher(conditional_problem())
        for candidate, costs in told:
            rebuilt.tell(candidate, costs)
        for searcher in (first, rebuilt):
            searcher.ask(4, generator(99))
        assert isinstance(rebuilt, Forecaster)
        assert rebuilt.expected_gain == first.expected_gain
        assert first.expected_gain is None or 0.0 <= first.expected_gain <= 1.0

    def test_who_is_trained_further_was_told_is_allowed_and_is_the_same_after_a_restart(
        self, make_searcher: MakeSearcher
    ) -> None:
        """Of a searcher that says who is; the longer training is told, and makes it better."""
        problem = conditional_problem()
        first = make_searcher(problem)
        if not isinstance(first, Promoter):
            return
        told, lengths = worked_further(first, n_asks=20)
        assert lengths
        assert min(lengths) > 1.0
        rebuilt = make_searcher(conditional_problem())
        for candidate, costs in told:
            rebuilt.tell(candidate, costs)
        assert isinstance(rebuilt, Promoter)
        assert rebuilt.promoted(3, generator(99)) == first.promoted(3, generator(99))
        assert rebuilt.ask(3, generator(99)) == first.ask(3, generator(99))

    def test_where_some_are_trained_further_and_some_fail_a_space_is_used_up_all_the_same(
        self, make_searcher: MakeSearcher
    ) -> None:
        """Of a searcher that says who is: the smallest failed, and is not named again."""
        searcher = make_searcher(tiny_problem())
        if not isinstance(searcher, Promoter):
            return
        failed: set[str] = set()
        told: Told = []
        for ask in range(12):
            rng = generator(ask)
            again = searcher.promoted(3, rng, without=failed)
            assert not failed & {candidate.key for candidate, _ in again}
            batch = [*(candidate for candidate, _ in again), *searcher.ask(3 - len(again), rng)]
            for candidate in batch:
                is_failed = not told
                failed |= {candidate.key} if is_failed else set()
                told.append((candidate, {"accuracy": CHANCE if is_failed else accuracy_of(candidate)}))
                searcher.tell(*told[-1])
        assert len({candidate.key for candidate, _ in told}) == 6
        assert len(told) > 6

    def test_results_may_come_in_any_order_while_others_are_asked_for(
        self, make_searcher: MakeSearcher
    ) -> None:
        """Up to four are in flight, fewer where a turn of ``auto`` ends; which is told next is drawn."""
        problem = conditional_problem()
        searcher, order = make_searcher(problem), generator(7)
        in_flight: list[Candidate] = []
        asked: list[str] = []
        for ask in range(14):
            new = ask_beside(in_flight, searcher, 4 - len(in_flight), generator(ask))
            in_flight += new
            asked += [candidate.key for candidate in new]
            assert 1 <= len(in_flight) <= 4
            assert all(problem.violation(candidate) == 0 for candidate in new)
            done = in_flight.pop(int(order.integers(len(in_flight))))
            searcher.tell(done, {"accuracy": accuracy_of(done)})
        assert len(asked) == len(set(asked)) == 14 + len(in_flight)

    def test_asking_changes_nothing(self, make_searcher: MakeSearcher) -> None:
        """A study that is killed between ask and tell asks again."""
        searcher = make_searcher(conditional_problem())
        worked(searcher, n_asks=3)
        assert searcher.ask(3, generator(50)) == searcher.ask(3, generator(50))


__all__ = ["SearcherContract", "accuracy_of", "conditional_costs", "conditional_problem", "tiny_problem"]
