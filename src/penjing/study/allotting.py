"""How the time of the last rung is divided: piece by piece, to the design that makes the most of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penjing.objectives import hypervolume_gains
from penjing.search import LATE_DEVIATION, LATE_EXPONENT, SearchProblem, expected_accuracy

Floats = NDArray[np.float64]

_PIECES = 48
# What a design gains may begin only after several pieces, and be worth them all the same.
_AT_ONCE = (1, 2, 4, 8, 16)
_DRAWS = 16


@dataclass(frozen=True)
class Standing:
    """Where a design stands before the last rung.

    Attributes:
        row: Its metrics so far.
        deviation: Of its accuracy: what another validation split might have said.
        seen_epochs: Training behind it.
        seconds_per_epoch: What more of it takes.
        most_epochs: That it may still get; 0 if it is finished.
    """

    row: Mapping[str, float]
    deviation: float
    seen_epochs: float
    seconds_per_epoch: float
    most_epochs: float


def allotted(
    problem: SearchProblem,
    standings: Sequence[Standing],
    seconds: float,
    longest_s: float,
    accuracy_share: float,
    rng: np.random.Generator,
) -> list[float]:
    """Divide seconds of training among designs.

    Every piece goes where it gains most, averaged over draws of how fast each design may learn. Most of a
    front's hypervolume is made by two or three designs, so these get most of the time; and because one does
    not know which, several do. A design that gains nothing gets nothing: it stays as it is.

    Args:
        problem: Says what metrics are worth.
        standings: Of the designs.
        seconds: Of all workers together.
        longest_s: The most that one design may take.
        accuracy_share: Of the time, for the best accuracy instead of hypervolume, 0 to 1.
        rng: Of the draws.

    Returns:
        Seconds for each design; their sum is at most ``seconds``.
    """
    piece_s = seconds / _PIECES
    if not standings or piece_s <= 0:
        return [0.0] * len(standings)
    accuracies = _futures(standings, piece_s, rng)
    points = _points(problem, standings, accuracies)
    room = np.array([int(min(longest_s, s.most_epochs * s.seconds_per_epoch) / piece_s) for s in standings])
    given = np.zeros(len(standings), dtype=int)
    for_accuracy = 0
    while (left := _PIECES - given.sum()) > 0:
        steps = [
            (index, n)
            for index in range(len(standings))
            for n in _AT_ONCE
            if n <= min(left, room[index] - given[index])
        ]
        if not steps:
            break
        wants_accuracy = for_accuracy < accuracy_share * (given.sum() + 1)
        gains = _gains(accuracies, given, steps) if wants_accuracy else _volumes(points, given, steps)
        per_piece = gains / [n for _, n in steps]
        index, n = steps[int(np.argmax(per_piece))]
        if per_piece.max() <= 0:
            if not wants_accuracy:
                break
            for_accuracy = _PIECES  # the most accurate has all that it can use
            continue
        given[index] += n
        for_accuracy += n * wants_accuracy
    return [float(n) * piece_s for n in given]


def _futures(standings: Sequence[Standing], piece_s: float, rng: np.random.Generator) -> Floats:
    """Accuracies ``[draws, designs, pieces]`` after so many pieces of time."""
    made = np.empty((_DRAWS, len(standings), _PIECES + 1))
    for index, one in enumerate(standings):
        exponents = np.maximum(0.0, rng.normal(LATE_EXPONENT, LATE_DEVIATION, _DRAWS))
        now = np.clip(one.row["accuracy"] + one.deviation * rng.standard_normal(_DRAWS), 0.0, 1.0)
        for pieces in range(_PIECES + 1):
            further = pieces * piece_s / one.seconds_per_epoch
            # A training that begins anew has first to win back what its high learning rate loses.
            further = further if further >= one.seen_epochs else 0.0
            made[:, index, pieces] = [
                expected_accuracy(a, one.seen_epochs, further, e) for a, e in zip(now, exponents, strict=True)
            ]
    return made


def _points(problem: SearchProblem, standings: Sequence[Standing], accuracies: Floats) -> Floats:
    """Normalised costs ``[draws, designs, pieces, objectives]``."""
    rows = [
        {**standings[index].row, "accuracy": float(accuracies[draw, index, pieces])}
        for draw, index, pieces in np.ndindex(*accuracies.shape)
    ]
    points = problem.points(rows)
    return points.reshape(*accuracies.shape, points.shape[1])


def _volumes(points: Floats, given: NDArray[np.int_], steps: Sequence[tuple[int, int]]) -> Floats:
    """Hypervolume that each step gains, on average."""
    designs = np.arange(points.shape[1])
    gains = np.zeros(len(steps))
    for drawn in points:
        now = drawn[designs, given]
        after = np.array([drawn[index, given[index] + n] for index, n in steps])
        gains += hypervolume_gains(after, now, np.ones(points.shape[3]))
    return gains / len(points)


def _gains(accuracies: Floats, given: NDArray[np.int_], steps: Sequence[tuple[int, int]]) -> Floats:
    """By how much each step raises the best accuracy, on average."""
    best = accuracies[:, np.arange(accuracies.shape[1]), given].max(axis=1)
    after = np.array([accuracies[:, index, given[index] + n] for index, n in steps])
    result: Floats = np.maximum(0.0, after - best).mean(axis=1)
    return result
