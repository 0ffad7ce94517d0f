"""Write a blueprint as an ONNX file, straight from its layers.

Where the runtime can be led to do work once, at load, instead of at every
call, the file is made so: weights stored in few bits for float layers are
cast and scaled by constant nodes that ONNX Runtime folds away, so they cost
the bytes of integers and the time of floats. Integer layers use the
``QLinear`` operators directly: one node where a quantize/dequantize pair
around every tensor would need six.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from penjing.blueprint import Blueprint, Layer, precision_named
from penjing.errors import InvalidValueError
from penjing.protocols import FloatArray, QuantizationScheme, largest_weight_code, weight_codes
from penjing.targets.onnxruntime.document import MICROSOFT, ByteCount, Document, Outside


def write_onnx(blueprint: Blueprint, weights: Mapping[str, FloatArray], scheme: QuantizationScheme) -> bytes:
    """The ONNX file of a network.

    Args:
        blueprint: What to write.
        weights: ``<layer>.weight`` and ``<layer>.bias``, in floats, normalisation folded in.
        scheme: Scales for every quantized tensor of the blueprint.

    Returns:
        The file; equal arguments give equal bytes.

    Raises:
        InvalidValueError: If the blueprint's output is not its last layer.
    """
    document = Document(*_outside(blueprint))
    _Writer(document, blueprint, weights, scheme).write()
    return document.to_bytes()


def count_onnx_bytes(blueprint: Blueprint) -> int:
    """The exact size of the file that :func:`write_onnx` would make, without any weights."""
    count = ByteCount(*_outside(blueprint))
    _Writer(count, blueprint, None, QuantizationScheme()).write()
    return count.n_bytes()


def _outside(blueprint: Blueprint) -> tuple[Outside, Outside]:
    """Input and output of the file."""
    given, result = blueprint.input, blueprint.layers[-1]
    if result.name != blueprint.output:
        raise InvalidValueError(
            f"The output must be the last layer, which is {result.name!r}, got {blueprint.output!r}."
        )
    name = "y" if given.name != "y" else "z"
    return (given.name, given.storage, given.shape), (name, "float32", result.output_shape)


class _Writer:
    """Puts the layers of a blueprint into a document; ``weights`` is None where bytes are only counted."""

    def __init__(
        self,
        document: Document | ByteCount,
        blueprint: Blueprint,
        weights: Mapping[str, FloatArray] | None,
        scheme: QuantizationScheme,
    ) -> None:
        self._document = document
        self._blueprint = blueprint
        self._weights = weights
        self._scheme = scheme
        self._tensor = {blueprint.input.name: blueprint.input.name}
        self._scale: dict[str, tuple[str, str]] = {}
        self._zeros: dict[str, str] = {}

    def write(self) -> None:
        write = {
            "resize": self._resize,
            "flatten": self._flatten,
            "standardise": self._standardise,
            "quantize": self._quantize,
            "dequantize": self._dequantize,
            "conv2d": self._conv2d,
            "add": self._add,
            "relu": self._activation,
            "leaky_relu": self._activation,
            "elu": self._activation,
            "zeros": self._zeros_like,
            "average_pool": self._pool,
            "max_pool": self._pool,
            "global_average_pool": self._global_average_pool,
            "linear": self._linear,
        }
        for layer in self._blueprint.layers:
            self._tensor[layer.name] = write[layer.operation](layer)

    def _scalar(self, value: float, storage: str) -> str:
        values = None if self._weights is None else np.asarray(value, dtype=storage)
        return self._document.store((), storage, values)

    def _zero(self, storage: str) -> str:
        if storage not in self._zeros:
            self._zeros[storage] = self._scalar(0, storage)
        return self._zeros[storage]

    def _output_scale(self, layer: Layer) -> tuple[str, str]:
        """Names of scale and zero point of the layer's uint8 output."""
        activation = self._scheme.activations.get(layer.name)
        roles = {tensor.role for tensor in layer.tensors}
        scale = self._scalar(activation.scale if activation else 1.0, "float32")
        if "output_zero_point" in roles:
            zero_point = self._scalar(activation.zero_point if activation else 0, "uint8")
        else:
            zero_point = self._zero("uint8")
        self._scale[layer.name] = (scale, zero_point)
        return scale, zero_point

    def _input_scale(self, name: str) -> tuple[str, str]:
        """Names of scale and zero point of a uint8 tensor that is read."""
        name = self._blueprint.source_of_codes(name)
        if name not in self._scale:  # the pixels'
            given = self._blueprint.input
            zero_point = self._scalar(given.zero_point, "uint8") if given.zero_point else self._zero("uint8")
            self._scale[name] = (self._scalar(given.scale, "float32"), zero_point)
        return self._scale[name]

    def _codes(self, layer: Layer) -> str:
        """Store the weights of a layer as integer codes and return their name."""
        tensor = layer.tensor("weight")
        precision = precision_named(layer.precision)
        codes = None
        if self._weights is not None:
            largest = largest_weight_code(
                precision.weight_bits, precision.integer, self._scheme.reduced_range
            )
            codes = weight_codes(
                self._weights[f"{layer.name}.weight"], self._scheme.weight_scales[layer.name], largest
            )
        return self._document.store(tensor.shape, tensor.storage, codes)

    def _weight_scale(self, layer: Layer, shape: tuple[int, ...]) -> str:
        scales = None if self._weights is None else self._scheme.weight_scales[layer.name].reshape(shape)
        return self._document.store(shape, "float32", scales)

    def _float_weight(self, layer: Layer) -> str:
        tensor = layer.tensor("weight")
        if tensor.storage.startswith("float"):
            values = None if self._weights is None else self._weights[f"{layer.name}.weight"]
            stored = self._document.store(tensor.shape, tensor.storage, values)
            if tensor.storage == "float32":
                return stored
            return self._document.node("Cast", [stored], to=TensorProto.FLOAT)
        cast = self._document.node("Cast", [self._codes(layer)], to=TensorProto.FLOAT)
        shape = (tensor.shape[0], *([1] * (len(tensor.shape) - 1)))
        return self._document.node("Mul", [cast, self._weight_scale(layer, shape)])

    def _float_bias(self, layer: Layer) -> str:
        values = None if self._weights is None else self._weights[f"{layer.name}.bias"]
        return self._document.store(layer.tensor("bias").shape, "float32", values)

    def _integer_operands(self, layer: Layer) -> tuple[str, str, str]:
        """Names of codes, scales and bias of an integer layer."""
        codes = self._codes(layer)
        if layer.tensor("weight").storage == "int4":
            codes = self._document.node("Cast", [codes], to=TensorProto.INT8)
        n_channels = layer.tensor("weight").shape[0]
        bias = None
        if self._weights is not None:
            scales = self._scheme.weight_scales[layer.name].astype(np.float64)
            bias_scale = scales * self._scale_of_input(layer)
            bias = np.rint(self._weights[f"{layer.name}.bias"] / bias_scale)
            bias = np.clip(bias, -(2**31), 2**31 - 1).astype(np.int32)
        return (
            codes,
            self._weight_scale(layer, (n_channels,)),
            self._document.store((n_channels,), "int32", bias),
        )

    def _scale_of_input(self, layer: Layer) -> float:
        name = self._blueprint.source_of_codes(layer.inputs[0])
        if name in self._scheme.activations:
            return self._scheme.activations[name].scale
        return self._blueprint.input.scale

    def _resize(self, layer: Layer) -> str:
        size = np.array(layer.output_shape[1:], dtype=np.int64)
        stored = self._document.store((2,), "int64", None if self._weights is None else size)
        return self._document.node(
            "Resize",
            [self._tensor[layer.inputs[0]], "", "", stored],
            mode="linear",
            axes=(2, 3),
        )

    def _flatten(self, layer: Layer) -> str:
        return self._document.node("Flatten", [self._tensor[layer.inputs[0]]])

    def _standardise(self, layer: Layer) -> str:
        given = self._blueprint.input
        centred = self._document.node("Sub", [self._tensor[given.name], self._of_features(given.means)])
        return self._document.node("Mul", [centred, self._of_features(given.scales)])

    def _of_features(self, values: Sequence[float]) -> str:
        stored = None if self._weights is None else np.array(values, dtype=np.float32)
        return self._document.store(self._blueprint.input.shape, "float32", stored)

    def _quantize(self, layer: Layer) -> str:
        return self._document.node(
            "QuantizeLinear", [self._tensor[layer.inputs[0]], *self._output_scale(layer)]
        )

    def _dequantize(self, layer: Layer) -> str:
        source = layer.inputs[0]
        if not self._runtime_would_fuse(layer):
            operands = [self._tensor[source], *self._input_scale(source)]
            return self._document.node("DequantizeLinear", operands)
        known = self._scale.get(self._blueprint.source_of_codes(source))
        scale = known[0] if known else self._scalar(self._blueprint.input.scale, "float32")
        made = self._document.node("Cast", [self._tensor[source]], to=TensorProto.FLOAT)
        offset = self._zero_point_of(source)
        if offset is not None:
            made = self._document.node("Sub", [made, self._scalar(offset, "float32")])
        return self._document.node("Mul", [made, scale])

    def _runtime_would_fuse(self, layer: Layer) -> bool:
        """Whether a float layer stands between this ``dequantize`` and a ``quantize``.

        ONNX Runtime turns that pattern into an integer layer and quantizes its weights
        itself: another computation than the one that was trained and chosen.
        """
        readers = self._readers_past_maxima(layer.name)
        after = [again for reader in readers for again in self._readers_past_maxima(reader.name)]
        return any(reader.operation == "quantize" for reader in (*readers, *after))

    def _readers_past_maxima(self, name: str) -> list[Layer]:
        """What reads a layer, or maxima of it, past which ONNX Runtime moves a ``quantize``."""
        found: list[Layer] = []
        for reader in self._blueprint.readers(name):
            found.append(reader)
            if reader.operation == "max_pool":
                found.extend(self._readers_past_maxima(reader.name))
        return found

    def _zero_point_of(self, name: str) -> int | None:
        """The zero point of a uint8 tensor, None where it is known to be zero from shapes alone."""
        given, name = self._blueprint.input, self._blueprint.source_of_codes(name)
        if name == given.name:
            return given.zero_point or None
        if all(tensor.role != "output_zero_point" for tensor in self._blueprint[name].tensors):
            return None
        known = self._scheme.activations.get(name)
        return known.zero_point if known else 0

    def _conv2d(self, layer: Layer) -> str:
        attributes = _walk(layer)
        if layer.attributes["groups"] > 1:
            attributes["group"] = layer.attributes["groups"]
        source = layer.inputs[0]
        if precision_named(layer.precision).integer:
            codes, scales, bias = self._integer_operands(layer)
            operands = [self._tensor[source], *self._input_scale(source), codes, scales, self._zero("int8")]
            # The uint8 output with zero point 0 cuts off negative values: the ReLU is free.
            operands += [*self._output_scale(layer), bias]
            return self._document.node("QLinearConv", operands, **attributes)
        operands = [self._tensor[source], self._float_weight(layer), self._float_bias(layer)]
        made = self._document.node("Conv", operands, **attributes)
        if layer.attributes["activation"] == "relu":
            made = self._document.node("Relu", [made])
        return made

    def _add(self, layer: Layer) -> str:
        first, second = layer.inputs
        if layer.output_storage == "float32":
            return self._document.node("Add", [self._tensor[first], self._tensor[second]])
        operands = [self._tensor[first], *self._input_scale(first)]
        operands += [self._tensor[second], *self._input_scale(second), *self._output_scale(layer)]
        return self._document.node("QLinearAdd", operands, MICROSOFT)

    def _activation(self, layer: Layer) -> str:
        if layer.output_storage == "uint8":
            (source,) = layer.inputs
            # What is negative has codes below that of 0.
            return self._document.node("Clip", [self._tensor[source], self._input_scale(source)[1]])
        # Slopes are what these have without any attribute.
        node = {"relu": "Relu", "leaky_relu": "LeakyRelu", "elu": "Elu"}[layer.operation]
        return self._document.node(node, [self._tensor[layer.inputs[0]]])

    def _zeros_like(self, layer: Layer) -> str:
        source = self._tensor[layer.inputs[0]]
        return self._document.node("Sub", [source, source])

    def _pool(self, layer: Layer) -> str:
        node = {"average_pool": "AveragePool", "max_pool": "MaxPool"}[layer.operation]
        kernel = layer.window.kernel
        # A maximum of codes is the code of the maximum: ONNX Runtime takes it of uint8 as well.
        return self._document.node(
            node, [self._tensor[layer.inputs[0]]], kernel_shape=(kernel, kernel), **_walk(layer)
        )

    def _global_average_pool(self, layer: Layer) -> str:
        source = layer.inputs[0]
        if layer.output_storage == "float32":
            pooled = self._document.node("GlobalAveragePool", [self._tensor[source]])
        else:
            operands = [self._tensor[source], *self._input_scale(source), *self._output_scale(layer)]
            pooled = self._document.node("QLinearGlobalAveragePool", operands, MICROSOFT)
        return self._document.node("Flatten", [pooled])

    def _linear(self, layer: Layer) -> str:
        source = layer.inputs[0]
        if precision_named(layer.precision).integer:
            codes, scales, bias = self._integer_operands(layer)
            shape = layer.output_shape
            # QGemm wants one zero point per column, unlike QLinearConv.
            zeros = self._document.store(shape, "int8", None if self._weights is None else np.zeros(shape))
            operands = [self._tensor[source], *self._input_scale(source), codes, scales, zeros, bias]
            return self._document.node("QGemm", operands, MICROSOFT, transB=1)
        operands = [self._tensor[source], self._float_weight(layer), self._float_bias(layer)]
        return self._document.node("Gemm", operands, transB=1)


def _walk(layer: Layer) -> dict[str, Any]:
    """How a convolution or a pooling walks over the image, where it is not as ONNX takes for granted."""
    window = layer.window
    made: dict[str, Any] = {}
    if window.padding:
        made["pads"] = (window.padding,) * 4
    if window.stride > 1:
        made["strides"] = (window.stride,) * 2
    if window.dilation > 1:
        made["dilations"] = (window.dilation,) * 2
    return made
