"""One rung: designs that are trained side by side, in the time that each was given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from penjing.errors import EvaluationError
from penjing.space import Candidate, Value
from penjing.store import content_key
from penjing.study.allotting import Slot, by_cost, fitted, starts
from penjing.study.jobs import FinalJob, Outcome
from penjing.study.phases import was_only_shipped

if TYPE_CHECKING:
    from penjing.study.study import Study

# What is kept back covers what jobs do besides training.
_FOR_TRAINING = 0.95


@dataclass(frozen=True)
class Seat:
    """A design that is being trained.

    Attributes:
        candidate: Its choices, training included.
        start_key: The weights that it begins with; empty for none.
        seen_epochs: Training behind these.
        slot: The time that it was allotted; None if it is by size, or there is no clock.
        least_s: A shorter time is of no use.
        is_only_tuned: Its time is for training after compression.
    """

    candidate: Candidate
    start_key: str
    seen_epochs: float
    slot: Slot | None = None
    least_s: float = 0.0
    is_only_tuned: bool = False

    @property
    def without_training(self) -> Candidate:
        """The candidate as the search has it."""
        return without_training(self.candidate)


def without_training(candidate: Mapping[str, Value]) -> Candidate:
    """The candidate as the search has it: without the training choices of finalists."""
    return Candidate({name: v for name, v in candidate.items() if not name.startswith("training.")})


@dataclass(frozen=True)
class Rung:
    """A phase in which designs are trained.

    Attributes:
        phase: Its name.
        is_last: Whether designs are compressed and written.
        part: Of the most that finishes a design, for training in this rung; 0 if nobody is trained.
        time_share: Of the time that is left when it begins.
        teacher_key: Whose kept outputs to distil from; empty for none.
    """

    phase: str
    is_last: bool
    part: float = 1.0
    time_share: float = 1.0
    teacher_key: str = ""

    def train(self, study: "Study", seats: Sequence[Seat]) -> None:
        """Train all who are not told yet.

        Raises:
            EvaluationError: If every design failed.
        """
        known = {t.key: t for t in study.journal.trials(phase=self.phase)}
        told = {key for key, trial in known.items() if trial.state != "asked"}
        left = [seat for seat in seats if seat.candidate.key not in told]
        left, limits = self._in_turn(study, left)
        jobs: list[FinalJob] = []
        numbers: list[int] = []
        for seat, limit in zip(left, limits, strict=True):
            candidate = seat.candidate
            asked = known.get(candidate.key)
            number = asked.number if asked else study.journal.next_number()
            fidelity = "final" if self.is_last else "rung"
            study.journal.ask(number, self.phase, fidelity, candidate.as_dict(), candidate.key)
            numbers.append(number)
            jobs.append(self._job(study, seat, limit))
        failed = []
        # Told as they end: what waited for its turn would be lost by a kill, and shipped worse after a stop.
        for index, outcome in study.executor.as_completed(jobs):
            number, seat, job = numbers[index], left[index], jobs[index]
            # What the first rung made of it can still ship; 1 is the part of those who had no first rung.
            if outcome.error and self.is_last and self.part < 1 and job.epochs:
                study.tell(f"design {job.design} failed: {outcome.error} It ships as the first rung left it.")
                failed.append((number, seat, replace(job, epochs=0.0, seconds=0.0)))
            else:
                self._tell(study, number, seat, job, outcome)
        for (number, seat, job), outcome in zip(
            failed, study.executor.map([job for *_, job in failed]), strict=True
        ):
            self._tell(study, number, seat, job, outcome)
        trials = study.journal.trials(phase=self.phase)
        if trials and all(trial.state == "failed" for trial in trials):
            raise EvaluationError(f"All {len(trials)} designs failed; the first: {trials[0].error}")

    def _tell(self, study: "Study", number: int, seat: Seat, job: FinalJob, outcome: Outcome) -> None:
        if outcome.error:
            study.journal.tell(number, "failed", {}, outcome.seconds, outcome.error)
            study.tell(f"design {job.design} failed: {outcome.error}")
            return
        own = outcome.facts["recipe"]["epochs"] if job.epochs else 0.0
        measurements = {
            "accuracy": outcome.measurements["accuracy"],
            "costs": study.pipeline.costs(seat.without_training),
            "design": job.design,
            "weights_key": job.weights_key if job.epochs else seat.start_key,
            "seen_epochs": seat.seen_epochs + own,
            "facts": {**outcome.facts, "seen_epochs": seat.seen_epochs + own},
        }
        study.journal.tell(number, "done", measurements, outcome.seconds)
        study.tell(f"design {job.design}: validation accuracy {measurements['accuracy']:.2%}")

    def _in_turn(self, study: "Study", seats: list[Seat]) -> tuple[list[Seat], list[float | None]]:
        """Seats in the order in which workers take them, and the seconds that each has."""
        costs = [study.pipeline.costs(seat.without_training) for seat in seats]
        left_s = seconds_for_training(study)
        if left_s is None or not self.part:
            order = sorted(range(len(seats)), key=lambda i: -study.prospects.finalist_time(costs[i]))
            return [seats[i] for i in order], [None] * len(seats)
        slots = [seat.slot for seat in seats if seat.slot]
        if len(slots) == len(seats):
            slots = fitted(slots, [seat.least_s for seat in seats], left_s, study.workers)
        else:
            now_s = study.stopwatch.elapsed_s
            # Kept, so that a resume gives nobody more than the others had.
            ends_s = study.journal.put_once(f"{self.phase} ends at", now_s + self.time_share * left_s)
            seconds = max(0.0, min(left_s, ends_s - now_s))
            slots = by_cost([study.prospects.finishing_cost(cost) for cost in costs], seconds, study.workers)
        begin = starts(slots)
        order = sorted(range(len(seats)), key=lambda i: (begin[i], slots[i].seconds))
        return [seats[i] for i in order], [slots[i].seconds for i in order]

    def _design(self, study: "Study", candidate: Candidate) -> str:
        """Its id: another one if it is finished again, so that the files of before stay."""
        finals = study.journal.trials(state="done", fidelity="final")
        earlier = [t for t in finals if t.key == candidate.key and t.phase != self.phase]
        is_again = any(not was_only_shipped(trial) for trial in earlier)
        return (content_key(self.phase, candidate.key) if is_again else candidate.key)[:8]

    def _job(self, study: "Study", seat: Seat, limit: float | None) -> FinalJob:
        candidate = seat.candidate
        uses_teacher = float(str(candidate["training.distillation_weight"])) > 0
        is_trained = self.part > 0 and not seat.is_only_tuned and not (self.is_last and limit == 0.0)
        tuning = study.config.finalists.tuning_fraction if self.is_last and self.part else 0.0
        weights_key = content_key(self.phase, candidate.key, study.config.seed)
        return FinalJob(
            design=self._design(study, candidate),
            candidate=candidate.as_dict(),
            weights_key=weights_key,
            start_key=seat.start_key,
            teacher_key=self.teacher_key if uses_teacher else "",
            epochs=self.part * study.finalist_epochs if is_trained else 0.0,
            tuning_epochs=tuning * study.finalist_epochs,
            seconds=limit,
            is_last=self.is_last,
            seed=int(weights_key, 16) % 2**62,
        )


def seconds_for_training(study: "Study") -> float | None:
    """What is left for training designs; None without a clock."""
    left = study.seconds_left()
    return None if left is None else _FOR_TRAINING * left
