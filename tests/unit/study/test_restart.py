"""Every algorithm: a search that is killed and resumed proposes what it would have proposed."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from tests.unit.study.instant_study import (
    INSTANT,
    LIMIT_BYTES,
    Killed,
    dies_after,
    instant_pipeline,
    session,
    work,
)

from penjing.search import SearchProblem, available_algorithms, graph_predictor
from penjing.space import Candidate
from penjing.study import searching
from penjing.study.config import checked
from penjing.study.study import Study

# Half a second a proposal.
SLOW = {"optuna-gp"}
EVERY = [*available_algorithms(), "hybrid:evolution+surrogate"]
NAMES = [pytest.param(name, marks=pytest.mark.long) if name in SLOW else name for name in EVERY]
# It draws at random until fifty were told.
EVALUATIONS = {"regularised-evolution": 70}
USUAL = 32


@pytest.fixture(autouse=True)
def _quick_predictor(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a predictor has learnt is not asked here, only that it is the same."""
    monkeypatch.setattr(graph_predictor, "_STEPS", 10)


class Proposal(NamedTuple):
    """What was asked: as which trial, in which phase, and what weights it was to have."""

    number: int
    phase: str
    key: str
    training: str


class Searched(NamedTuple):
    """A search to its end: all proposals, and how many trials were in flight at each death."""

    proposals: list[Proposal]
    in_flight: list[int]


def searched(folder: Path, said: dict[str, Any], lives: Iterable[int] = ()) -> Searched:
    """Search to the end; each session but the last dies after so many writes to the journal."""
    config = checked({**INSTANT, **said})
    in_flight: list[int] = []
    for life in lives:
        with session(folder, config) as study:
            dies_after(study.journal, life)
            try:
                work(study)
            except Killed:
                in_flight.append(len(study.journal.trials(state="asked")))
            else:
                break
    with session(folder, config) as study:
        work(study)
        return Searched(proposals(study), in_flight)


def proposals(study: Study) -> list[Proposal]:
    return [
        Proposal(t.number, t.phase, t.key, str(study.journal.get(f"training of {t.number}")))
        for t in study.journal.trials()
    ]


def lives(n: int, seed: int) -> list[int]:
    """Writes that sessions live to see: a batch takes some thirty, so that deaths come everywhere in one."""
    return np.random.default_rng(seed).integers(16, 60, size=n).tolist()


def assert_is_the_same(one: Searched, other: Searched) -> None:
    # One by one: a first difference says more than two long lists.
    for expected, found in zip(one.proposals, other.proposals, strict=True):
        assert found == expected


def by(name: str) -> dict[str, str]:
    """How an algorithm is asked for; with few evaluations none take turns unless one says so."""
    return {"mode": "adaptive"} if name == "auto" else {"algorithm": name}


@pytest.mark.parametrize("name", NAMES)
def test_a_search_that_was_killed_proposes_what_it_would_have_proposed(name: str, tmp_path: Path) -> None:
    said = {"budget": f"{EVALUATIONS.get(name, USUAL)} evaluations", "search": by(name)}
    undisturbed = searched(tmp_path / "undisturbed", said)
    assert len(undisturbed.proposals) == EVALUATIONS.get(name, USUAL) - 3
    killed = searched(tmp_path / "killed", said, lives(6, seed=1))
    assert len(killed.in_flight) >= 4
    assert any(killed.in_flight), "no death between ask and tell"
    assert_is_the_same(undisturbed, killed)


def test_nor_where_accuracy_alone_is_asked_for(tmp_path: Path) -> None:
    said = {"objectives": ["accuracy"], "budget": f"{USUAL} evaluations", "search": by("surrogate")}
    undisturbed = searched(tmp_path / "undisturbed", said)
    killed = searched(tmp_path / "killed", said, lives(6, seed=1))
    assert any(killed.in_flight), "no death between ask and tell"
    assert_is_the_same(undisturbed, killed)


@pytest.mark.parametrize("algorithm", ["asha", "multi-fidelity"])
@pytest.mark.parametrize("fidelity", [{"subset": 0.1}, {"train_on": "supernet"}])
def test_nor_on_other_fidelities_than_length(
    algorithm: str, fidelity: dict[str, Any], tmp_path: Path
) -> None:
    said = {"budget": f"{USUAL} evaluations", "search": {"algorithm": algorithm, **fidelity}}
    undisturbed = searched(tmp_path / "undisturbed", said)
    assert len({proposal.key for proposal in undisturbed.proposals}) < len(undisturbed.proposals)
    killed = searched(tmp_path / "killed", said, lives(6, seed=4))
    assert len(killed.in_flight) >= 4
    assert any(killed.in_flight), "no death between ask and tell"
    assert_is_the_same(undisturbed, killed)


def test_what_was_asked_of_a_supernet_before_others_trained_further_is_judged_with_its_weights(
    tmp_path: Path,
) -> None:
    """Journals before 2026-11-23 name a training that was not meant."""
    search = {"algorithm": "random", "train_on": "supernet"}
    config = checked({**INSTANT, "budget": "20 evaluations", "search": search})
    with session(tmp_path / "run", config) as study:
        dies_after(study.journal, 0, of=("tell",))
        with pytest.raises(Killed):
            work(study)
        asked = [trial.number for trial in study.journal.trials(state="asked")]
        for number in asked:
            older = {"weights_key": f"{number}", "parent_key": "no file", "epochs": 15.0, "seen_before": 2.0}
            study.journal.put(f"training of {number}", older)
    assert asked
    with session(tmp_path / "run", config) as study:
        work(study)
        done = study.journal.trials(state="done")
    assert {trial.measurements["epochs"] for trial in done} == {0.0}
    assert {trial.measurements["weights_key"] for trial in done} == {"supernet"}


@pytest.mark.parametrize("name", ["bayesian", "auto", "reinforce", "local"])
def test_nor_does_a_kill_change_what_is_proposed_with_a_clock(name: str, tmp_path: Path) -> None:
    """The seconds of what was in flight are lost with it, so that the killed search may see more."""
    said = {"budget": "8 min", "search": {**by(name), "epochs": 1.0}}
    undisturbed = searched(tmp_path / "undisturbed", said)
    killed = searched(tmp_path / "killed", said, lives(8, seed=2))
    n = len(undisturbed.proposals)
    assert 30 < n <= len(killed.proposals)
    assert_is_the_same(undisturbed, killed._replace(proposals=killed.proposals[:n]))


@pytest.mark.parametrize(
    "search",
    [
        {
            "phases": [
                {"name": "look", "algorithm": "reinforce"},
                {"name": "one precision", "share": 2, "algorithm": "bayesian", "precision": "w8", "carry": 3},
                {"name": "compress", "share": 2, "algorithm": "greedy"},
            ]
        },
        {"mode": "iterative", "sequential_as": "w8", "carry": 2},
    ],
)
def test_nor_in_several_phases(search: dict[str, Any], tmp_path: Path) -> None:
    said = {"budget": "60 evaluations", "search": search}
    undisturbed = searched(tmp_path / "undisturbed", said)
    assert len({proposal.phase for proposal in undisturbed.proposals}) >= 3
    assert_is_the_same(undisturbed, searched(tmp_path / "killed", said, lives(12, seed=3)))


class TwinSearcher:
    """Proposes pairs of candidates that share an architecture, and remembers what it was told."""

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self.told: list[str] = []

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        pairs: dict[str, list[Candidate]] = {}
        for candidate in self._problem.feasible:
            if candidate.key not in self.told:
                pairs.setdefault(instant_pipeline().architecture_key(candidate), []).append(candidate)
        first, second = list(pairs.values())[:2]
        return [*first[:2], *second[:2]]

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        self.told.append(candidate.key)


def test_a_batch_of_which_a_kill_left_the_middle_is_told_in_the_order_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two with one architecture the second waits for the first, and others are told before it."""
    made: list[TwinSearcher] = []

    def remembered(name: str, problem: SearchProblem) -> TwinSearcher:
        made.append(TwinSearcher(problem))
        return made[-1]

    monkeypatch.setattr(searching, "searcher_named", remembered)
    config = checked({**INSTANT, "budget": "11 evaluations", "search": {"algorithm": "random"}})
    with session(tmp_path / "run", config) as study:
        dies_after(study.journal, 2, of=("tell",))
        with pytest.raises(Killed):
            work(study)
        told = [trial.number for trial in study.journal.trials() if trial.state != "asked"]
    assert told == [0, 2]
    with session(tmp_path / "run", config) as study:
        work(study)
        asked = [trial.key for trial in study.journal.trials()]
    assert len(asked) == 8
    assert made[-1].told == asked


def test_what_is_searched_has_conditions_and_a_limit(tmp_path: Path) -> None:
    """Else the above would say little."""
    with session(tmp_path / "run", checked(INSTANT)) as study:
        work(study)
        asked = [Candidate(trial.candidate) for trial in study.journal.trials()]
        costs = [study.pipeline.costs(candidate)["size_bytes"] for candidate in asked]
        every = [study.pipeline.costs(c)["size_bytes"] for c in study.pipeline.space.every_candidate()]
        failed = study.journal.trials(state="failed")
    assert len({len(candidate) for candidate in asked}) > 1
    assert max(costs) <= LIMIT_BYTES < max(every)
    assert 0 < len(failed) < len(asked)
