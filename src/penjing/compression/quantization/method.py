"""Precision of the whole network, or block by block with an optional override per layer, as choices.

Networks of one precision are most of what is worth having, and a precision drawn for every block is nearly
always a mixture, which pays for every boundary. So the whole network has a choice, and *mixed* is one of its
values.
"""

from collections.abc import Sequence
from functools import lru_cache

from penjing.blueprint import Blueprint, Layer, precision_named
from penjing.compression.quantization.rewrite import with_precisions
from penjing.errors import InvalidValueError
from penjing.protocols import Abilities, Block
from penjing.space import Candidate, Choice, Condition, Value

WHOLE = "network.precision"
MIXED = "mixed"
AS_BLOCK = "as block"


class Quantization:
    """Chooses and applies the precision of every layer.

    Args:
        precisions: What is offered for the network and for every block.
        per_layer: Whether every layer may differ from its block.

    Example:
        >>> method = Quantization(("fp32", "w8a8"))
        >>> abilities = Abilities(("fp32", "w8a8"), ())
        >>> [choice.name for choice in method.choices([Block("stem", (), {})], abilities)]
        ['network.precision', 'stem.precision']
    """

    name = "quantization"

    def __init__(self, precisions: Sequence[str], per_layer: bool = False) -> None:
        self.precisions = tuple(precision_named(name).name for name in precisions)
        self.per_layer = per_layer

    def choices(self, blocks: Sequence[Block], abilities: Abilities) -> list[Choice]:
        """One for the network, one per block where it is mixed, one per layer where overrides are wanted.

        Raises:
            InvalidValueError: If the target cannot run a precision.
        """
        for name in self.precisions:
            if name not in abilities.precisions:
                raise InvalidValueError(
                    f"The target cannot run precision {name!r}. It runs: {', '.join(abilities.precisions)}."
                )
        notes = {name: precision_named(name).note for name in self.precisions}
        note = "; ".join(f"{name}: {text}" for name, text in notes.items() if text)
        if len(self.precisions) == 1:
            return [Choice(WHOLE, self.precisions, "compression", False, note=note)]
        made = [Choice(WHOLE, (*self.precisions, MIXED), "compression", False, note=note)]
        for block in blocks:
            name = f"{block.name}.precision"
            there = (*block.conditions, Condition(WHOLE, (MIXED,)))
            made.append(Choice(name, self.precisions, "compression", False, there, note, WHOLE))
            if self.per_layer and len(block.layers) > 1:
                made.extend(
                    Choice(
                        f"{block.name}.{layer}.precision",
                        (AS_BLOCK, *self.precisions),
                        "compression",
                        False,
                        (*there, *conditions),
                        note,
                        WHOLE,
                    )
                    for layer, conditions in block.layers.items()
                )
        return made

    @staticmethod
    def uniform(precision: str) -> dict[str, Value]:
        """What fixes one precision for the whole network."""
        return {WHOLE: precision}

    def rewrite(self, blueprint: Blueprint, candidate: Candidate) -> Blueprint:
        """The network that ``candidate`` will be, with its boundaries between precisions."""
        return with_precisions(blueprint, lambda layer: precision_of_layer(layer, candidate))


def precision_of_layer(layer: Layer, candidate: Candidate) -> str:
    """The precision that a candidate gives a layer: the network's, else its own, else its block's.

    Example:
        >>> layer = Layer("stage1.block0.plain.conv", "conv2d", (), ())
        >>> precision_of_layer(layer, Candidate({"stage1.block0.precision": "w8"}))
        'w8'
    """
    whole = candidate.get(WHOLE, MIXED)
    if whole != MIXED:
        return str(whole)
    for choice in _choices_above(layer.name):
        chosen = candidate.get(choice, AS_BLOCK)
        if chosen != AS_BLOCK:
            return str(chosen)
    return "fp32"


@lru_cache(maxsize=4096)
def _choices_above(layer: str) -> tuple[str, ...]:
    """Names of the precision choices that may decide for a layer, the nearest first."""
    parts = layer.split(".")
    return tuple(f"{'.'.join(parts[:n])}.precision" for n in range(len(parts), 0, -1))
