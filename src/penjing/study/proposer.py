"""Which algorithm searches where the configuration leaves it open: by price and number of evaluations."""

from typing import TYPE_CHECKING

from penjing.study.brief import affordable_images
from penjing.study.jobs import ALONE
from penjing.study.phases import Phase, phases_of
from penjing.study.shares import evaluations_of

if TYPE_CHECKING:
    from penjing.study.study import Study

AUTO, SURROGATE = "auto", "surrogate"
# Up to 200 evaluations of a supernet's networks, turns were worse or no better than the surrogate alone
# (benchmarks/search_on_networks).
_ENOUGH_FOR_TURNS = 200
_KEY = "algorithms"


def algorithm_of(study: "Study", phase: Phase) -> str:
    """Who proposes in a phase: as configured; where that is ``auto``, decided once and kept with the reason.

    Where that is ``auto`` again, algorithms take turns (:class:`~penjing.search.auto.AutoSearcher`).
    """
    if phase.algorithm != AUTO or phase.takes_turns:
        return phase.algorithm
    known = study.journal.get(_KEY, {})
    if phase.name not in known:
        # A run that was begun before 2026-11-23 took turns wherever it was not said otherwise.
        by_wish = {phase.name for phase in phases_of(study.config.search) if phase.takes_turns}
        has_taken_turns = study.journal.get("decisions", {}).keys() - known.keys() - by_wish
        name, reason = (AUTO, "it began so") if has_taken_turns else _decided(study, phase)
        known = {**known, phase.name: {"algorithm": name, "reason": reason}}
        study.journal.put(_KEY, known)
        study.tell(f"{'algorithms in turns' if name == AUTO else name}: {reason}")
    return str(known[phase.name]["algorithm"])


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
    n, images = evaluations_of(study, phase), affordable_images(study)
    if n is not None or images is None:
        return n
    # Half of the time goes to the shared training; judging an image takes half as long as training on it.
    return round(phase.share * images / study.config.search.validation_images)
