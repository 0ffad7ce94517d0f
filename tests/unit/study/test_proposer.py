"""``auto`` decides by what an evaluation costs and how many there will be; once, and says why."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.study.instant_study import INSTANT, session, work

from penjing.study.config import checked
from penjing.study.jobs import ALONE, SUPERNET
from penjing.study.phases import phases_of
from penjing.study.proposer import algorithm_of


@pytest.mark.parametrize(
    ("way", "said", "expected", "reason"),
    [
        (ALONE, {"budget": "400 evaluations"}, "surrogate", "each evaluation is a training"),
        (SUPERNET, {"budget": "40 evaluations"}, "surrogate", "about 40 evaluations are too few"),
        (SUPERNET, {"budget": "400 evaluations"}, "auto", "about 400 evaluations without a training"),
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
        (decision,) = study.journal.get("decisions")["joint"]
        assert decision["algorithm"] == expected
        assert reason in decision["reason"]
        study.way = ALONE if way == SUPERNET else SUPERNET
        assert algorithm_of(study, phase) == expected


@pytest.mark.parametrize(
    ("search", "expected"), [({"algorithm": "evolution"}, "evolution"), ({"mode": "adaptive"}, "auto")]
)
def test_what_was_asked_for_is_not_decided(tmp_path: Path, search: dict[str, str], expected: str) -> None:
    with session(tmp_path, checked(INSTANT | {"search": search})) as study:
        (phase,) = phases_of(study.config.search)
        assert algorithm_of(study, phase) == expected
        assert study.journal.get("decisions") is None


def test_what_it_decided_searches(tmp_path: Path) -> None:
    said = {"budget": "120 evaluations", "search": {"train_on": "supernet"}}
    with session(tmp_path, checked(INSTANT | said)) as study:
        work(study)
        decisions = study.journal.get("decisions")["joint"]
    assert len(decisions) > 2
    assert len({decision["algorithm"] for decision in decisions}) > 1
