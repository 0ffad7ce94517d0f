"""Modes are lists of phases: what is fixed, what is handed on, how much of the search each gets."""

from dataclasses import dataclass

from penjing.store import Trial
from penjing.study.config import SearchConfig

STOPPED = "stopped early"


@dataclass(frozen=True)
class Phase:
    """One stretch of a search.

    Attributes:
        name: In the journal and the report.
        share: Of the search's budget, 0 to 1.
        uniform: Precision that is fixed for the whole network; empty where it varies.
        carry: How many winners the phase hands to the next, whose architectures it fixes.
    """

    name: str
    share: float
    uniform: str = ""
    carry: int = 0


def phases_of(config: SearchConfig) -> tuple[Phase, ...]:
    """The phases of a mode.

    Example:
        >>> [phase.name for phase in phases_of(SearchConfig(mode="sequential"))]
        ['architecture', 'compression']
    """
    if config.mode == "sequential":
        return (
            Phase("architecture", 0.7, config.sequential_as, config.carry),
            Phase("compression", 0.3),
        )
    return (Phase("joint", 1.0),)


def was_only_shipped(trial: Trial) -> bool:
    """Whether a design was shipped after a stop as it was, and can still be finished."""
    return trial.phase.startswith(STOPPED)
