"""The chosen few, trained to the end: training choices by successive halving, then files.

First rung: the designs that promise most, each with training choices of its
own, for a part of the time. In the last rung they go on from their weights,
are compressed for real and written. With a time budget all do, and the time
goes to those that make the most of it; with a budget in evaluations the
better half does, all for the same length (successive halving: Jamieson and
Talwalkar, AISTATS 2016).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from penjing.space import Candidate, Value
from penjing.store import Trial, content_key
from penjing.study.allotting import Standing, allotted
from penjing.study.draws import Draw, stream
from penjing.study.jobs import SUPERNET, FinalJob, TeacherJob
from penjing.study.prospects import (
    FEWEST_FINALISTS,
    FIRST_EPOCHS,
    MOST_FINALISTS,
    finishing_cost,
    relative_time,
)

if TYPE_CHECKING:
    from penjing.study.study import Study

log = logging.getLogger(__name__)
_SHIPPED_AFTER_A_STOP = 4
_STOPPED = "stopped early"
_SHARE_FOR_ACCURACY = 0.5
# What is kept back covers what jobs do besides training.
_FOR_TRAINING = 0.95


@dataclass(frozen=True)
class Seat:
    """A design that is being trained.

    Attributes:
        candidate: Its choices, training included.
        start_key: The weights that it begins with; empty for none.
        weight: The time that it takes or is given, relatively to the others.
    """

    candidate: Candidate
    start_key: str
    weight: float

    @property
    def without_training(self) -> Candidate:
        """What decides the network and its costs."""
        return without_training(self.candidate)


def without_training(candidate: Mapping[str, Value]) -> Candidate:
    """The candidate's architecture and compression choices."""
    return Candidate({name: v for name, v in candidate.items() if not name.startswith("training.")})


class FinalistRounds:
    """Both rungs of a study.

    Args:
        study: Whose finalists.
    """

    def __init__(self, study: "Study") -> None:
        self.study = study
        extension = f", extension {study.extension}" if study.extension else ""
        self.first = f"finalists, first rung{extension}"
        self.last = f"finalists{extension}"

    @staticmethod
    def of_evaluations(total: int, count: int | None) -> tuple[int, bool]:
        """Designs that ``total`` evaluations finish, and whether twice as many are tried before."""
        n_last = min(count or max(1, total // 6), max(1, total // 2))
        return n_last, total >= 6 * n_last

    def work(self) -> None:
        """Choose, train for a part of the length, choose or divide the time anew, finish."""
        study = self.study
        if not study.inherited_trials():
            return
        plan = f"plan of {self.last}"
        n_first, n_last = study.journal.get(plan) or study.journal.put_once(plan, self._planned())
        if n_first:
            study.begin(self.first, 2000 + 2 * study.extension)
            self._rung(self.first, self._seated(self.first, n_first, True), is_last=False)
            study.journal.end_phase(self.first)
        study.begin(self.last, 2001 + 2 * study.extension)
        if n_first:
            teacher = self._teacher()
            self._rung(self.last, self._going_on(n_last), is_last=True, teacher=teacher)
        else:
            self._rung(self.last, self._seated(self.last, n_last, False), is_last=True)
        study.journal.end_phase(self.last)

    def _seated(self, phase: str, n: int, has_rungs: bool) -> list[Seat]:
        """The designs that were asked for already, or as many new ones."""
        asked = self.study.journal.trials(phase=phase)
        if len(asked) >= n:
            return [self._seat(Candidate(trial.candidate)) for trial in asked]
        return self._seats(n, has_rungs)

    def _seat(self, candidate: Candidate) -> Seat:
        study = self.study
        bare = without_training(candidate)
        costs = study.pipeline.costs(bare)
        weight = relative_time(costs) if study.plan is None else finishing_cost(costs)
        if study.way == SUPERNET:
            return Seat(candidate, SUPERNET, weight)
        start = study.lineage.of(bare) or study.lineage.nearest(bare)
        return Seat(candidate, start.weights_key if start else "", weight)

    def _planned(self) -> tuple[int, int]:
        """How many designs are trained for a part of the length, 0 for none, and how many are finished."""
        study = self.study
        wanted = study.config.finalists.count
        if study.span.evaluations is not None:
            n_last, has_first = self.of_evaluations(study.span.evaluations, wanted)
            return 2 * n_last if has_first else 0, n_last
        seconds = study.config.finalists.first_rung_fraction * (study.seconds_left() or 0.0) * study.workers
        chosen = study.choosing.chosen(wanted or MOST_FINALISTS)
        each = [study.prospects.seconds_per_epoch(candidate) for candidate in chosen]
        affordable = int(np.sum(np.cumsum(each) * FIRST_EPOCHS <= seconds))
        n = wanted or int(np.clip(affordable, FEWEST_FINALISTS, MOST_FINALISTS))
        return n, n

    def _seats(self, n: int, has_rungs: bool) -> list[Seat]:
        """The chosen designs, with training choices spread over them."""
        study = self.study
        rng = stream(study.config.seed, Draw.TRAINING_CHOICES, study.extension)
        finals = study.journal.trials(fidelity="final")
        # What was only shipped after a stop, or is still to be told, is not finished.
        finished = {t.key for t in finals if t.state != "asked" and t.phase != _STOPPED}
        seats: list[Seat] = []
        for index, candidate in enumerate(self.study.choosing.chosen(n)):
            drawn = study.pipeline.training_space.sample(rng)
            training = drawn if has_rungs and index % 2 else study.pipeline.default_training()
            if not has_rungs:
                training = study.pipeline.without_distillation(training)
            seat = self._seat(Candidate({**candidate, **training}))
            if seat.candidate.key not in finished:
                seats.append(seat)
        return seats

    def _rung(self, phase: str, seats: Sequence[Seat], is_last: bool, teacher: str = "") -> None:
        study = self.study
        known = {t.key: t for t in study.journal.trials(phase=phase)}
        told = {key for key, trial in known.items() if trial.state != "asked"}
        left = [seat for seat in seats if seat.candidate.key not in told]
        # The longest first, so that the workers end together.
        left.sort(key=lambda seat: -seat.weight)
        jobs: list[FinalJob] = []
        numbers: list[int] = []
        for seat, limit in zip(left, self._seconds(left, is_last), strict=True):
            candidate = seat.candidate
            asked = known.get(candidate.key)
            number = asked.number if asked else study.journal.next_number()
            fidelity = "final" if is_last else "rung"
            study.journal.ask(number, phase, fidelity, candidate.as_dict(), candidate.key)
            numbers.append(number)
            jobs.append(self._job(phase, seat, is_last, limit, teacher))
        for number, seat, job, outcome in zip(numbers, left, jobs, study.executor.map(jobs), strict=True):
            if outcome.error:
                study.journal.tell(number, "failed", {}, outcome.seconds, outcome.error)
                study.tell(f"design {job.design} failed: {outcome.error}")
                continue
            measurements = {
                "accuracy": outcome.measurements["accuracy"],
                "costs": study.pipeline.costs(seat.without_training),
                "design": job.design,
                "weights_key": job.weights_key,
                "facts": outcome.facts,
            }
            if not is_last:
                measurements["seen_epochs"] = self._training_behind(seat, outcome.facts)
            study.journal.tell(number, "done", measurements, outcome.seconds)
            study.tell(f"design {job.design}: validation accuracy {measurements['accuracy']:.2%}")

    def _job(self, phase: str, seat: Seat, is_last: bool, limit: float | None, teacher: str) -> FinalJob:
        study = self.study
        finalists = study.config.finalists
        design = seat.candidate.key[:8]
        part = finalists.first_rung_fraction
        has_first = bool(study.journal.trials(phase=self.first))
        share = (1.0 - part if has_first else 1.0) if is_last else part
        is_as_it_is = phase == _STOPPED or limit == 0.0
        uses_teacher = float(str(seat.candidate["training.distillation_weight"])) > 0
        return FinalJob(
            design=design,
            candidate=seat.candidate.as_dict(),
            weights_key=content_key(phase, seat.candidate.key, study.config.seed),
            start_key=seat.start_key,
            teacher_key=teacher if uses_teacher else "",
            epochs=0.0 if is_as_it_is else study.finalist_epochs * share,
            tuning_epochs=study.finalist_epochs * finalists.tuning_fraction if is_last else 0.0,
            seconds=limit,
            is_last=is_last,
            seed=int(content_key(phase, seat.candidate.key, study.config.seed), 16) % 2**62,
        )

    def _training_behind(self, seat: Seat, facts: Mapping[str, Any]) -> float:
        """Passes over the data behind a design's weights, brief trainings included."""
        epochs = float(facts["recipe"]["epochs"])
        if seat.start_key == SUPERNET:
            return epochs + float(self.study.journal.get("shared training")["epochs"])
        lineage = self.study.lineage
        own = lineage.of(seat.without_training)
        if own and own.weights_key == seat.start_key:
            return epochs + own.seen_epochs
        return lineage.seen_epochs(seat.without_training, seat.start_key, epochs)

    def _seconds(self, seats: Sequence[Seat], is_last: bool) -> list[float | None]:
        """Divide the time that is left for a rung by the seats' weights, and each worker's whole time."""
        left = self._left_s()
        if left is None:
            return [None] * len(seats)
        rung_s = left if is_last else self.study.config.finalists.first_rung_fraction * left
        busy = [0.0] * self.study.workers
        workers = []
        for seat in seats:  # in the order in which the workers will take them
            workers.append(busy.index(min(busy)))
            busy[workers[-1]] += seat.weight
        return [
            rung_s * seat.weight / busy[worker] if seat.weight else 0.0
            for seat, worker in zip(seats, workers, strict=True)
        ]

    def _left_s(self) -> float | None:
        left = self.study.seconds_left()
        return None if left is None else _FOR_TRAINING * left

    def ship_known(self) -> None:
        """After an interrupt before any design was finished: make files of the best that were trained."""
        study = self.study
        rungs = study.journal.trials(state="done", fidelity="rung")
        trials = rungs or study.inherited_trials()
        if not trials or not study.box or study.journal.trials(state="done", fidelity="final"):
            return
        rows = [study.row(trial) if rungs else study.prospects.row(trial) for trial in trials]
        chosen = self.study.choosing.most_volume(trials, rows, _SHIPPED_AFTER_A_STOP)
        training = study.pipeline.without_distillation(study.pipeline.default_training())
        seats = [self._seat(Candidate({**training, **trial.candidate})) for trial in chosen]
        if rungs:
            seats = [
                replace(s, start_key=t.measurements["weights_key"])
                for s, t in zip(seats, chosen, strict=True)
            ]
        study.begin(_STOPPED, 3000)
        self._rung(_STOPPED, seats, is_last=True)

    def _going_on(self, n: int) -> list[Seat]:
        """The designs of the first rung that are finished, decided once."""
        journal, key = self.study.journal, f"seats of {self.last}"
        kept = journal.get(key)
        if kept is None:
            kept = journal.put_once(
                key,
                [[s.candidate.as_dict(), s.start_key, s.weight] for s in self._seats_of_the_last(n)],
            )
        return [Seat(Candidate(candidate), start_key, weight) for candidate, start_key, weight in kept]

    def _seats_of_the_last(self, n: int) -> list[Seat]:
        study = self.study
        trials = study.journal.trials(state="done", phase=self.first)
        left = self._left_s()
        if left is None:
            trials = study.choosing.most_volume(trials, [study.row(trial) for trial in trials], n)
            weights = [relative_time(trial.measurements["costs"]) for trial in trials]
        else:
            weights = allotted(
                study.problem(study.pipeline.space),
                [self._standing(trial) for trial in trials],
                left * study.workers,
                left,
                _SHARE_FOR_ACCURACY if study.choosing.cares_for_accuracy else 0.0,
                stream(study.config.seed, Draw.TIME, study.extension),
            )
        return [
            Seat(Candidate(trial.candidate), str(trial.measurements["weights_key"]), weight)
            for trial, weight in zip(trials, weights, strict=True)
        ]

    def _standing(self, trial: Trial) -> Standing:
        study = self.study
        measured = trial.measurements
        recipe, n = measured["facts"]["recipe"], measured["facts"]["validation_images"]
        accuracy = measured["accuracy"]
        return Standing(
            row=study.row(trial),
            deviation=float(np.sqrt(accuracy * (1.0 - accuracy) / n)),
            seen_epochs=measured["seen_epochs"],
            seconds_per_epoch=(trial.seconds or 0.0) / recipe["epochs"],
            most_epochs=study.finalist_epochs,
        )

    def _teacher(self) -> str:
        """Keep the outputs of the most accurate network so far; empty when distillation is off."""
        study = self.study
        trials = study.journal.trials(state="done", phase=self.first)
        weights = study.config.training.distillation_weights
        if not study.config.finalists.distillation or not trials or max(weights) == 0:
            return ""
        best = max(trials, key=lambda t: (t.measurements["accuracy"], t.key))
        key = str(best.measurements["weights_key"])
        outcome = next(iter(study.executor.map([TeacherJob(best.candidate, key)])))
        if outcome.error:
            log.warning("no distillation: %s", outcome.error)
            return ""
        return key
