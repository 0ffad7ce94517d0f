from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.unit.study.instant_study import INSTANT, session, work

from penjing.protocols import Executor
from penjing.study.chance import reached_by_chance
from penjing.study.config import checked
from penjing.study.jobs import InheritedJob, Outcome
from penjing.study.progress import Progress

UNTRAINED = "No network of the first "


class Untrained:
    """Gives networks the accuracies that guessing has, and for the rest is another executor."""

    def __init__(self, other: Executor) -> None:
        self._other = other
        self._rng = np.random.default_rng(0)

    def __getattr__(self, name: str) -> object:
        return getattr(self._other, name)

    def map(self, jobs: Sequence[InheritedJob]) -> object:
        for outcome in self._other.map(jobs):
            accuracy = float(self._rng.binomial(200, 0.1)) / 200
            yield Outcome({"accuracy": accuracy}, outcome.seconds, outcome.facts, outcome.error)


@pytest.mark.parametrize("way", ["alone", "supernet"])
def test_a_search_among_networks_that_have_learnt_nothing_says_so_once(tmp_path: Path, way: str) -> None:
    said: list[Progress] = []
    config = checked({**INSTANT, "search": {"train_on": way}})
    for _ in range(2):  # and a resume does not say it again
        with session(tmp_path / "run", config, said.append) as study:
            study.executor = Untrained(study.executor)
            work(study)
            notes = study.journal.get("notes")
    (note,) = notes
    assert note.startswith(UNTRAINED)
    assert note.endswith(
        "set search.train_on: alone." if way == "supernet" else "Give search.epochs more than 15."
    )
    assert [state.message for state in said if UNTRAINED in state.message] == [f"warning: {note}"]


def test_of_networks_that_have_learnt_nothing_is_said(tmp_path: Path) -> None:
    with session(tmp_path / "run", checked(INSTANT)) as study:
        work(study)
        assert not study.journal.get("notes")


def test_the_best_of_many_that_guess_is_hardly_ever_called_better() -> None:
    rng = np.random.default_rng(0)
    best = rng.binomial(172, 0.1, size=(2000, 8)).max(axis=1) / 172
    assert 0.985 <= np.mean(best <= reached_by_chance(0.1, 172, 8)) < 1.0
