import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penjing.errors import ConfigError
from penjing.study.budget import Budget, Stopwatch, parse_budget, plan_for


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10 min", 600),
        ("10min", 600),
        ("90 s", 90),
        ("90 seconds", 90),
        ("1.5 h", 5400),
        ("+10 min", 600),
        (" + 2 hours ", 7200),
        ("3 minutes", 180),
        ("1 minute", 60),
    ],
)
def test_a_time_is_read_in_the_units_that_people_use(text: str, seconds: float) -> None:
    assert parse_budget(text) == Budget(seconds=seconds)


@pytest.mark.parametrize("text", ["40 evaluations", "+40 evaluations", "40 evals", "40.0 Evaluations"])
def test_a_number_of_evaluations_is_read(text: str) -> None:
    assert parse_budget(text) == Budget(evaluations=40)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "ten min",
        "10 parsecs",
        "0 s",
        "-3 min",
        "1 evaluation",
        "2.5 evaluations",
        "1e3 s",
        "10 min 3 s",
    ],
)
def test_anything_else_is_refused_with_what_was_written(text: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"such as '10 min' .*\(at least 2\), got {re.escape(repr(text))}\.$"
    ):
        parse_budget(text)


def test_budgets_of_a_kind_add_up() -> None:
    assert Budget(seconds=60).plus(Budget(seconds=30)) == Budget(seconds=90)
    assert Budget(evaluations=6).plus(Budget(evaluations=4)) == Budget(evaluations=10)


@pytest.mark.parametrize(
    ("first", "second", "match"),
    [
        (
            "10 min",
            "5 evaluations",
            "A budget of 10 min cannot be extended by 5 evaluations: .* time to time",
        ),
        ("40 evaluations", "30 s", "A budget of 40 evaluations cannot be extended by 30 s: "),
    ],
)
def test_budgets_of_two_kinds_do_not(first: str, second: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        parse_budget(first).plus(parse_budget(second))


@given(st.floats(0.001, 1e9), st.integers(2, 10**6))
def test_what_is_written_reads_back_the_same(seconds: float, evaluations: int) -> None:
    """The journal keeps a budget as text, and adds to it with every extension."""
    assert parse_budget(str(Budget(seconds=seconds))).seconds == pytest.approx(seconds, rel=1e-12)
    assert parse_budget(str(Budget(evaluations=evaluations))) == Budget(evaluations=evaluations)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(600, "10 min"), (90, "1.5 min"), (59.5, "59.5 s"), (100, "100 s"), (3600, "60 min")],
)
def test_a_budget_is_written_as_one_would_say_it(seconds: float, text: str) -> None:
    assert str(Budget(seconds=seconds)) == text


@given(st.floats(60, 1e6))
def test_a_plan_spends_the_whole_budget_and_no_more(seconds: float) -> None:
    plan = plan_for(seconds)
    parts = (plan.latency_model_s, plan.search_s, plan.finalists_s, plan.reserve_s)
    assert min(parts) > 0
    assert sum(parts) == pytest.approx(seconds)


@given(st.floats(60, 1e5), st.floats(0, 1e5))
def test_what_measuring_needs_is_kept_up_to_a_quarter(seconds: float, needed_s: float) -> None:
    plan, kept = plan_for(seconds), plan_for(seconds).keeping(needed_s)
    assert kept.latency_model_s + kept.search_s + kept.finalists_s + kept.reserve_s == pytest.approx(seconds)
    assert kept.reserve_s == pytest.approx(max(plan.reserve_s, min(needed_s, 0.25 * seconds)))
    assert kept.search_s / kept.finalists_s == pytest.approx(plan.search_s / plan.finalists_s)


def test_even_a_tiny_budget_has_time_for_every_part() -> None:
    plan = plan_for(1.0)
    assert min(plan.latency_model_s, plan.search_s, plan.finalists_s, plan.reserve_s) > 0


def test_a_run_goes_on_by_one_evaluation_and_begins_with_two() -> None:
    assert parse_budget("+1 evaluation", least_evaluations=1).evaluations == 1
    with pytest.raises(ConfigError, match="at least 2"):
        parse_budget("1 evaluation")


def test_a_stopwatch_goes_on_from_what_earlier_sessions_used() -> None:
    now = [100.0]
    stopwatch = Stopwatch(30.0, clock=lambda: now[0])
    assert stopwatch.elapsed_s == 30.0
    now[0] += 12.5
    assert stopwatch.elapsed_s == 42.5
