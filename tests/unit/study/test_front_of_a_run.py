from pathlib import Path

import pytest
from tests.unit.study.designs import add_design, make_run

from penjing.errors import ArtifactError, InvalidValueError, UnknownNameError
from penjing.store import RunFolder
from penjing.store.front import front_of, undecided_constraints
from penjing.study.api import Result


def ids(run: RunFolder) -> list[str]:
    return [entry["id"] for entry in front_of(run)["front"]]


def test_the_test_split_never_selects(tmp_path: Path) -> None:
    """A design with the better test accuracy but the worse validation accuracy is not on the front."""
    run = make_run(tmp_path / "run")
    add_design(run, "honest", validation=0.95, test=0.80)
    add_design(run, "lucky", validation=0.94, test=0.99)
    assert ids(run) == ["honest"]
    assert Result(run).best().entry["id"] == "honest"


def test_nor_does_it_meet_a_constraint(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", constraints=["accuracy >= 90 %"])
    add_design(run, "below", validation=0.89, test=0.99)
    add_design(run, "above", validation=0.91, test=0.5)
    assert ids(run) == ["above"]


def test_the_front_is_what_nothing_beats_smallest_first(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    add_design(run, "large", validation=0.97, size_bytes=5000)
    add_design(run, "small", validation=0.90, size_bytes=1000)
    add_design(run, "slow", validation=0.90, size_bytes=1000, latency_ms=0.2)
    add_design(run, "fast", validation=0.90, size_bytes=3000, latency_ms=0.05)
    assert ids(run) == ["small", "fast", "large"]


def test_only_objectives_decide(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", objectives=["accuracy", "size_bytes"])
    add_design(run, "small", validation=0.95, size_bytes=1000, latency_ms=9.0)
    add_design(run, "fast", validation=0.90, size_bytes=3000, latency_ms=0.05)
    assert ids(run) == ["small"]


def test_absolute_and_relative_constraints_hold(tmp_path: Path) -> None:
    limits = ["size_bytes <= 4 kB", "latency_ms <= 0.5 * reference"]
    run = make_run(tmp_path / "run", {"latency_ms": 0.2}, constraints=limits)
    add_design(run, "good", size_bytes=4000, latency_ms=0.1)
    add_design(run, "large", size_bytes=4001, latency_ms=0.05)
    add_design(run, "slow", size_bytes=1000, latency_ms=0.11)
    assert ids(run) == ["good"]


def test_what_failed_to_be_measured_is_not_on_the_front(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    add_design(run, "good", latency_ms=0.5)
    add_design(run, "other", size_bytes=1)
    path = run.design_path("other") / "manifest.json"
    path.write_text(path.read_text().replace('"value": 0.1', '"value": NaN'))
    with pytest.raises(ArtifactError, match=r"other/manifest\.json .*nan"):
        ids(run)


def test_a_run_without_designs_has_an_empty_front_even_without_a_reference(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", constraints=["latency_ms <= 0.5 * reference"])
    assert front_of(run) == {"format_version": 1, "metric": "accuracy", "front": []}


def test_a_limit_whose_reference_was_not_trained_is_named(tmp_path: Path) -> None:
    limits = ["size_bytes <= 4 kB", "accuracy >= reference - 1 %", "latency_ms <= 0.5 * reference"]
    run = make_run(tmp_path / "run", {"latency_ms": 0.2}, constraints=limits)
    add_design(run, "a", latency_ms=0.05)
    assert [entry["id"] for entry in front_of(run)["front"]] == ["a"]
    assert undecided_constraints(run) == ["accuracy >= reference - 1 %"]


def test_an_entry_says_what_scripts_rely_on(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    add_design(run, "good", validation=0.95, test=0.93)
    (entry,) = front_of(run)["front"]
    assert (entry["accuracy"]["value"], entry["validation"]["value"]) == (0.93, 0.95)
    assert entry["latency_ms"].keys() == {"value", "low", "high", "calls", "threads", "batch"}
    assert (run.path / entry["artifact"]).read_text() == "model.onnx of good"
    assert len(entry["sha256"]) == 64


@pytest.mark.parametrize(
    ("metric", "best"),
    [("accuracy", "large"), ("size_bytes", "small"), ("latency_ms", "fast"), ("throughput_per_s", "fast")],
)
def test_best_is_in_the_good_direction_of_the_metric(tmp_path: Path, metric: str, best: str) -> None:
    run = make_run(tmp_path / "run")
    add_design(run, "large", validation=0.97, size_bytes=5000, throughput_per_s=10)
    add_design(run, "small", validation=0.90, size_bytes=1000, throughput_per_s=20)
    add_design(run, "fast", validation=0.90, size_bytes=3000, latency_ms=0.05, throughput_per_s=30)
    assert Result(run).best(metric).entry["id"] == best


@pytest.mark.parametrize("metric", ["latency", "id", "validation", "peak_memory_bytes"])
def test_best_of_what_is_no_metric_is_refused(tmp_path: Path, metric: str) -> None:
    run = make_run(tmp_path / "run")
    add_design(run, "good")
    with pytest.raises(UnknownNameError, match=f"No metric of a front is named '{metric}'"):
        Result(run).best(metric)


def test_the_best_of_an_empty_front_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"The front of .*run is empty: no finished design"):
        Result(make_run(tmp_path / "run")).best()
