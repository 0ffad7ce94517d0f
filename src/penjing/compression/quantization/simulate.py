"""Compute in floats exactly what the artifact computes in few bits, and find its scales.

A folded network, whose layers are attributes under their ``module_name``, is
changed in place: weights are rounded to codes through a parametrization, and
every ``<module_name>_codes`` identity becomes a rounding module. Gradients pass
straight through the rounding (Bengio, Léonard and Courville, arXiv:1308.3432), zero
where a value is clipped.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize

from penjing.blueprint import Blueprint, Layer, precision_named
from penjing.compression.quantization.rewrite import is_never_negative
from penjing.errors import DataError
from penjing.protocols import ActivationScale, FloatArray, QuantizationScheme, largest_weight_code

# Prime, so that the samples of a tensor do not all fall on one place of its image or on one channel.
_SAMPLES_PER_BATCH = 20_011
_LARGEST_BIAS_CODE = 2**31 - 1


class WeightCodes(nn.Module):
    """Rounds a weight or a bias to its codes and back, one scale per output channel."""

    def __init__(self, scales: torch.Tensor, largest: int) -> None:
        super().__init__()
        self.register_buffer("scales", scales)
        self.largest = largest

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The nearest weight that the file can hold."""
        scales = self.get_buffer("scales").reshape(-1, *([1] * (weight.ndim - 1)))
        scaled = weight / scales
        codes = torch.clamp(torch.round(scaled), -self.largest, self.largest)
        passed = torch.clamp(scaled, -self.largest, self.largest)
        return (passed + (codes - passed).detach()) * scales


class HalfWeight(nn.Module):
    """Rounds a weight to 16-bit floats and back."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The nearest weight that the file can hold."""
        return weight + (weight.half().float() - weight).detach()


class ActivationCodes(nn.Module):
    """Rounds activations to uint8 codes and back, one scale per tensor."""

    def __init__(self, codes: ActivationScale) -> None:
        super().__init__()
        self.codes = codes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The nearest activation that a uint8 tensor can hold."""
        return torch.fake_quantize_per_tensor_affine(x, self.codes.scale, self.codes.zero_point, 0, 255)


class _Range(nn.Module):
    """Remembers what passed: the extremes, and samples for finding where to clip."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.detach().reshape(-1)
        if flat.numel() > _SAMPLES_PER_BATCH:
            places = torch.arange(_SAMPLES_PER_BATCH, device=flat.device) * flat.numel() // _SAMPLES_PER_BATCH
            flat = torch.cat([flat[places], flat.amin().reshape(1), flat.amax().reshape(1)])
        self.seen.append(flat)
        return x


def weight_scales(weight: torch.Tensor, largest: int) -> torch.Tensor:
    """Scales per output channel: full range for many codes, least squared error for few.

    Args:
        weight: ``[channels, …]``.
        largest: The largest code.

    Returns:
        ``[channels]``, positive.
    """
    flat = weight.detach().reshape(weight.shape[0], -1)
    full = flat.abs().amax(dim=1).clamp_min(1e-8) / largest
    if largest > 7:
        return full
    best, best_error = full, torch.full_like(full, torch.inf)
    for kept_fraction in np.linspace(0.4, 1.0, 25):
        scales = full * float(kept_fraction)
        codes = torch.clamp(torch.round(flat / scales[:, None]), -largest, largest)
        error = ((codes * scales[:, None] - flat) ** 2).sum(dim=1)
        best = torch.where(error < best_error, scales, best)
        best_error = torch.minimum(error, best_error)
    return best


def calibrate(
    network: nn.Module, blueprint: Blueprint, batches: Iterable[torch.Tensor], reduced_range: bool
) -> QuantizationScheme:
    """Find the scales of a folded network from real inputs.

    Args:
        network: Folded, with identity modules for codes; unchanged afterwards.
        blueprint: With precisions.
        batches: uint8 pixels ``[n, C, H, W]``; a few hundred images are enough.
        reduced_range: See :class:`penjing.protocols.Abilities`.

    Raises:
        DataError: If a scale is needed and there is no batch to find it from.
    """
    ranges = {layer.name: _Range() for layer in blueprint.layers if layer.has_codes}
    if ranges:
        _watch(network, ranges, batches)
    activations = {
        name: _activation_scale(seen, is_never_negative(blueprint, name)) for name, seen in ranges.items()
    }
    scales: dict[str, FloatArray] = {}
    for layer in blueprint.weighted_layers:
        precision = precision_named(layer.precision)
        if precision.weight_storage.startswith("int"):
            largest = largest_weight_code(precision.weight_bits, precision.integer, reduced_range)
            module = getattr(network, layer.module_name)
            found = weight_scales(module.weight, largest)
            if precision.integer:
                # A channel of (nearly) no weights would have a scale in which its bias overflows 32 bits.
                step = _input_scale(layer, blueprint, activations) * (_LARGEST_BIAS_CODE // 2)
                found = torch.maximum(found, module.bias.detach().abs() / step)
            scales[layer.name] = found.cpu().numpy().astype(np.float32)
    return QuantizationScheme(scales, activations, reduced_range)


def _watch(network: nn.Module, ranges: dict[str, _Range], batches: Iterable[torch.Tensor]) -> None:
    """Let ``ranges`` see what passes, and leave the network as it was."""
    before = {name: getattr(network, _codes_name(name)) for name in ranges}
    was_training = network.training
    for name, module in ranges.items():
        setattr(network, _codes_name(name), module)
    try:
        with torch.no_grad():
            network.eval()
            for batch in batches:
                network(batch)
    finally:
        network.train(was_training)
        for name, module in before.items():
            setattr(network, _codes_name(name), module)
    if not all(seen.seen for seen in ranges.values()):
        raise DataError("Finding the scales of activations needs at least one batch of images, got none.")


def _input_scale(layer: Layer, blueprint: Blueprint, activations: Mapping[str, ActivationScale]) -> float:
    """The scale of the uint8 tensor that an integer layer reads."""
    source = activations.get(blueprint.source_of_codes(layer.inputs[0]))
    return source.scale if source else blueprint.input.scale


def _codes_name(layer: str) -> str:
    return layer.replace(".", "_") + "_codes"


def _activation_scale(seen: _Range, never_negative: bool) -> ActivationScale:
    """The clipping range with the least squared error among a few fractions of the full range."""
    values = torch.cat(seen.seen)
    low, high = (0.0, float(values.max())) if never_negative else (float(values.min()), float(values.max()))
    low, high = min(low, 0.0), max(high, low + 1e-6, 1e-6)
    best, best_error = ActivationScale(1.0, 0), float("inf")
    for kept_fraction in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        span = max((high - low) * kept_fraction, 1e-6)
        scale = float(np.float32(span / 255))
        zero_point = 0 if never_negative else int(np.clip(round(-low * kept_fraction / scale), 0, 255))
        rounded = torch.fake_quantize_per_tensor_affine(values, scale, zero_point, 0, 255)
        error = float(((rounded - values) ** 2).mean())
        if error < best_error:
            best, best_error = ActivationScale(scale, zero_point), error
    return best


def simulate_(network: nn.Module, blueprint: Blueprint, scheme: QuantizationScheme) -> nn.Module:
    """Make a folded network compute what its artifact will, in place; it stays trainable."""
    for layer in blueprint.layers:
        if layer.has_codes:
            setattr(network, _codes_name(layer.name), ActivationCodes(scheme.activations[layer.name]))
    for layer in blueprint.weighted_layers:
        module = getattr(network, layer.module_name)
        precision = precision_named(layer.precision)
        if precision.weight_storage.startswith("int"):
            largest = largest_weight_code(precision.weight_bits, precision.integer, scheme.reduced_range)
            scales = torch.tensor(scheme.weight_scales[layer.name], device=module.weight.device)
            rounding: nn.Module = WeightCodes(scales, largest)
        elif precision.weight_storage == "float16":
            rounding = HalfWeight()
        else:
            continue
        parametrize.register_parametrization(module, "weight", rounding)
        if precision.integer:
            # The file's bias is a code too. Left out, what differs adds up from layer to layer.
            step = rounding.get_buffer("scales") * _input_scale(layer, blueprint, scheme.activations)
            parametrize.register_parametrization(module, "bias", WeightCodes(step, _LARGEST_BIAS_CODE))
    return network
