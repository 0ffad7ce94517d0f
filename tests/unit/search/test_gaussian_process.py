"""The model behind the Bayesian search, against what can be worked out by other means."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from penjing.blueprint import Graph
from penjing.search import SearchProblem, gaussian_process
from penjing.search.gains import log_expected_improvement
from penjing.search.gaussian_process import GaussianProcess
from penjing.search.likeness import Likeness
from penjing.search.warp import HalfLogScores, scale_of
from penjing.space import Candidate, Choice, Condition, SearchSpace
from penjing.testing.searcher import conditional_problem

SPACE = SearchSpace(
    [
        Choice("op", ("a", "b", "c"), ordered=False),
        Choice("width", (1, 2, 3, 4)),
        Choice("extra", (1, 2), conditions=(Condition("op", ("a",)),)),
        Choice("bits", (4, 8), "compression", ordered=False),
    ]
)
PROBLEM = SearchProblem(SPACE, lambda candidate: {}, {"accuracy": (1.0, 0.0)})


def drawn(n: int, seed: int = 0) -> list[Candidate]:
    every = list(SPACE.every_candidate())
    return [every[at] for at in np.random.default_rng(seed).permutation(len(every))[:n]]


def chain_of(candidate: Candidate) -> Graph:
    """As many layers as the width says, of the operation."""
    n = int(str(candidate["width"]))
    labels = ("input", *(str(candidate["op"]) for _ in range(n)), str(candidate["bits"]))
    return Graph(labels, ((), *((at,) for at in range(n + 1))))


def test_pairs_and_triples_are_those_that_agree() -> None:
    one = SPACE.candidate({"op": "b", "width": 1, "bits": 4})
    other = SPACE.candidate({"op": "b", "width": 1, "bits": 8})
    likeness = Likeness(PROBLEM)
    found = likeness.compare(likeness.describe([one]), likeness.describe([other]))
    # Three of four agree (what is absent from both does): three of six pairs, one of four triples.
    assert found["choices"][0, 0] == pytest.approx(3 / 4)
    assert found["pairs"][0, 0] == pytest.approx(3 / 6)
    assert found["triples"][0, 0] == pytest.approx(1 / 4)


def test_counts_are_alike_wherever_a_value_is_chosen() -> None:
    layers = [Choice(f"layer{at}", ("a", "b", "c"), ordered=False) for at in range(4)]
    space = SearchSpace([*layers, Choice("width", (1, 2))])
    problem = SearchProblem(space, lambda candidate: {}, {"accuracy": (1.0, 0.0)})
    likeness = Likeness(problem)
    described = likeness.describe(
        [
            space.candidate({f"layer{at}": name for at, name in enumerate(names)} | {"width": 1})
            for names in ("aabc", "cbaa", "aaaa", "bbbb")
        ]
    )
    found = likeness.compare(described, described)
    # Two of a, one of b, one of c, of four: (4 + 1 + 1) / 16.
    assert found["counts"][0, 1] == found["counts"][0, 0] == pytest.approx(6 / 16)
    assert found["like counts"][0, 1] == pytest.approx(1.0)
    assert found["counts"][2] == pytest.approx([2 / 4, 2 / 4, 1.0, 0.0])
    assert found["like counts"][0, 2] > found["like counts"][0, 3]
    assert "counts" not in Likeness(PROBLEM).own(Likeness(PROBLEM).describe(drawn(3)))


def test_a_candidate_is_as_like_itself_as_can_be_and_likeness_is_a_kernel() -> None:
    likeness = Likeness(conditional_problem())
    rng = np.random.default_rng(0)
    described = likeness.describe([conditional_problem().space.sample(rng) for _ in range(30)])
    own = likeness.own(described)
    compared = likeness.compare(described, described)
    assert set(own) == set(compared)
    for name, matrix in compared.items():
        np.testing.assert_allclose(np.diag(matrix), own[name], atol=1e-9)
        assert np.linalg.eigvalsh(matrix).min() > -1e-8 * max(1.0, np.abs(matrix).max()), name


def test_what_is_kept_of_a_listed_space_is_what_is_computed_anew() -> None:
    problem = SearchProblem(SPACE, lambda candidate: {}, {"accuracy": (1.0, 0.0)}, graph=chain_of)
    likeness = Likeness(problem)
    every = likeness.describe(problem.feasible)
    told = drawn(6)
    for n in (2, 3, 6):
        others = likeness.describe(told[:n])
        kept = likeness.compare(every, others)
        anew = likeness.compare(likeness.describe(problem.feasible), others)
        for name, matrix in kept.items():
            np.testing.assert_array_equal(matrix, anew[name])
    some = np.array([3, 0])
    np.testing.assert_array_equal(
        likeness.compare(every.rows(some), others)["neighbourhoods"], kept["neighbourhoods"][some]
    )


def test_near_values_of_an_ordered_choice_are_more_alike() -> None:
    likeness = Likeness(PROBLEM)
    rows = likeness.describe([SPACE.candidate({"op": "b", "width": w, "bits": 4}) for w in (1, 2, 4)])
    near, far = likeness.compare(rows, rows)["choices"][0, 1:]
    assert near > far


def test_what_was_told_is_remembered_and_what_was_not_is_unsure() -> None:
    candidates = drawn(20)
    target = np.array([{"a": 1.0, "b": 0.0, "c": -1.0}[str(c["op"])] for c in candidates])
    likeness = Likeness(PROBLEM)
    told = likeness.describe(candidates[:12])
    process = GaussianProcess(likeness, told, target[:12])
    known, unknown = process.expect(told), process.expect(likeness.describe(candidates[12:]))
    assert np.abs(known.mean - target[:12]).max() < 0.15
    assert np.abs(unknown.mean - target[12:]).max() < 0.5
    assert known.variance.mean() < unknown.variance.mean()


def test_supposing_a_result_leaves_the_variances_that_telling_it_would() -> None:
    likeness = Likeness(PROBLEM)
    candidates = drawn(16)
    target = np.random.default_rng(1).normal(size=8)
    first = GaussianProcess(likeness, likeness.describe(candidates[:8]), target)
    prediction = first.expect(likeness.describe(candidates[8:]))
    prediction.learn(0)
    grown = likeness.describe(candidates[:9])
    told = GaussianProcess(likeness, grown, np.append(target, prediction.mean[0]), first.weights)
    expected = told.expect(likeness.describe(candidates[8:]))
    np.testing.assert_allclose(prediction.variance, expected.variance, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(prediction.mean, expected.mean, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("mean", "deviation"), [(0.5, 1.0), (-1.0, 0.5), (-3.0, 1.0), (2.0, 0.1)])
def test_expected_improvement_is_the_integral(mean: float, deviation: float) -> None:
    expected, _ = quad(lambda x: x * norm.pdf(x, mean, deviation), 0, mean + 12 * deviation)
    found = log_expected_improvement(np.array([mean]), np.array([deviation]))
    assert np.exp(found[0]) == pytest.approx(expected, rel=1e-6)


def test_hopeless_candidates_still_have_an_order() -> None:
    found = log_expected_improvement(np.array([-50.0, -60.0]), np.ones(2))
    assert np.isfinite(found).all()
    assert found[0] > found[1]


@pytest.mark.parametrize("n_objectives", [1, 2])
def test_scores_keep_the_order_and_go_back(n_objectives: int) -> None:
    values = np.array([0.1, 0.93, 0.92, 0.5, 0.92])
    warp = scale_of(values, n_objectives)
    np.testing.assert_allclose(warp.value(warp.scores), values)
    assert warp.scores[2] == warp.scores[4]
    assert warp.value(np.array([5.0]))[0] > 0.93
    assert np.isfinite(warp.value(np.array([-1e6]))).all()


def test_twins_are_no_further_apart_the_more_of_them_were_told(rng: np.random.Generator) -> None:
    others = np.array([10.0, 80.0, 86.0, 87.0, 88.0, 89.0])
    few = HalfLogScores(np.concatenate([others, [84.2, 84.4]])).scores[-2:]
    many = HalfLogScores(np.concatenate([others, np.tile([84.2, 84.4], 20)])).scores[-2:]
    # They are most of what was told, so that the scale is finer, but they do not fill it.
    assert many[1] - many[0] < 5 * (few[1] - few[0])
    assert HalfLogScores(np.array([10.0, 90.0, 91.0])).scores[0] > -5.0


@pytest.mark.parametrize("n_objectives", [1, 2])
def test_equal_values_have_one_score(n_objectives: int) -> None:
    warp = scale_of(np.array([0.1, 0.1]), n_objectives)
    np.testing.assert_allclose(warp.value(np.array([-1.0, 3.0])), 0.1)


def test_a_step_beyond_what_can_be_computed_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    likeness = Likeness(PROBLEM)
    told = likeness.describe(drawn(12))
    target = np.random.default_rng(0).normal(size=12)
    usual, calls = gaussian_process.cho_factor, 0

    def failing(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise np.linalg.LinAlgError("not positive definite")
        return usual(*arguments, **named)

    expected = GaussianProcess(likeness, told, target).weights
    monkeypatch.setattr(gaussian_process, "cho_factor", failing)
    found = GaussianProcess(likeness, told, target).weights
    assert calls > 2
    assert found == pytest.approx(expected, rel=0.2)


def test_what_is_expected_for_each_earlier_result_is_what_is_expected_for_it_alone() -> None:
    """To the last digit: a proposal must not hang on how it was computed."""
    likeness = Likeness(PROBLEM)
    rng = np.random.default_rng(0)
    known = replace(likeness.describe(drawn(12)), earlier=rng.standard_normal(12))
    process = GaussianProcess(likeness, known, rng.standard_normal(12))
    others = likeness.describe(drawn(20, seed=1))
    results = list(rng.standard_normal((3, 20)))
    for earlier, found in zip(results, process.expect_each(others, results), strict=True):
        alone = process.expect(replace(others, earlier=earlier))
        np.testing.assert_array_equal(found.mean, alone.mean)
        np.testing.assert_array_equal(found.variance, alone.variance)
