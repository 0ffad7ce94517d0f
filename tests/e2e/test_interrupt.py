"""An interrupt late in a run, in this process: what was trained is a valid front, a resume ends the rest."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.study.small_study import SMALL

from penjing.store import RunFolder
from penjing.study.api import resume, run_study
from penjing.study.config import checked
from penjing.study.finish import Finisher
from penjing.study.phases import STOPPED
from penjing.study.progress import Progress

CONFIG = {
    **SMALL,
    "budget": "12 evaluations",
    "search": {"train_on": "alone", "epochs": 1},
    "finalists": {"count": 2, "epochs": 3},
    "training": {"mirror": False, "batch_size": 64},
}


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def finished(folder: Path) -> set[str]:
    with RunFolder.open(folder).journal(read_only=True) as journal:
        trials = journal.trials(state="done", phase="finalists")
    return {str(trial.measurements["design"]) for trial in trials}


def test_an_interrupt_among_the_finalists_keeps_those_that_are_done(tmp_path: Path) -> None:
    folder, done = tmp_path / "run", 0

    def observe(progress: Progress) -> None:
        nonlocal done
        if progress.phase == "finalists" and progress.message.startswith("design "):
            done += 1
            if done == 1:
                interrupt()

    stopped = run_study(checked(CONFIG), folder, observe=observe)
    assert stopped.front
    assert stopped.stopped_by == signal.SIGINT
    first = finished(folder)
    assert len(first) == 1
    assert all((folder / "designs" / design / "manifest.json").exists() for design in first)
    ended = resume(folder)
    assert ended.front
    assert ended.stopped_by is None
    assert len(finished(folder)) == 2
    assert first <= finished(folder)


@pytest.mark.parametrize("step", ["_accuracies", "_write_manifest"])
def test_an_interrupt_while_measuring_still_measures_all_briefly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    plain: Callable[..., Any] = getattr(Finisher, step)
    calls = 0

    def once(self: Finisher, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            interrupt()
        return plain(self, *arguments)

    monkeypatch.setattr(Finisher, step, once)
    messages: list[str] = []
    folder = tmp_path / "run"
    result = run_study(checked(CONFIG), folder, observe=lambda progress: messages.append(progress.message))
    assert result.front
    assert len(list((folder / "designs").glob("*/manifest.json"))) == len(finished(folder)) == 2
    assert messages[-1].startswith(STOPPED)
