"""A network as plain data: inputs, layers in order of computation, tensors with storage, edges.

Operations and their attributes:

=====================  =====================================================
``resize``             bilinear, on uint8 pixels
``flatten``            uint8 pixels one after the other
``standardise``        float32 features to normalised ones
``quantize``           float32 to uint8
``dequantize``         uint8 to float32
``conv2d``             ``kernel``, ``stride``, ``groups``, ``activation``, ``dilation``,
                       ``trained_as``
``add``                sum of two equal shapes
``relu``               nothing below 0
``leaky_relu``         a hundredth of what is below 0
``elu``                ``exp(x) - 1`` below 0
``average_pool``       ``kernel``, ``stride``; the mean of what lies inside the image
``max_pool``           ``kernel``, ``stride``; the largest of what lies inside the image
``zeros``              zeros of the shape that is read
``global_average_pool``  mean over height and width
``linear``             matrix product; ``normalised``
=====================  =====================================================

Shapes are without the batch axis, which is always free. ``activation`` is
``relu`` or ``none``. Convolutions and pooling pad as :class:`Window` says. ``dilation`` is given where a
convolution does not read neighbouring pixels: how far apart they are.
``trained_as``, where it is given, says that a convolution is trained without normalisation (``conv``), or
is a normalisation and nothing else (``norm``). A matrix product is trained without normalisation, unless
``normalised`` is given.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any

from penjing.blueprint.precision import STORAGE_BITS
from penjing.blueprint.window import Window
from penjing.errors import FormatVersionError, unknown_name

FORMAT_VERSION = 1
# Operations that give uint8 codes of the scale of those that they read.
_MOVING = ("resize", "flatten")
_KEEPING = (*_MOVING, "relu", "max_pool")


@dataclass(frozen=True)
class TensorSpec:
    """A stored tensor: its role in the layer (``weight``, ``bias``, ``weight_scale``), shape, storage."""

    role: str
    shape: tuple[int, ...]
    storage: str

    @property
    def n_elements(self) -> int:
        """How many numbers it holds; 1 for a scalar."""
        return prod(self.shape)

    @property
    def n_bytes(self) -> int:
        """Its payload in the file, without name and header; two 4-bit numbers share a byte."""
        return (self.n_elements * STORAGE_BITS[self.storage] + 7) // 8


@dataclass(frozen=True)
class InputSpec:
    """An input of the network, raw, and the rounded constants that normalise it; the batch axis is free.

    Of pixels, which are uint8, the network sees ``(x - zero_point) * scale``. Of features, which are float32,
    it sees ``(x - mean) * scale``, with constants of each feature's own.

    Attributes:
        name: Of the input.
        shape: Without the batch axis: ``(channels, height, width)`` or ``(features,)``.
        storage: ``uint8`` or ``float32``.
        scale: Of pixels.
        zero_point: Of pixels.
        means: Of each feature; none for pixels.
        scales: Of each feature, 0 for one that the network shall not see; none for pixels.
    """

    name: str
    shape: tuple[int, ...]
    storage: str = "uint8"
    scale: float = 1.0 / 255.0
    zero_point: int = 0
    means: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()


@dataclass(frozen=True)
class Layer:
    """One operation of the network.

    Attributes:
        name: Dotted; the first parts are the block it belongs to.
        operation: See the module's table.
        inputs: Names of the layers, or of the input, that it reads.
        output_shape: Without the batch axis: ``(channels, height, width)`` or ``(features,)``.
        attributes: Per operation, see the module's table.
        precision: Name of the precision; of interest for layers with weights.
        output_storage: ``float32`` or ``uint8``.
        tensors: What it stores.
        width_group: Layers that share this name share the number of output channels.
    """

    name: str
    operation: str
    inputs: tuple[str, ...]
    output_shape: tuple[int, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    precision: str = "fp32"
    output_storage: str = "float32"
    tensors: tuple[TensorSpec, ...] = ()
    width_group: str = ""

    @property
    def block(self) -> str:
        """The block that the layer belongs to: its name without the last part."""
        return self.name.rpartition(".")[0] or self.name

    @property
    def module_name(self) -> str:
        """The attribute of a plain module that holds the layer: its name with ``_`` for ``.``.

        Example:
            >>> Layer("stage1.block0.plain.conv", "conv2d", (), ()).module_name
            'stage1_block0_plain_conv'
        """
        return self.name.replace(".", "_")

    @property
    def has_codes(self) -> bool:
        """Whether the layer rounds its result to uint8 codes of its own scale."""
        return self.output_storage == "uint8" and not self.keeps_codes

    @property
    def keeps_codes(self) -> bool:
        """Whether the layer, where it reads uint8 codes, gives codes of the same scale."""
        return self.operation in _KEEPING

    @property
    def window(self) -> Window:
        """How a convolution or a pooling walks over the image that it reads."""
        kernel, stride = int(self.attributes["kernel"]), int(self.attributes["stride"])
        if self.operation == "conv2d":
            return Window.of_convolution(kernel, stride, int(self.attributes.get("dilation", 1)))
        return Window.of_pooling(kernel, stride)

    def tensor(self, role: str) -> TensorSpec:
        """The stored tensor of that role.

        Raises:
            UnknownNameError: If the layer stores none.
        """
        for tensor in self.tensors:
            if tensor.role == role:
                return tensor
        raise unknown_name(f"tensor of layer {self.name!r}", role, [tensor.role for tensor in self.tensors])

    @property
    def has_weights(self) -> bool:
        """Whether the layer holds a weight tensor."""
        for tensor in self.tensors:  # noqa: SIM110 (any() is slower, and every candidate asks)
            if tensor.role == "weight":
                return True
        return False


@dataclass(frozen=True)
class Blueprint:
    """A whole network; layers stand in an order in which they can be computed.

    Example:
        >>> from penjing.blueprint import BlueprintBuilder
        >>> build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
        >>> name = build.conv2d("stem.conv", build.dequantize(), 4, kernel=3, stride=2)
        >>> blueprint = build.finish(build.linear("head.linear", build.global_average_pool(name), 10))
        >>> blueprint["stem.conv"].output_shape
        (4, 4, 4)
        >>> Blueprint.from_dict(blueprint.as_dict()) == blueprint
        True
    """

    input: InputSpec
    layers: tuple[Layer, ...]
    output: str

    @cached_property
    def _by_name(self) -> dict[str, Layer]:
        return {layer.name: layer for layer in self.layers}

    def __getitem__(self, name: str) -> Layer:
        if name not in self._by_name:
            raise unknown_name("layer", name, self._by_name)
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def _readers(self) -> dict[str, list[Layer]]:
        readers: dict[str, list[Layer]] = {}
        for layer in self.layers:
            for name in layer.inputs:
                readers.setdefault(name, []).append(layer)
        return readers

    def readers(self, name: str) -> tuple[Layer, ...]:
        """The layers that read what a layer, or the input, gives."""
        return tuple(self._readers.get(name, ()))

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Shape of what a layer, or the input, gives."""
        return self.input.shape if name == self.input.name else self[name].output_shape

    def holds_pixels(self, name: str) -> bool:
        """Whether a layer, or the input, gives raw pixels: as they came, resized, or in another order."""
        if name == self.input.name:
            return self.input.storage == "uint8"
        return self[name].operation in _MOVING

    def source_of_codes(self, name: str) -> str:
        """The layer, or the input, whose scale the codes of a uint8 tensor have."""
        while name != self.input.name and self[name].keeps_codes:
            (name,) = self[name].inputs
        return name

    @property
    def weighted_layers(self) -> tuple[Layer, ...]:
        """The layers that hold weights, in order."""
        return tuple(layer for layer in self.layers if layer.has_weights)

    def with_layers(self, layers: tuple[Layer, ...], output: str) -> "Blueprint":
        """The same input with other layers."""
        return replace(self, layers=layers, output=output)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON data with a ``format_version``."""
        made: dict[str, Any] = {"format_version": FORMAT_VERSION, **asdict(self)}
        of_others = ("means", "scales") if self.input.storage == "uint8" else ("scale", "zero_point")
        for name in of_others:
            del made["input"][name]
        return made

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Blueprint":
        """Read what :meth:`as_dict` wrote.

        Raises:
            FormatVersionError: If another version of the format wrote it.
        """
        version = data.get("format_version")
        if version != FORMAT_VERSION:
            raise FormatVersionError(
                f"A blueprint of format_version {version!r} cannot be read; this Penjing reads "
                f"{FORMAT_VERSION}. Use the Penjing that wrote it.",
                found=version,
                readable=[FORMAT_VERSION],
            )
        layers = tuple(_layer_from(layer) for layer in data["layers"])
        return cls(_input_from(data["input"]), layers, data["output"])


def _input_from(data: Mapping[str, Any]) -> InputSpec:
    rows = {name: tuple(data.get(name, ())) for name in ("shape", "means", "scales")}
    read: dict[str, Any] = {**data, **rows}
    return InputSpec(**read)


def _layer_from(data: Mapping[str, Any]) -> Layer:
    read: dict[str, Any] = {
        **data,
        "inputs": tuple(data["inputs"]),
        "output_shape": tuple(data["output_shape"]),
        "tensors": tuple(
            TensorSpec(tensor["role"], tuple(tensor["shape"]), tensor["storage"])
            for tensor in data["tensors"]
        ),
    }
    return Layer(**read)
