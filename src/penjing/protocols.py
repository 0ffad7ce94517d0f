"""What each kind of plug-in promises, and the quantization scheme that simulation and export share.

The rooms above never import each other; what they need of one another passes
through the protocols in this file. Every protocol states who calls it, in
which order, and what may be changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from penjing.blueprint import Blueprint
from penjing.space import Candidate, Choice, Condition

FloatArray = NDArray[np.float32]
OPTIMISERS = ("sgd", "adamw")


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

    ``choices`` is called once per study; ``blueprint`` for every candidate,
    thousands of times, and must be a pure function of the candidate.
    """

    def choices(self, abilities: Abilities) -> Sequence[Choice]:
        """What may vary in the architecture, in building order."""
        ...

    def blocks(self) -> Sequence[Block]:
        """The parts that get compression choices of their own."""
        ...

    def blueprint(self, candidate: Candidate) -> Blueprint:
        """The candidate's network in 32-bit floats."""
        ...

    def covering(self, choices: Sequence[Choice]) -> list[Candidate]:
        """Candidates that together use every weight of the family."""
        ...


class Method(Protocol):
    """A way to compress: says what may vary, what the network will be, and makes it so.

    Order of calls: ``choices`` once per study, ``rewrite`` for every
    candidate (exact, nothing is computed), ``apply`` for designs that are
    made. ``apply`` does not change the network that it is given.
    """

    name: str

    def choices(self, blocks: Sequence[Block], abilities: Abilities) -> Sequence[Choice]:
        """What may vary in the compression of ``blocks``."""
        ...

    def rewrite(self, blueprint: Blueprint, candidate: Candidate) -> Blueprint:
        """The network that ``candidate`` will be."""
        ...


class CostModel(Protocol):
    """Costs that need no weights: exact ones from the blueprint, latency from a fitted model."""

    def costs(self, blueprint: Blueprint) -> dict[str, float]:
        """From the name of a cost, with its unit, to its value."""
        ...


class Target(Protocol):
    """A runtime on a device: its abilities, its file, its clock."""

    name: str

    def abilities(self) -> Abilities:
        """What the target runs, and what it runs fast."""
        ...

    def size_bytes(self, blueprint: Blueprint) -> int:
        """The exact size of the file that :meth:`write` would make."""
        ...

    def write(
        self, blueprint: Blueprint, weights: Mapping[str, FloatArray], scheme: QuantizationScheme
    ) -> bytes:
        """The target's file; equal arguments give equal bytes."""
        ...

    def predict(self, artifact: bytes, x: NDArray[np.uint8]) -> FloatArray:
        """Logits of pixels ``[N, C, H, W]`` by the file alone, ``[N, classes]``."""
        ...


class Searcher(Protocol):
    """Proposes candidates and learns from what they turned out to be.

    Trace: ``ask(k)`` → candidates → evaluated → ``tell(candidate, costs)`` …
    All randomness of the k-th ask comes from the generator passed to it, so
    that a searcher that was told the same results proposes the same.
    """

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Propose ``n`` candidates."""
        ...

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Learn what a candidate turned out to be; all costs are minimised."""
        ...


class Executor(Protocol):
    """Runs functions of plain data, in other processes or here; results come in the order asked."""

    def map(self, function: Any, items: Sequence[Any]) -> Any:
        """Call ``function`` with every item; results in the order of ``items``."""
        ...

    def close(self) -> None:
        """Let go of processes and memory."""
        ...


__all__ = [
    "OPTIMISERS",
    "Abilities",
    "ActivationScale",
    "Block",
    "CostModel",
    "Executor",
    "Family",
    "FloatArray",
    "Method",
    "QuantizationScheme",
    "Searcher",
    "Target",
    "largest_weight_code",
    "weight_codes",
]
