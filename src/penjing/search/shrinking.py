"""Which values the evidence rules out: those that the better designs have too seldom for it to be chance.

To shrink a space while it is searched is the idea of Hu et al., "Angle-based Search Space Shrinking for
Neural Architecture Search", ECCV 2020; here a value is judged by the designs that were evaluated with it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from penjing.search.order import places
from penjing.space import Candidate, SearchSpace, Value

_BETTER_SHARE = 1 / 3
_CHANCE = 0.01
_FEWEST = 12


def ruled_out(
    space: SearchSpace, candidates: Sequence[Candidate], points: NDArray[np.float64]
) -> dict[str, tuple[Value, ...]]:
    """Values that hardly occur among the better third, by choice; every choice keeps at least one.

    Better is by non-dominated rank, so that a value that only makes designs cheap stays. Fisher's exact test,
    one-sided, judges among the designs in which the choice exists; a chance of one in a hundred rules out, so
    of a hundred values that do not matter about one goes too.

    Args:
        space: Whose values.
        candidates: Evaluated ones; fewer than a dozen rule nothing out.
        points: Their costs, ``[n, objectives]``.
    """
    if len(candidates) < _FEWEST:
        return {}
    is_better = places(points) < _BETTER_SHARE * len(candidates)
    found: dict[str, tuple[Value, ...]] = {}
    for choice in space:
        has = np.array([choice.name in candidate for candidate in candidates])
        chances = {
            value: _chance(np.array([c.get(choice.name) == value for c in candidates])[has], is_better[has])
            for value in choice.values
        }
        dropped = [value for value in choice.values if chances[value] < _CHANCE]
        if len(dropped) == len(choice.values):
            dropped.remove(max(dropped, key=lambda value: chances[value]))
        if dropped:
            found[choice.name] = tuple(dropped)
    return found


def _chance(has_value: NDArray[np.bool_], is_better: NDArray[np.bool_]) -> float:
    """Of so few among the better, or fewer, if the value did not matter."""
    n, n_better, n_value = len(has_value), int(is_better.sum()), int(has_value.sum())
    if not n_value or not n_better:
        return 1.0
    return float(hypergeom.cdf(int((has_value & is_better).sum()), n, n_better, n_value))
