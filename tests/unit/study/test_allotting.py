"""Time of the last rung: who gets how much of it."""

import numpy as np
import pytest
from tests.unit.study.small_study import small_study

from penjing.search import SearchProblem
from penjing.study.allotting import Standing, allotted

BOX = {"accuracy": (0.99, 0.6), "size_bytes": (1_000.0, 64_000.0)}
SECONDS, LONGEST = 480.0, 240.0


@pytest.fixture
def problem(tmp_path) -> SearchProblem:  # type: ignore[no-untyped-def]
    with small_study(tmp_path / "run") as study:
        study.box = dict(BOX)
        return study.problem(study.pipeline.space)


def design(accuracy: float, size_bytes: float, **changed: float) -> Standing:
    usual = {"deviation": 0.004, "seen_epochs": 5.0, "seconds_per_epoch": 4.0, "most_epochs": 300.0}
    return Standing({"accuracy": accuracy, "size_bytes": size_bytes}, **{**usual, **changed})


def divide(
    problem: SearchProblem,
    designs: list[Standing],
    accuracy_share: float = 0.0,
    longest_s: float = LONGEST,
) -> list[float]:
    return allotted(problem, designs, SECONDS, longest_s, accuracy_share, np.random.default_rng(0))


def test_a_design_that_another_beats_in_everything_gets_nothing(problem: SearchProblem) -> None:
    good, beaten = divide(problem, [design(0.90, 2_000), design(0.75, 30_000)])
    assert good > 0
    assert beaten == 0


def test_whoever_makes_most_of_the_volume_gets_most_of_the_time(problem: SearchProblem) -> None:
    main, corner = divide(problem, [design(0.88, 3_000), design(0.89, 58_000)], longest_s=SECONDS)
    assert main > 2 * corner


def test_a_share_for_accuracy_goes_to_the_most_accurate(problem: SearchProblem) -> None:
    designs = [design(0.88, 3_000), design(0.90, 62_000)]
    without, with_share = (divide(problem, designs, share, SECONDS) for share in (0.0, 0.5))
    assert with_share[1] > without[1]


def test_nobody_gets_more_than_a_worker_has_or_than_is_of_use(problem: SearchProblem) -> None:
    seconds = divide(problem, [design(0.90, 2_000), design(0.95, 50_000, most_epochs=10.0)])
    assert seconds[0] <= LONGEST
    assert seconds[1] <= 10.0 * 4.0
    assert sum(seconds) <= SECONDS


def test_what_is_finished_stays_as_it_is(problem: SearchProblem) -> None:
    assert divide(problem, [design(0.90, 2_000, most_epochs=0.0)]) == [0.0]


def test_a_training_too_short_to_win_back_what_a_restart_loses_is_not_begun(problem: SearchProblem) -> None:
    """Sixty passes are behind the design, and all the time there is gives it forty."""
    assert divide(problem, [design(0.90, 2_000, seen_epochs=60.0, seconds_per_epoch=6.0)]) == [0.0]


def test_without_a_gain_anywhere_nobody_is_trained(problem: SearchProblem) -> None:
    """Too large for the box, whatever it learns."""
    assert divide(problem, [design(0.90, 90_000)]) == [0.0]


def test_nothing_is_divided_among_none(problem: SearchProblem) -> None:
    assert divide(problem, []) == []
    assert allotted(problem, [design(0.9, 2_000)], 0.0, 0.0, 0.0, np.random.default_rng(0)) == [0.0]


def test_the_same_seed_divides_alike(problem: SearchProblem) -> None:
    designs = [design(0.88, 3_000), design(0.89, 20_000), design(0.85, 1_500)]
    assert divide(problem, designs, 0.3) == divide(problem, designs, 0.3)
