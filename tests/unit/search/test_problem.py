from collections.abc import Mapping

import numpy as np
import pytest

from penjing.errors import InfeasibleError
from penjing.objectives import parse_constraint
from penjing.search import SearchProblem
from penjing.space import Candidate, Choice, SearchSpace

SPACE = SearchSpace([Choice("width", (1, 2, 4, 8, 16)), Choice("bits", (4, 8), "compression")])
BOX = {"accuracy": (0.99, 0.6), "size_bytes": (10.0, 1000.0)}


def costs_of(candidate: Candidate) -> Mapping[str, float]:
    size = float(candidate["width"]) * float(candidate["bits"]) * 10
    return {"size_bytes": size, "latency_ms": size / 1000, "parameters": float(candidate["width"])}


def problem(
    *constraints: str, box: Mapping[str, tuple[float, float]] = BOX, log_error: bool = False
) -> SearchProblem:
    return SearchProblem(
        SPACE, costs_of, box, [parse_constraint(text) for text in constraints], log_error=log_error
    )


def candidate(width: int, bits: int) -> Candidate:
    return SPACE.candidate({"width": width, "bits": bits})


def test_the_box_becomes_0_to_1_and_a_size_is_logarithmic() -> None:
    rows = [
        {"accuracy": 0.99, "size_bytes": 10.0},
        {"accuracy": 0.6, "size_bytes": 1000.0},
        {"accuracy": 0.795, "size_bytes": 100.0},
    ]
    np.testing.assert_allclose(problem().points(rows), [[0, 0], [1, 1], [0.5, 0.5]], atol=1e-12)


def test_with_log_error_equal_ratios_of_errors_are_equal_distances() -> None:
    rows = [{"accuracy": 1 - error, "size_bytes": 10.0} for error in (0.01, 0.0632455532, 0.4)]
    points = problem(log_error=True).points(rows)
    np.testing.assert_allclose(points[:, 0], [0, 0.5, 1], atol=1e-6)


@pytest.mark.parametrize("log_error", [False, True])
def test_what_lies_outside_the_box_is_clipped(log_error: bool) -> None:
    rows = [{"accuracy": 1.0, "size_bytes": 1.0}, {"accuracy": 0.1, "size_bytes": 1e6}]
    np.testing.assert_array_equal(problem(log_error=log_error).points(rows), [[0, 0], [1, 1]])


def test_columns_follow_the_box_and_no_rows_give_no_points() -> None:
    turned = {"size_bytes": BOX["size_bytes"], "accuracy": BOX["accuracy"]}
    row = {"accuracy": 0.99, "size_bytes": 1000.0, "latency_ms": 3.0}
    np.testing.assert_allclose(problem(box=turned).points([row]), [[1, 0]], atol=1e-12)
    assert problem().points([]).shape == (0, 2)


def test_a_maximised_metric_is_best_at_its_highest() -> None:
    given = problem(box={"throughput_per_s": (100.0, 10.0)})
    rows = [{"throughput_per_s": value} for value in (100.0, 55.0, 10.0)]
    np.testing.assert_allclose(given.points(rows)[:, 0], [0, 0.5, 1])


def test_a_maximised_metric_is_outside_the_box_when_it_is_below() -> None:
    box = {"throughput_per_s": (100.0, 10.0)}
    fast, slow = ({"throughput_per_s": value} for value in (200.0, 5.0))
    assert SearchProblem(SPACE, lambda _: fast, box).violation(candidate(1, 4)) == 0
    assert SearchProblem(SPACE, lambda _: slow, box).violation(candidate(1, 4)) == pytest.approx(0.5)


def test_a_violation_is_relative_and_summed() -> None:
    given = problem("size_bytes <= 400 B", "latency_ms <= 0.32 ms")
    assert given.violation(candidate(8, 4)) == 0.0
    assert given.violation(candidate(8, 8)) == pytest.approx(640 / 400 - 1 + 640 / 320 - 1)


def test_what_is_worse_than_the_box_violates_it() -> None:
    assert problem().violation(candidate(16, 8)) == pytest.approx(0.28)
    assert problem().violation(candidate(8, 8)) == 0.0


def test_a_constraint_on_what_only_training_shows_is_not_judged() -> None:
    assert problem("accuracy >= 90 %").violation(candidate(1, 4)) == 0.0


def test_costs_are_computed_once_per_candidate() -> None:
    calls: list[str] = []

    def counted(found: Candidate) -> Mapping[str, float]:
        calls.append(found.key)
        return costs_of(found)

    given = SearchProblem(SPACE, counted, BOX)
    for _ in range(3):
        given.costs(candidate(2, 4))
        given.violation(candidate(2, 4))
    assert len(calls) == 1


def test_a_predicted_cost_keeps_its_margin_to_the_limit() -> None:
    limit = parse_constraint("latency_ms <= 0.162")
    given = SearchProblem(SPACE, costs_of, BOX, [limit], margins={"latency_ms": 0.05})
    assert given.violation(candidate(2, 4)) == 0  # 0.08 ms
    assert given.violation(candidate(4, 4)) > 0  # 0.16 ms would meet the limit, if that were certain


def test_rare_feasible_candidates_are_found(rng: np.random.Generator) -> None:
    space = SearchSpace([Choice(f"width{i}", (1, 2, 4, 8)) for i in range(12)])
    smallest = 12 * 10.0 + 10

    def size(found: Candidate) -> Mapping[str, float]:
        return {"size_bytes": sum(float(str(value)) for value in found.values()) * 10}

    limit = parse_constraint(f"size_bytes <= {smallest} B")
    found = SearchProblem(space, size, {"size_bytes": (1.0, 1e6)}, [limit]).sample_feasible(rng)
    assert size(found)["size_bytes"] <= smallest


def test_an_impossible_constraint_names_the_nearest_with_its_value(rng: np.random.Generator) -> None:
    match = (
        r"^No design of this space meets 'size_bytes <= 15 B'\. The nearest that was found has "
        r"size_bytes = 40\.0 B\. Relax the constraint or widen the space\.$"
    )
    with pytest.raises(InfeasibleError, match=match) as caught:
        problem("size_bytes <= 15 B").sample_feasible(rng, tries=200)
    assert caught.value.facts["nearest"] == {"width": 1, "bits": 4}
    assert caught.value.facts["costs"]["size_bytes"] == 40.0


def test_only_the_constraints_that_are_broken_are_named(rng: np.random.Generator) -> None:
    given = problem("size_bytes <= 2 kB", "latency_ms <= 10 us", "parameters <= 0.5")
    match = (
        r"meets 'latency_ms <= 10 us' and 'parameters <= 0\.5'\. .* latency_ms = 40 us, parameters = 1\.0\. "
    )
    with pytest.raises(InfeasibleError, match=match):
        given.sample_feasible(rng, tries=200)


def test_a_box_that_nothing_reaches_is_named_like_a_constraint(rng: np.random.Generator) -> None:
    given = problem(box={"size_bytes": (1.0, 20.0), "latency_ms": (0.001, 5.0)})
    with pytest.raises(InfeasibleError, match=r"meets 'size_bytes <= 20\.0 B'\. .* size_bytes = 40\.0 B\. "):
        given.sample_feasible(rng, tries=200)


def test_a_niche_is_the_quarter_of_the_box_that_the_worst_cost_is_in() -> None:
    both = problem(box={**BOX, "latency_ms": (0.001, 10.0)})
    assert [both.niche(candidate(width, 4)) for width in (1, 4, 16)] == [1, 2, 3]
    assert [problem().niche(candidate(width, 4)) for width in (1, 4, 16)] == [1, 2, 3]
    slow = problem(box={**BOX, "latency_ms": (0.001, 0.05)})
    assert slow.niche(candidate(1, 4)) == 3
