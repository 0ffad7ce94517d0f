from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.unit.study.instant_study import INSTANT, session, work

from penjing.protocols import Executor
from penjing.report.reading import read_page
from penjing.store import RunFolder
from penjing.study.chance import NO_BETTER_THAN_CHANCE, may_be_chance
from penjing.study.config import checked
from penjing.study.jobs import InheritedJob, Outcome
from penjing.study.progress import Progress

UNTRAINED = "None of the first "


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
            note = study.journal.get(NO_BETTER_THAN_CHANCE)
    assert note.startswith(UNTRAINED)
    advice = {"alone": "Give search.epochs more than 15.", "supernet": " or search.train_on: alone."}
    assert note.endswith(advice[way])
    assert [state.message for state in said if UNTRAINED in state.message] == [f"warning: {note}"]
    assert note in read_page(RunFolder.open(tmp_path / "run")).notes


def test_a_short_search_is_looked_at_when_it_ends(tmp_path: Path) -> None:
    with session(tmp_path / "run", checked({**INSTANT, "budget": "6 evaluations"})) as study:
        study.executor = Untrained(study.executor)
        work(study)
        assert study.journal.get(NO_BETTER_THAN_CHANCE).startswith(UNTRAINED)


def test_nothing_is_said_of_networks_that_have_learnt(tmp_path: Path) -> None:
    with session(tmp_path / "run", checked(INSTANT)) as study:
        work(study)
        assert study.journal.get(NO_BETTER_THAN_CHANCE) == ""


def test_the_best_of_many_that_guess_is_hardly_ever_called_better() -> None:
    rng = np.random.default_rng(0)
    best = rng.binomial(172, 0.1, size=(2000, 8)).max(axis=1) / 172
    assert 0.985 <= np.mean([may_be_chance(one, 0.1, 172, 8) for one in best]) < 1.0


@pytest.mark.parametrize(
    ("best", "commonest", "n", "is_chance"),
    [
        (0.95, 0.95, 120, True),  # nobody is better than saying one class always
        (0.96, 0.95, 120, False),  # which so few examples cannot tell from luck
        (0.71, 0.381, 21, False),
        (0.99, 0.9, 40, False),
    ],
)
def test_few_examples_or_a_rare_class_are_no_reason_to_warn(
    best: float, commonest: float, n: int, is_chance: bool
) -> None:
    assert may_be_chance(best, commonest, n, 8) is is_chance
