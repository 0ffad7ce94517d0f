"""The chosen few, trained to the end: training choices by successive halving, then files.

First rung: the designs that promise most, each with training choices of its
own, for a part of the time. In the last rung they go on from their weights,
are compressed for real and written. With a time budget all do, and the time
goes to those that make the most of it; with a budget in evaluations the
better half does, all for the same length (successive halving: Jamieson and
Talwalkar, AISTATS 2016).
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from penjing.space import Candidate
from penjing.store import Trial
from penjing.study.allotting import Slot, Standing, allotted
from penjing.study.draws import Draw, stream
from penjing.study.jobs import SUPERNET, TOLERATED_LOSS, TeacherJob
from penjing.study.phases import STOPPED, was_only_shipped
from penjing.study.prospects import (
    ENOUGH_FINALISTS,
    FEWEST_FINALISTS,
    FIRST_EPOCHS,
    FIRST_EPOCHS_OF_THE_BEST,
    MOST_SHARE_OF_ONE,
)
from penjing.study.rung import Rung, Seat, seconds_for_training, without_training
from penjing.study.shares import finished_of

if TYPE_CHECKING:
    from penjing.study.study import Study

log = logging.getLogger(__name__)
_SHIPPED_AFTER_A_STOP = 4
_SHARE_FOR_ACCURACY = 0.5
# Larger networks end higher without their brief trainings, if the first rung is so many times as
# long; smaller ones end higher with them (ADR 9).
_FRESH_ABOVE_PARAMETERS, _FRESH_ABOVE = 4_000, 2.0
# Where it was not told how many images judged a design.
_USUAL_VALIDATION_IMAGES = 2000


def _designs(n: int) -> str:
    return "1 design is" if n == 1 else f"{n} designs are"


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

    def work(self) -> None:
        """Choose, train for a part of the length, choose or divide the time anew, finish."""
        study = self.study
        if not study.inherited_trials():
            return
        plan = f"designs of {self.first} and {self.last}"
        n_first, n_last, epochs = study.journal.get(plan) or study.journal.put_once(plan, self._planned())
        part = study.config.finalists.first_rung_fraction
        if n_first:
            study.begin(self.first, 2000 + 2 * study.extension, f"{_designs(n_first)} trained for a while")
            Rung(self.first, False, part, part).train(study, self._seated(self.first, n_first, epochs))
            study.journal.end_phase(self.first)
        study.begin(self.last, 2001 + 2 * study.extension, f"{_designs(n_last)} finished")
        if n_first:
            seats = self._kept(self.last, lambda: self._seats_of_the_last(n_last))
            Rung(self.last, True, 1.0 - part, teacher_key=self._teacher()).train(study, seats)
        else:
            Rung(self.last, True).train(study, self._seated(self.last, n_last, epochs))
        study.journal.end_phase(self.last)

    def _seated(self, phase: str, n: int, epochs: float) -> list[Seat]:
        """As many chosen designs, for a training of so many passes; chosen once."""
        return self._kept(phase, lambda: self._seats(phase, n, epochs))

    def _first_seat(self, candidate: Candidate, epochs: float) -> Seat:
        seat = self._seat(candidate)
        is_large = self.study.pipeline.costs(seat.without_training)["parameters"] > _FRESH_ABOVE_PARAMETERS
        is_fresh = is_large and self.study.way != SUPERNET and epochs > _FRESH_ABOVE * seat.seen_epochs
        return replace(seat, start_key="", seen_epochs=0.0) if is_fresh else seat

    def _seat(self, candidate: Candidate) -> Seat:
        """With the weights of its brief trainings, or of the nearest network that had any."""
        lineage, bare = self.study.lineage, without_training(candidate)
        start_key = lineage.start_key(bare)
        return Seat(candidate, start_key, lineage.seen_before(bare, start_key))

    def _planned(self) -> tuple[int, int, float]:
        """Designs in the first rung, 0 for none, and in the last; passes of a design's first training.

        With a clock both rungs have the same designs.
        """
        study = self.study
        wanted, part = study.config.finalists.count, study.config.finalists.first_rung_fraction
        if study.span.evaluations is not None:
            n_last, has_first = finished_of(study.span.evaluations, wanted)
            return (
                2 * n_last if has_first else 0,
                n_last,
                study.finalist_epochs * (part if has_first else 1.0),
            )
        seconds = part * (study.seconds_left() or 0.0)
        most = study.prospects.most_finalists
        chosen = study.choosing.chosen(wanted or most)
        each = [study.prospects.seconds_per_epoch(candidate) for candidate in chosen]

        def affordable(epochs: float) -> int:
            return int(np.sum(np.cumsum(each) * epochs <= seconds * study.workers))

        first_epochs = FIRST_EPOCHS_OF_THE_BEST if study.choosing.wants_the_best else FIRST_EPOCHS
        n = int(np.clip(affordable(first_epochs), FEWEST_FINALISTS, most))
        if study.choosing.wants_trade_offs:
            n = max(n, min(ENOUGH_FINALISTS, affordable(FIRST_EPOCHS / 2)))
        n = wanted or n
        epochs = seconds * min(n, study.workers) / sum(each[:n])
        return n, n, min(epochs, part * study.finalist_epochs)

    def _seats(self, phase: str, n: int, epochs: float) -> list[Seat]:
        """The chosen designs, with training choices spread over them."""
        study = self.study
        rng = stream(study.config.seed, Draw.TRAINING_CHOICES, study.extension)
        seats: list[Seat] = []
        for index, candidate in enumerate(study.choosing.chosen(n, self._taken())):
            drawn = study.pipeline.training_space.sample(rng)
            training = drawn if phase == self.first and index % 2 else study.pipeline.default_training()
            if study.prospects.is_trained_long(candidate):
                training = study.pipeline.regularised(training)
            if phase == self.last:
                training = study.pipeline.without_distillation(training)
            seats.append(self._first_seat(Candidate({**candidate, **training}), epochs))
        return seats

    def _taken(self) -> set[Candidate]:
        """What earlier rounds took, without training choices; what was only shipped after a stop is free.

        Where a clock decides, those of an earlier first rung can go on in the last (:meth:`_waiting`).
        """
        journal = self.study.journal
        finals = journal.trials(fidelity="final")
        taken = [t for t in finals if t.state != "asked" and not was_only_shipped(t)]
        if self.study.span.evaluations is None:
            taken += journal.trials(state="done", fidelity="rung")
        return {without_training(trial.candidate) for trial in taken}

    def _waiting(self) -> list[Trial]:
        """Designs of earlier first rungs whose weights are still those that they had there."""
        journal = self.study.journal
        weights = {
            t.key: t.measurements["weights_key"] for t in journal.trials(state="done", fidelity="final")
        }
        return [
            trial
            for trial in journal.trials(state="done", fidelity="rung")
            if trial.phase != self.first
            and weights.get(trial.key, own := trial.measurements["weights_key"]) == own
        ]

    def ship_known(self) -> None:
        """After an interrupt: make files of the best that were trained and are not finished."""
        study = self.study
        finals = study.journal.trials(state="done", fidelity="final")
        finished = {trial.key for trial in finals if not was_only_shipped(trial)}
        rungs = study.journal.trials(state="done", fidelity="rung")
        trials = rungs if rungs or finished else study.inherited_trials()
        trials = [trial for trial in trials if trial.key not in finished]
        if not trials or not study.box.values:
            return
        rows = [study.row(trial) if rungs else study.prospects.row(trial) for trial in trials]
        chosen = self.study.choosing.most_volume(trials, rows, _SHIPPED_AFTER_A_STOP)
        training = study.pipeline.without_distillation(study.pipeline.default_training())
        seats = [self._seat(Candidate({**training, **trial.candidate})) for trial in chosen]
        if rungs:
            seats = [
                replace(s, start_key=t.measurements["weights_key"], seen_epochs=t.measurements["seen_epochs"])
                for s, t in zip(seats, chosen, strict=True)
            ]
        n_stops = len(
            {trial.phase for trial in study.journal.trials(fidelity="final") if was_only_shipped(trial)}
        )
        phase = f"{STOPPED} {n_stops + 1}"
        study.begin(phase, 3000 + n_stops)
        Rung(phase, True, part=0.0).train(study, seats)

    def _kept(self, phase: str, make: Callable[[], list[Seat]]) -> list[Seat]:
        """The seats of a rung, and the time of each if it was allotted: decided once."""
        journal, key = self.study.journal, f"seats of {phase}"
        kept = journal.get(key)
        if kept is None:
            kept = journal.put_once(
                key,
                [
                    {
                        "candidate": seat.candidate.as_dict(),
                        "start_key": seat.start_key,
                        "seen_epochs": seat.seen_epochs,
                        "slot": [seat.slot.seconds, seat.slot.worker] if seat.slot else None,
                        "least_s": seat.least_s,
                        "is_only_tuned": seat.is_only_tuned,
                    }
                    for seat in make()
                ],
            )
        return [
            Seat(
                Candidate(one["candidate"]),
                one["start_key"],
                one["seen_epochs"],
                Slot(*one["slot"]) if one["slot"] else None,
                one["least_s"],
                one.get("is_only_tuned", False),
            )
            for one in kept
        ]

    def _seats_of_the_last(self, n: int) -> list[Seat]:
        study = self.study
        trials = study.journal.trials(state="done", phase=self.first)
        left_s = seconds_for_training(study)
        if left_s is None:
            trials = study.choosing.most_volume(trials, [study.row(trial) for trial in trials], n)
            return [_further(trial) for trial in trials]
        waiting = self._waiting()
        standings = [self._standing(trial) for trial in (*trials, *waiting)]
        may_go_on = {trial.key for trial in waiting}
        finished = [t for t in study.journal.trials(state="done", fidelity="final") if t.key not in may_go_on]
        slots = allotted(
            study.problem(study.pipeline.space),
            [*standings, *(replace(self._standing(trial), most_epochs=0.0) for trial in finished)],
            left_s,
            study.workers,
            _SHARE_FOR_ACCURACY if study.choosing.cares_for_accuracy else 0.0,
            stream(study.config.seed, Draw.TIME, study.extension),
            MOST_SHARE_OF_ONE if study.choosing.wants_trade_offs else 1.0,
        )
        busy_s = [sum(s.seconds for s in slots if s.worker == worker) for worker in range(study.workers)]
        seats = []
        for trial, slot, one in zip([*trials, *waiting], slots, standings, strict=False):
            seat = _further(trial)
            if slot.seconds > 0:
                seats.append(replace(seat, slot=slot, least_s=min(one.least_s, slot.seconds)))
            elif trial.phase == self.first:  # who waited and still gets no time has its file already
                worker, seconds = busy_s.index(min(busy_s)), self._tuning_s(one)
                busy_s[worker] += seconds
                tuned = Slot(seconds, worker)
                seats.append(replace(seat, slot=tuned, least_s=seconds, is_only_tuned=seconds > 0))
        return seats

    def _tuning_s(self, standing: Standing) -> float:
        """For a design that is not trained further: to win back what compression cost it, if anything."""
        if standing.uncompressed - standing.row["accuracy"] <= TOLERATED_LOSS:
            return 0.0
        return self.study.config.finalists.tuning_fraction * standing.least_s

    def _standing(self, trial: Trial) -> Standing:
        study, measured, facts = self.study, trial.measurements, trial.measurements["facts"]
        accuracy, epochs = measured["accuracy"], max(facts["recipe"]["epochs"], 1e-6)
        n = facts.get("validation_images", _USUAL_VALIDATION_IMAGES)
        blueprint = study.pipeline.blueprint(without_training(trial.candidate))
        pace_s = facts.get("training_s", trial.seconds or 0.0) / epochs
        return Standing(
            row=study.row(trial),
            deviation=float(np.sqrt(accuracy * (1.0 - accuracy) / n)),
            seen_epochs=measured.get("seen_epochs", epochs),
            seconds_per_epoch=pace_s / (1.0 - study.pipeline.tuning_share(blueprint)),
            uncompressed=facts.get("uncompressed_accuracy", accuracy),
            saturates=study.prospects.saturates,
            most_epochs=(1.0 - study.config.finalists.first_rung_fraction) * study.finalist_epochs,
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


def _further(trial: Trial) -> Seat:
    """A design of the first rung goes on from its weights."""
    measured = trial.measurements
    return Seat(Candidate(trial.candidate), str(measured["weights_key"]), measured["seen_epochs"])
