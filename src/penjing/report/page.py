"""What the report shows, as plain frozen records: each field of :class:`Page` is one part of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penjing.blueprint import Blueprint
from penjing.objectives import Constraint


@dataclass(frozen=True)
class Interval:
    """A measured value with its 95 % interval.

    Attributes:
        value: The estimate.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Point:
    """One evaluated candidate, for the plots of the front.

    Attributes:
        label: Trial or design, as a reader can look it up.
        fidelity: ``estimated`` (a design before its file was made: predicted costs, accuracy of its network
            in floats), ``inherited`` (short training or shared weights), ``rung`` (partly trained).
        accuracy: On validation, 0 to 1.
        size_bytes: Of the file, computed; None if it was not.
        latency_ms: Predicted; None if it was not.
    """

    label: str
    fidelity: str
    accuracy: float
    size_bytes: float | None
    latency_ms: float | None


@dataclass(frozen=True)
class DesignView:
    """One finished design.

    Attributes:
        id: Name of its folder.
        is_on_front: Whether no other finished design that meets the constraints is better in everything.
        broken_constraints: The constraints that it does not meet.
        sentence: When to take it.
        validation: Accuracy of the file on validation, which decides.
        test: Accuracy of the file on the test split, which never decides; None if it was not measured.
        n_test: Examples of the test split.
        size_bytes: Of the file.
        predicted_size_bytes: As the search computed it.
        latency_ms: Measured, one example per call.
        predicted_latency_ms: As the search predicted it.
        ratio_to_reference: Its latency in those of the reference, measured in turns.
        spread: Interquartile range of the latency over its median; above 0.1 the machine was busy.
        calls: Timed calls.
        threads: Threads of the runtime.
        throughput_per_s: Predictions per second in batches.
        parameters: Weights and biases.
        macs: Multiply-accumulates of one prediction.
        candidate: Its choices.
        recipe: How it was trained and compressed, and how well file and network agree.
        blueprint: Its network; None if this Penjing cannot read it.
        files: Its files, relative to the report.
        versions: Packages that made it.
        processor: Flags of the processor that timed it.
    """

    id: str
    is_on_front: bool
    broken_constraints: tuple[str, ...]
    sentence: str
    validation: Interval
    test: Interval | None
    n_test: int | None
    size_bytes: float
    predicted_size_bytes: float | None
    latency_ms: Interval
    predicted_latency_ms: float | None
    ratio_to_reference: float | None
    spread: float | None
    calls: int | None
    threads: int | None
    throughput_per_s: float | None
    parameters: int | None
    macs: int | None
    candidate: dict[str, Any]
    recipe: dict[str, Any]
    blueprint: Blueprint | None
    files: tuple[str, ...]
    versions: dict[str, str]
    processor: tuple[str, ...]


@dataclass(frozen=True)
class ProgressPoint:
    """The search at one moment.

    Attributes:
        elapsed_s: Seconds used.
        hypervolume: Of the points of this fidelity, in the run's box, 0 to 1.
        fidelity: Which points count: ``inherited`` until the first design is finished, then ``final``.
        phase: What the study was doing.
        evaluations: Candidates evaluated so far.
    """

    elapsed_s: float
    hypervolume: float
    fidelity: str
    phase: str
    evaluations: int


@dataclass(frozen=True)
class ChoiceWorth:
    """What one choice was worth.

    Attributes:
        name: The choice.
        part: ``compression`` for a precision, ``training`` for an optimiser, else ``architecture``.
        best: The value with the fewest errors, all else equal.
        worst: The one with the most.
        points: Accuracy between the two, percentage points at the typical error, with a 95 % interval.
        importance: Increase of the squared prediction error when the choice is shuffled, over the variance,
            with a 95 % interval over resamples.
        size_ratio: File size at ``best`` over that at ``worst``, all else equal; None without sizes.
        latency_ratio: Predicted latency, likewise.
    """

    name: str
    part: str
    best: str
    worst: str
    points: Interval
    importance: Interval
    size_ratio: float | None
    latency_ratio: float | None


@dataclass(frozen=True)
class PairWorth:
    """What two choices do together.

    Attributes:
        first: A choice.
        second: Another.
        best_first: Its value in the combination that gains most beyond the sum of both effects.
        best_second: That of the other.
        explained: Share of the variance of the log error that the pair explains beyond the sum, on
            evaluations left out, with a 95 % bootstrap interval.
        stands_out: Whether they act together beyond chance.
    """

    first: str
    second: str
    best_first: str
    best_second: str
    explained: Interval
    stands_out: bool


@dataclass(frozen=True)
class Worth:
    """What all choices were worth, by a model that adds up their effects.

    Attributes:
        choices: The largest importance first; empty if there was too little to learn from.
        n_trials: Evaluations that it was learnt from, one of each candidate.
        explained: Share of the variance of the log error explained on evaluations left out.
        note: How far to trust it, or why there is nothing.
        pairs: All that exist together in enough evaluations, what they explain first.
    """

    choices: tuple[ChoiceWorth, ...]
    n_trials: int
    explained: float | None
    note: str
    pairs: tuple[PairWorth, ...] = ()


@dataclass(frozen=True)
class DecisionRow:
    """Who proposed from some evaluation on.

    Attributes:
        phase: Of which phase.
        after: Evaluations that were known.
        algorithm: Who had the turn.
        reason: What each had been worth.
    """

    phase: str
    after: int
    algorithm: str
    reason: str


@dataclass(frozen=True)
class PhaseRow:
    """One phase of the study.

    Attributes:
        name: Its name.
        n_done: Evaluations that ended well.
        n_failed: Those that failed.
        seconds: Worker seconds that they took together.
        ended_early: Why it ended before its budget was used; empty if it did not.
        searched_by: Who was to search it, and why, where that was left open; else empty.
    """

    name: str
    n_done: int
    n_failed: int
    seconds: float
    ended_early: str = ""
    searched_by: str = ""


@dataclass(frozen=True)
class Failure:
    """A trial that failed.

    Attributes:
        number: The trial.
        phase: Where.
        error: Why, in the words of the error.
    """

    number: int
    phase: str
    error: str


@dataclass(frozen=True)
class Page:
    """The whole report; the page marks each part with the name of its field.

    Attributes:
        name: Name of the run folder.
        ended: When the last result came, UTC; empty before the first.
        elapsed_s: Seconds that the study took; None if unknown.
        objectives: What was traded against what.
        constraints: What no design may exceed, in absolute numbers as far as those are known.
        notes: What a reader must know: warnings about the data, parts that could not be read.
        designs: The finished designs, smallest file first.
        points: Everything that was evaluated on the way.
        progress: The hypervolume over time.
        worth: What each choice was worth.
        latency_model_error: How well the latency model did on networks that it had not seen, by kind.
        pace: What the machine took when designs were measured, over what it took when the model was fitted.
        reference: The plain network that constraints and ratios refer to: parameters, macs, size, latency.
        data: Facts about the data.
        class_names: What a prediction can be.
        phases: What was done.
        decisions: Who proposed, where that changed during the search.
        ruled_out: Phase to choice to values that the evaluations before the phase ruled out.
        binding: Phase to constraint to the share of a greedy search's moves that it forbade.
        failures: What went wrong on the way.
        settings: The configuration, complete, as YAML.
        versions: Packages that took part.
        processor: Flags of the processor.
    """

    name: str
    ended: str
    elapsed_s: float | None
    objectives: tuple[str, ...]
    constraints: tuple[Constraint, ...]
    notes: tuple[str, ...]
    designs: tuple[DesignView, ...]
    points: tuple[Point, ...]
    progress: tuple[ProgressPoint, ...]
    worth: Worth
    latency_model_error: dict[str, float]
    pace: float | None
    reference: dict[str, Any]
    data: dict[str, Any]
    class_names: tuple[str, ...]
    phases: tuple[PhaseRow, ...]
    decisions: tuple[DecisionRow, ...]
    ruled_out: Mapping[str, Mapping[str, Sequence[Any]]]
    binding: Mapping[str, Mapping[str, float]]
    failures: tuple[Failure, ...]
    settings: str
    versions: dict[str, str]
    processor: tuple[str, ...]

    @property
    def front(self) -> tuple[DesignView, ...]:
        """The designs on the front, smallest file first."""
        return tuple(design for design in self.designs if design.is_on_front)
