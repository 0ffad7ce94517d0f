"""Small spaces, candidates and networks that several tests of this folder share."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from penjing.blueprint import PRECISIONS, Blueprint, InputSpec
from penjing.compression.quantization.method import Quantization
from penjing.families.convolutional import ConvolutionalFamily, ConvolutionalSettings
from penjing.protocols import Abilities, FloatArray
from penjing.space import Candidate, SearchSpace
from penjing.testing.networks import SMALL

ALL_PRECISIONS = tuple(PRECISIONS)
ABILITIES = Abilities(ALL_PRECISIONS, ("fp32", "w8a8"))


class Pipeline:
    """A family, the quantization of its layers, and the space of both."""

    def __init__(
        self,
        settings: ConvolutionalSettings = SMALL,
        given: InputSpec | None = None,
        per_layer: bool = True,
        precisions: tuple[str, ...] = ALL_PRECISIONS,
        n_classes: int = 10,
    ) -> None:
        given = given or InputSpec("x", (1, 8, 8), scale=1 / 255, zero_point=30)
        self.family = ConvolutionalFamily(given, n_classes, settings)
        self.method = Quantization(precisions, per_layer)
        self.architecture = self.family.choices(ABILITIES)
        self.space = SearchSpace([*self.architecture, *self.method.choices(self.family.blocks(), ABILITIES)])

    def plain(self, candidate: Candidate) -> Blueprint:
        return self.family.blueprint(candidate)

    def blueprint(self, candidate: Candidate) -> Blueprint:
        return self.method.rewrite(self.plain(candidate), candidate)

    def samples(self, n: int, seed: int = 0) -> list[Candidate]:
        rng = np.random.default_rng(seed)
        return [self.space.sample(rng) for _ in range(n)]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network with random weights and normalisation statistics, and in evaluation mode."""
    source = generator(seed)
    with torch.no_grad():
        for name, value in (*network.named_parameters(), *network.named_buffers()):
            if not value.is_floating_point():
                continue
            noise = torch.randn(value.shape, generator=source)
            positive = name.endswith("running_var") or (name.endswith("norm.weight"))
            value.copy_(noise.abs() + 0.5 if positive else noise * 0.3)
    return network.eval()


def structured_pixels(n: int, shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    """Smooth blobs and edges rather than noise, uint8 ``[n, *shape]``."""
    source = generator(seed)
    channels, height, width = shape
    coarse = torch.rand((n, channels, 3, 3), generator=source) * 255
    smooth = nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    edges = (torch.rand((n, 1, 1, width), generator=source) > 0.7) * 80.0
    return (smooth + edges).clamp(0, 255).round().to(torch.uint8)


def loadable(weights: Mapping[str, FloatArray]) -> dict[str, torch.Tensor]:
    """Weights by layer name as the state of a plain module."""
    state: dict[str, torch.Tensor] = {}
    for name, array in weights.items():
        layer, _, role = name.rpartition(".")
        state[f"{layer.replace('.', '_')}.{role}"] = torch.from_numpy(array)
    return state
