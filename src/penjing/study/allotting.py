"""How the time of the last rung is divided: piece by piece, to the design that makes the most of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from penjing.objectives import ERROR_EXPONENT, ERROR_EXPONENT_DEVIATION, expected_accuracy, hypervolume_gains
from penjing.search import SearchProblem

Floats = NDArray[np.float64]

_PIECES_OF_A_WORKER = 24
# What a design gains may begin only after several pieces, and be worth them all the same.
_AT_ONCE = (1, 2, 4, 8)
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
        uncompressed: Its accuracy before compression, which tuning after compression comes near.
        saturates: See :func:`~penjing.objectives.saturation_epochs`.
    """

    row: Mapping[str, float]
    deviation: float
    seen_epochs: float
    seconds_per_epoch: float
    most_epochs: float
    uncompressed: float = 0.0
    saturates: float = math.inf

    @property
    def least_s(self) -> float:
        """A shorter training has not won back what the high learning rate of its beginning loses."""
        return self.seen_epochs * self.seconds_per_epoch

    @property
    def most_s(self) -> float:
        """A longer training is not allowed."""
        return self.most_epochs * self.seconds_per_epoch


@dataclass(frozen=True)
class Slot:
    """The time of one design: how long, and on which worker."""

    seconds: float
    worker: int


def allotted(
    problem: SearchProblem,
    standings: Sequence[Standing],
    seconds: float,
    workers: int,
    accuracy_share: float,
    rng: np.random.Generator,
    most_share: float = 1.0,
) -> list[Slot]:
    """Divide the time of some workers among designs.

    Every piece goes where it gains most, averaged over draws of how fast each design may learn. Most of a
    front's hypervolume is made by two or three designs, so these get most of the time; and because one does
    not know which, several do. A design that gains nothing gets nothing: it stays as it is.

    Args:
        problem: Says what metrics are worth.
        standings: Of the designs.
        seconds: That every worker has; a design is trained by one of them.
        workers: How many.
        accuracy_share: Of the time, for the best accuracy instead of hypervolume, 0 to 1.
        rng: Of the draws.
        most_share: Of all time, for any one design; more only if a shorter training were of no use to it.

    Returns:
        A slot for each design.
    """
    most_s = most_share * seconds * workers
    standings = [_at_most(one, most_s) for one in standings]
    piece_s = seconds / _PIECES_OF_A_WORKER
    if not standings or piece_s <= 0:
        return [Slot(0.0, 0)] * len(standings)
    # Where nobody can be trained for long enough, a short training is better than none.
    is_long_enough = any(one.least_s <= min(seconds, one.most_s) for one in standings)
    accuracies = _futures(standings, piece_s, is_long_enough, rng)
    points = _points(problem, standings, accuracies)
    useful = np.array([int(np.ceil(one.most_s / piece_s)) for one in standings])
    given = np.zeros(len(standings), dtype=int)
    worker_of: dict[int, int] = {}
    free = np.full(workers, _PIECES_OF_A_WORKER)
    for_accuracy = 0
    while True:
        room = [
            min(int(useful[index] - given[index]), int(free[worker_of.get(index, int(free.argmax()))]))
            for index in range(len(standings))
        ]
        steps = [(i, n) for i, most in enumerate(room) for n in {*_AT_ONCE, most} if 0 < n <= most]
        if not steps:
            break
        by_accuracy, by_volume = _best_accuracy(accuracies, given, steps), _volume(points, given, steps)
        wants_accuracy = for_accuracy < accuracy_share * (given.sum() + 1)
        gains = by_accuracy if wants_accuracy and by_accuracy.max() > 0 else by_volume
        if gains.max() <= 0:
            gains = by_accuracy
        if gains.max() <= 0:
            break
        index, n = steps[int(np.argmax(gains / [n for _, n in steps]))]
        worker = worker_of.setdefault(index, int(free.argmax()))
        free[worker] -= n
        given[index] += n
        for_accuracy += n if gains is by_accuracy else 0
    return [Slot(float(n) * piece_s, worker_of.get(index, 0)) for index, n in enumerate(given)]


def _at_most(standing: Standing, seconds: float) -> Standing:
    epochs = max(seconds / standing.seconds_per_epoch, standing.seen_epochs)
    return replace(standing, most_epochs=min(standing.most_epochs, epochs))


def _futures(
    standings: Sequence[Standing], piece_s: float, is_long_enough: bool, rng: np.random.Generator
) -> Floats:
    """Accuracies ``[draws, designs, pieces]`` after so many pieces of time."""
    made = np.empty((_DRAWS, len(standings), _PIECES_OF_A_WORKER + 1))
    for index, one in enumerate(standings):
        exponents = np.maximum(0.0, rng.normal(ERROR_EXPONENT, ERROR_EXPONENT_DEVIATION, _DRAWS))
        luck = one.deviation * rng.standard_normal(_DRAWS)
        now = np.clip(one.row["accuracy"] + luck, 0.0, 1.0)
        tuned = np.clip(max(one.row["accuracy"], one.uncompressed) + luck, 0.0, 1.0)
        for pieces in range(_PIECES_OF_A_WORKER + 1):
            spent_s = min(pieces * piece_s, one.most_s)
            if spent_s and (spent_s >= one.least_s or not is_long_enough):
                further = spent_s / one.seconds_per_epoch
                made[:, index, pieces] = [
                    expected_accuracy(a, one.seen_epochs, further, one.saturates, exponent)
                    for a, exponent in zip(tuned, exponents, strict=True)
                ]
            else:
                made[:, index, pieces] = now
    return made


def _points(problem: SearchProblem, standings: Sequence[Standing], accuracies: Floats) -> Floats:
    """Normalised costs ``[draws, designs, pieces, objectives]``."""
    rows = [
        {**standings[index].row, "accuracy": float(accuracies[draw, index, pieces])}
        for draw, index, pieces in np.ndindex(*accuracies.shape)
    ]
    points = problem.points(rows)
    return points.reshape(*accuracies.shape, points.shape[1])


def _volume(points: Floats, given: NDArray[np.int_], steps: Sequence[tuple[int, int]]) -> Floats:
    """Hypervolume that each step gains, on average."""
    designs = np.arange(points.shape[1])
    gains = np.zeros(len(steps))
    for drawn in points:
        now = drawn[designs, given]
        after = np.array([drawn[index, given[index] + n] for index, n in steps])
        gains += hypervolume_gains(after, now, np.ones(points.shape[3]))
    return gains / len(points)


def _best_accuracy(accuracies: Floats, given: NDArray[np.int_], steps: Sequence[tuple[int, int]]) -> Floats:
    """By how much each step raises the best accuracy, on average."""
    best = accuracies[:, np.arange(accuracies.shape[1]), given].max(axis=1)
    after = np.array([accuracies[:, index, given[index] + n] for index, n in steps])
    result: Floats = np.maximum(0.0, after - best).mean(axis=1)
    return result


def by_cost(costs: Sequence[float], seconds: float, workers: int) -> list[Slot]:
    """Divide the same time by what designs cost, the dearest first, so that the workers end together."""
    busy = [0.0] * workers
    worker_of = {}
    for index in sorted(range(len(costs)), key=lambda i: -costs[i]):
        worker_of[index] = busy.index(min(busy))
        busy[worker_of[index]] += costs[index]
    return [
        Slot(seconds * cost / busy[worker_of[i]] if cost else 0.0, worker_of[i])
        for i, cost in enumerate(costs)
    ]


def fitted(slots: Sequence[Slot], least_s: Sequence[float], seconds: float, workers: int) -> list[Slot]:
    """Slots that fill what time every worker has now; one that would be shorter than is of use is given up.

    Args:
        slots: As they were allotted.
        least_s: The shortest of use, for each.
        seconds: That every worker has.
        workers: How many there are now.
    """
    if max((slot.worker for slot in slots), default=0) >= workers:
        packed = by_cost([slot.seconds for slot in slots], seconds, workers)
        slots = [replace(slot, worker=other.worker) for slot, other in zip(slots, packed, strict=True)]
    kept = {index for index, slot in enumerate(slots) if slot.seconds > 0}
    while True:
        busy: dict[int, float] = {}
        for index in kept:
            busy[slots[index].worker] = busy.get(slots[index].worker, 0.0) + slots[index].seconds
        made = [
            Slot(seconds * slot.seconds / busy[slot.worker] if index in kept else 0.0, slot.worker)
            for index, slot in enumerate(slots)
        ]
        # A little less than was allotted is rounding, not a kill.
        short = [index for index in kept if made[index].seconds < 0.9 * least_s[index]]
        if not short:
            return made
        kept.remove(min(short, key=lambda index: made[index].seconds / least_s[index]))


def starts(slots: Sequence[Slot]) -> list[float]:
    """When each slot begins if workers take their designs in turn, those without time first."""
    ends: dict[int, float] = {}
    begun = [0.0] * len(slots)
    for index in sorted(range(len(slots)), key=lambda i: slots[i].seconds > 0):
        begun[index] = ends.get(slots[index].worker, 0.0)
        ends[slots[index].worker] = begun[index] + slots[index].seconds
    return begun
