"""A search first looks at many candidates briefly, then trains those further that would be finished."""

from pathlib import Path

from tests.unit.study.small_study import SMALL, small_study

import penjing
from penjing.space import Candidate
from penjing.study.jobs import InheritedJob
from penjing.study.searching import _waves


def test_the_rest_of_a_search_trains_contenders_further(tmp_path: Path) -> None:
    said = {
        "budget": "44 evaluations",
        "search": {"epochs": 5.0},
        "finalists": {"epochs": 2.0, "count": 1},
        "hypervolume_box": {"accuracy": [0.05, 0.99]},
    }
    penjing.search(out=tmp_path / "run", **SMALL | said)
    with small_study(tmp_path / "run") as study:
        seen: dict[str, list[float]] = {}
        for trial in study.inherited_trials():
            key = study.pipeline.architecture_key(Candidate(trial.candidate))
            seen.setdefault(key, []).append(trial.measurements["seen_epochs"])
    again = {key: epochs for key, epochs in seen.items() if max(epochs) > min(epochs)}
    assert again
    for epochs in again.values():
        assert epochs == sorted(epochs)
        assert max(epochs) >= min(epochs) + 5.0


def test_of_candidates_with_one_architecture_the_first_trains_it() -> None:
    jobs = [InheritedJob({}, key, "", "alone", 1.0, None, 0) for key in ("a", "b", "a", "c", "b")]
    assert _waves(jobs) == [[0, 1, 3], [2, 4]]
