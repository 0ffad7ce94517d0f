"""Write a blueprint layer by layer; shapes follow by themselves."""

from math import prod
from typing import Any

from penjing.blueprint.blueprint import Blueprint, InputSpec, Layer, TensorSpec
from penjing.blueprint.window import Window
from penjing.errors import InvalidValueError, ShapeError, unknown_name


class BlueprintBuilder:
    """Collects layers; every method returns the new layer's name.

    Everything is written in 32-bit floats: a compression method rewrites the
    finished blueprint.
    """

    def __init__(self, given: InputSpec) -> None:
        self._input = given
        self._layers: dict[str, Layer] = {}

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Shape of what a layer so far, or the input, gives, without the batch axis.

        Raises:
            UnknownNameError: If there is no such layer yet.
        """
        if name == self._input.name:
            return self._input.shape
        if name not in self._layers:
            raise unknown_name("layer", name, self._layers)
        return self._layers[name].output_shape

    def _append(
        self,
        name: str,
        operation: str,
        inputs: tuple[str, ...],
        output_shape: tuple[int, ...],
        attributes: dict[str, Any] | None = None,
        tensors: tuple[TensorSpec, ...] = (),
        storage: str = "float32",
        width_group: str = "",
    ) -> str:
        if name in self._layers or name == self._input.name:
            raise InvalidValueError(f"Every layer needs a name of its own, got {name!r} twice.")
        self._layers[name] = Layer(
            name, operation, inputs, output_shape, attributes or {}, "fp32", storage, tensors, width_group
        )
        return name

    def resize(self, size: tuple[int, int]) -> str:
        """Resize the raw input to ``(height, width)``; returns the input's name if it has that size."""
        channels, *here = self._input.shape
        if tuple(here) == size:
            return self._input.name
        return self._append("input.resize", "resize", (self._input.name,), (channels, *size), storage="uint8")

    def flatten(self, source: str | None = None) -> str:
        """The pixels of the input, or of its resized form, one after the other, by channels, then rows."""
        source = source or self._input.name
        n = prod(self.shape_of(source))
        return self._append("input.flatten", "flatten", (source,), (n,), storage="uint8")

    def dequantize(self, source: str | None = None) -> str:
        """Turn pixels into normalised floats."""
        source = source or self._input.name
        return self._append("input.dequantize", "dequantize", (source,), self.shape_of(source))

    def standardise(self) -> str:
        """Turn the features of the input into normalised floats.

        A layer of its own: in the weights of the next one, features of unlike ranges would share the scales
        of its integers.
        """
        shape = self._input.shape
        tensors = (TensorSpec("mean", shape, "float32"), TensorSpec("scale", shape, "float32"))
        return self._append("input.standardise", "standardise", (self._input.name,), shape, tensors=tensors)

    def conv2d(
        self,
        name: str,
        source: str,
        width: int,
        kernel: int = 3,
        stride: int = 1,
        groups: int = 1,
        activation: str = "relu",
        width_group: str = "",
        trained_as: str = "",
        dilation: int = 1,
    ) -> str:
        """A convolution with bias, its normalisation folded in, and its activation.

        Args:
            name: Of the layer.
            source: What it reads.
            width: Channels of the result.
            kernel: Height and width of the filters.
            stride: Between two of their places.
            groups: Into which channels fall; as many as channels for a depthwise convolution.
            activation: ``relu`` or ``none``.
            width_group: Layers that share this name share the number of output channels.
            trained_as: ``conv`` without normalisation, ``norm`` a normalisation alone; empty for both.
            dilation: Pixels from one that a filter reads to the next; 1 for neighbours.
        """
        channels, height, breadth = self.shape_of(source)
        if channels % groups or width % groups:
            raise ShapeError(
                f"{name}: groups must divide channels, got {groups} groups for "
                f"{channels} input and {width} output channels."
            )
        window = Window.of_convolution(kernel, stride, dilation)
        out = tuple(window.n_places(size) for size in (height, breadth))
        tensors = (
            TensorSpec("weight", (width, channels // groups, kernel, kernel), "float32"),
            TensorSpec("bias", (width,), "float32"),
        )
        attributes = {"kernel": kernel, "stride": stride, "groups": groups, "activation": activation}
        if dilation != 1:
            attributes["dilation"] = dilation
        if trained_as:
            attributes["trained_as"] = trained_as
        return self._append(
            name, "conv2d", (source,), (width, *out), attributes, tensors, width_group=width_group
        )

    def add(self, name: str, first: str, second: str) -> str:
        """The sum of two layers of equal shape."""
        if self.shape_of(first) != self.shape_of(second):
            raise ShapeError(
                f"{name}: both sides must have one shape, got {self.shape_of(first)} from {first!r} "
                f"and {self.shape_of(second)} from {second!r}."
            )
        group = self._layers[first].width_group if first in self._layers else ""
        return self._append(name, "add", (first, second), self.shape_of(first), width_group=group)

    def normalise(self, name: str, source: str, activation: str = "none") -> str:
        """A scale and a shift of every channel, trained as a normalisation."""
        channels = self.shape_of(source)[0]
        return self.conv2d(
            name, source, channels, kernel=1, groups=channels, activation=activation, trained_as="norm"
        )

    def relu(self, name: str, source: str) -> str:
        """Nothing below 0."""
        return self._append(name, "relu", (source,), self.shape_of(source))

    def leaky_relu(self, name: str, source: str) -> str:
        """A hundredth of what is below 0."""
        return self._append(name, "leaky_relu", (source,), self.shape_of(source))

    def elu(self, name: str, source: str) -> str:
        """``exp(x) - 1`` of what is below 0."""
        return self._append(name, "elu", (source,), self.shape_of(source))

    def zeros(self, name: str, source: str) -> str:
        """Zeros where another layer has values."""
        return self._append(name, "zeros", (source,), self.shape_of(source))

    def average_pool(self, name: str, source: str, kernel: int, stride: int = 1) -> str:
        """Means of squares of pixels; what lies outside the image does not count."""
        return self._pool("average_pool", name, source, Window.of_pooling(kernel, stride))

    def max_pool(self, name: str, source: str, kernel: int, stride: int = 1) -> str:
        """Maxima of squares of pixels; what lies outside the image does not count."""
        return self._pool("max_pool", name, source, Window.of_pooling(kernel, stride))

    def _pool(self, operation: str, name: str, source: str, window: Window) -> str:
        channels, height, breadth = self.shape_of(source)
        out = tuple(window.n_places(size) for size in (height, breadth))
        attributes = {"kernel": window.kernel, "stride": window.stride}
        return self._append(name, operation, (source,), (channels, *out), attributes)

    def global_average_pool(self, source: str, name: str = "head.pool") -> str:
        """The mean over height and width."""
        return self._append(name, "global_average_pool", (source,), self.shape_of(source)[:1])

    def linear(self, name: str, source: str, width: int, normalised: bool = False) -> str:
        """A matrix product with bias.

        Args:
            name: Of the layer.
            source: What it reads: a vector.
            width: Length of the result.
            normalised: Whether it is trained with a normalisation, which is folded in.
        """
        shape = self.shape_of(source)
        if len(shape) != 1:
            raise ShapeError(f"{name}: a matrix product reads a vector, got {shape} from {source!r}.")
        (features,) = shape
        tensors = (
            TensorSpec("weight", (width, features), "float32"),
            TensorSpec("bias", (width,), "float32"),
        )
        attributes = {"normalised": True} if normalised else {}
        return self._append(name, "linear", (source,), (width,), attributes, tensors)

    def finish(self, output: str) -> Blueprint:
        """The blueprint whose result is the layer ``output``."""
        if output not in self._layers:
            raise unknown_name("layer", output, self._layers)
        return Blueprint(self._input, tuple(self._layers.values()), output)
