"""From candidates to blueprints of small convolutional networks.

A stage's width is one choice that all its blocks refer to, so residual sums
always fit and no assignment needs repair.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import cast

from penjing.blueprint import Blueprint, BlueprintBuilder, InputSpec
from penjing.families.conditions import at_least
from penjing.families.convolutional.settings import ConvolutionalSettings
from penjing.families.picking import largest, middle_of, picked
from penjing.protocols import Abilities, Block
from penjing.space import Candidate, Choice, Condition, Value

_CONVOLUTIONS = {
    "plain": ("conv",),
    "inverted": ("expand", "depthwise", "project"),
    "separable": ("depthwise", "pointwise"),
}


class ConvolutionalFamily:
    """Stem, stages of plain, inverted-bottleneck or depthwise-separable blocks, pooled linear head.

    Args:
        given: The input: shape and normalisation constants.
        n_classes: Width of the result.
        settings: The values offered; by default they follow the image size.

    Example:
        >>> import numpy as np
        >>> from penjing.space import SearchSpace
        >>> family = ConvolutionalFamily(InputSpec("x", (1, 28, 28)), 10)
        >>> space = SearchSpace(family.choices(Abilities(("fp32",), ())))
        >>> family.blueprint(space.sample(np.random.default_rng(0)))["head.linear"].output_shape
        (10,)
    """

    name = "convolutional"

    def __init__(
        self, given: InputSpec, n_classes: int, settings: ConvolutionalSettings | None = None
    ) -> None:
        self.input = given
        self.n_classes = n_classes
        self.settings = settings or ConvolutionalSettings.for_input(given)

    def choices(self, abilities: Abilities) -> list[Choice]:
        """The architecture choices in building order."""
        offered = self.settings
        made = [
            Choice("input.resolution", offered.resolutions),
            Choice("stem.width", offered.stem_widths),
            Choice("stem.kernel", offered.stem_kernels),
            Choice("stem.stride", offered.stem_strides),
        ]
        for index, depths in enumerate(offered.stage_depths):
            stage = f"stage{index + 1}"
            made.append(Choice(f"{stage}.depth", depths))
            exists = at_least(f"{stage}.depth", 1, depths)
            made.append(Choice(f"{stage}.width", offered.stage_widths[index], conditions=exists))
            made.append(Choice(f"{stage}.stride", offered.stage_strides[index], conditions=exists))
            for block in range(max(depths)):
                name = f"{stage}.block{block}"
                there = at_least(f"{stage}.depth", block + 1, depths)
                inverted = (*there, Condition(f"{name}.operation", ("inverted",)))
                made.append(Choice(f"{name}.operation", offered.operations, ordered=False, conditions=there))
                made.append(Choice(f"{name}.kernel", offered.kernels, conditions=there))
                if "inverted" in offered.operations:
                    made.append(Choice(f"{name}.expansion", offered.expansions, conditions=inverted))
        return made

    def blocks(self) -> list[Block]:
        """The parts that get a precision of their own, and the convolutions inside them."""
        made = [Block("stem", (), {"conv": ()})]
        for index, depths in enumerate(self.settings.stage_depths):
            for block in range(max(depths)):
                name = f"stage{index + 1}.block{block}"
                convolutions = {
                    f"{operation}.{conv}": (Condition(f"{name}.operation", (operation,)),)
                    for operation in self.settings.operations
                    for conv in _CONVOLUTIONS[operation]
                }
                made.append(Block(name, at_least(f"stage{index + 1}.depth", block + 1, depths), convolutions))
        made.append(Block("head", (), {"linear": ()}))
        return made

    def blueprint(self, candidate: Candidate) -> Blueprint:
        """The candidate's network in 32-bit floats."""
        build = BlueprintBuilder(self.input)
        at = build.dequantize(build.resize(self._size(cast(int, candidate["input.resolution"]))))
        width = cast(int, candidate["stem.width"])
        at = build.conv2d(
            "stem.conv",
            at,
            width,
            kernel=cast(int, candidate["stem.kernel"]),
            stride=cast(int, candidate["stem.stride"]),
            width_group="stem.width",
        )
        for index in range(len(self.settings.stage_depths)):
            stage = f"stage{index + 1}"
            for block in range(cast(int, candidate[f"{stage}.depth"])):
                here = cast(int, candidate[f"{stage}.width"])
                stride = cast(int, candidate[f"{stage}.stride"]) if block == 0 else 1
                at = _append_block(build, candidate, f"{stage}.block{block}", at, width, here, stride)
                width = here
        return build.finish(build.linear("head.linear", build.global_average_pool(at), self.n_classes))

    def covering(self, choices: Sequence[Choice]) -> list[Candidate]:
        """The largest candidates for each operation: together they use every weight of the family."""
        made: dict[str, Candidate] = {}
        for operation in self.settings.operations:
            for skipped in self._worth_skipping():
                candidate = picked(choices, partial(_largest, operation=operation, skipped=skipped))
                made.setdefault(candidate.key, candidate)
        return list(made.values())

    def reference(self, choices: Sequence[Choice]) -> Candidate:
        """The middle of every choice; blocks are of the first operation that is offered."""
        return middle_of(choices)

    def _worth_skipping(self) -> Iterator[tuple[str, ...]]:
        """Sets of stages without which a later layer reads more channels than with them."""
        narrow: list[str] = []
        widest = max(self.settings.stem_widths)
        for index, (widths, depths) in enumerate(
            zip(self.settings.stage_widths, self.settings.stage_depths, strict=True)
        ):
            if min(depths) == 0 and max(widths) < widest:
                narrow.append(f"stage{index + 1}")
            widest = max(widest, *widths)
        for n_skipped in range(len(narrow) + 1):
            yield from combinations(narrow, n_skipped)

    def _size(self, resolution: int) -> tuple[int, int]:
        _, height, width = self.input.shape
        short = min(height, width)
        return round(height * resolution / short), round(width * resolution / short)


def _largest(choice: Choice, operation: str, skipped: Sequence[str]) -> Value:
    stage, _, kind = choice.name.rpartition(".")
    if kind == "operation":
        return operation if operation in choice.values else choice.values[-1]
    is_smallest = kind == "stride" or (kind == "depth" and stage in skipped)
    return min(choice.values, key=float) if is_smallest else largest(choice)


def _append_block(
    build: BlueprintBuilder,
    candidate: Candidate,
    name: str,
    source: str,
    width_in: int,
    width_out: int,
    stride: int,
) -> str:
    operation = candidate[f"{name}.operation"]
    kernel = cast(int, candidate[f"{name}.kernel"])
    group = name.partition(".")[0] + ".width"
    if operation == "plain":
        return build.conv2d(f"{name}.plain.conv", source, width_out, kernel, stride, width_group=group)
    if operation == "separable":
        at = build.conv2d(f"{name}.separable.depthwise", source, width_in, kernel, stride, groups=width_in)
        return build.conv2d(f"{name}.separable.pointwise", at, width_out, 1, width_group=group)
    hidden = width_in * cast(int, candidate[f"{name}.expansion"])
    at = build.conv2d(f"{name}.inverted.expand", source, hidden, 1, width_group=f"{name}.hidden")
    at = build.conv2d(
        f"{name}.inverted.depthwise", at, hidden, kernel, stride, groups=hidden, width_group=f"{name}.hidden"
    )
    at = build.conv2d(f"{name}.inverted.project", at, width_out, 1, activation="none", width_group=group)
    if stride == 1 and width_in == width_out:
        at = build.add(f"{name}.inverted.add", at, source)
    return at
