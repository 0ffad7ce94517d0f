"""How many examples a training step takes: fewer where activations would leave the processor's cache."""

import math
from dataclasses import replace

import torch

from penjing.blueprint import Blueprint
from penjing.training import Recipe
from penjing.training.device import CPU

# Numbers in the largest activation of a step: about 4 MB (ADR 16).
_IN_THE_CACHE = 1_000_000
_FEWEST = 64


def fitting(recipe: Recipe, blueprint: Blueprint, device: torch.device = CPU) -> Recipe:
    """The recipe with steps that are as quick as they get on a processor.

    Args:
        recipe: Its batch size is the most.
        blueprint: Of the network that is trained.
        device: What computes; a GPU is quickest with the most.

    Returns:
        With a power of two of at least 64 examples where the recipe has more than fit, and a learning rate in
        proportion (Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.1).

    Example:
        >>> from penjing.blueprint import BlueprintBuilder, InputSpec
        >>> build = BlueprintBuilder(InputSpec("x", (1, 28, 28)))
        >>> wide = build.finish(build.conv2d("conv", build.dequantize(), 48))
        >>> made = fitting(Recipe(epochs=1, batch_size=256, learning_rate=0.4), wide)
        >>> made.batch_size, made.learning_rate
        (64, 0.1)
    """
    if device != CPU:
        return recipe
    largest = max(math.prod(layer.output_shape) for layer in blueprint.layers)
    fits = 2 ** round(math.log2(_IN_THE_CACHE / largest))
    n = min(recipe.batch_size, max(_FEWEST, fits))
    return replace(recipe, batch_size=n, learning_rate=recipe.learning_rate * n / recipe.batch_size)
