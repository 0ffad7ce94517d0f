"""How a budget in evaluations is divided: between the search and the finalists, and between phases."""

from typing import TYPE_CHECKING

from penjing.study.phases import Phase, phases_of

if TYPE_CHECKING:
    from penjing.study.study import Study


def finished_of(total: int, count: int | None) -> tuple[int, bool]:
    """Designs that ``total`` evaluations finish, and whether twice as many are tried before.

    Example:
        >>> finished_of(40, None)
        (6, True)
    """
    n_last = min(count or max(1, total // 6), max(1, total // 2))
    return n_last, total >= 6 * n_last


def evaluations_of(study: "Study", phase: Phase) -> int | None:
    """How many evaluations a phase gets; None with a clock."""
    budget = study.span.evaluations
    if budget is None:
        return None
    n_last, has_first = finished_of(budget, study.config.finalists.count)
    total = budget - n_last * (3 if has_first else 1)
    before = 0.0
    for other in phases_of(study.config.search):
        if other.name == phase.name:
            break
        before += other.share
    # Rounded together, so that all phases make the total; an extension may have nothing left for one.
    n = round(total * (before + phase.share)) - round(total * before)
    return max(0 if study.extension else 1, n)
