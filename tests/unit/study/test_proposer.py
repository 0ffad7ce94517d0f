"""``auto`` decides by what an evaluation costs and how many there will be; once, and says why."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.study.instant_study import INSTANT, session, work

from penjing.report import write_report
from penjing.store import RunFolder
from penjing.study.config import checked
from penjing.study.jobs import ALONE, SUPERNET
from penjing.study.phases import phases_of
from penjing.study.proposer import algorithm_of


@pytest.mark.parametrize(
    ("way", "said", "expected", "reason"),
    [
        (ALONE, {"budget": "400 evaluations"}, "surrogate", "each evaluation is a training"),
        (SUPERNET, {"budget": "40 evaluations"}, "surrogate", "about 37 evaluations are too few"),
        (SUPERNET, {"budget": "400 evaluations"}, "auto", "about 397 evaluations without a training"),
        (SUPERNET, {"budget": "5 min"}, "surrogate", "an unknown number of evaluations"),
    ],
)
def test_it_decides_by_price_and_number_of_evaluations(
    tmp_path: Path, way: str, said: dict[str, Any], expected: str, reason: str
) -> None:
    with session(tmp_path, checked(INSTANT | said)) as study:
        study.way = way
        (phase,) = phases_of(study.config.search)
        assert algorithm_of(study, phase) == expected
        kept = study.journal.get("algorithms")["joint"]
        assert kept["algorithm"] == expected
        assert reason in kept["reason"]
        study.way = ALONE if way == SUPERNET else SUPERNET
        assert algorithm_of(study, phase) == expected


@pytest.mark.parametrize(
    ("search", "expected"), [({"algorithm": "evolution"}, "evolution"), ({"mode": "adaptive"}, "auto")]
)
def test_what_was_asked_for_is_not_decided(tmp_path: Path, search: dict[str, str], expected: str) -> None:
    with session(tmp_path, checked(INSTANT | {"search": search})) as study:
        (phase,) = phases_of(study.config.search)
        assert algorithm_of(study, phase) == expected
        assert study.journal.get("algorithms") is None


def test_what_it_decided_searches(tmp_path: Path) -> None:
    said = {"budget": "210 evaluations", "search": {"train_on": "supernet"}}
    with session(tmp_path, checked(INSTANT | said)) as study:
        work(study)
        decisions = study.journal.get("decisions")["joint"]
    assert len(decisions) > 2
    assert len({decision["algorithm"] for decision in decisions}) > 1


def test_a_run_that_began_with_turns_goes_on_with_them(tmp_path: Path) -> None:
    """Before there was a decision, `auto` took turns everywhere."""
    with session(tmp_path, checked(INSTANT)) as study:
        study.journal.put("decisions", {"joint": [{"after": 0, "algorithm": "bayesian", "reason": ""}]})
        (phase,) = phases_of(study.config.search)
        assert algorithm_of(study, phase) == "auto"


def test_one_phase_of_several_takes_turns_and_the_next_is_decided(tmp_path: Path) -> None:
    phases = [
        {"name": "first", "algorithm": "random"},
        {"name": "turns", "share": 3, "turns": True},
        {"name": "last"},
    ]
    said = {"budget": "70 evaluations", "search": {"phases": phases}}
    with session(tmp_path, checked(INSTANT | said)) as study:
        work(study)
        decided = {phase: made[0]["algorithm"] for phase, made in study.journal.get("decisions").items()}
        assert decided == {"turns": "bayesian"}
        assert study.journal.get("algorithms")["last"]["algorithm"] == "surrogate"


def test_the_report_says_who_was_to_search(tmp_path: Path) -> None:
    with session(tmp_path / "run", checked(INSTANT)) as study:
        work(study)
    page = write_report(RunFolder.open(tmp_path / "run")).read_text()
    assert "was left open: surrogate, as each evaluation is a training" in page
    assert "by what has paid" not in page
