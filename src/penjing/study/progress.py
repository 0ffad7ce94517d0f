"""What a study tells while it works."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

# Before there is anything to search: its messages are what is worth knowing about the data.
DATA = "data"
# How messages begin that nobody should miss.
WARNING = "warning: "


@dataclass(frozen=True)
class Progress:
    """The state of a run at one moment.

    Attributes:
        phase: What it is doing.
        elapsed_s: Seconds used, all sessions together.
        remaining_s: Seconds left of a time budget, less than 0 where it is overrun; None without one.
        evaluations: Candidates evaluated with weights so far; what a stop made into files is not counted.
        front_size: Non-dominated candidates among the best fidelity so far; at the end, as measured.
        hypervolume: Of those, in the run's box, 0 to 1.
        best: Best accuracy under the constraints so far; None before the first.
        message: One line on what just happened.
        most_evaluations: Of a budget in evaluations, all stretches together; None without one.
    """

    phase: str
    elapsed_s: float
    remaining_s: float | None
    evaluations: int
    front_size: int
    hypervolume: float
    best: float | None
    message: str = ""
    most_evaluations: int | None = None


Observer = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """Observe nothing."""


def warn(progress: Progress) -> None:
    """Let Python warn of what nobody should miss, and observe nothing else."""
    if progress.phase == DATA or progress.message.startswith(WARNING):
        message = re.sub(f"^{WARNING}", "", progress.message, flags=re.IGNORECASE)
        # Not once for a place in the code, but for every run.
        warnings.warn_explicit(message, UserWarning, __file__, 1)
