"""What each kind of plug-in promises, and the quantization scheme that simulation and export share.

The rooms above never import each other; what they need of one another passes
through the protocols in this file. Every protocol states who calls it, in
which order, and what may be changed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from penjing.blueprint import Blueprint
from penjing.space import Candidate, Choice, Condition

FloatArray = NDArray[np.float32]
OPTIMISERS = ("sgd", "adam", "adamw")


@dataclass(frozen=True)
class Abilities:
    """What a target runs, and what it runs fast.

    Attributes:
        precisions: All that it can run.
        fast_precisions: Those that can save time on this processor.
        width_multiple: Channel counts that are multiples of it run best.
        reduced_range: Whether INT8 weights must stay within 7 bits, because
            the processor adds pairs of products in 16 bits and saturates.
        processor_flags: What was found, sorted.
    """

    precisions: tuple[str, ...]
    fast_precisions: tuple[str, ...]
    width_multiple: int = 1
    reduced_range: bool = False
    processor_flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class ActivationScale:
    """An affine scale: ``real = (stored - zero_point) * scale``, stored as uint8."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class QuantizationScheme:
    """The numbers that make a rewritten blueprint an exact computation.

    Attributes:
        weight_scales: Layer name to one scale per output channel, ``[channels]``.
        activations: Layer name to the scale of its uint8 output.
        reduced_range: See :class:`Abilities`.
    """

    weight_scales: Mapping[str, FloatArray] = field(default_factory=dict[str, FloatArray])
    activations: Mapping[str, ActivationScale] = field(default_factory=dict[str, ActivationScale])
    reduced_range: bool = False


def largest_weight_code(weight_bits: int, integer: bool, reduced_range: bool) -> int:
    """The largest code of a symmetric signed weight; reduced range halves that of 8-bit integer layers.

    Example:
        >>> largest_weight_code(8, integer=True, reduced_range=True)
        63
        >>> largest_weight_code(4, integer=False, reduced_range=True)
        7
    """
    bits = 7 if reduced_range and integer and weight_bits == 8 else weight_bits
    return 2 ** (bits - 1) - 1


def weight_codes(weight: FloatArray, scales: FloatArray, largest: int) -> NDArray[np.int8]:
    """Round ``weight`` ``[channels, …]`` to codes with one scale per output channel; ties to even."""
    shaped = scales.reshape(-1, *([1] * (weight.ndim - 1)))
    return np.clip(np.rint(weight / shaped), -largest, largest).astype(np.int8)


@dataclass(frozen=True)
class Block:
    """A part of a family's networks that gets compression choices of its own.

    Attributes:
        name: Such as ``stage1.block0``.
        conditions: When the block exists.
        layers: Its layers with weights, named within the block, and the
            further conditions under which each exists.
    """

    name: str
    conditions: tuple[Condition, ...]
    layers: Mapping[str, tuple[Condition, ...]]


class Family(Protocol):
    """A way from candidates to blueprints, for one kind of network.

    ``choices`` and ``blocks`` are called once per process, ``reference`` a few times, ``blueprint`` for
    every candidate, thousands of times: a pure function of the choices that
    the family offers, whatever else the candidate holds.
    """

    def choices(self, abilities: Abilities) -> Sequence[Choice]:
        """What may vary in the architecture, in building order."""
        ...

    def blocks(self) -> Sequence[Block]:
        """The parts that get compression choices of their own; each layer with weights is in one."""
        ...

    def blueprint(self, candidate: Candidate) -> Blueprint:
        """The candidate's network in 32-bit floats; input and result are the same for all candidates."""
        ...

    def covering(self, choices: Sequence[Choice]) -> list[Candidate]:
        """Candidates that together use every weight of the family: no other has a layer that is larger.

        Args:
            choices: Of the space that is to be covered, in building order; a method's may be among them.
        """
        ...

    def reference(self, choices: Sequence[Choice]) -> Candidate:
        """A plain network of middle size, that others are compared with: the family's own choices.

        Args:
            choices: Of the space, in building order; a method's may be among them.
        """
        ...


class Method(Protocol):
    """A way to compress: says what may vary, and what the network will be.

    Order of calls: ``choices`` once per process, then ``rewrite`` for every
    candidate, thousands of times. Nothing is computed there, and it is exact:
    the layers, precisions and stored tensors of the rewritten blueprint are
    those of the file. What is computed for a design that is made (scales,
    rounded weights) follows from the rewritten blueprint. The blueprint that
    is given is not changed.
    """

    name: str

    def choices(self, blocks: Sequence[Block], abilities: Abilities) -> Sequence[Choice]:
        """What may vary in the compression of ``blocks``; each choice is named within its block.

        Raises:
            InvalidValueError: If the method would offer what the target cannot run.
        """
        ...

    def rewrite(self, blueprint: Blueprint, candidate: Candidate) -> Blueprint:
        """The network that ``candidate`` will be, with the same input and result; a pure function."""
        ...


class MeasuredLatency(Protocol):
    """How long one call takes: wall time in milliseconds, with a 95 % interval."""

    @property
    def value(self) -> float:
        """Median, milliseconds per call."""
        ...

    @property
    def low(self) -> float:
        """Lower end of its interval, milliseconds."""
        ...

    @property
    def high(self) -> float:
        """Upper end, milliseconds."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON data with units in the names: ``value_ms``, ``low_ms``, ``high_ms``, …."""
        ...


class Target(Protocol):
    """A runtime on a device: its abilities, its file, its clock.

    Everything but ``measure`` may be called from several processes at once;
    ``measure`` only while nothing else of ours runs.
    """

    name: str

    def abilities(self) -> Abilities:
        """What the target runs, and what it runs fast."""
        ...

    def size_bytes(self, blueprint: Blueprint) -> int:
        """The size of the file that :meth:`write` would make: exact, or within 1 % where a format packs."""
        ...

    def write(
        self, blueprint: Blueprint, weights: Mapping[str, FloatArray], scheme: QuantizationScheme
    ) -> bytes:
        """The target's file; equal arguments give equal bytes.

        Args:
            blueprint: With precisions.
            weights: ``<layer>.weight`` and ``<layer>.bias``, in floats.
            scheme: Scales for every quantized tensor of the blueprint.
        """
        ...

    def predict(self, artifact: bytes, x: NDArray[np.uint8] | FloatArray) -> FloatArray:
        """Logits of examples as they come, ``[N, …]``, by the file alone, ``[N, classes]``.

        Raises:
            ArtifactError: If the bytes are no file of this target.
        """
        ...

    def measure(
        self, artifacts: Mapping[str, bytes], reference: str | None = None, batch: int = 1
    ) -> Mapping[str, MeasuredLatency]:
        """Time files against each other, in the order given, with ``batch`` examples per call."""
        ...


class Searcher(Protocol):
    """Proposes candidates and learns from what they turned out to be.

    Trace: ``ask(n, rng)`` → candidates → evaluated → ``tell(candidate, costs)`` …
    All randomness of the k-th ask comes from the generator passed to it, so
    that a searcher that was told the same results proposes the same.
    """

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Propose ``n`` candidates; fewer when the space has no more to give."""
        ...

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Learn what an evaluation found: metrics by name, as measured, so that more ``accuracy`` is better.

        Metrics that need no evaluation are left out: the searcher's problem knows them.
        """
        ...


@runtime_checkable
class Forecaster(Searcher, Protocol):
    """A searcher that has a model, and says what that expects."""

    @property
    def expected_gain(self) -> float | None:
        """The most that any candidate it looked at for its last ask was expected to gain.

        In hypervolume as a share of the problem's box, 0 to 1; with one objective that is the improvement, as
        a share of its range. 0 where nothing is left to propose; None where no model spoke. A function of
        what was told and of the generator of the ask.
        """
        ...


@runtime_checkable
class Promoter(Searcher, Protocol):
    """A searcher for whom an evaluation is short at first, and who says who deserves a longer one.

    The longer one is told like any other: what is told of a candidate again was longer than what was told
    before.
    """

    def promoted(
        self, n: int, rng: np.random.Generator, without: Collection[str] = ()
    ) -> list[tuple[Candidate, float]]:
        """At most ``n`` candidates that were told, and are to be trained further before others are begun.

        Args:
            n: How many.
            rng: Of all randomness; the ask that fills the batch up goes on with it.
            without: Keys of candidates that cannot be trained: they failed.

        Returns:
            Candidates, and how much training of their own they are to have had in all: as many times the
            length of a short one, whether or not the first evaluation was one.
        """
        ...


class Executor(Protocol):
    """Runs jobs, plain data, in other processes or here.

    A job that fails comes back as a result that says so; one whose process died is
    done once more.
    """

    def map(self, jobs: Sequence[Any], /) -> Iterator[Any]:
        """Do every job; one result per job, in the order of ``jobs``."""
        ...

    def as_completed(self, jobs: Sequence[Any], /) -> Iterator[tuple[int, Any]]:
        """Do every job; its place in ``jobs`` and its result, as they end."""
        ...

    def train_in(self, precision: str, /) -> None:
        """Let every training from now on compute in this precision."""
        ...

    def close(self) -> None:
        """Let go of processes at once; what they were doing is lost, and is asked again."""
        ...


__all__ = [
    "OPTIMISERS",
    "Abilities",
    "ActivationScale",
    "Block",
    "Executor",
    "Family",
    "FloatArray",
    "Forecaster",
    "MeasuredLatency",
    "Method",
    "QuantizationScheme",
    "Searcher",
    "Target",
    "largest_weight_code",
    "weight_codes",
]
