"""The chosen few, trained to the end: training choices by successive halving, then files.

First rung: twice as many designs as will be finished, each with training
choices of its own, for a part of the length. Those that promise the most
hypervolume go on from their weights, distilled from the best one's kept
outputs, are compressed for real and written (successive halving: Jamieson and
Talwalkar, AISTATS 2016).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penjing.space import Candidate, Value
from penjing.store import content_key
from penjing.study.jobs import SUPERNET, FinalJob, TeacherJob
from penjing.study.prospects import (
    FEWEST_FINALISTS,
    MOST_FINALISTS,
    WORTHWHILE_EPOCHS,
    finishing_cost,
)

if TYPE_CHECKING:
    from penjing.study.study import Study

log = logging.getLogger(__name__)
_WORTH_TWO_RUNGS_EPOCHS = 24
_SHIPPED_AFTER_A_STOP = 4
_STOPPED = "stopped early"


@dataclass(frozen=True)
class Seat:
    """A design that is being trained: its candidate, training choices included, and where it starts."""

    candidate: Candidate
    start_key: str

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
        """Choose, train, halve, finish."""
        study = self.study
        if not study.inherited_trials():
            return
        plan = f"plan of {self.last}"
        n_last, has_first = study.journal.get(plan) or study.journal.put_once(plan, self._planned())
        if has_first:
            study.begin(self.first, 2000 + 2 * study.extension)
            fraction = study.config.finalists.first_rung_fraction
            # Twice the designs for a part of the length: this share of all the time that is left.
            share = 2 * fraction / (1 + fraction)
            self._rung(self.first, self._seated(self.first, 2 * n_last, True), share, is_last=False)
            study.journal.end_phase(self.first)
        study.begin(self.last, 2001 + 2 * study.extension)
        seats = self._halved(n_last) if has_first else self._seated(self.last, n_last, False)
        self._rung(self.last, seats, 1.0, is_last=True, teacher=self._teacher() if has_first else "")
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
        if study.way == SUPERNET:
            return Seat(candidate, SUPERNET)
        start = study.lineage.of(bare) or study.lineage.nearest(bare)
        return Seat(candidate, start.weights_key if start else "")

    def _planned(self) -> tuple[int, bool]:
        """How many designs are finished, and whether twice as many are tried before."""
        study = self.study
        wanted = study.config.finalists.count
        if study.span.evaluations is not None:
            return self.of_evaluations(study.span.evaluations, wanted)
        seconds = (study.seconds_left() or 0.0) * study.workers
        chosen = study.choosing.chosen(wanted or MOST_FINALISTS)
        each = [study.prospects.seconds_per_epoch(candidate) for candidate in chosen]
        affordable = int(np.sum(np.cumsum(each) * WORTHWHILE_EPOCHS <= seconds))
        n_last = wanted or int(np.clip(affordable, FEWEST_FINALISTS, MOST_FINALISTS))
        # A first rung is worth its time only where what is left still trains a design to the end.
        return n_last, seconds / sum(each[:n_last]) > _WORTH_TWO_RUNGS_EPOCHS

    def _seats(self, n: int, has_rungs: bool) -> list[Seat]:
        """The chosen designs, with training choices spread over them."""
        study = self.study
        rng = np.random.default_rng([study.config.seed, 23, study.extension])
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

    def _rung(
        self, phase: str, seats: Sequence[Seat], share: float, is_last: bool, teacher: str = ""
    ) -> None:
        study = self.study
        known = {t.key: t for t in study.journal.trials(phase=phase)}
        told = {key for key, trial in known.items() if trial.state != "asked"}
        left = [seat for seat in seats if seat.candidate.key not in told]
        # The longest first, so that the workers end together.
        left.sort(key=lambda seat: -study.pipeline.costs(seat.without_training)["macs"])
        jobs: list[FinalJob] = []
        numbers: list[int] = []
        for seat, limit in zip(left, self._seconds(left, share), strict=True):
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
            study.journal.tell(number, "done", measurements, outcome.seconds)
            study.tell(f"design {job.design}: validation accuracy {measurements['accuracy']:.2%}")

    def _job(self, phase: str, seat: Seat, is_last: bool, limit: float | None, teacher: str) -> FinalJob:
        study = self.study
        finalists = study.config.finalists
        design = seat.candidate.key[:8]
        first = finalists.first_rung_fraction
        has_first = bool(study.journal.trials(phase=self.first))
        share = (1.0 - first if has_first else 1.0) if is_last else first
        uses_teacher = float(str(seat.candidate["training.distillation_weight"])) > 0
        return FinalJob(
            design=design,
            candidate=seat.candidate.as_dict(),
            weights_key=content_key(phase, seat.candidate.key, study.config.seed),
            start_key=seat.start_key,
            teacher_key=teacher if uses_teacher else "",
            epochs=0.0 if phase == _STOPPED else finalists.epochs * share,
            tuning_epochs=finalists.epochs * finalists.tuning_fraction if is_last else 0.0,
            seconds=limit,
            is_last=is_last,
            seed=int(content_key(phase, seat.candidate.key, study.config.seed), 16) % 2**62,
        )

    def _seconds(self, seats: Sequence[Seat], share: float) -> list[float | None]:
        """Divide the time that is left."""
        left = self.study.seconds_left()
        if left is None:
            return [None] * len(seats)
        weights = [finishing_cost(self.study.pipeline.costs(seat.without_training)) for seat in seats]
        busy = [0.0] * self.study.workers
        for weight in weights:  # in the order in which the workers will take them
            busy[busy.index(min(busy))] += weight
        # What is kept back covers what a job does besides training.
        return [0.95 * share * left * weight / max(busy) for weight in weights]

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
                Seat(s.candidate, t.measurements["weights_key"]) for s, t in zip(seats, chosen, strict=True)
            ]
        study.begin(_STOPPED, 3000)
        self._rung(_STOPPED, seats, 0.0, is_last=True)

    def _halved(self, n: int) -> list[Seat]:
        """The designs of the first rung that go on."""
        trials = self.study.journal.trials(state="done", phase=self.first)
        chosen = self.study.choosing.most_volume(trials, [self.study.row(trial) for trial in trials], n)
        return [Seat(Candidate(t.candidate), str(t.measurements["weights_key"])) for t in chosen]

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
