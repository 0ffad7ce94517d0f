"""Which choices act together: what a pair of them explains that the sum of their effects does not.

The second-order part of a functional analysis of variance (Hutter, Hoos and Leyton-Brown, "An Efficient
Approach for Assessing Hyperparameter Importance", ICML 2014), from what the sum leaves over: every
combination of two values gets the mean of its residuals, shrunk towards zero, and counts by how much better
it predicts the trials that a bootstrap resample leaves out. A pair that does not act together predicts them
worse than nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from penjing.report.page import Interval, PairWorth

Floats = NDArray[np.float64]
_N_RESAMPLES = 40
# A combination that occurred this often is believed by half.
_HALF_BELIEVED = 3.0
_FEWEST_TRIALS = 24


@dataclass(frozen=True)
class Levels:
    """Of each trial the place of its value of one choice, -1 where the choice does not exist."""

    name: str
    values: tuple[str, ...]
    places: NDArray[np.intp]


def pairs_of(
    choices: Sequence[Levels],
    target: Floats,
    summed: Callable[[NDArray[np.intp]], Floats],
    rng: np.random.Generator,
) -> tuple[PairWorth, ...]:
    """What pairs of choices explain, the most first, and whether that is more than chance.

    Args:
        choices: Of ``n`` trials.
        target: The logarithm of the error, ``[n]``.
        summed: From rows, some of them several times, to what a sum of effects learnt from those expects of
            all trials, ``[n]``.
        rng: Resamples.
    """
    n = len(target)
    together = _combined(choices)
    explained = np.zeros((_N_RESAMPLES, len(together)))
    for draw in range(_N_RESAMPLES):
        rows = rng.integers(n, size=n)
        weights = np.bincount(rows, minlength=n).astype(np.float64)
        is_out = weights == 0
        residual = target - summed(rows)
        total = float(np.sum((target[is_out] - target[rows].mean()) ** 2)) + 1e-12
        for at, (_, _, cells) in enumerate(together):
            effect = _effects(cells, residual, weights)
            left = is_out & (cells >= 0)
            better = residual[left] ** 2 - (residual[left] - effect[cells[left]]) ** 2
            explained[draw, at] = better.sum() / total
    found: list[PairWorth] = []
    residual = target - summed(np.arange(n))
    for at, (first, second, cells) in enumerate(together):
        # So many pairs are looked at that one resample in forty would name some by chance: all must agree.
        stands_out = bool(explained[:, at].min() > 0)
        low, high = np.quantile(explained[:, at], [0.025, 0.975])
        effect = _effects(cells, residual, np.ones(n))
        seen = np.bincount(cells[cells >= 0], minlength=len(effect)) > 0
        best = int(np.argmin(np.where(seen, effect, np.inf)))
        share = Interval(float(explained[:, at].mean()), float(low), float(high))
        here, there = divmod(best, len(second.values))
        values = first.values[here], second.values[there]
        found.append(PairWorth(first.name, second.name, *values, share, stands_out))
    return tuple(sorted(found, key=lambda pair: (-pair.explained.value, pair.first, pair.second)))


def _combined(choices: Sequence[Levels]) -> list[tuple[Levels, Levels, NDArray[np.intp]]]:
    """Pairs that exist together in enough trials, with the place of each trial's combination, -1 for none."""
    found: list[tuple[Levels, Levels, NDArray[np.intp]]] = []
    for first, second in combinations(choices, 2):
        both = (first.places >= 0) & (second.places >= 0)
        if both.sum() >= _FEWEST_TRIALS:
            cells = np.where(both, first.places * len(second.values) + second.places, -1)
            found.append((first, second, cells))
    return found


def _effects(cells: NDArray[np.intp], residual: Floats, weights: Floats) -> Floats:
    """The mean residual of each combination, shrunk towards zero."""
    there = cells >= 0
    sums = np.bincount(cells[there], weights[there] * residual[there], minlength=int(cells.max()) + 1)
    counts = np.bincount(cells[there], weights[there], minlength=int(cells.max()) + 1)
    return sums / (counts + _HALF_BELIEVED)
