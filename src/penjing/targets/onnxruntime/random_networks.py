"""Networks to time before any is trained: random weights, and a choice that covers the space."""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from penjing.blueprint import Blueprint, macs, precision_named
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
