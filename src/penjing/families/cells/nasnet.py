"""Networks of two cells, one that keeps the size of the image and one that halves it.

Zoph, Vasudevan, Shlens and Le, "Learning Transferable Architectures for Scalable Image Recognition", CVPR
2018, section 3.2. Every node of a cell adds up two operations, each on an input of its own: what the cell
before last gave (``before``), what the last cell gave (``last``), or an earlier node. Nodes that no other
reads are the cell's result. Stages of equal normal cells stand one after the other, with a reduction cell
between them, which doubles the channels.

Ours departs from the paper:

- Convolutions are followed by their activation, not led by it, and separable ones come once, not twice: so a
  convolution, its normalisation and its activation are one operation of the file, in integers too.
- The paper puts loose ends side by side, and whoever reads them begins with a convolution of one pixel. The
  sum of one such convolution for each loose end is the same; here both readers share it.
- An input of another size is brought to the cell's by the operation that reads it: a convolution takes stride
  and channels, the identity, a mean and a maximum are followed by a convolution of one pixel.
- Dilated convolutions are separable, as in DARTS (Liu, Simonyan and Yang, ICLR 2019, section 3.1). There are
  no asymmetric convolutions, no separable ones of 7×7, and no maxima over more than 3×3.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, cast

from penjing.blueprint import Blueprint, BlueprintBuilder, InputSpec
from penjing.families.cells.nasnet_settings import OPERATIONS, NasNetSettings
from penjing.families.conditions import at_least
from penjing.families.picking import largest, middle, picked
from penjing.protocols import Abilities, Block
from penjing.space import Candidate, Choice, Condition, Value

_BEFORE, _LAST = "before", "last"
_SIDES = ("first", "second")
_WIDTH, _REPEATS = "network.width", "network.repeats"
_NORMAL, _REDUCTION = "normal", "reduction"
_POOL: Mapping[str, Callable[[BlueprintBuilder, str, str, int, int], str]] = {
    "average_pool_3x3": BlueprintBuilder.average_pool,
    "max_pool_3x3": BlueprintBuilder.max_pool,
}


class _Cell(NamedTuple):
    """A cell in its place.

    Attributes:
        name: Of its block.
        kind: ``normal`` or ``reduction``: whose choices decide about it.
        stage: It has ``2**stage`` times the channels of the stem.
        larger: Those of its inputs that have twice its height and width, and half its channels.
        conditions: When it exists.
    """

    name: str
    kind: str
    stage: int
    larger: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()


class NasNetFamily:
    """A stem, stages of normal cells with reduction cells between them, a pooled linear head.

    Args:
        given: The input: shape and normalisation constants.
        n_classes: Width of the result.
        settings: The values offered; by default they follow the image size.

    Example:
        >>> import numpy as np
        >>> from penjing.space import SearchSpace
        >>> family = NasNetFamily(InputSpec("x", (1, 8, 8)), 10, NasNetSettings(nodes=1, stages=2))
        >>> space = SearchSpace(family.choices(Abilities(("fp32",), ())))
        >>> space.cardinality == (4 * 2 * 2) * (2**2 * 7**2) ** 2
        True
        >>> family.blueprint(space.sample(np.random.default_rng(0)))["head.linear"].output_shape
        (10,)
    """

    name = "nasnet"

    def __init__(self, given: InputSpec, n_classes: int, settings: NasNetSettings | None = None) -> None:
        self.input = given
        self.n_classes = n_classes
        self.settings = settings or NasNetSettings.for_input(given)

    def choices(self, abilities: Abilities) -> list[Choice]:
        """Sizes, then for both cells, node by node, what its two inputs are and what is done to them."""
        offered = self.settings
        made = [
            Choice("stem.stride", offered.stem_strides),
            Choice(_WIDTH, offered.widths),
            Choice(_REPEATS, offered.repeats),
        ]
        for kind in (_NORMAL, _REDUCTION) if offered.stages > 1 else (_NORMAL,):
            for node in range(1, offered.nodes + 1):
                for side in _SIDES:
                    name = f"{kind}.node{node}.{side}"
                    made.append(Choice(f"{name}.from", _sources(node), ordered=False))
                    made.append(Choice(f"{name}.operation", offered.operations, ordered=False))
        return made

    def blocks(self) -> list[Block]:
        """The stem, every cell, the head."""
        cells = [Block(cell.name, cell.conditions, self._layers(cell)) for cell in self._cells()]
        return [Block("stem", (), {"conv": ()}), *cells, Block("head", (), {"linear": ()})]

    def covering(self, choices: Sequence[Choice]) -> list[Candidate]:
        """The largest networks, for each operation with nodes in a row and with nodes side by side."""
        return [
            picked(choices, partial(_largest, operation=operation, is_row=is_row))
            for operation in self.settings.operations
            for is_row in (True, False)
        ]

    def reference(self, choices: Sequence[Choice]) -> Candidate:
        """Nodes in a row, each beside what the last cell gave."""
        return picked([choice for choice in choices if choice.part == "architecture"], _plain)

    def blueprint(self, candidate: Candidate) -> Blueprint:
        """The candidate's network in 32-bit floats."""
        build = BlueprintBuilder(self.input)
        width, stride = cast(int, candidate[_WIDTH]), cast(int, candidate["stem.stride"])
        last = build.conv2d("stem.conv", build.dequantize(), width, stride=stride)
        before = last
        for cell in self._cells():
            if all(condition.holds(candidate) for condition in cell.conditions):
                made = self._append(build, candidate, cell, {_BEFORE: before, _LAST: last}, width)
                before, last = last, made
        return build.finish(build.linear("head.linear", build.global_average_pool(last), self.n_classes))

    def _cells(self) -> Iterator[_Cell]:
        """All that there can be, in order."""
        repeats = self.settings.repeats
        for stage in range(self.settings.stages):
            if stage:
                yield _Cell(f"stage{stage}.reduce", _REDUCTION, stage, (_BEFORE, _LAST))
            for index in range(max(repeats)):
                larger = (_BEFORE,) if stage and index == 0 else ()
                exists = at_least(_REPEATS, index + 1, repeats)
                yield _Cell(f"stage{stage}.cell{index}", _NORMAL, stage, larger, exists)

    def _layers(self, cell: _Cell) -> dict[str, tuple[Condition, ...]]:
        """Every layer with weights that the cell can have, and when it has it."""
        made: dict[str, tuple[Condition, ...]] = {}
        for node in range(1, self.settings.nodes + 1):
            for side in _SIDES:
                name = f"{cell.kind}.node{node}.{side}"
                for operation in self.settings.operations:
                    chosen = Condition(f"{name}.operation", (operation,))
                    under = f"node{node}.{side}.{operation}"
                    if OPERATIONS[operation].is_separable:
                        made[f"{under}.depthwise"] = (chosen,)
                        made[f"{under}.pointwise"] = (chosen,)
                    elif OPERATIONS[operation].kernel:
                        made[f"{under}.conv"] = (chosen,)
                    elif cell.larger:
                        made[f"{under}.fit"] = (chosen, Condition(f"{name}.from", cell.larger))
            made[f"node{node}.out"] = self._is_loose(cell.kind, node)
        return made

    def _is_loose(self, kind: str, node: int) -> tuple[Condition, ...]:
        """What must hold for no later node to read a node."""
        return tuple(
            Condition(f"{kind}.node{later}.{side}.from", _without(_sources(later), f"node{node}"))
            for later in range(node + 1, self.settings.nodes + 1)
            for side in _SIDES
        )

    def _append(
        self,
        build: BlueprintBuilder,
        candidate: Candidate,
        cell: _Cell,
        inputs: Mapping[str, str],
        stem_width: int,
    ) -> str:
        """Write a cell; returns what holds its result."""
        width = stem_width * 2**cell.stage
        given, loose = dict(inputs), set[str]()
        for node in range(1, self.settings.nodes + 1):
            terms = []
            for side in _SIDES:
                chosen = f"{cell.kind}.node{node}.{side}"
                source, operation = str(candidate[f"{chosen}.from"]), str(candidate[f"{chosen}.operation"])
                name = f"{cell.name}.node{node}.{side}.{operation}"
                terms.append(_operate(build, name, operation, given[source], width, source in cell.larger))
                loose.discard(source)
            given[f"node{node}"] = build.add(f"{cell.name}.node{node}.add", *terms)
            loose.add(f"node{node}")
        first, *others = sorted(loose)
        total = build.conv2d(f"{cell.name}.{first}.out", given[first], width, kernel=1)
        for node in others:
            out = build.conv2d(f"{cell.name}.{node}.out", given[node], width, kernel=1)
            total = build.add(f"{cell.name}.{node}.sum", total, out)
        return total


def _operate(
    build: BlueprintBuilder, name: str, operation: str, source: str, width: int, is_larger: bool
) -> str:
    """Apply an operation; what is larger than the cell is brought to its size."""
    kernel, is_separable, dilation = OPERATIONS[operation]
    stride = 2 if is_larger else 1
    if is_separable:
        channels = build.shape_of(source)[0]
        at = build.conv2d(
            f"{name}.depthwise", source, channels, kernel, stride, groups=channels, dilation=dilation
        )
        return build.conv2d(f"{name}.pointwise", at, width, kernel=1)
    if kernel:
        return build.conv2d(f"{name}.conv", source, width, kernel, stride)
    at = source
    if operation in _POOL:
        at, stride = _POOL[operation](build, f"{name}.pool", source, 3, stride), 1
    return build.conv2d(f"{name}.fit", at, width, kernel=1, stride=stride) if is_larger else at


def _sources(node: int) -> tuple[str, ...]:
    """What a node can read, the nearest last."""
    return (_BEFORE, _LAST, *(f"node{earlier}" for earlier in range(1, node)))


def _without(names: Sequence[str], name: str) -> tuple[str, ...]:
    return tuple(other for other in names if other != name)


def _largest(choice: Choice, operation: str, is_row: bool) -> Value:
    kind = choice.name.rpartition(".")[2]
    if kind == "operation":
        return operation
    if kind == "from":
        return choice.values[-1 if is_row else 0]
    return min(choice.values, key=float) if kind == "stride" else largest(choice)


def _plain(choice: Choice) -> Value:
    if choice.name.endswith("first.from"):
        return choice.values[-1]
    if choice.name.endswith("second.from"):
        return _LAST
    is_beside = choice.name.endswith("second.operation") and "identity" in choice.values
    return "identity" if is_beside else middle(choice)
