"""A run against the clock, in this process: two rungs, and time for those that make something of it."""

from pathlib import Path

import pytest

from penjing.store import RunFolder, Trial
from penjing.study.api import resume, run_study
from penjing.study.config import checked
from penjing.study.progress import Progress

CONFIG = {
    "data": "digits",
    "objectives": ["accuracy", "size_bytes"],
    "constraints": ["size_bytes <= 20 kB"],
    "budget": "25 s",
    "workers": 1,
    "space": {"family": {"stage_widths": [[4, 8], [8, 16]], "stage_depths": [[1], [1, 2]]}},
    "search": {"train_on": "alone", "epochs": 1},
    "training": {"mirror": False, "batch_size": 64},
}


class PullThePlug(BaseException):
    """No handler of ours catches it, as none catches a power cut."""


def trials(folder: Path, fidelity: str) -> list[Trial]:
    return RunFolder.open(folder).journal(read_only=True).trials(state="done", fidelity=fidelity)


def seats(folder: Path) -> list[dict[str, object]]:
    return list(RunFolder.open(folder).journal(read_only=True).get("seats of finalists"))


def test_a_cut_in_the_last_rung_changes_nobody_s_seat_and_every_design_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def cut(progress: Progress) -> None:
        if progress.phase == "finalists" and progress.message.startswith("design "):
            raise PullThePlug

    with pytest.raises(PullThePlug):
        run_study(checked(CONFIG), folder, observe=cut)
    before, kept = trials(folder, "final"), seats(folder)
    assert len(before) == 1
    resume(folder)
    tried, finished = trials(folder, "rung"), trials(folder, "final")
    assert seats(folder) == kept
    assert before[0] in finished
    assert len(finished) >= 6
    assert sorted(trial.key for trial in finished) == sorted(trial.key for trial in tried)
    assert sum(seat["slot"][0] for seat in kept) <= 25.0  # type: ignore[index]

    first = {trial.key: trial.measurements["facts"]["recipe"]["epochs"] for trial in tried}
    last = {trial.key: trial.measurements["facts"]["recipe"]["epochs"] for trial in finished}
    assert any(last[key] > first[key] for key in first)

    resume(folder, "+12 s")
    again = trials(folder, "final")
    assert again[: len(finished)] == finished
    new = {trial.key for trial in trials(folder, "rung")} - first.keys()
    assert new
    assert new <= {trial.key for trial in again}
    without_time = {key for key in first if last[key] == first[key]}
    assert {trial.key for trial in again[len(finished) :]} <= new | without_time


def test_a_budget_that_is_all_but_used_before_the_finalists_still_ends_with_a_front(tmp_path: Path) -> None:
    run_study(checked({**CONFIG, "budget": "1 s"}), tmp_path / "run")
    assert trials(tmp_path / "run", "final")
