"""Training steps of as many examples as the processor's cache has room for."""

import pytest
import torch

from penjing.blueprint import Blueprint, BlueprintBuilder, InputSpec
from penjing.study.steps import fitting
from penjing.training import Recipe


def network(width: int, size: int = 28) -> Blueprint:
    build = BlueprintBuilder(InputSpec("x", (1, size, size)))
    return build.finish(build.conv2d("conv", build.dequantize(), width))


@pytest.mark.parametrize(
    ("width", "n"), [(1, 256), (4, 256), (8, 128), (12, 128), (16, 64), (48, 64), (200, 64)]
)
def test_the_larger_the_activations_the_fewer_examples_a_step_takes(width: int, n: int) -> None:
    made = fitting(Recipe(epochs=1, batch_size=256, learning_rate=0.4), network(width))
    assert made.batch_size == n
    assert made.learning_rate == pytest.approx(0.4 * n / 256)


@pytest.mark.parametrize("most", [16, 32, 64, 100])
def test_a_step_never_takes_more_than_was_asked_for(most: int) -> None:
    recipe = Recipe(epochs=1, batch_size=most)
    assert fitting(recipe, network(1)) == recipe
    assert fitting(recipe, network(48)).batch_size == min(most, 64)


def test_a_gpu_takes_all() -> None:
    recipe = Recipe(epochs=1, batch_size=256)
    assert fitting(recipe, network(48), torch.device("cuda")) == recipe
