"""What a worker process is asked to do, and what it answers: plain data both ways."""

from dataclasses import dataclass, field
from typing import Any

from penjing.space import Value

# How candidates get weights: a short training each, or one training that all share.
ALONE, SUPERNET = "alone", "supernet"
# Accuracy that compression may cost a design before it is tuned.
TOLERATED_LOSS = 0.001


@dataclass(frozen=True)
class InheritedJob:
    """Judge a candidate with weights from a short training or from the supernet.

    Attributes:
        candidate: Architecture and compression choices.
        weights_key: Where the trained weights of this architecture belong, or are already; the supernet's
            where there is nothing to train.
        parent_key: Weights to start from, of another architecture, of less training or the supernet's;
            empty for none.
        epochs: Length of the short training, in passes over all training images; 0 where the weights are
            there already.
        seconds: The most that the training may take; None for no limit.
        seed: Of all draws.
        subset: Part of the training images that are trained on, the more often.
    """

    candidate: dict[str, Value]
    weights_key: str
    parent_key: str
    epochs: float
    seconds: float | None
    seed: int
    subset: float = 1.0


@dataclass(frozen=True)
class FinalJob:
    """Train a design further; on the last rung, compress it and write its files.

    Attributes:
        design: Its id.
        candidate: All choices, training included.
        weights_key: Where its float weights belong after this rung.
        start_key: Weights to go on from or to inherit from; empty for none.
        teacher_key: Whose kept outputs to distil from; empty for none.
        epochs: Length of the float training in this rung; 0 for none, and ``seconds`` are for tuning.
        tuning_epochs: Length of the tuning after compression; 0 outside the last rung.
        seconds: The most that the rung may take; None for no limit.
        is_last: Whether the design is finished.
        seed: Of all draws.
    """

    design: str
    candidate: dict[str, Value]
    weights_key: str
    start_key: str
    teacher_key: str
    epochs: float
    tuning_epochs: float
    seconds: float | None
    is_last: bool
    seed: int


@dataclass(frozen=True)
class TeacherJob:
    """Keep a trained network's outputs on the training images.

    Attributes:
        candidate: Of the teacher.
        weights_key: Its weights.
    """

    candidate: dict[str, Value]
    weights_key: str


@dataclass(frozen=True)
class ScoreJob:
    """Score a network that was not trained.

    Attributes:
        candidate: Architecture and compression choices; the score is that of the float network.
        name: Of the score.
        seed: Of the weights that are drawn.
    """

    candidate: dict[str, Value]
    name: str
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What a job found.

    Attributes:
        measurements: Metric to value.
        seconds: What it took.
        facts: Anything worth keeping: recipe, agreement, file sizes.
        error: Why it failed, if it did.
    """

    measurements: dict[str, float]
    seconds: float
    facts: dict[str, Any] = field(default_factory=dict)
    error: str = ""
