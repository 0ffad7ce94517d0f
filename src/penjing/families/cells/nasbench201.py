"""The networks of NAS-Bench-201: 15,625 cells, each repeated fifteen times.

Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020,
section 2.1. A stem of 16 channels; three stages of five cells, of 16, 32 and 64 channels; a residual block
that halves the image before the second and third; normalisation, mean over the image, a linear head.
Convolutions come as ReLU, convolution, normalisation.

Beyond the paper, the width of the stem and the cells per stage may vary, and images whose sides are odd where
they are halved are averaged over three pixels instead of two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, cast

from penjing.blueprint import Blueprint, BlueprintBuilder, InputSpec
from penjing.families.conditions import at_least
from penjing.families.picking import largest, middle, picked
from penjing.families.settings import Kind, Numbers, Settings
from penjing.protocols import Abilities, Block
from penjing.space import Candidate, Choice, Condition, Value
from penjing.space.nasbench201 import EDGES, OPERATIONS, cell_choices, edge_name

WIDTH, REPEATS = "network.width", "network.repeats"
_KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
_EDGES = tuple(edge_name(*edge) for edge in EDGES)
_SOMETHING = tuple(operation for operation in OPERATIONS if operation != "none")
# Two convolutions with a way around them.
_RESIDUAL = {
    edge_name(0, 1): "nor_conv_3x3",
    edge_name(1, 2): "nor_conv_3x3",
    edge_name(0, 3): "skip_connect",
    edge_name(2, 3): "skip_connect",
}
_KINDS: Mapping[str, Kind] = {"widths": Numbers("[8, 16]"), "repeats": Numbers("[1, 3, 5]")}
_MOST_PIXELS_ALONG_A_SIDE = 40


@dataclass(frozen=True)
class NasBench201Settings(Settings):
    """The values offered beside the cell's operations; as they stand here, those of the paper.

    Attributes:
        widths: Channels of the first stage; twice and four times as many in the others.
        repeats: Cells per stage.

    Raises:
        ConfigError: If values are not of the right kind.
    """

    family: ClassVar[str] = "nasbench201"
    kinds: ClassVar[Mapping[str, Kind]] = _KINDS

    widths: tuple[int, ...] = (16,)
    repeats: tuple[int, ...] = (5,)

    @classmethod
    def for_images(cls, shape: tuple[int, int, int]) -> "NasBench201Settings":
        """Networks that a processor can train: smaller than the paper's, the more so for large images.

        The stem keeps the size of the image, so that above 32 pixels or so it is better made smaller first.
        """
        is_large = min(shape[1:]) > _MOST_PIXELS_ALONG_A_SIDE
        return cls(widths=(4, 8), repeats=(1, 2)) if is_large else cls(widths=(4, 8, 16), repeats=(1, 2, 3))


class NasBench201Family:
    """A cell of four nodes with one of five operations on each of its six edges.

    Args:
        given: The input: shape and normalisation constants.
        n_classes: Width of the result.
        settings: Widths and repeats that are offered; those of the paper without.

    Example:
        >>> import numpy as np
        >>> from penjing.space import SearchSpace
        >>> family = NasBench201Family(InputSpec("x", (3, 32, 32)), 10)
        >>> space = SearchSpace(family.choices(Abilities(("fp32",), ())))
        >>> space.cardinality
        15625
    """

    name = "nasbench201"

    def __init__(self, given: InputSpec, n_classes: int, settings: NasBench201Settings | None = None) -> None:
        self.input = given
        self.n_classes = n_classes
        self.settings = settings or NasBench201Settings()

    def choices(self, abilities: Abilities) -> list[Choice]:
        """Width and repeats, where several are offered, then one choice per edge; the device has no say."""
        sizes = [Choice(WIDTH, self.settings.widths), Choice(REPEATS, self.settings.repeats)]
        return [*(choice for choice in sizes if len(choice.values) > 1), *cell_choices()]

    def blocks(self) -> list[Block]:
        """Stem, cells with their possible convolutions, residual blocks, head.

        A convolution that the result does not depend on is left out of a network. Conditions say so, but for
        the edges from the first node to the second and from the third to the last: those need an "or".
        """
        made = [Block("stem", (), {"conv": ()})]
        repeats = self.settings.repeats
        for stage in range(3):
            if stage:
                made.append(Block(f"stage{stage}.reduce", (), dict.fromkeys(("first", "second", "side"), ())))
            for cell in range(max(repeats)):
                layers = {
                    f"{edge_name(*edge)}.{operation}": (
                        Condition(edge_name(*edge), (operation,)),
                        *_flow(*edge),
                    )
                    for edge in EDGES
                    for operation in _KERNELS
                }
                made.append(Block(f"stage{stage}.cell{cell}", at_least(REPEATS, cell + 1, repeats), layers))
        made.append(Block("head", (), {"norm": (), "linear": ()}))
        return made

    def covering(self, choices: Sequence[Choice]) -> list[Candidate]:
        """The largest network with the same convolution on every edge, for each kind of convolution."""
        return [picked(choices, partial(_largest, operation=operation)) for operation in _KERNELS]

    def reference(self, choices: Sequence[Choice]) -> Candidate:
        """Residual blocks of two convolutions, of middle width and number."""
        own = [choice for choice in choices if choice.name in (WIDTH, REPEATS, *_EDGES)]
        return picked(own, lambda c: _RESIDUAL.get(c.name, "none") if c.name in _EDGES else middle(c))

    def blueprint(self, candidate: Candidate, whole: bool = False) -> Blueprint:
        """The candidate's network in 32-bit floats.

        Args:
            candidate: Of the family's choices.
            whole: With operations that the result does not depend on, as papers count them.
        """
        build = BlueprintBuilder(self.input)
        first = cast(int, candidate.get(WIDTH, self.settings.widths[0]))
        at = build.conv2d("stem.conv", build.dequantize(), first, activation="none")
        for stage, width in enumerate((first, 2 * first, 4 * first)):
            if stage:
                at = _reduction(build, f"stage{stage}.reduce", at, width)
            for cell in range(cast(int, candidate.get(REPEATS, self.settings.repeats[0]))):
                at = _cell(build, f"stage{stage}.cell{cell}", at, candidate, width, whole)
        at = build.normalise("head.norm", at, activation="relu")
        return build.finish(build.linear("head.linear", build.global_average_pool(at), self.n_classes))


def _flow(before: int, node: int) -> tuple[Condition, ...]:
    """What must hold for an edge to have something to carry, and somewhere to carry it.

    Two ways lead to node 2, and two from node 1 to the last: that one of them is open, no condition says.
    """
    needed = [(0, 1)] * (before == 1) + [(2, 3)] * (node == 2)
    return tuple(Condition(edge_name(*edge), _SOMETHING) for edge in needed)


def _largest(choice: Choice, operation: str) -> Value:
    return operation if choice.name in _EDGES else largest(choice)


def _cell(
    build: BlueprintBuilder, name: str, source: str, candidate: Candidate, width: int, whole: bool
) -> str:
    """Four nodes; each adds up what comes from those before it."""
    needed = {0, 1, 2, 3} if whole else _needed(candidate)
    nodes: list[str | None] = [source]
    active: dict[int, str] = {}
    for node in (1, 2, 3):
        total: str | None = None
        for before in range(node):
            here, operation = nodes[before], str(candidate[edge_name(before, node)])
            if operation == "none" or node not in needed:
                continue
            if here is None:
                if not whole:
                    continue
                here = nodes[before] = build.zeros(f"{name}.node{before}.zeros", source)
            edge = f"{name}.{edge_name(before, node)}"
            term = here
            if operation in _KERNELS:
                if before not in active:
                    active[before] = build.relu(f"{name}.node{before}.relu", here)
                kernel = _KERNELS[operation]
                term = build.conv2d(f"{edge}.{operation}", active[before], width, kernel, activation="none")
            elif operation == "avg_pool_3x3":
                term = build.average_pool(f"{edge}.pool", here, 3)
            total = term if total is None else build.add(f"{edge}.add", total, term)
        nodes.append(total)
    return nodes[3] or build.zeros(f"{name}.zeros", source)


def _needed(candidate: Candidate) -> set[int]:
    """Nodes from which something flows to the last."""
    needed = {3}
    for node in (3, 2, 1):
        if node in needed:
            needed |= {b for b in range(node) if candidate[edge_name(b, node)] != "none"}
    return needed


def _reduction(build: BlueprintBuilder, name: str, source: str, width: int) -> str:
    """Half the size, twice the channels: two convolutions beside a mean and a convolution of one pixel."""
    at = build.relu(f"{name}.relu", source)
    at = build.conv2d(f"{name}.first", at, width, stride=2)
    rows, columns = build.shape_of(at)[1:]
    at = build.conv2d(f"{name}.second", at, width, activation="none")
    is_even = (2 * rows, 2 * columns) == build.shape_of(source)[1:]
    side = build.average_pool(f"{name}.pool", source, 2 if is_even else 3, stride=2)
    side = build.conv2d(f"{name}.side", side, width, kernel=1, activation="none", trained_as="conv")
    return build.add(f"{name}.add", side, at)
