"""Time of the last rung: who gets how much of it."""

import numpy as np
import pytest
from tests.unit.study.small_study import small_study

from penjing.search import SearchProblem
from penjing.study.allotting import Slot, Standing, allotted, by_cost, fitted, starts

BOX = {"accuracy": (0.99, 0.6), "size_bytes": (1_000.0, 64_000.0)}
SECONDS = 240.0


@pytest.fixture
def problem(tmp_path) -> SearchProblem:  # type: ignore[no-untyped-def]
    with small_study(tmp_path / "run") as study:
        study.box.values = dict(BOX)
        return study.problem(study.pipeline.space)


def design(accuracy: float, size_bytes: float, **changed: float) -> Standing:
    usual = {"deviation": 0.004, "seen_epochs": 5.0, "seconds_per_epoch": 4.0, "most_epochs": 300.0}
    return Standing({"accuracy": accuracy, "size_bytes": size_bytes}, **{**usual, **changed})


def divide(
    problem: SearchProblem,
    designs: list[Standing],
    accuracy_share: float = 0.0,
    workers: int = 2,
    most_share: float = 1.0,
) -> list[float]:
    slots = allotted(problem, designs, SECONDS, workers, accuracy_share, np.random.default_rng(0), most_share)
    for worker in range(workers):
        assert sum(slot.seconds for slot in slots if slot.worker == worker) <= SECONDS + 1e-6
    return [slot.seconds for slot in slots]


def test_a_design_that_another_beats_in_everything_gets_nothing(problem: SearchProblem) -> None:
    good, beaten = divide(problem, [design(0.90, 2_000), design(0.75, 30_000)])
    assert good > 0
    assert beaten == 0


def test_whoever_makes_most_of_the_volume_gets_most_of_the_time(problem: SearchProblem) -> None:
    main, corner = divide(problem, [design(0.88, 3_000), design(0.89, 58_000)], workers=1)
    assert main > 2 * corner


def test_a_share_for_accuracy_goes_to_the_most_accurate(problem: SearchProblem) -> None:
    designs = [design(0.88, 3_000), design(0.90, 62_000)]
    without, with_share = (divide(problem, designs, share, workers=1) for share in (0.0, 0.5))
    assert with_share[1] > without[1]


def test_nobody_gets_more_than_a_worker_has_or_than_is_of_use(problem: SearchProblem) -> None:
    seconds = divide(problem, [design(0.90, 2_000), design(0.95, 50_000, most_epochs=10.0)])
    assert seconds[0] <= SECONDS
    assert seconds[1] <= 10.0 * 4.0


def test_a_bound_for_each_leaves_time_for_others(problem: SearchProblem) -> None:
    designs = [design(0.90 + 0.005 * i, 2_000 * 2**i) for i in range(4)]
    bounded = divide(problem, designs, workers=2, most_share=0.25)
    assert max(bounded) <= 0.25 * 2 * SECONDS + 1e-6
    assert sum(s > 0 for s in bounded) > sum(s > 0 for s in divide(problem, designs, workers=2))


def test_a_bound_leaves_a_design_what_its_training_needs_to_be_of_use(problem: SearchProblem) -> None:
    """Forty passes of four seconds are behind it; a tenth of the time would be 24 seconds."""
    alone = design(0.90, 2_000, seen_epochs=40.0)
    assert divide(problem, [alone], workers=1, most_share=0.1)[0] == pytest.approx(160.0, abs=SECONDS / 24)


def test_what_is_finished_stays_as_it_is(problem: SearchProblem) -> None:
    assert divide(problem, [design(0.90, 2_000, most_epochs=0.0)]) == [0.0]


def test_a_training_too_short_to_win_back_what_a_restart_loses_is_not_begun(problem: SearchProblem) -> None:
    """Ninety passes are behind the first, and all the time there is gives it sixty."""
    old, other = divide(problem, [design(0.90, 2_000, seen_epochs=90.0), design(0.85, 1_500)], workers=1)
    assert old == 0
    assert other > 0


def test_where_every_training_is_too_short_some_are_begun_all_the_same(problem: SearchProblem) -> None:
    assert divide(problem, [design(0.90, 2_000, seen_epochs=90.0)], workers=1)[0] > 0


def test_much_time_for_little_that_is_of_use_is_given_all_the_same(problem: SearchProblem) -> None:
    """A piece of the time is longer than the longest training that is allowed."""
    quick = design(0.90, 2_000, seconds_per_epoch=0.01, most_epochs=180.0, seen_epochs=120.0)
    assert divide(problem, [quick])[0] >= 1.8


def test_what_tuning_wins_back_counts(problem: SearchProblem) -> None:
    """Four-bit weights lost eight points, which the other design is ahead of."""
    lossy = design(0.80, 1_500, uncompressed=0.88)
    assert divide(problem, [lossy, design(0.86, 1_600)], workers=1)[0] > 0


def test_a_design_that_has_to_catch_up_for_most_of_the_time_is_begun(problem: SearchProblem) -> None:
    assert divide(problem, [design(0.90, 2_000, seen_epochs=45.0)], workers=1)[0] >= 45.0 * 4.0


@pytest.mark.parametrize("workers", [15, 64])
def test_many_workers_give_a_design_all_the_time_of_one(problem: SearchProblem, workers: int) -> None:
    assert divide(problem, [design(0.90, 2_000)], workers=workers) == [SECONDS]


def test_where_no_volume_is_in_sight_the_most_accurate_go_on(problem: SearchProblem) -> None:
    """Too large for the box, whatever they learn."""
    best, other = divide(problem, [design(0.90, 90_000), design(0.70, 95_000)], workers=1)
    assert best > 0
    assert other == 0


def test_nothing_is_divided_among_none(problem: SearchProblem) -> None:
    assert divide(problem, []) == []
    assert allotted(problem, [design(0.9, 2_000)], 0.0, 1, 0.0, np.random.default_rng(0)) == [Slot(0.0, 0)]


def test_the_same_seed_divides_alike(problem: SearchProblem) -> None:
    designs = [design(0.88, 3_000), design(0.89, 20_000), design(0.85, 1_500)]
    assert divide(problem, designs, 0.3) == divide(problem, designs, 0.3)


def test_by_cost_every_worker_is_busy_to_the_end_and_equal_costs_of_one_worker_get_equal_time() -> None:
    slots = by_cost([1.0, 4.0, 1.0, 2.0], seconds=60.0, workers=2)
    assert [(slot.worker, slot.seconds) for slot in slots] == [(1, 15.0), (0, 60.0), (1, 15.0), (1, 30.0)]


def test_slots_are_fitted_to_the_time_that_a_kill_left() -> None:
    slots = [Slot(100.0, 0), Slot(60.0, 1), Slot(40.0, 1), Slot(0.0, 0)]
    fitted_in = fitted(slots, [30.0, 30.0, 30.0, 30.0], 50.0, workers=2)
    # Of the second worker's designs only one has time enough, and gets the other's.
    assert [slot.seconds for slot in fitted_in] == [50.0, 50.0, 0.0, 0.0]
    assert [slot.seconds for slot in fitted(slots, [10.0] * 4, 200.0, workers=2)] == [200.0, 120.0, 80.0, 0.0]
    assert [slot.seconds for slot in fitted(slots, [90.0] * 4, 50.0, workers=2)] == [0.0] * 4


def test_slots_are_packed_anew_where_there_are_fewer_workers() -> None:
    slots = [Slot(60.0, 0), Slot(60.0, 7), Slot(60.0, 14)]
    found = fitted(slots, [0.0] * 3, 60.0, workers=1)
    assert [(slot.worker, slot.seconds) for slot in found] == [(0, 20.0)] * 3


def test_workers_take_designs_in_turn_and_those_without_time_first() -> None:
    slots = [Slot(10.0, 0), Slot(5.0, 1), Slot(0.0, 0), Slot(7.0, 1), Slot(3.0, 0)]
    assert starts(slots) == [0.0, 0.0, 0.0, 5.0, 10.0]
