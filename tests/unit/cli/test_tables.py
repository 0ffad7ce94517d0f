from pathlib import Path

import pytest
from tests.unit.study.designs import add_design, make_run
from typer.testing import CliRunner

from penjing.cli.app import app
from penjing.cli.tables import front_lines, measurement_lines
from penjing.store.front import front_of


def test_a_front_is_a_heading_and_a_line_per_design(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    add_design(run, "3f2a9c1e", validation=0.95, test=0.9371, latency_ms=0.0123, size_bytes=61234)
    heading, line = front_lines(front_of(run))
    assert heading.split()[:3] == ["design", "test", "accuracy"]
    for shown in ("3f2a9c1e", "93.71%", "95.00%", "61,234", "0.0123", "5,000"):
        assert shown in line


@pytest.mark.parametrize("spread", [0.05, 0.48])
def test_a_front_that_was_timed_on_a_busy_machine_says_so(tmp_path: Path, spread: float) -> None:
    add_design(make_run(tmp_path / "run"), "a", spread=spread)
    shown = CliRunner().invoke(app, ["front", str(tmp_path / "run")])
    assert shown.exit_code == 0
    assert ("something else ran" in shown.output) == ("48%" in shown.output) == (spread > 0.1)


def test_columns_stand_under_their_headings(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    add_design(run, "a", validation=0.99, test=1.0)
    add_design(run, "b", validation=0.5, test=0.05, size_bytes=10, latency_ms=3.5)
    heading, *lines = front_lines(front_of(run))
    assert len(lines) == 2
    assert len(lines[0]) == len(lines[1]) == len(heading)


def test_an_empty_front_says_what_to_do() -> None:
    (line,) = front_lines({"front": []})
    assert line.startswith("The front is empty: no design that meets the constraints was finished.")


def test_an_empty_front_says_which_constraint_finished_designs_break(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", constraints=["latency_ms <= 0.01", "size_bytes <= 100 kB"])
    add_design(run, "a", latency_ms=0.0271)
    add_design(run, "b", latency_ms=0.0302)
    shown = CliRunner().invoke(app, ["front", str(tmp_path / "run")])
    assert shown.stdout.splitlines() == [
        "The front is empty: no finished design meets latency_ms <= 10 us: the nearest has 27.1 us."
    ]


def test_measurements_are_a_line_each_and_nested_ones_are_indented() -> None:
    measured = {
        "size_bytes": 12,
        "latency": {"1": {"value": 0.123456789}},
        "processor": "some",
        "ok": True,
        "no": None,
    }
    assert measurement_lines(measured) == [
        "size_bytes: 12",
        "latency:",
        "  1:",
        "    value: 0.123457",
        "processor: some",
        "ok: True",
    ]
