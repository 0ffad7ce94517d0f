"""One run: asks, evaluates, tells, finishes; every step is in the journal before anyone learns of it."""

import logging
import math
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from typing import Any

import numpy as np

from penjing.errors import EvaluationError
from penjing.objectives import Constraint, hypervolume, non_dominated_mask, parse_constraint
from penjing.protocols import Executor
from penjing.search import SearchProblem, trains_further
from penjing.space import Candidate, SearchSpace
from penjing.store import Journal, RunFolder, Trial, content_key
from penjing.store.front import absolute_constraints, front_of
from penjing.study.box import Box
from penjing.study.brief import decide_brief_epochs, decide_way
from penjing.study.budget import Budget, Plan, Span, Stopwatch, plan_for, span_key
from penjing.study.choosing import Choosing
from penjing.study.config import StudyConfig
from penjing.study.draws import Draw, stream
from penjing.study.executor import LocalExecutor, n_usable_cores
from penjing.study.finalists import FinalistRounds
from penjing.study.finish import Finisher
from penjing.study.jobs import ALONE, SUPERNET, FinalJob
from penjing.study.lengths import lengths_of
from penjing.study.lineage import Lineage
from penjing.study.phases import STOPPED, phases_of, was_only_shipped
from penjing.study.pipeline import DataFacts, Pipeline
from penjing.study.progress import WARNING, Observer, Progress, ignore
from penjing.study.prospects import Prospects, relative_time
from penjing.study.searching import Search
from penjing.study.shared import train_shared
from penjing.study.spaces import configured_space
from penjing.study.training_precision import decide_training_precision

log = logging.getLogger(__name__)

# The most that a design may get where a clock decides; expected gains decide what it does get.
_EXAMPLES = 2e7
# Of predicted latencies; sizes and operations are exact.
_MARGINS = {"latency_ms": 0.05}
# Proposing and judging a network whose weights are there, in units of relative_time.
_COMPRESSING_COST = 0.25
# Times a short training, whatever finishes a design: else nobody would be trained further.
_LEAST_FURTHER = 2.0


class Interrupted(BaseException):
    """The user asked to stop: finish with what is known.

    Args:
        signum: The signal that asked.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Study:
    """Runs, or goes on with, what a run folder describes.

    Args:
        run: The folder; locked by the caller.
        journal: Its journal, open for writing.
        config: What the user asked for.
        facts: About the data, which are in the folder's cache.
        budget: What may be spent in all, earlier sessions included.
        pipeline: Steps of the run.
        observe: Called whenever something happened.

    Attributes:
        stopped_by: The signal that ended the work early; None if none did.
    """

    stopped_by: int | None = None

    def __init__(
        self,
        run: RunFolder,
        journal: Journal,
        config: StudyConfig,
        facts: DataFacts,
        budget: Budget,
        pipeline: Pipeline,
        stopwatch: Stopwatch,
        observe: Observer = ignore,
    ) -> None:
        self.run_folder = run
        self.journal = journal
        self.config = config
        self.facts = facts
        self.budget = budget
        self.pipeline = pipeline
        self.stopwatch = stopwatch
        self._observe = observe
        self._phase = "preparing"
        self.workers = config.workers or n_usable_cores()
        self.executor: Executor = LocalExecutor(run.path, config, facts, self.workers, self._keep_time)
        self.constraints = [parse_constraint(text) for text in config.constraints]
        self.extension = int(journal.get("extension", 0))
        self.span = self._span()
        self.plan: Plan | None = None if self.span.seconds is None else plan_for(self.span.seconds)
        self.way = ALONE
        self.brief_epochs = 0.0
        self.prospects = Prospects(self)
        self.choosing = Choosing(self)
        self.lineage = Lineage(
            journal, pipeline.space, facts.fingerprint, config.seed, inherits=config.search.inherit
        )
        self.box = Box(config, journal, self._wanted_accuracies)
        self._trains_further = any(trains_further(phase.algorithm) for phase in phases_of(config.search))

    @property
    def finalist_epochs(self) -> float:
        """The most passes over the data that finish a design; a clock usually allows fewer."""
        lengths = lengths_of(self.facts)
        with_a_clock = float(np.clip(_EXAMPLES / self.facts.n_train, lengths.finished, lengths.longest))
        return self.config.finalists.epochs or (lengths.finished if self.plan is None else with_a_clock)

    def _span(self) -> Span:
        """What this stretch of the run may spend; decided once, so that a resumed stretch keeps it."""
        # What a stop shipped was not evaluated anew.
        told = [t for t in self.journal.trials() if t.state != "asked" and not was_only_shipped(t)]
        used_s = self.stopwatch.elapsed_s if self.extension else 0.0
        seconds, evaluations = self.budget.seconds, self.budget.evaluations
        key = span_key(self.extension)
        if self.journal.get(key) is None:
            span = {
                "seconds": None if seconds is None else max(1.0, seconds - used_s),
                "evaluations": None if evaluations is None else max(1, evaluations - len(told)),
                "first_number": self.journal.next_number(),
            }
            self.journal.put(key, span)
        return Span(**self.journal.get(key))

    def work(self) -> None:
        """Do everything that is left to do."""
        finisher = Finisher(self.run_folder, self.journal, self.config, self.pipeline)
        rounds = FinalistRounds(self)
        with closing(self.executor):  # whatever ends the run: what is queued would go on without it
            with _interrupts():
                try:
                    self._prepare(finisher)
                    Search(self).run()
                    rounds.work()
                except Interrupted as interrupted:
                    self.stopped_by = interrupted.signum
                    self.tell("stopping: what is known is made into files; asked once more it ends at once")
                    self.executor.close()  # what is queued would be waited for
            if self.stopped_by:
                rounds.ship_known()
        # Asked twice, it ends at once.
        with nullcontext() if self.stopped_by else _interrupts():
            try:
                self.begin("measuring", 1000)
                finisher.finish(self._seconds_left(reserve=False))
            except Interrupted as interrupted:
                self.stopped_by = interrupted.signum
                if not finisher.has_finished:
                    finisher.finish(0.0)
        self.journal.put("elapsed_s", self.stopwatch.elapsed_s)
        how = f"{STOPPED}: penjing resume goes on" if self.stopped_by else "finished"
        self.tell(how, len(front_of(self.run_folder)["front"]))

    def _prepare(self, finisher: Finisher) -> None:
        """Know costs, reference and box, before the first candidate is drawn."""
        self._check_costs()
        self.begin("latency model", 0)
        finisher.prepare(self.plan)
        if finisher.is_elsewhere:
            self.tell(
                f"{WARNING}the run began on a processor of another kind, for which it searches; what is "
                "finished is measured on this one. To search for this one, start in a new folder"
            )
        self._check_costs()
        if self.plan:
            n = self.config.finalists.count or self.prospects.most_finalists
            self.plan = self.plan.keeping(finisher.seconds_to_finish(n))
        self.executor.train_in(decide_training_precision(self, self.pipeline.reference()))
        self._train_reference(self.pipeline.reference())
        self.box.open(self.problem(self.pipeline.space))
        self.way = decide_way(self)
        self.brief_epochs = decide_brief_epochs(self)
        if self.way == SUPERNET:
            train_shared(self)

    def _check_costs(self) -> None:
        """Find out in seconds whether limits can be met: sizes before anything is measured, then times."""
        if self.journal.get("box") is None:
            spaces = [configured_space(self.pipeline, phase) for phase in phases_of(self.config.search)]
            for space in (self.pipeline.space, *spaces):
                self.problem(space).sample_feasible(stream(self.config.seed, Draw.FEASIBLE))

    def _train_reference(self, candidate: Candidate) -> None:
        """Train the reference network if a constraint names its accuracy; inside the budget."""
        reference = self.journal.get("reference")
        is_named = any(c.needs_reference and c.metric == "accuracy" for c in self.constraints)
        if not is_named or "accuracy" in reference:
            return
        self.tell("training the reference network")
        seconds = None if self.budget.seconds is None else 0.1 * self.budget.seconds
        job = FinalJob(
            design="reference",
            candidate={**candidate, **self.pipeline.default_training()},
            weights_key=content_key("reference", self.facts.fingerprint, self.config.seed),
            start_key="",
            teacher_key="",
            epochs=self.finalist_epochs,
            tuning_epochs=0.0,
            seconds=seconds,
            is_last=False,
            seed=self.config.seed,
        )
        outcome = next(iter(self.executor.map([job])))
        if outcome.error:
            raise EvaluationError(f"The reference network could not be trained: {outcome.error}")
        self.journal.put("reference", {**reference, "accuracy": outcome.measurements["accuracy"]})

    # What finalists and phases need to know

    def known_constraints(self) -> list[Constraint]:
        """All constraints in absolute numbers, as far as the reference is known."""
        reference = self.journal.get("reference", {})
        return absolute_constraints(self.config.constraints, reference, or_nearest=False)

    def problem(self, space: SearchSpace) -> SearchProblem:
        """The search problem over a space, with the hard constraints on costs."""
        hard = [c for c in self.known_constraints() if c.metric != "accuracy"]
        return SearchProblem(
            space,
            self.pipeline.costs,
            self.box.values,
            hard,
            evaluation_cost=self._evaluation_cost,
            log_error="accuracy" not in self.config.hypervolume_box,
            margins=_MARGINS,
            finishing_cost=self.prospects.finishing_cost,
            graph=self.pipeline.graph,
            longest=self._longest(),
        )

    def _longest(self) -> float:
        """Times a short training, what a search may train at most: no longer than what finishes a design."""
        if not self.brief_epochs:
            return math.inf  # not decided yet
        return max(_LEAST_FURTHER, self.finalist_epochs / self.brief_epochs)

    def _evaluation_cost(self, candidate: Candidate, costs: Mapping[str, float]) -> float:
        """What is trained already is only compressed, unless algorithms train it further."""
        if self._trains_further:
            return relative_time(costs)
        is_trained = self.way == SUPERNET or self.lineage.of(candidate) is not None
        return _COMPRESSING_COST if is_trained else relative_time(costs)

    def _keep_time(self) -> None:
        """Remember the time used, so that a kill does not give it back."""
        self.journal.put("elapsed_s", self.stopwatch.elapsed_s)

    def inherited_trials(self) -> list[Trial]:
        """Everything that was learnt at the inherited fidelity, in ask order."""
        return self.journal.trials(state="done", fidelity="inherited")

    def begin(self, phase: str, index: int, what: str = "") -> None:
        """Say, here and in the journal, that a phase begins, and what it is going to do."""
        self._phase = phase
        self.journal.begin_phase(phase, index)
        self.tell(what or f"{phase} begins")

    def _seconds_left(self, reserve: bool = True) -> float | None:
        ends_s = self._ends_s()
        if ends_s is None or self.plan is None:
            return None
        kept = self.plan.reserve_s if reserve else 0.0
        return max(0.0, ends_s - self.stopwatch.elapsed_s - kept)

    def _ends_s(self) -> float | None:
        """When the run ends, in seconds used; None without a time budget."""
        seconds = self.budget.seconds
        return None if seconds is None else min(seconds, self.journal.get(self._end_key, seconds))

    @property
    def _end_key(self) -> str:
        return f"ends early at, extension {self.extension}"

    def end_early(self, search_share: float = 0.0) -> None:
        """The search has what it looked for, or finds no more: finalists get their time, and the run ends.

        Args:
            search_share: Of the search's time, for phases that follow.
        """
        if self.plan is not None:
            left_s = search_share * self.plan.search_s + self.plan.finalists_s + self.plan.reserve_s
            ends_s = self.stopwatch.elapsed_s + left_s
            self.journal.put(self._end_key, min(ends_s, self.journal.get(self._end_key, ends_s)))

    def seconds_left(self) -> float | None:
        """Seconds until the reserve for measuring; None without a time budget."""
        return self._seconds_left()

    def tell(self, message: str, front_size: int | None = None) -> None:
        """Let the observer, the log and the journal's clock know.

        Args:
            message: What just happened.
            front_size: As it was measured; None where costs are predicted.
        """
        trials = self.journal.trials(state="done")
        finals = [t for t in trials if t.fidelity == "final"]
        rows = [self.row(t) for t in (finals or trials)]
        points = self._points(rows) if rows and self.box.values else np.zeros((0, 1))
        front = points[non_dominated_mask(points)]
        volume = hypervolume(front, np.ones(points.shape[1])) if len(points) else 0.0
        constraints = self.known_constraints() if self.box.values else []
        met = [
            row["accuracy"]
            for row in rows
            if all(c.is_met(row[c.metric]) for c in constraints if c.metric in row)
        ]
        ends_s = self._ends_s()
        state = Progress(
            self._phase,
            self.stopwatch.elapsed_s,
            None if ends_s is None else ends_s - self.stopwatch.elapsed_s,
            sum(not was_only_shipped(trial) for trial in trials),
            len(front) if front_size is None else front_size,
            volume,
            max(met, default=None),
            message,
            self.budget.evaluations,
        )
        self.journal.put("elapsed_s", self.stopwatch.elapsed_s)
        self.journal.event(
            "progress",
            phase=state.phase,
            elapsed_s=round(state.elapsed_s, 3),
            evaluations=state.evaluations,
            front_size=state.front_size,
            hypervolume=round(volume, 6),
            fidelity="final" if finals else "inherited",
        )
        log.info(message, extra={"phase": state.phase, "evaluations": state.evaluations})
        self._observe(state)

    def row(self, trial: Trial) -> dict[str, float]:
        """Every metric that is known of a trial's candidate."""
        return {**trial.measurements["costs"], "accuracy": trial.measurements["accuracy"]}

    def _points(self, rows: Sequence[dict[str, float]]) -> Any:
        return self.problem(self.pipeline.space).points(rows)

    def settle_box(self, problem: SearchProblem) -> bool:
        """Let accuracy count where networks differ, once a few were trained; whether that was now."""
        if self.box.is_settled:
            return False
        self.box.settle(problem, [self.prospects.row(t)["accuracy"] for t in self.inherited_trials()])
        return self.box.is_settled

    def _wanted_accuracies(self) -> list[float]:
        return [c.limit for c in self.known_constraints() if c.metric == "accuracy" and c.limit]


@contextmanager
def _interrupts() -> Iterator[None]:
    """Turn the first Ctrl-C or SIGTERM into :class:`Interrupted`; a second one acts as usual."""

    def stop(signum: int, frame: object) -> None:
        for number, old in before.items():
            signal.signal(number, old)
        raise Interrupted(signum)

    try:
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: signals are somebody else's
        yield
        return
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
