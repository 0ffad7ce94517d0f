"""What a network will be once its layers have precisions: exact, before anything is computed.

Layers with integer precision read and write uint8; where a float layer meets
an integer one, a ``quantize`` or ``dequantize`` layer stands between them, so
that bytes, latency features and the file all see the same boundaries.
"""

from collections.abc import Callable
from functools import lru_cache

from penjing.blueprint import Blueprint, Layer, Precision, TensorSpec, precision_named

_SCALE = TensorSpec("output_scale", (), "float32")
_ZERO_POINT = TensorSpec("output_zero_point", (), "uint8")
# ONNX Runtime has means of codes as well: they take three times as long as both boundaries and floats.
_ALWAYS_FLOAT = ("standardise", "leaky_relu", "elu", "zeros", "average_pool")


def is_never_negative(blueprint: Blueprint, name: str) -> bool:
    """Whether a layer's values cannot be negative, so that its zero point is 0."""
    if name == blueprint.input.name:
        return False
    layer = blueprint[name]
    if layer.operation == "conv2d":
        return layer.attributes["activation"] == "relu"
    if layer.operation in ("quantize", "dequantize", "average_pool", "max_pool", "global_average_pool"):
        return is_never_negative(blueprint, layer.inputs[0])
    return layer.operation in ("relu", "zeros")


@lru_cache(maxsize=4096)
def _weight_tensors(shape: tuple[int, ...], storage: str, integer: bool) -> tuple[TensorSpec, ...]:
    weight, bias = (
        TensorSpec("weight", shape, storage),
        TensorSpec("bias", shape[:1], "int32" if integer else "float32"),
    )
    if not storage.startswith("int"):
        return weight, bias
    return weight, TensorSpec("weight_scale", shape[:1], "float32"), bias


def with_precisions(blueprint: Blueprint, precision_of: Callable[[Layer], str]) -> Blueprint:
    """Give every layer with weights a precision, and put the boundaries in.

    A sum takes the precision of the layer it adds to, the mean of an image that
    of the layer that follows it; a ReLU and a maximum compute in what they read.

    Args:
        blueprint: In 32-bit floats.
        precision_of: From a layer with weights to the name of its precision.
    """
    return _Rewriter(blueprint, precision_of).run()


class _Rewriter:
    def __init__(self, blueprint: Blueprint, precision_of: Callable[[Layer], str]) -> None:
        self._old = blueprint
        self._precision_of = precision_of
        self._new: dict[str, Layer] = {}
        given = blueprint.input
        self._is_integer: dict[str, bool] = {given.name: given.storage == "uint8"}

    def run(self) -> Blueprint:
        for layer in self._old.layers:
            if self._old.holds_pixels(layer.name):
                self._new[layer.name] = layer
                self._is_integer[layer.name] = True
            elif layer.operation != "dequantize":
                self._append(layer)
        output = self._as_float(self._old.output)
        return self._old.with_layers(tuple(self._new.values()), output)

    def _append(self, layer: Layer) -> None:
        precision = self._precision(layer)
        read = self._as_integer if precision.integer else self._as_float
        # An integer matrix product gives floats: the last layer, or one whose activation is in floats.
        integer_output = precision.integer and layer.operation != "linear"
        # Not dataclasses.replace: this runs for every layer of every candidate, and that takes twice as long.
        self._new[layer.name] = Layer(
            layer.name,
            layer.operation,
            tuple([read(self._source(name)) for name in layer.inputs]),
            layer.output_shape,
            layer.attributes,
            precision.name,
            "uint8" if integer_output else "float32",
            self._tensors(layer, precision, integer_output),
            layer.width_group,
        )
        self._is_integer[layer.name] = integer_output

    def _precision(self, layer: Layer) -> Precision:
        if layer.has_weights:
            return precision_named(self._precision_of(layer))
        if layer.operation in _ALWAYS_FLOAT:
            return precision_named("fp32")
        if layer.keeps_codes:
            source = self._new.get(layer.inputs[0])
            is_integer = source is not None and source.output_storage == "uint8"
            return precision_named(source.precision if source and is_integer else "fp32")
        neighbour = self._reader(layer) if layer.operation == "global_average_pool" else self._summand(layer)
        precision = precision_named(self._precision_of(neighbour) if neighbour else "fp32")
        return precision if precision.integer else precision_named("fp32")

    def _reader(self, layer: Layer) -> Layer | None:
        readers = (after for after in self._old.layers if after.has_weights and layer.name in after.inputs)
        return next(readers, None)

    def _summand(self, layer: Layer) -> Layer | None:
        while not layer.has_weights:
            if not layer.inputs or layer.inputs[0] not in self._old:
                return None
            layer = self._old[layer.inputs[0]]
        return layer

    def _source(self, name: str) -> str:
        """The raw pixels stand for their normalised floats: each reader takes the form it needs."""
        if name in self._old and self._old[name].operation == "dequantize":
            return self._old[name].inputs[0]
        return name

    def _tensors(self, layer: Layer, precision: Precision, integer_output: bool) -> tuple[TensorSpec, ...]:
        made: list[TensorSpec] = []
        if layer.operation == "standardise":
            made.extend(layer.tensors)
        if layer.has_weights:
            shape = layer.tensor("weight").shape
            made.extend(_weight_tensors(shape, precision.weight_storage, precision.integer))
        if integer_output and not layer.keeps_codes:
            made.extend(self._output_scale(layer.name))
        return tuple(made)

    def _output_scale(self, name: str) -> tuple[TensorSpec, ...]:
        return (_SCALE,) if is_never_negative(self._old, name) else (_SCALE, _ZERO_POINT)

    def _as_float(self, name: str) -> str:
        if not self._is_integer[name]:
            return name
        made = "input.dequantize" if self._old.holds_pixels(name) else f"{name}.dequantize"
        if made not in self._new:
            shape = self._old.shape_of(name)
            self._new[made] = Layer(made, "dequantize", (name,), shape)
            self._is_integer[made] = False
        return made

    def _as_integer(self, name: str) -> str:
        if self._is_integer[name]:
            return name
        made = f"{name}.quantize"
        if made not in self._new:
            self._new[made] = Layer(
                made,
                "quantize",
                (name,),
                self._old.shape_of(name),
                precision="w8a8",
                output_storage="uint8",
                tensors=self._output_scale(name),
            )
            self._is_integer[made] = True
        return made
