"""Scores of untrained networks: which candidates are chosen by them, and when."""

from pathlib import Path

import numpy as np
import pytest
from tests.unit.study.small_study import SMALL, small_study

import penjing
from penjing.search import RandomSearcher
from penjing.search.random import fresh_samples
from penjing.search.screening import screened
from penjing.space import Candidate
from penjing.study.config import SearchConfig
from penjing.study.jobs import Outcome
from penjing.study.zero_cost import ZeroCost
from penjing.testing.searcher import conditional_problem
from penjing.training.zero_cost import SCORES

# What is this small and brief is no better than chance, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:None of the first")


def test_the_configuration_knows_every_score() -> None:
    for name in SCORES:
        assert SearchConfig.model_validate({"zero_cost": name}).zero_cost == name


def test_among_equally_expensive_candidates_the_score_decides() -> None:
    problem = conditional_problem()
    drawn = [c for c in problem.feasible if problem.costs(c)["size_bytes"] == 16.0]
    scores = np.arange(len(drawn), dtype=float)
    scores[-1] = np.nan
    assert screened(problem, drawn, scores, 2) == [drawn[-2], drawn[-3]]


def test_a_candidate_that_scores_less_and_costs_more_is_not_chosen() -> None:
    problem = conditional_problem()
    order = sorted(problem.feasible, key=lambda candidate: problem.costs(candidate)["size_bytes"])
    good, bad = order[:5], order[-5:]
    chosen = screened(problem, [*bad, *good], np.array([0.0] * 5 + [1.0] * 5), 5)
    assert not set(chosen) & set(bad)


def test_the_first_dozen_are_chosen_by_score_and_resumes_score_the_same(tmp_path: Path) -> None:
    with small_study(tmp_path / "run", search={"zero_cost": "naswot"}) as study:
        study.box.open(study.problem(study.pipeline.space))
        problem = study.problem(study.pipeline.space)
        chosen = [
            ZeroCost(study).proposals(RandomSearcher(problem), "random", problem, 3, np.random.default_rng(2))
            for _ in range(2)
        ]
        assert chosen[0] == chosen[1]
        assert len(chosen[0]) == 3
        scored = ZeroCost(study)
        scores = scored._scored([*chosen[0], Candidate(chosen[0][0])])
        assert np.isfinite(scores).all()
        assert scores[0] == scores[3]


@pytest.mark.parametrize("algorithm", ["evolution", "surrogate"])
def test_a_run_with_a_score_ends_well(tmp_path: Path, algorithm: str) -> None:
    search = {"epochs": 0.2, "zero_cost": "synflow"}
    said = {"budget": "20 evaluations", "finalists": {"epochs": 1.0, "count": 1}}
    result = penjing.search(out=tmp_path / "run", algorithm=algorithm, search=search, **SMALL | said)
    assert len(result.front) == 1
    with small_study(tmp_path / "run") as study:
        keys = [trial.key for trial in study.journal.trials(fidelity="inherited", phase="joint")]
    assert len(keys) >= 14


def test_a_score_that_no_network_has_is_said_to_choose_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_study(tmp_path / "run", search={"zero_cost": "naswot"}) as study:
        study.box.open(study.problem(study.pipeline.space))
        said: list[str] = []
        monkeypatch.setattr(study, "tell", said.append)
        monkeypatch.setattr(
            study.executor, "map", lambda jobs: [Outcome({}, 0.0, error="no memory") for _ in jobs]
        )
        problem, rng = study.problem(study.pipeline.space), np.random.default_rng(2)
        drawn = fresh_samples(problem, 12, np.random.default_rng(2), set())
        score = ZeroCost(study)
        # As they were drawn, not the smallest of them.
        assert score.proposals(RandomSearcher(problem), "random", problem, 3, rng) == drawn[:3]
        score.proposals(RandomSearcher(problem), "random", problem, 3, rng)
        assert not len(ZeroCost(study)._scored([]))
        assert said == ["warning: no network has a score by naswot yet, so it chooses none"]
