"""Where accuracy alone counts: as much time for each class of training times."""

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from tests.unit.search.test_algorithms import SPACE, accuracy_of, costs_of

from penjing.search import SearchProblem, SurrogateSearcher
from penjing.search.niches import Spending, drawn_of
from penjing.space import Candidate, CarriedSpace

SATURATES = 10.0


def time_of(costs: Mapping[str, float]) -> float:
    return costs["macs"] / 4000


def problem(price: Callable[[Mapping[str, float]], float] = lambda costs: 1.0) -> SearchProblem:
    box = {"accuracy": (0.99, 0.5)}
    return SearchProblem(
        SPACE,
        costs_of,
        box,
        evaluation_cost=lambda candidate, costs: price(costs),
        finishing_cost=lambda costs: time_of(costs) ** 0.5,
    )


def passes(candidate: Candidate) -> float:
    """Of a fixed time for each design: the dearest get too few, the cheapest more than they can use."""
    return 120.0 / time_of(costs_of(candidate))


def drawn(n: int) -> list[Candidate]:
    return [SPACE.sample(np.random.default_rng([2, i])) for i in range(n)]


def test_a_niche_holds_what_takes_as_long_within_a_factor_of_two() -> None:
    given = problem()
    times = {niche: [] for niche in range(-9, 12)}
    for candidate in drawn(200):
        times[given.niche(candidate)].append(time_of(costs_of(candidate)))
    assert sum(len(held) > 0 for held in times.values()) > 3
    assert all(max(held) <= 2.0 * min(held) for held in times.values() if held)


def test_time_is_spent_on_what_least_was_spent_on_and_once_for_an_architecture() -> None:
    given = problem()
    small, *_, large = sorted(drawn(50), key=lambda c: time_of(costs_of(c)))
    bits = next(v for v in (4, 8, 32) if v != small["stage0.bits"])
    spent = Spending(given, [small, Candidate({**small, "stage0.bits": bits})])
    assert spent.has(small)
    assert not spent.has(large)
    niches = {given.niche(small), given.niche(large)}
    assert spent.least(niches) == given.niche(large)
    spent.add(large)
    assert spent.least(niches) == given.niche(small)


def test_with_a_budget_in_evaluations_it_is_their_number_that_is_spent() -> None:
    given = problem()
    by_niche: dict[int, list[Candidate]] = {}
    for candidate in drawn(200):
        by_niche.setdefault(given.niche(candidate), []).append(candidate)
    cheap, dear = (niche for niche in sorted(by_niche) if len(by_niche[niche]) >= 3), max(by_niche)
    few = next(cheap)
    told = [*by_niche[few][:3], by_niche[dear][0]]
    assert Spending(given, told, counts_time=False).least({few, dear}) == dear
    assert Spending(given, told).least({few, dear}) == few


@pytest.mark.parametrize("is_of_one", [False, True])
def test_candidates_are_drawn_of_a_niche(is_of_one: bool) -> None:
    given = problem()
    niche = Counter(map(given.niche, drawn(50))).most_common(1)[0][0] if is_of_one else None
    found = drawn_of(given, niche, 5, np.random.default_rng(0))
    assert len(set(found)) == 5
    assert niche is None or {given.niche(candidate) for candidate in found} == {niche}


def test_a_niche_that_nobody_belongs_to_gives_nobody() -> None:
    assert drawn_of(problem(), 99, 5, np.random.default_rng(0)) == []


def informed(given: SearchProblem) -> SurrogateSearcher:
    searcher = SurrogateSearcher(given, pool=40)
    searcher.further_epochs, searcher.saturates = passes, SATURATES
    return searcher


def worked(searcher: SurrogateSearcher, n_asks: int) -> list[Candidate]:
    asked: list[Candidate] = []
    for turn in range(n_asks):
        for candidate in searcher.ask(2, np.random.default_rng([1, turn])):
            searcher.tell(candidate, {"accuracy": accuracy_of(candidate), "seen_epochs": 1.0})
            asked.append(candidate)
    return asked


@pytest.mark.parametrize("counts_time", [True, False])
def test_every_price_of_training_is_looked_at_that_can_be_finished_well(counts_time: bool) -> None:
    given = problem()
    searcher = informed(given)
    searcher.counts_time = counts_time
    asked = worked(searcher, 40)
    later = asked[searcher.n_initial :]
    assert all(searcher.trains_well(candidate) for candidate in later)
    assert len({SPACE.trained_part(candidate) for candidate in later}) == len(later)
    spent = {given.niche(candidate): 0.0 for candidate in drawn(300) if searcher.trains_well(candidate)}
    assert len(spent) >= 3
    dearest = 1.0
    for candidate in asked:
        if given.niche(candidate) in spent:
            price = time_of(costs_of(candidate)) if counts_time else 1.0
            spent[given.niche(candidate)] += price
            dearest = max(dearest, price)
    assert max(spent.values()) - min(spent.values()) <= 4 * dearest


def test_within_a_class_what_promises_most_is_taken_whatever_its_evaluation_costs() -> None:
    searchers = [informed(problem()), informed(problem(lambda costs: costs["macs"] ** 2))]
    for searcher in searchers:
        searcher.counts_time = False
        for candidate in drawn(12):
            searcher.tell(candidate, {"accuracy": accuracy_of(candidate), "seen_epochs": 1.0})
    asked = [searcher.ask(4, np.random.default_rng(3)) for searcher in searchers]
    assert asked[0] == asked[1]


def test_where_no_architecture_is_new_compression_is_searched_as_ever() -> None:
    """The second phase of ``sequential``: all architectures are those of the winners."""
    winner = drawn(1)[0]
    carried = CarriedSpace(SPACE, [winner])
    box = {"accuracy": (0.99, 0.5)}
    searcher = informed(SearchProblem(carried, costs_of, box, finishing_cost=lambda costs: 1.0))
    searcher.n_initial = 4
    searcher.tell(winner, {"accuracy": accuracy_of(winner), "seen_epochs": 1.0})
    asked = worked(searcher, 6)
    assert len(asked) == len(set(asked)) == 12
    assert (searcher.expected_gain or 0.0) > 0.0


def test_a_space_that_is_used_up_has_nothing_more() -> None:
    narrow = SPACE.narrowed({c.name: c.values[:1] for c in SPACE if c.name != "stage0.width"})
    box = {"accuracy": (0.99, 0.5)}
    searcher = informed(SearchProblem(narrow, costs_of, box))
    searcher.n_initial = 2
    assert len(worked(searcher, 10)) == narrow.cardinality
