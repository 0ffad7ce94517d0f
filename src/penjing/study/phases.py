"""Modes are lists of phases: what is free, how it is searched, how much of the search it gets."""

from dataclasses import dataclass

from penjing.study.config import SearchConfig


@dataclass(frozen=True)
class Phase:
    """One stretch of a search.

    Attributes:
        name: In the journal and the report.
        free: Parts of the space that vary; the others are fixed.
        share: Of the search's budget, 0 to 1.
        uniform: Precision that every compression choice holds while it is fixed.
        carry: How many winners the phase hands to the next, which fixes their architecture.
    """

    name: str
    free: tuple[str, ...]
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
            Phase("architecture", ("architecture",), 0.7, config.sequential_as, config.carry),
            Phase("compression", ("compression",), 0.3),
        )
    return (Phase("joint", ("architecture", "compression"), 1.0),)
