"""Progress on the terminal: a line that is rewritten; elsewhere one line per phase, and one a minute."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console
from rich.live import Live
from rich.text import Text

from penjing.study.progress import DATA, WARNING, Observer, Progress

# How messages begin that a quiet terminal shows even in the middle of a phase.
_ALWAYS_SAID = ("finished", "stopping", "stopped", "ends early", WARNING)
# A log that says nothing for longer looks like a run that hangs.
_SILENCE_S = 60.0


@contextmanager
def progress() -> Iterator[Observer]:
    """An observer for as long as a run works."""
    if not sys.stderr.isatty():
        yield _quiet()
        return
    line = _Line()
    with Live(console=Console(stderr=True), refresh_per_second=2, get_renderable=line.text) as live:

        def observe(state: Progress) -> None:
            if state.phase == DATA:
                live.console.print(Text(state.message))
                return
            if state.message.startswith(WARNING):
                live.console.print(Text(state.message))  # what is rewritten would hide it
            line.observe(state)

        yield observe


class _Line:
    """The last state; between two, the clock goes on."""

    def __init__(self) -> None:
        self._last: tuple[Progress, float] | None = None

    def observe(self, state: Progress) -> None:
        self._last = state, time.monotonic()

    def text(self) -> Text:
        if self._last is None:
            return Text("starting")
        state, told_at = self._last
        since_s = time.monotonic() - told_at
        left_s = None if state.remaining_s is None else state.remaining_s - since_s
        return Text(line_of(replace(state, elapsed_s=state.elapsed_s + since_s, remaining_s=left_s)))


def _quiet() -> Observer:
    seen: set[str] = set()
    said_s = 0.0

    def observe(state: Progress) -> None:
        nonlocal said_s
        is_news = state.phase not in seen or state.message.startswith(_ALWAYS_SAID)
        if state.phase == DATA:
            sys.stderr.write(state.message + "\n")
        elif is_news or state.elapsed_s - said_s >= _SILENCE_S:
            seen.add(state.phase)
            said_s = state.elapsed_s
            sys.stderr.write(line_of(state) + "\n")
            sys.stderr.flush()

    return observe


def line_of(state: Progress) -> str:
    """One line that says where a run is.

    Example:
        >>> line_of(Progress("joint", 75.0, 525.0, 12, 4, 0.31, 0.913, "evaluation 12"))
        'joint · 1:15 of 10:00 · 12 evaluations · front 4, hypervolume 0.310 · best 91.30% · evaluation 12'
        >>> line_of(Progress("joint", 75.0, None, 12, 4, 0.31, None, "evaluation 12", most_evaluations=40))
        'joint · 1:15 · 12 of 40 evaluations · front 4, hypervolume 0.310 · evaluation 12'
    """
    clock = _clock(state.elapsed_s)
    if state.remaining_s is not None:
        clock += f" of {_clock(state.elapsed_s + state.remaining_s)}"
    most = "" if state.most_evaluations is None else f" of {state.most_evaluations}"
    best = "" if state.best is None else f" · best {state.best:.2%}"
    return (
        f"{state.phase} · {clock} · {state.evaluations}{most} evaluations · "
        f"front {state.front_size}, hypervolume {state.hypervolume:.3f}{best} · {state.message}"
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
