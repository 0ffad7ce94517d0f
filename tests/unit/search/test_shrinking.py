import numpy as np
import pytest

from penjing.search.shrinking import ruled_out
from penjing.space import Candidate, Choice, Condition, SearchSpace

SPACE = SearchSpace(
    [
        Choice("operation", ("good", "fair", "bad"), ordered=False),
        Choice("width", (8, 16)),
        Choice("detail", (1, 2), conditions=(Condition("operation", ("good",)),)),
    ]
)


def evaluated(n: int, rng: np.random.Generator) -> tuple[list[Candidate], np.ndarray]:
    drawn = [SPACE.sample(rng) for _ in range(n)]
    error = {"good": 0.1, "fair": 0.15, "bad": 0.9}
    points = [[error[str(c["operation"])] + 0.1 * rng.random(), c["width"] / 20] for c in drawn]
    return drawn, np.array(points)


def test_a_value_that_only_bad_designs_have_is_ruled_out(rng: np.random.Generator) -> None:
    found = ruled_out(SPACE, *evaluated(60, rng))
    assert "bad" in found["operation"]
    assert "good" not in found["operation"]


def test_values_that_make_designs_cheaper_or_better_stay(rng: np.random.Generator) -> None:
    drawn = [SPACE.sample(rng) for _ in range(60)]
    points = np.array([[0.5 / c["width"] + 1e-3 * rng.random(), c["width"] / 20] for c in drawn])
    assert "width" not in ruled_out(SPACE, drawn, points)


def test_few_evaluations_rule_nothing_out(rng: np.random.Generator) -> None:
    assert ruled_out(SPACE, *evaluated(11, rng)) == {}


def test_what_is_left_is_a_space_of_its_own() -> None:
    left = SPACE.narrowed({"operation": ["fair", "bad"]})
    assert left.cardinality == 4
    assert all("detail" not in candidate for candidate in left.every_candidate())
    assert not left.holds(Candidate({"operation": "good", "width": 8, "detail": 1}))
    with pytest.raises(Exception, match="width must be one of"):
        SPACE.narrowed({"width": [9]})
