"""The model finds the choices that made the errors, and says when it cannot."""

import numpy as np
import pytest

from penjing.report.page import Worth
from penjing.report.worth import FEWEST_TRIALS, worth_of


def _trials(
    n: int, rng: np.random.Generator, noise: float = 0.02
) -> tuple[list[dict[str, object]], list[float]]:
    candidates: list[dict[str, object]] = []
    accuracies = []
    for _ in range(n):
        width, precision = int(rng.choice([8, 16, 32])), str(rng.choice(["fp32", "w8a8"]))
        made: dict[str, object] = {
            "width": width,
            "block.precision": precision,
            "idle": int(rng.choice([0, 1])),
        }
        if width > 8:
            made["extra"] = int(rng.choice([3, 5]))
        error = 0.2 * {8: 1.5, 16: 1.2, 32: 1.0}[width] * (1.1 if precision == "w8a8" else 1.0)
        candidates.append(made)
        accuracies.append(float(1 - error * np.exp(rng.normal(0, noise))))
    return candidates, accuracies


def _costs(candidates: list[dict[str, object]]) -> list[dict[str, float]]:
    return [{"size_bytes": 100.0 * float(str(c["width"])), "latency_ms": 1.0} for c in candidates]


def test_the_choice_that_matters_comes_first_with_its_values(rng: np.random.Generator) -> None:
    candidates, accuracies = _trials(120, rng)
    worth = worth_of(candidates, accuracies, _costs(candidates))
    first, second = worth.choices[:2]
    assert (first.name, first.best, first.worst, first.part) == ("width", "32", "8", "architecture")
    assert (second.name, second.best, second.part) == ("block.precision", "fp32", "compression")
    assert first.importance.low > 5 * max(choice.importance.value for choice in worth.choices[2:])
    for choice in worth.choices:
        assert choice.importance.low <= choice.importance.value <= choice.importance.high
    # Nothing hangs on the last ones: their intervals have zero in them.
    assert all(choice.importance.low <= 0.0 <= choice.importance.high for choice in worth.choices[-2:])
    assert worth.explained is not None
    assert worth.explained > 0.9


def test_an_optimiser_is_a_choice_of_training(rng: np.random.Generator) -> None:
    candidates, accuracies = _trials(60, rng)
    trained = [{**c, "network.optimiser": str(rng.choice(["sgd", "adamw"]))} for c in candidates]
    parts = {c.name: c.part for c in worth_of(trained, accuracies, _costs(candidates)).choices}
    assert parts["network.optimiser"] == "training"


def test_points_are_accuracy_points_and_lie_in_their_interval(rng: np.random.Generator) -> None:
    candidates, accuracies = _trials(200, rng)
    choices = {choice.name: choice for choice in worth_of(candidates, accuracies, _costs(candidates)).choices}
    points = choices["width"].points
    assert points.low < points.value < points.high
    assert points.value == pytest.approx(10.3, abs=1.5)  # errors of 0.2 × 1.5 against 0.2 × 1.0, times 1.05
    assert choices["idle"].points.value < 1.0


def test_ratios_of_costs_follow_the_values(rng: np.random.Generator) -> None:
    candidates, accuracies = _trials(200, rng)
    choices = {choice.name: choice for choice in worth_of(candidates, accuracies, _costs(candidates)).choices}
    assert choices["width"].size_ratio == pytest.approx(4.0, rel=0.1)
    assert choices["width"].latency_ratio == pytest.approx(1.0)


def test_costs_that_are_missing_are_left_out(rng: np.random.Generator) -> None:
    candidates, accuracies = _trials(40, rng)
    worth = worth_of(candidates, accuracies, [{} for _ in candidates])
    assert {choice.size_ratio for choice in worth.choices} == {None}


def test_a_choice_that_is_absent_is_never_best_or_worst(rng: np.random.Generator) -> None:
    candidates, accuracies = _trials(80, rng)
    (extra,) = [c for c in worth_of(candidates, accuracies, _costs(candidates)).choices if c.name == "extra"]
    assert {extra.best, extra.worst} == {"3", "5"}


def test_pure_noise_explains_nothing_and_says_so(rng: np.random.Generator) -> None:
    candidates, _ = _trials(60, rng)
    worth = worth_of(candidates, list(rng.uniform(0.7, 0.9, 60)), _costs(candidates))
    assert worth.explained is not None
    assert worth.explained < 0.2
    assert "too little to rank choices by" in worth.note


@pytest.mark.parametrize("n", [0, 1, FEWEST_TRIALS - 1])
def test_too_few_trials_say_so(n: int, rng: np.random.Generator) -> None:
    candidates, accuracies = _trials(n, rng)
    worth = worth_of(candidates, accuracies, _costs(candidates))
    assert worth.choices == ()
    assert f"Too little to learn from: {n} candidates" in worth.note


def test_nothing_that_varies_says_so() -> None:
    worth = worth_of([{"width": 8}] * 30, [0.9] * 30, [{}] * 30)
    assert "Nothing varied" in worth.note


def test_equal_accuracies_say_so(rng: np.random.Generator) -> None:
    candidates, _ = _trials(30, rng)
    assert "equally accurate" in worth_of(candidates, [0.9] * 30, _costs(candidates)).note


def test_the_same_trials_give_the_same_worth(rng: np.random.Generator) -> None:
    candidates, accuracies = _trials(40, rng)
    costs = _costs(candidates)
    assert worth_of(candidates, accuracies, costs, 5) == worth_of(candidates, accuracies, costs, 5)


def _acting_together(n: int, rng: np.random.Generator, strength: float) -> Worth:
    """Two of three choices matter only together."""
    candidates, accuracies = [], []
    for _ in range(n):
        made = {name: int(rng.integers(3)) for name in ("a", "b", "idle")}
        error = 0.2 * np.exp(strength * (made["a"] == made["b"]) + rng.normal(0, 0.05))
        candidates.append(made)
        accuracies.append(float(1 - error))
    return worth_of(candidates, accuracies, [{} for _ in candidates])


def test_choices_that_act_together_are_found(rng: np.random.Generator) -> None:
    (pair,) = [pair for pair in _acting_together(150, rng, 0.4).pairs if pair.stands_out]
    assert (pair.first, pair.second) == ("a", "b")
    assert pair.best_first != pair.best_second
    assert 0.5 < pair.explained.low < pair.explained.value < 1.0


def test_where_effects_add_up_no_pair_stands_out(rng: np.random.Generator) -> None:
    candidates, accuracies = _trials(150, rng)
    assert not any(p.stands_out for p in worth_of(candidates, accuracies, _costs(candidates)).pairs)


def test_a_pair_that_is_nothing_but_noise_is_not_named(rng: np.random.Generator) -> None:
    pairs = _acting_together(60, rng, 0.0).pairs
    assert pairs
    assert not any(pair.stands_out for pair in pairs)
    assert all(pair.explained.low <= pair.explained.value <= pair.explained.high for pair in pairs)
