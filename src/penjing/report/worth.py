"""What each choice was worth: a model that adds up one effect per value, learnt from the search's trials.

The logarithm of the error is modelled as a sum of one effect per value of each choice, shrunk towards zero
(ridge regression on one-hot columns; the penalty is the one that predicts left-out trials best). Where a
choice does not exist its columns are zero, and the columns have mean zero where it does: whether it exists is
then the effect of the choice that decides so (a depth, an operation), not its own. Bootstrap
resamples give the intervals; trials that a resample leaves out give the importance, by shuffling one choice.

Accuracies must be at equal training: who is trained further makes fewer errors, whatever was chosen.

Which choices act together beyond that sum is looked for in what it leaves over. The search did not sample
choices evenly: the page says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.report.page import ChoiceWorth, Interval, Worth
from penjing.report.pairs import Levels, pairs_of

FEWEST_TRIALS = 24
_N_RESAMPLES = 100
_PENALTIES = 10.0 ** np.arange(-1, 3.01, 0.5)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Levels:
    """A choice's columns in the design matrix: one per value that occurred, and how often, of 1."""

    name: str
    values: tuple[str, ...]
    shares: Floats
    columns: slice


def worth_of(
    candidates: Sequence[Mapping[str, Any]],
    accuracies: Sequence[float],
    costs: Sequence[Mapping[str, float]],
    seed: int = 0,
) -> Worth:
    """Estimate what each choice was worth.

    Args:
        candidates: The assignments of ``n`` trials of one fidelity.
        accuracies: Of each at equal training, 0 to 1.
        costs: Of each; ``size_bytes`` and ``latency_ms`` are used where all trials have them.
        seed: Of the resampling.
    """
    n = len(candidates)
    matrix, choices = _one_hot(candidates)
    if n < FEWEST_TRIALS or not choices:
        return Worth((), n, None, _too_few(n))
    error = np.log(np.clip(1.0 - np.asarray(accuracies, dtype=np.float64), 1e-4, 1.0))
    if error.std() < 1e-9:
        return Worth((), n, None, "All evaluations were equally accurate: no choice made a difference.")
    columns = {name: _log_cost(costs, name) for name in ("size_bytes", "latency_ms")}
    extra = {name: column for name, column in columns.items() if column is not None}
    targets = np.column_stack([error, *extra.values()])
    penalty = _best_penalty(matrix, error)
    effects = _fit(matrix, targets, penalty)
    rng = np.random.default_rng([seed, 17])
    resampled, importances, explained = _resample(matrix, error, choices, penalty, rng)
    typical = float(np.exp(error.mean()))
    found = []
    for index, choice in enumerate(choices):
        mine = _centred(effects, choice)
        best, worst = int(np.argmin(mine[:, 0])), int(np.argmax(mine[:, 0]))
        others = [_span(_centred(drawn, choice), best, worst) for drawn in resampled]
        points = 100 * typical * np.array([_span(mine[:, 0], best, worst), *others])
        # Ridge shrinks a resample, which has fewer different trials, more than all of them: undo that shift.
        low, high = np.quantile(points[1:], [0.025, 0.975]) + points[0] - np.median(points[1:])
        ratios = dict(zip(extra, np.exp(mine[best, 1:] - mine[worst, 1:]), strict=True))
        found.append(
            ChoiceWorth(
                choice.name,
                _part_of(choice.name),
                choice.values[best],
                choice.values[worst],
                Interval(float(points[0]), float(low), float(high)),
                importances[index],
                _optional(ratios, "size_bytes"),
                _optional(ratios, "latency_ms"),
            )
        )
    found.sort(key=lambda choice: (-choice.importance.value, -choice.points.value, choice.name))

    def summed(rows: NDArray[np.intp]) -> Floats:
        fitted = _fit(matrix[rows], error[rows], penalty)
        return error[rows].mean() + (matrix - matrix[rows].mean(axis=0)) @ fitted

    levels = [_places(choice, candidates) for choice in choices]
    pairs = pairs_of(levels, error, summed, np.random.default_rng([seed, 18]))
    return Worth(tuple(found), n, explained, _trust(explained), pairs)


def _one_hot(candidates: Sequence[Mapping[str, Any]]) -> tuple[Floats, list[_Levels]]:
    names = sorted({name for candidate in candidates for name in candidate})
    choices: list[_Levels] = []
    blocks: list[Floats] = []
    start = 0
    for name in names:
        levels = [str(candidate[name]) if name in candidate else None for candidate in candidates]
        values = tuple(sorted({level for level in levels if level is not None}))
        if len(values) < 2:
            continue
        block = np.array([[level == value for value in values] for level in levels], dtype=np.float64)
        shares = block.sum(axis=0) / block.sum()
        blocks.append(np.where(block.any(axis=1, keepdims=True), block - shares, 0.0))
        choices.append(_Levels(name, values, shares, slice(start, start + len(values))))
        start += len(values)
    return (np.hstack(blocks) if blocks else np.zeros((len(candidates), 0))), choices


def _places(choice: _Levels, candidates: Sequence[Mapping[str, Any]]) -> Levels:
    place = {value: at for at, value in enumerate(choice.values)}
    found = [place[str(c[choice.name])] if choice.name in c else -1 for c in candidates]
    return Levels(choice.name, choice.values, np.array(found, dtype=np.intp))


def _log_cost(costs: Sequence[Mapping[str, float]], name: str) -> Floats | None:
    values = [float(cost.get(name) or 0.0) for cost in costs]
    return np.log(values) if values and min(values) > 0 else None


def _fit(matrix: Floats, targets: Floats, penalty: float) -> Floats:
    """Effects ``[columns, targets]`` of the centred columns."""
    centred = matrix - matrix.mean(axis=0)
    square = centred.T @ centred + penalty * np.eye(matrix.shape[1])
    return np.linalg.solve(square, centred.T @ (targets - targets.mean(axis=0)))


def _best_penalty(matrix: Floats, target: Floats) -> float:
    """The penalty with the least squared error on each trial when left out (closed form)."""
    centred, y = matrix - matrix.mean(axis=0), target - target.mean()
    u, singular, _ = np.linalg.svd(centred, full_matrices=False)
    losses = []
    for penalty in _PENALTIES:
        shrunk = u * (singular**2 / (singular**2 + penalty))
        leverage = np.sum(shrunk * u, axis=1) + 1.0 / len(y)
        losses.append(float(np.mean(((y - shrunk @ (u.T @ y)) / np.maximum(1.0 - leverage, 1e-6)) ** 2)))
    return float(_PENALTIES[int(np.argmin(losses))])


def _resample(
    matrix: Floats, target: Floats, choices: Sequence[_Levels], penalty: float, rng: np.random.Generator
) -> tuple[list[Floats], list[Interval], float]:
    """Effects per resample; on what it left out: the harm of shuffling each choice, variance explained."""
    n = len(target)
    effects: list[Floats] = []
    harm, errors, variances = np.zeros((_N_RESAMPLES, len(choices))), 0.0, np.zeros(_N_RESAMPLES)
    for draw in range(_N_RESAMPLES):
        rows = rng.integers(n, size=n)
        out = np.setdiff1d(np.arange(n), rows)
        fitted = _fit(matrix[rows], target[rows], penalty)
        effects.append(fitted)
        if len(out) < 2:
            continue
        left, mean = matrix[out], target[rows].mean()
        residual = target[out] - mean - (left - matrix[rows].mean(axis=0)) @ fitted
        errors += float(residual @ residual)
        variances[draw] = float(np.sum((target[out] - mean) ** 2))
        for index, choice in enumerate(choices):
            has = left[:, choice.columns].any(axis=1)
            part, own = left[has][:, choice.columns] @ fitted[choice.columns], residual[has]
            shuffled = own + part - rng.permutation(part)
            harm[draw, index] = float(shuffled @ shuffled - own @ own)
    total = max(float(variances.sum()), 1e-12)
    # One at a time by the mean variance: that of a resample is chance as well, and in common to all choices.
    each = harm / (total / max(1, np.count_nonzero(variances)))
    ends = np.quantile(each[variances > 0], [0.025, 0.975], axis=0) if np.any(variances) else each[:2]
    importances = [
        Interval(float(sums / total), float(low), float(high))
        for sums, low, high in zip(harm.sum(axis=0), *ends, strict=True)
    ]
    return effects, importances, 1.0 - errors / total


def _centred(effects: Floats, choice: _Levels) -> Floats:
    """Effects of a choice's values around their mean over the trials that have it."""
    mine = effects[choice.columns]
    return mine - choice.shares @ mine


def _span(effects: Floats, best: int, worst: int) -> float:
    """Errors saved by ``best`` against ``worst``, as a share of the typical error."""
    return float(np.exp(effects[worst]) - np.exp(effects[best]))


def _optional(values: Mapping[str, Any], name: str) -> float | None:
    return float(values[name]) if name in values else None


def _too_few(n: int) -> str:
    if n >= FEWEST_TRIALS:
        return "Nothing varied between the evaluations, so there is nothing to compare."
    return (
        f"Too little to learn from: {n} candidates at the inherited fidelity, and at least {FEWEST_TRIALS} "
        "are needed to tell what a choice was worth. Resume with more budget."
    )


def _part_of(choice: str) -> str:
    """By its name: a run keeps candidates, not the space that they are of."""
    of = {"precision": "compression", "optimiser": "training"}
    return of.get(choice.rpartition(".")[2], "architecture")


def _trust(explained: float) -> str:
    percent = max(0.0, 100 * explained)
    share = f"On evaluations left out it explains {percent:.0f} % of the variance of the log error"
    if explained < 0.2:
        return f"{share}: too little to rank choices by. Read the intervals, not the order."
    return (
        f"{share}. The search did not sample evenly, and where the importance is near zero, best and worst "
        "value are chance."
    )
