"""A run against the clock, in this process: two rungs, and time for those that make something of it."""

from pathlib import Path

from penjing.store import RunFolder, Trial
from penjing.study.api import resume_study, run_study
from penjing.study.config import checked
from penjing.study.progress import Progress

CONFIG = {
    "data": "digits",
    "objectives": ["accuracy", "size_bytes"],
    "constraints": ["size_bytes <= 20 kB"],
    "budget": "25 s",
    "workers": 1,
    "training": {"mirror": False, "batch_size": 64},
}


class PullThePlug(BaseException):
    """No handler of ours catches it, as none catches a power cut."""


def trials(folder: Path, fidelity: str) -> list[Trial]:
    return RunFolder.open(folder).journal(read_only=True).trials(state="done", fidelity=fidelity)


def architecture_of(trial: Trial) -> str:
    return str(sorted(trial.candidate.items()))


def test_a_cut_in_the_last_rung_changes_nobody_s_seat_and_every_design_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def cut(progress: Progress) -> None:
        if progress.phase == "finalists" and progress.message.startswith("design "):
            raise PullThePlug

    try:
        run_study(checked(CONFIG), folder, observe=cut)
    except PullThePlug:
        pass
    before = trials(folder, "final")
    assert len(before) == 1
    resume_study(folder)
    tried, finished = trials(folder, "rung"), trials(folder, "final")
    assert len(finished) == len({trial.key for trial in finished}) >= 6
    assert sorted(map(architecture_of, tried)) == sorted(map(architecture_of, finished))
    assert before[0] in finished

    epochs = {trial.key: trial.measurements["facts"]["recipe"]["epochs"] for trial in tried}
    further = {trial.key: trial.measurements["facts"]["recipe"]["epochs"] for trial in finished}
    assert any(further[key] > 2 * epochs[key] for key in epochs)
