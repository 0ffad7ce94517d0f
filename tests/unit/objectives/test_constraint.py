import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from penjing.errors import InfeasibleError, InvalidValueError, UnknownNameError
from penjing.objectives import METRICS, Constraint, parse_constraint

finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


@st.composite
def constraints(draw: st.DrawFn) -> Constraint:
    metric = draw(st.sampled_from(list(METRICS.values())))
    fraction = st.floats(0, 1, exclude_min=True)
    limit = fraction if metric.is_fraction else positive
    field, numbers = draw(
        st.sampled_from([("limit", limit), ("reference_factor", positive), ("reference_offset", finite)])
    )
    return Constraint(metric.name, upper=not metric.maximise, **{field: draw(numbers)})


@given(constraints())
def test_a_constraint_reads_what_it_writes(constraint: Constraint):
    assert parse_constraint(str(constraint)) == constraint


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("size_bytes <= 60 kB", 60_000),
        ("size_bytes<=60kB", 60_000),
        ("  size_bytes <= 60_000 ", 60_000),
        ("size_bytes <= 64 KiB", 65_536),
        ("size_bytes <= 1.5 MB", 1_500_000),
        ("size_bytes <= 12 B", 12),
        ("latency_ms <= 0.05", 0.05),
        ("latency_ms <= .05 ms", 0.05),
        ("latency_ms <= 50 us", 0.05),
        ("latency_ms <= 2 s", 2000),
        ("accuracy >= 90 %", 0.9),
        ("accuracy >= 0.9", 0.9),
        ("accuracy >= 97.3%", 0.973),
        ("parameters <= 20k", 20_000),
        ("parameters <= 2e4", 20_000),
        ("macs <= 1.5 M", 1_500_000),
        ("throughput_per_s >= 100 /s", 100),
        ("peak_memory_bytes <= 1 MiB", 1_048_576),
    ],
)
def test_absolute_limits_arrive_in_base_units(text: str, limit: float):
    constraint = parse_constraint(text)
    assert constraint.limit == limit
    assert not constraint.needs_reference
    assert constraint.resolved({}) is constraint


@pytest.mark.parametrize(
    ("text", "reference", "resolved"),
    [
        ("latency_ms <= 0.4 * reference", 0.5, "latency_ms <= 200 us"),
        ("latency_ms <= reference", 0.5, "latency_ms <= 500 us"),
        ("latency_ms <= reference + 50 us", 0.5, "latency_ms <= 550 us"),
        ("latency_ms <= reference + 2.2", 1.1, "latency_ms <= 3.3 ms"),
        ("accuracy >= reference - 1 %", 0.97, "accuracy >= 96 %"),
        ("accuracy >= reference - 0.01", 0.97, "accuracy >= 96 %"),
        ("accuracy >= reference - 10 %", 0.05, "accuracy >= 0 %"),
        ("size_bytes <= reference - 1 kB", 3000, "size_bytes <= 2 kB"),
    ],
)
def test_relative_limits_become_absolute_with_the_reference(text: str, reference: float, resolved: str):
    constraint = parse_constraint(text)
    assert constraint.needs_reference
    absolute = constraint.resolved({constraint.metric: reference})
    assert not absolute.needs_reference
    assert str(absolute) == resolved


@given(
    st.sampled_from(["latency_ms <= reference", "size_bytes <= 1.0 * reference", "accuracy >= reference"]),
    st.floats(0, 1, exclude_min=True),
)
def test_the_reference_itself_meets_what_asks_for_no_more_than_it(text: str, reference: float):
    constraint = parse_constraint(text)
    resolved = constraint.resolved({constraint.metric: reference})
    assert resolved.limit == reference
    assert resolved.is_met(reference)


@given(
    st.sampled_from(["latency_ms", "parameters"]), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.booleans()
)
def test_resolving_is_multiplying_or_adding(metric: str, number: float, reference: float, is_factor: bool):
    text = f"{metric} <= {number!r} * reference" if is_factor else f"{metric} <= reference + {number!r}"
    limit = parse_constraint(text).resolved({metric: reference}).limit
    assert limit == pytest.approx(number * reference if is_factor else reference + number, rel=1e-15)


@given(constraints(), st.floats(0, allow_infinity=False))
def test_the_violation_is_the_relative_excess(constraint: Constraint, value: float):
    assume(constraint.limit is not None)
    limit = constraint.limit or 0.0
    violation = constraint.violation(value)
    if (value <= limit) if constraint.upper else (value >= limit):
        assert violation == 0
        assert constraint.is_met(value)
    elif abs(value - limit) > 1e-11 * limit:
        assert violation == pytest.approx(abs(value - limit) / limit)
        assert not constraint.is_met(value)


def test_a_violation_worked_by_hand():
    assert parse_constraint("size_bytes <= 60 kB").violation(75_000) == 0.25
    assert parse_constraint("accuracy >= 80 %").violation(0.6) == pytest.approx(0.25)
    assert parse_constraint("accuracy >= 0").violation(0.0) == 0


def test_a_failed_measurement_meets_nothing():
    constraint = parse_constraint("latency_ms <= 5")
    assert constraint.violation(math.nan) == constraint.violation(math.inf) == math.inf
    assert not constraint.is_met(math.nan)


@given(st.integers(1, 1000), st.data())
def test_rounding_does_not_decide_about_percentage_points(n: int, data: st.DataObject):
    right = data.draw(st.integers(n // 10 + 1, n))
    limit = parse_constraint("accuracy >= reference - 10 %").resolved({"accuracy": right / n})
    assert limit.is_met((10 * right - n) / (10 * n))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accuracy <= 90 %", "'accuracy <= …' limits the good side: more .* Write 'accuracy >= …'"),
        ("latency_ms >= 5", "'latency_ms >= …' limits the good side: less .* Write 'latency_ms <= …'"),
        ("accuracy >= 90", r"accuracy is a fraction in \[0, 1\], got the limit 90.0.*'accuracy >= 90 %'"),
        ("accuracy >= -1 %", r"got the limit -0.01"),
        ("latency_ms <= 0", "limit of latency_ms must be positive, got 0.0"),
        ("throughput_per_s >= -1", "limit of throughput_per_s must be at least 0, got -1.0"),
        ("latency_ms <= 0 * reference", "factor of the reference must be positive, got 0.0 for latency_ms"),
        ("latency_ms <= 1e999", "limit=inf"),
        ("size_bytes <= 60 KB", "size_bytes cannot be given in 'KB'. Allowed: B, kB, MB, GB, KiB, MiB"),
        ("latency_ms <= 60 kB", "latency_ms cannot be given in 'kB'. Allowed: us, ms, s, or a plain number"),
        ("latency_ms <= reference + 10 %", r"given in '%'.* write '0.9 \* reference'"),
        ("size_bytes < 60 kB", "'size_bytes < 60 kB' is not a constraint. Write"),
        ("size_bytes <= small", "'size_bytes <= small' is not a constraint"),
        ("size_bytes <=", "'size_bytes <=' is not a constraint"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_way_out(text: str, message: str):
    with pytest.raises(InvalidValueError, match=message):
        parse_constraint(text)


def test_an_unknown_metric_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"No metric is named 'size_byte'. Did you mean 'size_bytes'"):
        parse_constraint("size_byte <= 60 kB")


@pytest.mark.parametrize("numbers", [{}, {"limit": 1.0, "reference_factor": 0.5}, {"limit": math.nan}])
def test_a_constraint_has_exactly_one_finite_limit(numbers: dict[str, float]):
    with pytest.raises(InvalidValueError, match=f"got limit={numbers.get('limit')}, reference_factor="):
        Constraint("latency_ms", upper=True, **numbers)


def test_a_relative_limit_judges_nothing_before_the_reference_is_measured():
    with pytest.raises(InvalidValueError, match=r"'latency_ms <= 0.4 \* reference' has no limit before"):
        parse_constraint("latency_ms <= 0.4 * reference").violation(1.0)


@pytest.mark.parametrize("reference", [{}, {"latency_ms": math.nan}])
def test_a_reference_without_the_metric_is_refused(reference: dict[str, float]):
    with pytest.raises(InvalidValueError, match="needs the reference's latency_ms, got nan"):
        parse_constraint("latency_ms <= 0.4 * reference").resolved(reference)


@pytest.mark.parametrize(
    ("text", "reference", "limit"),
    [("accuracy >= reference + 5 %", 0.98, "1.03"), ("latency_ms <= reference - 5 ms", 3.0, "-2.0")],
)
def test_a_limit_that_no_design_reaches_is_refused(text: str, reference: float, limit: str):
    constraint = parse_constraint(text)
    with pytest.raises(InfeasibleError, match=f"of {reference!r}, .* asks for {limit}"):
        constraint.resolved({constraint.metric: reference})
