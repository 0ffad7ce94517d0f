"""The search: phase after phase, asks and evaluates until the phase's share of the budget is used."""

import logging
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from penjing.errors import EvaluationError
from penjing.protocols import Promoter, Searcher
from penjing.search import SearchProblem, SurrogateSearcher, searcher_named
from penjing.search.auto import AutoSearcher
from penjing.space import Candidate
from penjing.store import Trial, content_key
from penjing.study.account import keep_account, kept_decisions
from penjing.study.chance import ChanceWatch
from penjing.study.draws import Draw, stream
from penjing.study.early_end import EarlyEnd
from penjing.study.jobs import ALONE, SUPERNET, InheritedJob
from penjing.study.phases import Phase, phases_of
from penjing.study.proposer import algorithm_of
from penjing.study.prospects import learnt
from penjing.study.shares import evaluations_of
from penjing.study.spaces import readable_space, space_of
from penjing.study.zero_cost import ZeroCost
from penjing.training.device import threads

if TYPE_CHECKING:
    from penjing.study.study import Study

log = logging.getLogger(__name__)
_EVALUATIONS_IN_A_TIME_BUDGET = 40
_LATEST, _TRAINING, _TOLD = "latest batch", "training of {}", "accuracy told of {}"
_BATCH = 4
_QUICK_BATCH = 3
_QUICK_SHARE = 0.03
# Of the search's time that one short training may take: a network of many operations is cut short.
_LONGEST_SHARE = 0.25
# The rest of a phase trains those further that would be finished if it ended now.
_EXPLORING_SHARE = 0.6
_CONTENDERS, _LEADERS = 16, 8
_UNTIL_CHOSEN_ANEW = 12


class Search:
    """All phases of a study.

    Args:
        study: Whose search.
    """

    def __init__(self, study: "Study") -> None:
        self.study = study
        self.early_end = EarlyEnd(study)
        self._zero_cost = ZeroCost(study)
        self._chance = ChanceWatch(study)

    def run(self) -> None:
        """Search in every phase of the mode, handing winners on."""
        winners: list[Candidate] = []
        for index, phase in enumerate(phases_of(self.study.config.search), start=2):
            self.study.begin(phase.name, index)
            winners = self._phase(phase, index, winners)
            self._check_that_something_worked(phase)
            self.study.journal.end_phase(phase.name)
        self._chance.look(n_networks=1)

    def _check_that_something_worked(self, phase: Phase) -> None:
        trials = self.study.journal.trials(phase=phase.name)
        if trials and all(trial.state == "failed" for trial in trials):
            raise EvaluationError(
                f"All {len(trials)} evaluations of phase {phase.name!r} failed; the first: {trials[0].error}"
            )

    def _phase(self, phase: Phase, index: int, winners: list[Candidate]) -> list[Candidate]:
        study = self.study
        problem = study.problem(space_of(study, phase, winners))
        began_s = study.journal.put_once(
            f"{phase.name} began at, extension {study.extension}", study.stopwatch.elapsed_s
        )
        searcher: Searcher | None = None
        # Else a space that was used up would be asked again while the batch of a later phase is in flight.
        is_over = f"{phase.name} is over, extension {study.extension}"
        self._complete_batch(phase)
        while not study.journal.get(is_over) and not self._is_out_of_budget(phase, began_s):
            asked = study.journal.trials(state="asked", phase=phase.name)
            if not asked:
                if self.early_end.has_come(phase, self._told(phase)):
                    break
                # Many rank results by the box when they are told: once it is settled, all are told anew.
                if study.settle_box(problem) or searcher is None:
                    searcher = self._searcher(phase, problem)
                self._ask(phase, index, searcher, problem, began_s)
                asked = study.journal.trials(state="asked", phase=phase.name)
            if not asked:
                break  # the space is exhausted, or nothing in it is worth its evaluation
            self._evaluate(asked)
            self._chance.look()
            if searcher is not None:
                self._tell_all(searcher, asked)
        study.journal.put(is_over, True)
        if not phase.carry:
            return []
        key = f"winners of {phase.name}, extension {study.extension}"
        kept = study.journal.get(key)
        if kept is None:
            found = self._winners(problem, phase, index)
            kept = study.journal.put_once(key, [winner.as_dict() for winner in found])
        return [Candidate(winner) for winner in kept]

    def _searcher(self, phase: Phase, problem: SearchProblem) -> Searcher:
        """Who proposes, and knows all that was found out so far.

        Not made before a batch of which a kill left a part is evaluated: results are told in the order asked.
        """
        searcher = searcher_named(algorithm_of(self.study, phase), problem)
        if isinstance(searcher, SurrogateSearcher):
            searcher.n_initial = max(4, min(12, self._n_evaluations(phase) // 4))
        if isinstance(searcher, AutoSearcher):
            searcher.block = self._turn(searcher.block)
        # All phases learn from all: what the first found out of architectures, the second need not.
        readable = readable_space(self.study, phase)
        is_own = False
        for trial in self.study.journal.trials(fidelity="inherited"):
            if not is_own and trial.phase == phase.name and isinstance(searcher, AutoSearcher):
                is_own = True
                searcher.begin(kept_decisions(self.study.journal, phase.name))
            if trial.state != "asked" and readable.holds(Candidate(trial.candidate)):
                self._tell(searcher, trial)
        if not is_own and isinstance(searcher, AutoSearcher):
            searcher.begin()
        return searcher

    def _turn(self, usual: int) -> int:
        """Results of a turn of ``auto``: enough for all workers, decided once."""
        study = self.study
        at_once = _BATCH if study.plan is None else study.workers * _QUICK_BATCH
        return int(study.journal.put_once("evaluations in a turn", max(usual, at_once)))

    # Asking

    def _ask(
        self, phase: Phase, index: int, searcher: Searcher, problem: SearchProblem, began_s: float
    ) -> None:
        study = self.study
        first = study.journal.next_number()
        rng = stream(study.config.seed, Draw.PROPOSALS, first)
        n = self._batch_size(phase)
        if isinstance(searcher, SurrogateSearcher):
            study.prospects.informed(searcher)
        again = dict(self._again(phase, index, searcher, began_s, n, rng)[:n])
        new: list[Candidate] = []
        if len(again) < n:
            with threads(1):  # with more, sums round otherwise, and another session may have others
                name = algorithm_of(study, phase)
                new = self._zero_cost.proposals(searcher, name, problem, n - len(again), rng)
        if new or isinstance(searcher, Promoter):
            self.early_end.note(phase, first, searcher)
            if self.early_end.has_come(phase, self._told(phase)):
                return
        keep_account(study.journal, phase.name, searcher)
        batch = [*again, *(candidate for candidate in new if candidate not in again)]
        trainings = [self._training(candidate, again.get(candidate, 0.0)) for candidate in batch]
        # Kept as a whole: a batch of which a kill left a part is completed, not followed by another.
        kept = {"phase": phase.name, "first": first, "batch": [c.as_dict() for c in batch]}
        study.journal.put(_LATEST, {**kept, "trainings": trainings})
        self._complete_batch(phase)

    def _again(
        self,
        phase: Phase,
        index: int,
        searcher: Searcher,
        began_s: float,
        n: int,
        rng: np.random.Generator,
    ) -> list[tuple[Candidate, float]]:
        """Who is trained further, and for how many times the length of a short training."""
        study = self.study
        if isinstance(searcher, Promoter):
            # Beside evaluations that take no training, a batch is large: it may hold few that do.
            n = min(n, study.workers) if study.plan and study.way == SUPERNET else n
            failed = {trial.key for trial in study.journal.trials(state="failed")}
            with threads(1):  # as for proposals
                promoted = searcher.promoted(n, rng, without=failed)
            return [(c, max(0.0, lengths - self._own_lengths(c))) for c, lengths in promoted]
        is_narrowing = study.way == ALONE and self._progress(phase, began_s) > _EXPLORING_SHARE
        if isinstance(searcher, SurrogateSearcher) and is_narrowing:
            return [(candidate, 1.0) for candidate in self._contenders(phase, index, searcher)]
        return []

    def _contenders(self, phase: Phase, index: int, searcher: SurrogateSearcher) -> list[Candidate]:
        """Those that would be finished as things stand, the least trained first.

        A short training says little; a longer one of the few that matter says more, and small
        finalists go on from it.
        """
        study = self.study
        next_number = study.journal.next_number()
        key = f"contenders of {phase.name}, extension {study.extension}"
        kept = study.journal.get(key)
        if kept is None or next_number >= kept["first"] + _UNTIL_CHOSEN_ANEW:
            rng = stream(study.config.seed, Draw.CONTENDERS, index, next_number)
            found = study.choosing.promising(searcher, _CONTENDERS, rng)
            kept = {"first": next_number, "candidates": [c.as_dict() for c in found]}
            study.journal.put(key, kept)
        candidates = [Candidate(assignment) for assignment in kept["candidates"]]
        leaders = study.choosing.leaders(searcher, candidates, _LEADERS)
        by_architecture: dict[str, Candidate] = {}
        for candidate in leaders:
            by_architecture.setdefault(study.pipeline.architecture_key(candidate), candidate)
        return sorted(by_architecture.values(), key=self._seen_epochs)

    def _own_lengths(self, candidate: Candidate) -> float:
        """How much a candidate was trained itself; those that share an architecture share its training."""
        trained = self.study.lineage.of(candidate)
        return trained.own_epochs / self.study.brief_epochs if trained else 0.0

    def _seen_epochs(self, candidate: Candidate) -> float:
        trained = self.study.lineage.of(candidate)
        return trained.seen_epochs if trained else 0.0

    def _training(self, candidate: Candidate, further: float) -> dict[str, Any]:
        """Where a candidate's weights begin and belong, and for how long it is trained: decided when asked.

        After a kill a neighbour may know more than it did then. An architecture that has weights is trained
        ``further`` times the length of a short training.
        """
        lineage, start_key = self.study.lineage, self.study.lineage.start_key(candidate)
        if not further and start_key != SUPERNET and lineage.of(candidate) is None:
            further = 1.0
        part, own_lengths = self.study.config.search.subset or 1.0, self._own_lengths(candidate)
        return {
            "weights_key": lineage.next_weights_key(candidate) if further else start_key,
            "parent_key": start_key if further else "",
            "epochs": further * self.study.brief_epochs,
            "seen_before": lineage.seen_before(candidate, start_key),
            "subset": min(1.0, part * (own_lengths + further)) if further else 1.0,
        }

    def _complete_batch(self, phase: Phase) -> None:
        journal = self.study.journal
        latest = journal.get(_LATEST, {"phase": "", "first": 0, "batch": [], "trainings": []})
        if latest["phase"] != phase.name:
            return
        for at, (assignment, training) in enumerate(zip(latest["batch"], latest["trainings"], strict=True)):
            number = latest["first"] + at
            if number >= journal.next_number():
                candidate = Candidate(assignment)
                journal.put(_TRAINING.format(number), training)
                journal.ask(number, phase.name, "inherited", candidate.as_dict(), candidate.key)

    def _batch_size(self, phase: Phase) -> int:
        """How many to propose at once: more share the price of the model, fewer know more of each other.

        With a budget in evaluations the number of workers has no say, so that it changes no result.
        """
        study = self.study
        trials = self._trials(phase)
        if study.plan is None:
            return max(0, min(_BATCH, self._n_evaluations(phase) - len(trials)))
        told = [trial.seconds for trial in trials if trial.seconds is not None]
        phase_s = phase.share * study.plan.search_s
        is_quick = bool(told) and float(np.median(told)) < _QUICK_SHARE * phase_s
        return study.workers * (_QUICK_BATCH if is_quick else 1)

    def _trials(self, phase: Phase) -> list[Trial]:
        """The trials of a phase in this stretch of the run."""
        trials = self.study.journal.trials(phase=phase.name)
        return [trial for trial in trials if trial.number >= self.study.span.first_number]

    def _told(self, phase: Phase) -> list[Trial]:
        """Those of them that were evaluated, or failed."""
        return [trial for trial in self._trials(phase) if trial.state != "asked"]

    # Evaluating

    def _evaluate(self, trials: Sequence[Trial]) -> None:
        study = self.study
        jobs = [self._job(trial) for trial in trials]
        waves = _waves(jobs)
        outcomes = chain.from_iterable(study.executor.map([jobs[at] for at in wave]) for wave in waves)
        for at, outcome in zip(chain(*waves), outcomes, strict=True):
            trial, job = trials[at], jobs[at]
            training = study.journal.get(_TRAINING.format(trial.number))
            if outcome.error:
                study.journal.tell(trial.number, "failed", {}, outcome.seconds, outcome.error)
                message = f"evaluation {trial.number} failed: {outcome.error}"
            else:
                measured = {
                    **outcome.measurements,
                    **outcome.facts,
                    "costs": study.pipeline.costs(Candidate(trial.candidate)),
                    "seen_epochs": training["seen_before"] + float(outcome.facts["epochs"]),
                    "weights_key": job.weights_key,
                }
                study.journal.tell(trial.number, "done", measured, outcome.seconds)
                message = f"evaluation {trial.number}: accuracy {measured['accuracy']:.2%}"
            study.tell(message)

    def _job(self, trial: Trial) -> InheritedJob:
        study = self.study
        training = study.journal.get(_TRAINING.format(trial.number))
        if "subset" not in training:  # asked before 2026-11-23, when a supernet's own training was not meant
            of_supernet = {"weights_key": SUPERNET, "parent_key": "", "epochs": 0.0}
            training = {**training, "subset": 1.0, **(of_supernet if study.way == SUPERNET else {})}
        return InheritedJob(
            candidate=trial.candidate,
            seconds=None if study.plan is None else _LONGEST_SHARE * study.plan.search_s,
            seed=int(content_key(training["weights_key"], study.config.seed), 16) % 2**62,
            weights_key=training["weights_key"],
            parent_key=training["parent_key"],
            epochs=training["epochs"],
            subset=training["subset"],
        )

    def _tell_all(self, searcher: Searcher, trials: Sequence[Trial]) -> None:
        """Tell a batch in the order asked, as a resume does."""
        numbers = {trial.number for trial in trials}
        for told in self.study.journal.trials(phase=trials[0].phase):
            if told.number in numbers:
                self._tell(searcher, told)

    def _tell(self, searcher: Searcher, trial: Trial) -> None:
        """A failed evaluation is told as chance, so that the search keeps away from it."""
        knows_of_training = isinstance(searcher, SurrogateSearcher)
        if trial.state != "done":
            told = {"accuracy": 1.0 / self.study.facts.n_classes}
            told |= {"seen_epochs": self.study.brief_epochs} if knows_of_training else {}
        elif knows_of_training:
            told = learnt(trial)
        else:
            told = {"accuracy": self._expected_accuracy(trial)}
        searcher.tell(Candidate(trial.candidate), told)

    def _expected_accuracy(self, trial: Trial) -> float:
        """At the end of training, as it was expected when it was told first.

        With a clock later evaluations change what is expected, but not what a searcher has learnt.
        """
        key = _TOLD.format(trial.number)
        kept = self.study.journal.get(key)
        if kept is None:
            kept = self.study.journal.put_once(key, self.study.prospects.row(trial)["accuracy"])
        return float(kept)

    def _winners(self, problem: SearchProblem, phase: Phase, index: int) -> list[Candidate]:
        """What a phase hands on: the candidates that together promise the most hypervolume."""
        told = [t for t in self.study.inherited_trials() if t.phase == phase.name]
        if not told:
            return []
        rng = stream(self.study.config.seed, Draw.WINNERS, index)
        most_alike = 1 if self.study.choosing.wants_the_best else None
        chosen = self.study.prospects.surrogate(problem, told).finalists(phase.carry, rng, most_alike)
        return chosen or [Candidate(t.candidate) for t in told[: phase.carry]]

    # When a phase is over

    def _n_evaluations(self, phase: Phase) -> int:
        """How many evaluations a phase gets; with a time budget a guess."""
        n = evaluations_of(self.study, phase)
        return _EVALUATIONS_IN_A_TIME_BUDGET if n is None else n

    def _is_out_of_budget(self, phase: Phase, began_s: float) -> bool:
        study = self.study
        if study.plan is not None and not self._told(phase) and not study.inherited_trials():
            return False  # with nothing evaluated there is nothing to finish
        if self._progress(phase, began_s) >= 1.0:
            return True
        # Whatever delayed a search, finalists get most of their time.
        return study.plan is not None and (study.seconds_left() or 0.0) < 0.4 * study.plan.finalists_s

    def _progress(self, phase: Phase, began_s: float) -> float:
        """How much of its budget a phase has used: 1 when it is over."""
        study = self.study
        if study.plan is None:
            return len(self._told(phase)) / n if (n := self._n_evaluations(phase)) else 1.0
        return (study.stopwatch.elapsed_s - began_s) / (phase.share * study.plan.search_s)


def _waves(jobs: Sequence[InheritedJob]) -> list[list[int]]:
    """Which jobs run first, and which wait: of those with one architecture, one makes the weights of all."""
    first: dict[str, int] = {}
    for at, job in enumerate(jobs):
        if job.epochs:
            first.setdefault(job.weights_key, at)
    waiting = [at for at, job in enumerate(jobs) if first.get(job.weights_key, at) != at]
    return [[at for at in range(len(jobs)) if at not in waiting], waiting]
