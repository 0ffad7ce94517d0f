"""How many cycles the float convolutions of ONNX Runtime's kernels take, by how they walk along a row.

A step computes several neighbouring outputs for up to four blocks of filters at once; what is left of a row
goes in pairs and singles, and outputs at the edge, whose filter sticks out, one by one. Prices turn these
relative numbers into time, so only their proportions count.
"""

from collections.abc import Callable
from typing import NamedTuple

WIDE_BLOCK = 16
"""Channels per block of the kernels for registers of 512 bits."""

_FILTERS_PER_STEP = 4
_WIDE_OUTPUTS = 6


class Walk(NamedTuple):
    """The outputs of one row, and what each row multiplies.

    Attributes:
        kernel: Positions of the filter along a row.
        inside: Outputs whose filter lies wholly on the picture.
        edge: The other outputs.
        edge_taps: Positions of their filters that lie on the picture, summed.
    """

    kernel: int
    inside: int
    edge: int
    edge_taps: int


def cycles_per_row(walk: Walk, blocks: int, block: int, is_depthwise: bool) -> float:
    """Cycles for one row of the filter and one channel that is read.

    Args:
        walk: Along a row.
        blocks: Blocks of filters; of channels, in a depthwise convolution.
        block: Channels per block.
        is_depthwise: Whether every channel has a filter of its own.

    Example:
        >>> row = Walk(kernel=3, inside=12, edge=2, edge_taps=4)
        >>> cycles_per_row(row, 4, 8, is_depthwise=False), cycles_per_row(row, 4, 16, is_depthwise=False)
        (90.0, 182.4)
    """
    if is_depthwise:
        per_row = _wide_depthwise if block >= WIDE_BLOCK else _narrow
        return blocks * per_row(walk, 1)
    per_row = _wide if block >= WIDE_BLOCK else _narrow
    full, rest = divmod(blocks, _FILTERS_PER_STEP)
    return full * per_row(walk, _FILTERS_PER_STEP) + (per_row(walk, rest) if rest else 0.0)


def steps_per_row(walk: Walk, blocks: int) -> float:
    """Steps for one row of the filter and one channel that is read, with registers of 512 bits.

    Where two products are made in a cycle, a step of few of them takes as long as its first product.

    Args:
        walk: Along a row.
        blocks: Blocks of filters.

    Example:
        >>> steps_per_row(Walk(kernel=3, inside=13, edge=2, edge_taps=4), 5)
        26.0
    """
    inside = walk.kernel * _steps(walk.inside, _WIDE_OUTPUTS, lambda _: 1.0)
    return -(-blocks // _FILTERS_PER_STEP) * (inside + walk.edge_taps)


# Found by what fits measurements best: a single block of filters fills the pipeline badly.
_NARROW_OUTPUTS = {1: 3, 2: 6, 3: 4, 4: 3}


def _narrow(walk: Walk, filters: int) -> float:
    """Registers of 256 bits: two products a cycle, but each waits three cycles for the last."""

    def step(outputs: int) -> float:
        return max(3.0, filters * outputs / 2, (filters + outputs) / 2)

    singles = walk.edge
    return walk.kernel * (_steps(walk.inside, _NARROW_OUTPUTS[filters], step) + singles * step(1))


def _wide(walk: Walk, filters: int) -> float:
    """Registers of 512 bits, one product a cycle.

    Single convolutions on a Zen 4: time over breadth falls at every sixth output inside; an output at the
    edge takes by its taps, more than twice what one inside takes.
    """
    inside = walk.kernel * _steps(walk.inside, _WIDE_OUTPUTS, lambda n: max(3.0, float(filters * n)))
    return inside + walk.edge_taps * max(3.6, 2.4 * filters)


def _wide_depthwise(walk: Walk, filters: int) -> float:
    """Registers of 512 bits: what is read takes longer than what is multiplied."""
    return filters * (1.5 * walk.kernel * walk.inside + 2.4 * walk.edge_taps)


def _steps(outputs: int, outputs_per_step: int, step: Callable[[int], float]) -> float:
    full, rest = divmod(outputs, outputs_per_step)
    return full * step(outputs_per_step) + rest // 2 * step(2) + rest % 2 * step(1)
