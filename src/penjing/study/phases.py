"""Modes are lists of phases: what is fixed, what is handed on, how much of the search each gets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penjing.space import Value
from penjing.store import Trial

if TYPE_CHECKING:
    from penjing.study.config import SearchConfig

STOPPED = "stopped early"


@dataclass(frozen=True)
class Phase:
    """One stretch of a search.

    Attributes:
        name: In the journal and the report.
        share: Of the search's budget, 0 to 1.
        algorithm: Who proposes.
        uniform: Precision that is fixed for the whole network; empty where it varies.
        carry: How many winners the phase hands to the next, which fixes their architectures.
        only: Values that choices may have, by name; the others may have all.
        shrinks: Whether values are left out that the evaluations before the phase rule out.
        takes_turns: Whether ``auto`` lets algorithms take turns however few evaluations there are.
    """

    name: str
    share: float
    algorithm: str
    uniform: str = ""
    carry: int = 0
    only: Mapping[str, Sequence[Value]] = field(default_factory=dict[str, Sequence[Value]])
    shrinks: bool = False
    takes_turns: bool = False


def phases_of(search: "SearchConfig") -> tuple[Phase, ...]:
    """The phases of a search: its own, or those of its mode.

    ``sequential`` searches the architecture in one precision, then the compression of the winners;
    ``iterative`` does so twice, and the second time knows what the first found out; ``adaptive``
    decides while it runs who searches what (:mod:`penjing.search.auto`).

    Example:
        >>> from penjing.study.config import SearchConfig
        >>> [phase.name for phase in phases_of(SearchConfig(mode="sequential"))]
        ['architecture', 'compression']
    """
    if search.phases:
        total = sum(phase.share for phase in search.phases)
        return tuple(
            Phase(
                p.name,
                p.share / total,
                "auto" if p.turns else p.algorithm or search.algorithm,
                p.precision or "",
                p.carry or 0,
                p.only,
                p.shrink,
                p.turns,
            )
            for p in search.phases
        )

    def first(name: str, share: float) -> Phase:
        return Phase(name, share, search.algorithm, search.sequential_as, search.carry)

    def then(name: str, share: float) -> Phase:
        return Phase(name, share, search.algorithm)

    if search.mode == "sequential":
        return first("architecture", 0.7), then("compression", 0.3)
    if search.mode == "iterative":
        return (
            first("architecture", 0.4),
            then("compression", 0.15),
            first("architecture again", 0.3),
            then("compression again", 0.15),
        )
    if search.mode == "adaptive":
        return (Phase("adaptive", 1.0, "auto", takes_turns=True),)
    return (then("joint", 1.0),)


def was_only_shipped(trial: Trial) -> bool:
    """Whether a design was shipped after a stop as it was, and can still be finished."""
    return trial.phase.startswith(STOPPED)
