import pytest

from penjing.training.pace import Pace


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def taken(pace: Pace, clock: Clock, n_steps: int, step_s: float, first_s: float, step: int = 0) -> int:
    """Steps that a training takes whose first step takes ``first_s`` and every other ``step_s``."""
    first = step
    while step < n_steps:
        clock.now_s += first_s if step == first else step_s
        step += 1
        n_steps = pace.judged(step, n_steps)
    return step


def test_as_many_steps_are_taken_as_fit() -> None:
    clock = Clock()
    assert taken(Pace(10_000, 10.0, clock=clock), clock, 10_000, 0.125, 0.125) == 80
    assert clock.now_s == 110.0


def test_a_slow_first_step_counts_once() -> None:
    clock = Clock()
    assert taken(Pace(10_000, 10.0, clock=clock), clock, 10_000, 0.125, 5.0) == 41
    assert clock.now_s == 110.0


def test_no_more_is_taken_than_was_planned() -> None:
    clock = Clock()
    assert taken(Pace(30, 10.0, clock=clock), clock, 30, 0.01, 0.01) == 30


def test_without_a_limit_no_clock_decides() -> None:
    clock = Clock()
    assert taken(Pace(30, None, clock=clock), clock, 30, 1e6, 1e6) == 30


def test_what_earlier_sessions_spent_counts() -> None:
    clock = Clock()
    pace = Pace(10_000, 10.0, step=40, elapsed_s=5.0, clock=clock)
    assert pace.elapsed_s == 5.0
    assert taken(pace, clock, 10_000, 0.125, 0.125, step=40) == 80
    assert clock.now_s == 105.0


def test_a_pace_that_changes_is_noticed_in_time() -> None:
    clock = Clock()
    pace = Pace(10_000, 100.0, clock=clock)
    fast = taken(pace, clock, 400, 0.125, 0.125)
    slow = taken(pace, clock, pace.judged(fast, 10_000), 0.25, 0.25, step=fast)
    assert slow > fast
    assert clock.now_s - 100.0 == pytest.approx(100.0, rel=0.1)


def test_time_that_is_over_ends_the_training_at_the_next_look() -> None:
    clock = Clock()
    assert taken(Pace(10_000, 1.0, clock=clock), clock, 10_000, 1.0, 1.0) == 8
