"""A supernet: shared weights of which every candidate's network is a slice.

A layer takes the first output channels, the first input channels and the
centre of the kernel. Which layers a candidate has, and their shapes, is read
from its blueprint, so the supernet works for every family whose layer names
say which weights they share.
"""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional

from penjing.blueprint import Blueprint, Layer
from penjing.families.plain import build_network


def largest_shapes(blueprints: Iterable[Blueprint]) -> dict[str, tuple[int, ...]]:
    """The shape that holds every slice: per layer name, the largest size on every axis."""
    largest: dict[str, tuple[int, ...]] = {}
    for blueprint in blueprints:
        for layer in blueprint.weighted_layers:
            shape = layer.tensor("weight").shape
            known = largest.get(layer.name, shape)
            largest[layer.name] = tuple(max(pair) for pair in zip(known, shape, strict=True))
    return largest


class Supernet(nn.Module):
    """Shared convolutions, normalisations and heads.

    Args:
        shapes: Largest weight shape per layer name.
        generator: Draws the initial weights.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]], generator: torch.Generator) -> None:
        super().__init__()
        self.shapes = dict(shapes)
        for name, shape in shapes.items():
            fan_in = max(1, torch.Size(shape[1:]).numel())
            weight = torch.randn(shape, generator=generator) * (2.0 / fan_in) ** 0.5
            if len(shape) == 2:
                weight = weight * 0.5
            holder = nn.ParameterDict(
                {"weight": nn.Parameter(weight), "bias": nn.Parameter(torch.zeros(shape[0]))}
            )
            if len(shape) == 4:
                holder["gain"] = nn.Parameter(torch.ones(shape[0]))
            self.add_module(name.replace(".", "_"), holder)

    def forward(self, x: torch.Tensor, blueprint: Blueprint) -> torch.Tensor:
        """Logits of one candidate's slice, normalised by the batch, ``[N, classes]``.

        Args:
            x: uint8 pixels in the blueprint's resolution, ``[N, C, H, W]``.
            blueprint: In 32-bit floats.
        """
        given = blueprint.input
        values: dict[str, torch.Tensor] = {given.name: x}
        for layer in blueprint.layers:
            sources = [values[name] for name in layer.inputs]
            values[layer.name] = self._compute(layer, sources, blueprint)
        return values[blueprint.output]

    def _compute(self, layer: Layer, sources: list[torch.Tensor], blueprint: Blueprint) -> torch.Tensor:
        if layer.operation == "conv2d":
            weight = self.slice(layer)
            out = weight.shape[0]
            holder, window = self._holder(layer.name), layer.window
            made = functional.conv2d(
                sources[0],
                weight,
                stride=window.stride,
                padding=window.padding,
                dilation=window.dilation,
                groups=layer.attributes["groups"],
            )
            made = functional.batch_norm(
                made, None, None, holder["gain"][:out], holder["bias"][:out], training=True
            )
            return functional.relu(made) if layer.attributes["activation"] == "relu" else made
        if layer.operation == "dequantize":
            pixels = (sources[0].float() - blueprint.input.zero_point) * blueprint.input.scale
            return pixels.contiguous(memory_format=torch.channels_last)
        if layer.operation == "resize":
            return sources[0]
        if layer.operation == "add":
            return sources[0] + sources[1]
        if layer.operation == "global_average_pool":
            return sources[0].mean(dim=(2, 3))
        holder = self._holder(layer.name)
        return functional.linear(sources[0], self.slice(layer), holder["bias"])

    def _holder(self, name: str) -> nn.ParameterDict:
        holder = self.get_submodule(name.replace(".", "_"))
        assert isinstance(holder, nn.ParameterDict)
        return holder

    def slice(self, layer: Layer) -> torch.Tensor:
        """The part of the shared weight that a layer uses; a view."""
        weight = self._holder(layer.name)["weight"]
        shape = layer.tensor("weight").shape
        sliced = weight[: shape[0], : shape[1]]
        if len(shape) == 4 and shape[2] != weight.shape[2]:
            edge = (weight.shape[2] - shape[2]) // 2
            sliced = sliced[:, :, edge : edge + shape[2], edge : edge + shape[3]]
        return sliced

    def extract(self, blueprint: Blueprint) -> nn.Module:
        """A plain trainable network with a copy of the candidate's slice.

        Its normalisation statistics are untouched: recalibrate before use.
        """
        network = build_network(blueprint, trainable=True)
        with torch.no_grad():
            for layer in blueprint.weighted_layers:
                name = layer.module_name
                module = getattr(network, name)
                holder = self._holder(layer.name)
                module.weight.copy_(self.slice(layer))
                if layer.operation == "linear":
                    module.bias.copy_(holder["bias"])
                else:
                    norm = getattr(network, f"{name}_norm")
                    norm.weight.copy_(holder["gain"][: norm.num_features])
                    norm.bias.copy_(holder["bias"][: norm.num_features])
        return network
