"""From candidates to blueprints of dense layers, one after the other."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from penjing.blueprint import Blueprint, BlueprintBuilder, InputSpec
from penjing.families.chain.settings import ChainSettings
from penjing.families.conditions import at_least
from penjing.families.picking import largest, middle_of, picked
from penjing.protocols import Abilities, Block
from penjing.space import Candidate, Choice

_DEPTH, _ACTIVATION = "network.depth", "network.activation"
_APPEND: Mapping[str, Callable[[BlueprintBuilder, str, str], str]] = {
    "relu": BlueprintBuilder.relu,
    "leaky_relu": BlueprintBuilder.leaky_relu,
    "elu": BlueprintBuilder.elu,
}


class ChainFamily:
    """A row of features, or the pixels of an image, hidden layers with an activation each, a linear head.

    Hidden layers are trained with a normalisation, which the file holds folded in.

    Args:
        given: The input: shape and normalisation constants.
        n_classes: Width of the result.
        settings: The values offered.

    Example:
        >>> import numpy as np
        >>> from penjing.space import SearchSpace
        >>> family = ChainFamily(InputSpec("x", (1, 8, 8)), 10)
        >>> space = SearchSpace(family.choices(Abilities(("fp32",), ())))
        >>> space.cardinality == 3 * (5**4 + 5**5 + 5**6)
        True
        >>> family.blueprint(space.sample(np.random.default_rng(0)))["head.linear"].output_shape
        (10,)
    """

    name = "chain"

    def __init__(self, given: InputSpec, n_classes: int, settings: ChainSettings | None = None) -> None:
        self.input = given
        self.n_classes = n_classes
        self.settings = settings or ChainSettings()

    def choices(self, abilities: Abilities) -> list[Choice]:
        """Depth, activation, and the width of every hidden layer."""
        offered = self.settings
        made = [
            Choice(_DEPTH, offered.depths),
            Choice(_ACTIVATION, offered.activations, ordered=False),
        ]
        for layer in self._layers():
            there = at_least(_DEPTH, layer, offered.depths)
            made.append(Choice(f"layer{layer}.width", offered.widths, conditions=there))
        return made

    def blocks(self) -> list[Block]:
        """Every hidden layer, and the head."""
        hidden = [
            Block(f"layer{layer}", at_least(_DEPTH, layer, self.settings.depths), {"linear": ()})
            for layer in self._layers()
        ]
        return [*hidden, Block("head", (), {"linear": ()})]

    def covering(self, choices: Sequence[Choice]) -> list[Candidate]:
        """The widest chain of every depth: the head reads another layer in each."""
        depths = self.settings.depths
        return [picked(choices, lambda c, d=depth: d if c.name == _DEPTH else largest(c)) for depth in depths]

    def reference(self, choices: Sequence[Choice]) -> Candidate:
        """The middle of every choice, with the first activation that is offered."""
        return middle_of(choices)

    def blueprint(self, candidate: Candidate) -> Blueprint:
        """The candidate's network in 32-bit floats."""
        build = BlueprintBuilder(self.input)
        append = _APPEND[str(candidate[_ACTIVATION])]
        is_vector = len(self.input.shape) == 1
        at = build.standardise() if is_vector else build.dequantize(build.flatten())
        for layer in range(1, cast(int, candidate[_DEPTH]) + 1):
            width = cast(int, candidate[f"layer{layer}.width"])
            at = build.linear(f"layer{layer}.linear", at, width, normalised=True)
            at = append(build, f"layer{layer}.activation", at)
        return build.finish(build.linear("head.linear", at, self.n_classes))

    def _layers(self) -> range:
        """Numbers of all hidden layers that there can be."""
        return range(1, max(self.settings.depths) + 1)
