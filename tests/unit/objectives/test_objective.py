import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penjing.errors import InvalidValueError, UnknownNameError
from penjing.objectives import METRICS, Metric, Objective, parse_objective

metrics = st.sampled_from(list(METRICS.values()))


@given(metrics, st.floats(allow_nan=False))
def test_a_better_value_has_a_lower_cost_and_cost_undoes_itself(metric: Metric, value: float):
    objective = Objective(metric.name, metric.maximise)
    better = math.nextafter(value, math.inf if metric.maximise else -math.inf)
    assert objective.cost(objective.cost(value)) == value
    assert better == value or objective.cost(better) < objective.cost(value)


def test_a_failed_measurement_costs_nan():
    assert math.isnan(parse_objective("accuracy").cost(math.nan))


@given(metrics)
def test_an_objective_reads_what_it_writes(metric: Metric):
    objective = parse_objective(metric.name)
    assert objective.maximise == metric.maximise
    assert parse_objective(str(objective)) == objective
    assert parse_objective(f"  {str(objective).replace('mise', 'mize')} ") == objective


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("minimise accuracy", "'minimise accuracy' asks for the worst: more .* Write 'maximise accuracy'"),
        ("maximise latency_ms", "'maximise latency_ms' asks for the worst: less .* 'minimise latency_ms'"),
        ("", "'' is not an objective"),
        ("minimise the latency_ms", "'minimise the latency_ms' is not an objective"),
    ],
)
def test_a_text_that_is_no_sensible_objective_is_refused(text: str, message: str):
    with pytest.raises(InvalidValueError, match=message):
        parse_objective(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("acuracy", "No metric is named 'acuracy'. Did you mean 'accuracy'"),
        ("minimise latency", "No metric is named 'latency'. Did you mean 'latency_ms'"),
        ("maximse accuracy", "No direction is named 'maximse'. Did you mean 'maximise'"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(text: str, message: str):
    with pytest.raises(UnknownNameError, match=message):
        parse_objective(text)


@given(metrics, st.floats(min_value=0, allow_infinity=False))
def test_a_value_reads_back_exactly_as_it_was_written(metric: Metric, value: float):
    number, _, unit = metric.text(value).partition(" ")
    assert metric.value(number, unit) == value


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("accuracy", 0.9, "90 %"),
        ("accuracy", 1.0, "100 %"),
        ("accuracy", 0.005, "0.5 %"),
        ("accuracy", math.nan, "nan"),
        ("latency_ms", 0.05, "50 us"),
        ("latency_ms", 0.0001, "0.1 us"),
        ("latency_ms", 2500, "2.5 s"),
        ("size_bytes", 65_536, "65.536 kB"),
        ("size_bytes", 999, "999 B"),
        ("parameters", 20_000, "20 k"),
        ("parameters", 150, "150"),
        ("macs", 0, "0"),
        ("throughput_per_s", 1250, "1250 /s"),
        ("macs", 1e40, "1E+31 G"),
    ],
)
def test_values_are_written_in_the_unit_of_their_magnitude(name: str, value: float, text: str):
    assert METRICS[name].text(value) == text


def test_a_value_can_be_rounded_for_reading():
    assert METRICS["parameters"].text(123_456, digits=2) == "120 k"
    assert METRICS["accuracy"].text(0.912345, digits=3) == "91.2 %"


def test_a_unit_that_does_not_fit_is_answered_with_those_that_do():
    with pytest.raises(InvalidValueError, match=r"size_bytes cannot be given in 'ms'. Allowed: B, kB,.*KiB"):
        METRICS["size_bytes"].value("1", "ms")


@given(metrics)
def test_the_table_is_in_order(metric: Metric):
    assert METRICS[metric.name] is metric
    assert metric.maximise == (metric.name in {"accuracy", "throughput_per_s"})
