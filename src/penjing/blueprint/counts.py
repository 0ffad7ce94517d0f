"""Exact counts of a blueprint: parameters, multiply-accumulates, activations."""

from penjing.blueprint.blueprint import Blueprint, Layer


def parameters(blueprint: Blueprint) -> int:
    """Count weights and biases as deployed: normalisation is folded, scales are not parameters.

    Example:
        >>> from penjing.blueprint import BlueprintBuilder, InputSpec
        >>> build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
        >>> parameters(build.finish(build.conv2d("conv", build.dequantize(), 4)))
        40
    """
    return sum(
        tensor.n_elements
        for layer in blueprint.layers
        for tensor in layer.tensors
        if tensor.role in ("weight", "bias")
    )


def trained_parameters(blueprint: Blueprint) -> int:
    """Count what is trained: a normalisation has a scale and a shift per channel, its convolution no bias.

    So papers count, where :func:`parameters` counts what is deployed.
    """
    total = 0
    for layer in blueprint.weighted_layers:
        weight, bias = layer.tensor("weight").n_elements, layer.tensor("bias").n_elements
        if layer.operation != "conv2d":
            total += weight + bias * (2 if layer.attributes.get("normalised") else 1)
        else:
            trained_as = layer.attributes.get("trained_as", "")
            total += weight * (trained_as != "norm") + 2 * bias * (trained_as != "conv")
    return total


def layer_macs(layer: Layer) -> int:
    """Multiply-accumulates of one layer for one example; only convolutions and matrix products count."""
    if layer.operation == "conv2d":
        _, height, width = layer.output_shape
        return layer.tensor("weight").n_elements * height * width
    if layer.operation == "linear":
        return layer.tensor("weight").n_elements
    return 0


def macs(blueprint: Blueprint) -> int:
    """Multiply-accumulates of the network for one example."""
    return sum(layer_macs(layer) for layer in blueprint.layers)
