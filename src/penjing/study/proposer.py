"""Which algorithm searches where the configuration leaves it open: by price and number of evaluations."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from penjing.search.auto import Decision
from penjing.study.brief import affordable_images
from penjing.study.jobs import ALONE
from penjing.study.phases import Phase

if TYPE_CHECKING:
    from penjing.study.study import Study

AUTO, SURROGATE = "auto", "surrogate"
# Eight turns of a dozen: of three or four algorithms each has two to show what it gains.
_ENOUGH_FOR_TURNS = 96


def algorithm_of(study: "Study", phase: Phase) -> str:
    """Who proposes in a phase: as configured; where that is ``auto``, decided once and kept with the reason.

    Whose turn it is where algorithms take turns, :class:`~penjing.search.auto.AutoSearcher` decides.
    """
    if phase.algorithm != AUTO or phase.takes_turns:
        return phase.algorithm
    key = f"algorithm of {phase.name}"
    kept = study.journal.get(key)
    if kept is None:
        name, reason = _decided(study, phase)
        # For the report; where algorithms take turns, these decide on from here.
        decided = {phase.name: [asdict(Decision(0, name, reason))]}
        study.journal.put("decisions", {**study.journal.get("decisions", {}), **decided})
        kept = study.journal.put_once(key, {"algorithm": name, "reason": reason})
        study.tell(f"{'algorithms in turns' if name == AUTO else name}: {reason}")
    return str(kept["algorithm"])


def _decided(study: "Study", phase: Phase) -> tuple[str, str]:
    if study.way == ALONE:
        return SURROGATE, "each evaluation is a training, and its model knows how long each was"
    n = _n_evaluations(study, phase)
    if n is None or n < _ENOUGH_FOR_TURNS:
        about = "an unknown number of" if n is None else f"about {n}"
        return SURROGATE, f"{about} evaluations are too few to learn which algorithm suits"
    return AUTO, f"about {n} evaluations without a training: whoever gains most proposes"


def _n_evaluations(study: "Study", phase: Phase) -> int | None:
    """How many a phase has about; None where nothing was measured to tell."""
    if study.span.evaluations is not None:
        return round(phase.share * study.span.evaluations)
    images = affordable_images(study)
    # Half of the time goes to the shared training; judging an image takes half as long as training on it.
    return None if images is None else round(phase.share * images / study.config.search.validation_images)
