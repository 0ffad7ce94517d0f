import sys

import pytest

from penjing.cli.progress import line_of, progress
from penjing.study.progress import Progress


def state(phase: str = "joint", message: str = "evaluation 1", **changes: float | None) -> Progress:
    facts: dict[str, float | None] = {"elapsed_s": 61.0, "remaining_s": None, "best": None, **changes}
    return Progress(
        phase, facts["elapsed_s"] or 0.0, facts["remaining_s"], 3, 2, 0.25, facts["best"], message
    )


def test_without_a_time_budget_no_end_is_shown() -> None:
    assert line_of(state()) == "joint · 1:01 · 3 evaluations · front 2, hypervolume 0.250 · evaluation 1"


def test_with_one_the_whole_time_is_shown() -> None:
    assert " · 1:01 of 10:00 · " in line_of(state(remaining_s=539.0))


def test_a_best_of_nothing_is_shown_as_such() -> None:
    assert "best 0.00%" in line_of(state(best=0.0))


def test_minutes_are_rounded_with_their_seconds() -> None:
    assert " · 2:00 · " in line_of(state(elapsed_s=119.6))


def test_where_there_is_no_terminal_every_phase_and_the_end_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    with progress() as observe:
        for message in ("joint begins", "evaluation 1", "evaluation 2"):
            observe(state("joint", message))
        observe(state("joint", "ends early: a candidate meets accuracy >= 0.9"))
        observe(state("measuring", "measuring begins"))
        observe(state("measuring", "finished"))
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition(" · ")[2] for line in lines] == [
        "joint begins",
        "ends early: a candidate meets accuracy >= 0.9",
        "measuring begins",
        "finished",
    ]


def test_where_there_is_no_terminal_a_long_phase_is_not_silent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    with progress() as observe:
        for second in range(0, 200, 10):
            observe(state("joint", f"evaluation {second}", elapsed_s=float(second)))
    lines = capsys.readouterr().err.splitlines()
    said = [line.rpartition(" · ")[2] for line in lines]
    assert said == ["evaluation 0", "evaluation 60", "evaluation 120", "evaluation 180"]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_what_is_worth_knowing_about_the_data_is_said(
    is_terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    notes = ["3 images occur twice.", "Class 7 has no test image."]
    with progress() as observe:
        for note in notes:
            observe(state("data", note))
    said = capsys.readouterr().err
    assert [note for note in notes if note in said] == notes


def test_on_a_terminal_the_line_is_rewritten(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress() as observe:
        observe(state("joint", "evaluation 7"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "evaluation 7" in captured.err
