"""Small networks that the contracts draw, compress, write and run."""

import json
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from penjing.blueprint import Blueprint, InputSpec
from penjing.compression.quantization.simulate import calibrate, simulate_
from penjing.families.convolutional import ConvolutionalFamily, ConvolutionalSettings
from penjing.families.plain import build_network, float_weights, folded, initialise_
from penjing.protocols import FloatArray, QuantizationScheme
from penjing.space import Candidate, SearchSpace

N_CLASSES = 10
SMALL = ConvolutionalSettings(
    resolutions=(6, 8),
    stem_widths=(4, 6),
    stage_widths=((4, 6), (5, 8)),
    stage_depths=((1, 2), (0, 1, 2)),
    stage_strides=((1, 2), (1, 2)),
    expansions=(2, 3),
)


def small_family() -> ConvolutionalFamily:
    """Networks for 10 classes of images ``(1, 8, 8)``, with every operation and stages that may be absent."""
    return ConvolutionalFamily(InputSpec("x", (1, 8, 8), scale=1 / 255, zero_point=30), N_CLASSES, SMALL)


def drawn(space: SearchSpace, n: int, seed: int = 0) -> list[Candidate]:
    """``n`` candidates of a space, the same for the same seed."""
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(n)]


def varied(space: SearchSpace, candidate: Candidate, name: str) -> list[Candidate]:
    """The candidate with every value of one of its choices; what begins to exist by that is drawn."""
    rng = np.random.default_rng(0)
    return [space.fixed({**candidate, name: value}).sample(rng) for value in space[name].values]


def smooth_pixels(n: int, shape: tuple[int, ...], seed: int = 0) -> NDArray[np.uint8]:
    """Blobs rather than noise, which a small network would average to nothing: ``[n, *shape]``."""
    channels, height, width = shape
    coarse = torch.rand((n, channels, 3, 3), generator=torch.Generator().manual_seed(seed)) * 255
    smooth = functional.interpolate(coarse, (height, width), mode="bilinear")
    return smooth.round().to(torch.uint8).numpy()


def normal_rows(n: int, given: InputSpec, seed: int = 0) -> FloatArray:
    """Rows of features with the moments that an input normalises: ``[n, features]``."""
    drawn = np.random.default_rng(seed).standard_normal((n, *given.shape))
    scales = np.array(given.scales)
    deviations = np.divide(1.0, scales, out=np.zeros_like(scales), where=scales > 0)
    return (np.array(given.means) + drawn * deviations).astype(np.float32)


def drawn_examples(n: int, given: InputSpec, seed: int = 0) -> NDArray[np.uint8] | FloatArray:
    """What an input takes, ``[n, …]``: smooth pixels, or normal rows."""
    return smooth_pixels(n, given.shape, seed) if given.storage == "uint8" else normal_rows(n, given, seed)


@dataclass(frozen=True)
class ReadyNetwork:
    """A network as it ships.

    Attributes:
        blueprint: With precisions.
        weights: As :meth:`penjing.protocols.Target.write` takes them, rounded to what the file stores.
        scheme: Scales found on examples that were drawn.
        module: Computes in floats what the file must compute.
    """

    blueprint: Blueprint
    weights: dict[str, FloatArray]
    scheme: QuantizationScheme
    module: nn.Module

    def logits(self, x: NDArray[np.uint8] | FloatArray) -> FloatArray:
        """What the file must answer to examples ``[n, …]``: ``[n, classes]``."""
        with torch.no_grad():
            return self.module(torch.from_numpy(x)).numpy()


def ready_network(blueprint: Blueprint, reduced_range: bool, seed: int = 0) -> ReadyNetwork:
    """Random weights and biases for a blueprint, compressed as its precisions say."""
    generator = torch.Generator().manual_seed(seed)
    network = initialise_(build_network(blueprint, trainable=True), generator).eval()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("bias"):
                value.copy_(0.1 * torch.randn(value.shape, generator=generator))
    module = folded(network, blueprint).eval()
    examples = torch.from_numpy(drawn_examples(128, blueprint.input, seed + 1))
    scheme = calibrate(module, blueprint, [examples], reduced_range)
    simulate_(module, blueprint, scheme)
    return ReadyNetwork(blueprint, float_weights(module, blueprint), scheme, module)


def assert_computable(blueprint: Blueprint) -> None:
    """Layers have names of their own, sizes, and read what stands before them; JSON keeps the blueprint."""
    known = {blueprint.input.name}
    for layer in blueprint.layers:
        assert layer.name not in known, f"Two layers are named {layer.name!r}."
        assert known.issuperset(layer.inputs), (
            f"{layer.name!r} reads {layer.inputs}, not all of it made before."
        )
        assert all(size >= 1 for size in layer.output_shape), f"{layer.name!r} gives {layer.output_shape}."
        known.add(layer.name)
    assert blueprint.layers[-1].name == blueprint.output, "The result is not the last layer."
    again = Blueprint.from_dict(json.loads(json.dumps(blueprint.as_dict())))
    assert again == blueprint, "The blueprint that JSON gives back is another one."


__all__ = [
    "N_CLASSES",
    "SMALL",
    "ReadyNetwork",
    "assert_computable",
    "drawn",
    "drawn_examples",
    "normal_rows",
    "ready_network",
    "small_family",
    "smooth_pixels",
    "varied",
]
