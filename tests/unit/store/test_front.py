"""Constraints are decided by the reference as it was timed last."""

from pathlib import Path

import pytest
from tests.unit.study.designs import add_design, make_run

from penjing.errors import InfeasibleError
from penjing.store import RunFolder
from penjing.store.front import absolute_constraints, front_of, out_of_reach, reference_of

LIMITS = ["latency_ms <= 0.5 * reference", "size_bytes <= 4 kB"]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = make_run(tmp_path / "run", {"latency_ms": 0.4, "macs": 2000.0}, constraints=LIMITS)
    add_design(run, "quick", latency_ms=0.09)
    add_design(run, "slow", latency_ms=0.11, validation=0.95)
    return run


def timed_again(run: RunFolder) -> None:
    with run.lock(), run.journal() as journal:
        journal.put("reference_measured", {"latency_ms": {"value": 0.2}})


def on_front(run: RunFolder) -> set[str]:
    return {entry["id"] for entry in front_of(run)["front"]}


def test_the_reference_is_as_timed_beside_the_designs(run: RunFolder) -> None:
    with run.journal(read_only=True) as journal:
        assert reference_of(journal) == {"latency_ms": 0.4, "macs": 2000.0}
    timed_again(run)
    with run.journal(read_only=True) as journal:
        assert reference_of(journal) == {"latency_ms": 0.2, "macs": 2000.0}


def test_a_reference_that_was_not_measured_is_empty(tmp_path: Path) -> None:
    with make_run(tmp_path / "run").journal(read_only=True) as journal:
        assert reference_of(journal) == {}


def test_the_front_keeps_to_limits_of_that_reference(run: RunFolder) -> None:
    assert on_front(run) == {"quick", "slow"}
    timed_again(run)
    assert on_front(run) == {"quick"}


def test_constraints_become_absolute_and_those_without_a_reference_are_left_out() -> None:
    made = absolute_constraints([*LIMITS, "accuracy >= reference - 1 %"], {"latency_ms": 0.2})
    assert [str(constraint) for constraint in made] == ["latency_ms <= 100 us", "size_bytes <= 4 kB"]


def test_a_limit_that_no_design_reaches_is_refused() -> None:
    with pytest.raises(InfeasibleError, match=r"asks for -0\.8"):
        absolute_constraints(["latency_ms <= reference - 1 ms"], {"latency_ms": 0.2}, or_nearest=False)


def test_a_limit_that_no_design_can_meet_since_the_reference_was_timed_again_leaves_an_empty_front(
    tmp_path: Path,
) -> None:
    limits = ["latency_ms <= reference - 300 us", "size_bytes <= 4 kB"]
    run = make_run(tmp_path / "run", {"latency_ms": 0.4}, constraints=limits)
    add_design(run, "quick", latency_ms=0.09)
    assert on_front(run) == {"quick"}
    assert out_of_reach(run) == []
    timed_again(run)
    assert on_front(run) == set()
    (said,) = out_of_reach(run)
    assert said == "latency_ms <= reference - 300 us, where the reference has 200 us: the nearest has 90 us"
