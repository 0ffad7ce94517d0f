"""What a phase of a search may choose from: what its configuration and the evidence leave of the space."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from penjing.errors import InfeasibleError
from penjing.search.shrinking import ruled_out
from penjing.space import Candidate, CarriedSpace, SearchSpace
from penjing.study.draws import Draw, stream
from penjing.study.phases import Phase

if TYPE_CHECKING:
    from penjing.study.pipeline import Pipeline
    from penjing.study.study import Study

log = logging.getLogger(__name__)


def configured_space(pipeline: "Pipeline", phase: Phase) -> SearchSpace:
    """What the configuration leaves: the values that are named, and one precision if it fixes one.

    Raises:
        UnknownNameError: If a choice is named that there is not.
        InvalidValueError: If a value is named that is not offered, or that the fixed precision leaves out.
    """
    space = pipeline.space.narrowed(phase.only)
    return space.fixed(pipeline.uniform(phase.uniform)) if phase.uniform else space


def space_of(study: "Study", phase: Phase, winners: Sequence[Candidate]) -> SearchSpace:
    """What a phase may choose from; with winners, their architectures."""
    space = configured_space(study.pipeline, phase)
    if phase.shrinks:
        space = _without(space, _ruled_out(study, phase, space))
    return CarriedSpace(space, winners) if winners and not phase.uniform else space


def readable_space(study: "Study", phase: Phase) -> SearchSpace:
    """What an algorithm in a phase can be told of: candidates whose values are left, in any precision."""
    space = study.pipeline.space.narrowed(phase.only)
    if phase.shrinks:
        space = _without(space, _ruled_out(study, phase, configured_space(study.pipeline, phase)))
    return space


def _ruled_out(study: "Study", phase: Phase, space: SearchSpace) -> dict[str, list[object]]:
    """Values that the evaluations before the phase speak against; decided once, and kept."""
    name = phase.name + (f", extension {study.extension}" if study.extension else "")
    known = study.journal.get("ruled out", {})
    if name not in known:
        # Of a candidate that was trained further only the last: repeats would vouch for each other.
        done = list({trial.key: trial for trial in study.inherited_trials()}.values())
        points = study.problem(space).points([study.prospects.row(trial) for trial in done])
        found = ruled_out(space, [Candidate(trial.candidate) for trial in done], points)
        dropped: dict[str, list[object]] = {choice: list(values) for choice, values in found.items()}
        try:
            left = study.problem(_without(space, dropped))
            left.sample_feasible(stream(study.config.seed, Draw.FEASIBLE))
        except InfeasibleError:
            log.warning("what would be left of the space meets no constraint: nothing is ruled out")
            dropped = {}
        known[name] = dropped
        study.journal.put("ruled out", known)
        study.tell(f"{phase.name}: values of {len(dropped)} choices are ruled out")
    return known[name]


def _without(space: SearchSpace, dropped: dict[str, list[object]]) -> SearchSpace:
    left = {name: [v for v in space[name].values if v not in some] for name, some in dropped.items()}
    return space.narrowed(left)
