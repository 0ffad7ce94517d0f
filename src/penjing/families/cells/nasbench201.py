"""The networks of NAS-Bench-201: 15,625 cells, each repeated fifteen times.

Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020,
section 2.1. A stem of 16 channels; three stages of five cells, of 16, 32 and 64 channels; a residual block
that halves the image before the second and third; normalisation, mean over the image, a linear head.
Convolutions come as ReLU, convolution, normalisation.
"""

from collections.abc import Sequence

from penjing.blueprint import Blueprint, BlueprintBuilder, InputSpec
from penjing.protocols import Abilities, Block
from penjing.space import Candidate, Choice, Condition
from penjing.space.nasbench201 import EDGES, cell_choices, edge_name

_KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}


class NasBench201Family:
    """A cell of four nodes with one of five operations on each of its six edges.

    Args:
        given: The input: shape and normalisation constants.
        n_classes: Width of the result.
        width: Channels of the first stage; twice and four times as many in the others.
        repeats: Cells per stage.

    Example:
        >>> import numpy as np
        >>> from penjing.space import SearchSpace
        >>> family = NasBench201Family(InputSpec("x", (3, 32, 32)), 10)
        >>> space = SearchSpace(family.choices(Abilities(("fp32",), ())))
        >>> space.cardinality
        15625
    """

    name = "nasbench201"

    def __init__(self, given: InputSpec, n_classes: int, width: int = 16, repeats: int = 5) -> None:
        self.input = given
        self.n_classes = n_classes
        self.widths = (width, 2 * width, 4 * width)
        self.repeats = repeats

    def choices(self, abilities: Abilities) -> list[Choice]:
        """One choice per edge; the device has no say."""
        return cell_choices()

    def blocks(self) -> list[Block]:
        """Stem, cells with their possible convolutions, residual blocks, head."""
        made = [Block("stem", (), {"conv": ()})]
        for stage in range(3):
            if stage:
                made.append(Block(f"stage{stage}.reduce", (), dict.fromkeys(("first", "second", "side"), ())))
            for cell in range(self.repeats):
                layers = {
                    f"{edge_name(*edge)}.{operation}": (Condition(edge_name(*edge), (operation,)),)
                    for edge in EDGES
                    for operation in _KERNELS
                }
                made.append(Block(f"stage{stage}.cell{cell}", (), layers))
        made.append(Block("head", (), {"norm": (), "linear": ()}))
        return made

    def covering(self, choices: Sequence[Choice]) -> list[Candidate]:
        """One cell with the same convolution on every edge, for each kind of convolution."""
        edges = {edge_name(*edge) for edge in EDGES}
        return [
            Candidate({c.name: operation if c.name in edges else c.values[-1] for c in choices})
            for operation in _KERNELS
        ]

    def blueprint(self, candidate: Candidate, whole: bool = False) -> Blueprint:
        """The candidate's network in 32-bit floats.

        Args:
            candidate: Of the family's choices.
            whole: With operations that the result does not depend on, as papers count them.
        """
        build = BlueprintBuilder(self.input)
        at = build.conv2d("stem.conv", build.dequantize(), self.widths[0], activation="none")
        for stage, width in enumerate(self.widths):
            if stage:
                at = _reduction(build, f"stage{stage}.reduce", at, width)
            for cell in range(self.repeats):
                at = _cell(build, f"stage{stage}.cell{cell}", at, candidate, width, whole)
        at = build.normalise("head.norm", at, activation="relu")
        return build.finish(build.linear("head.linear", build.global_average_pool(at), self.n_classes))


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
    at = build.conv2d(f"{name}.second", at, width, activation="none")
    side = build.average_pool(f"{name}.pool", source, 2, stride=2)
    side = build.conv2d(f"{name}.side", side, width, kernel=1, activation="none", trained_as="conv")
    return build.add(f"{name}.add", side, at)
