"""Networks to time before any is trained: random weights, and a choice that covers the space."""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from penjing.blueprint import (
    PRECISIONS,
    Blueprint,
    BlueprintBuilder,
    InputSpec,
    Layer,
    macs,
    precision_named,
)
from penjing.errors import InvalidValueError
from penjing.protocols import (
    ActivationScale,
    FloatArray,
    QuantizationScheme,
    largest_weight_code,
)
from penjing.targets.onnxruntime.export import write_onnx


def random_artifact(blueprint: Blueprint, rng: np.random.Generator, reduced_range: bool) -> bytes:
    """The file of a network with random weights, which takes the time of the trained one.

    Weights, biases and scales all differ from tensor to tensor: ONNX Runtime merges equal
    constants, which blocks fusions that the trained network gets.
    """
    weights: dict[str, FloatArray] = {}
    weight_scales: dict[str, FloatArray] = {}
    activations: dict[str, ActivationScale] = {}
    for layer in blueprint.layers:
        if layer.has_weights:
            shape = layer.tensor("weight").shape
            he_scale = np.sqrt(2.0 / prod(shape[1:]))
            weight = (rng.standard_normal(shape) * he_scale).astype(np.float32)
            weights[f"{layer.name}.weight"] = weight
            weights[f"{layer.name}.bias"] = (rng.standard_normal(shape[0]) * 0.1).astype(np.float32)
            if layer.tensor("weight").storage.startswith("int"):
                precision = precision_named(layer.precision)
                largest = largest_weight_code(precision.weight_bits, precision.integer, reduced_range)
                peaks = np.abs(weight).reshape(shape[0], -1).max(axis=1)
                weight_scales[layer.name] = np.maximum(peaks / largest, 1e-8).astype(np.float32)
        if layer.has_codes:
            roles = {tensor.role for tensor in layer.tensors}
            zero_point = int(rng.integers(100, 150)) if "output_zero_point" in roles else 0
            activations[layer.name] = ActivationScale(float(rng.uniform(0.015, 0.025)), zero_point)
    return write_onnx(blueprint, weights, QuantizationScheme(weight_scales, activations, reduced_range))


def metronome() -> bytes:
    """The file of a fixed small network: how long it takes tells how fast the machine is just now.

    The speed of shared and of small machines changes by the minute. What was measured at different times
    is brought to one speed through this network, which is timed beside everything else.
    """
    build = BlueprintBuilder(InputSpec("x", (1, 28, 28)))
    at = build.dequantize()
    for index, width in enumerate((8, 16, 32)):
        at = build.conv2d(f"block{index}.conv", at, width, stride=2)
    blueprint = build.finish(build.linear("head.linear", build.global_average_pool(at), 10))
    return random_artifact(blueprint, np.random.default_rng(0), reduced_range=True)


def choose_networks(
    sample: Callable[[np.random.Generator], Blueprint],
    n: int,
    rng: np.random.Generator,
    describe: Callable[[Blueprint], FloatArray] | None = None,
    n_drawn_each: int = 12,
) -> list[Blueprint]:
    """Choose networks of a space so that few measurements cover it.

    Half are spread evenly over the sizes that occur; the other half lie as far as possible from
    those already chosen, so that rare kinds of work are seen too.

    Args:
        sample: Draws a rewritten blueprint from the space.
        n: How many to choose.
        rng: Draws them.
        describe: From a blueprint to a vector whose first number tells its size; by default the logarithm
            of its multiply-accumulates and the share of each precision.
        n_drawn_each: Networks drawn for each that is chosen.

    Raises:
        InvalidValueError: If ``n`` is less than 1.
    """
    if n < 1:
        raise InvalidValueError(f"n must be at least 1, got {n!r}.", n=n)
    drawn = [sample(rng) for _ in range(n * n_drawn_each)]
    described = np.array(
        [(describe or _size_and_precisions)(blueprint) for blueprint in drawn], dtype=np.float64
    )
    spread = described.std(axis=0)
    points = (described - described.mean(axis=0)) / np.where(spread > 1e-9, spread, 1.0)
    by_size = np.argsort(described[:, 0], kind="stable")
    strata = np.array_split(by_size, (n + 1) // 2)
    chosen = [int(stratum[int(rng.integers(len(stratum)))]) for stratum in strata]
    distance = np.min([_squared_distance(points, index) for index in chosen], axis=0)
    while len(chosen) < n:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, _squared_distance(points, chosen[-1]))
    return [drawn[index] for index in chosen]


def _squared_distance(points: NDArray[np.float64], index: int) -> NDArray[np.float64]:
    return np.sum((points - points[index]) ** 2, axis=1)


def _size_and_precisions(blueprint: Blueprint) -> FloatArray:
    layers: Sequence[Layer] = blueprint.weighted_layers
    shares = [sum(layer.precision == name for layer in layers) / max(len(layers), 1) for name in PRECISIONS]
    return np.array([np.log(macs(blueprint) + 1.0), len(blueprint.layers) / 10, *shares], dtype=np.float32)
