"""A small ONNX document: written to bytes, or only counted, from the same description.

Counting needs no weights, so a search knows the exact size of a file that
does not exist yet. Names are as short as they can be and nothing else is
stored: in small networks names and metadata outweigh the weights.
"""

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper

from penjing.blueprint import STORAGE_BITS
from penjing.errors import ShapeError

OPSET = 21
IR_VERSION = 10
MICROSOFT = "com.microsoft"
_TYPES = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8,
    "int4": TensorProto.INT4,
}
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
Attribute = int | str | tuple[int, ...]
Attributes = tuple[tuple[str, Attribute], ...]
Outside = tuple[str, str, tuple[int, ...]]


class Node(NamedTuple):
    """One ONNX node."""

    operation: str
    inputs: tuple[str, ...]
    output: str
    attributes: Attributes = ()
    domain: str = ""


class _Alike(NamedTuple):
    """What the bytes of a node depend on: of the names, only their lengths matter."""

    operation: str
    input_lengths: tuple[int, ...]
    output_length: int
    attributes: Attributes
    domain: str


class Stored(NamedTuple):
    """One initializer."""

    name: str
    shape: tuple[int, ...]
    storage: str
    values: NDArray[Any]


class _Named:
    """Names for what a document holds, as short as they can be."""

    def __init__(self, given: Outside, result: Outside) -> None:
        self.input = given
        self.output = result
        self._n_names = 0

    def fresh_name(self) -> str:
        """The next short name that is neither the input's nor the output's."""
        name = _short_name(self._n_names)
        self._n_names += 1
        return self.fresh_name() if name == self.input[0] or name == self.output[0] else name


class Document(_Named):
    """Nodes and initializers in order, with one input and one output.

    Args:
        given: Name, storage and shape without the batch axis, of the input.
        result: The same, of the output: what the last node gives.
    """

    def __init__(self, given: Outside, result: Outside) -> None:
        super().__init__(given, result)
        self.nodes: list[Node] = []
        self.stored: list[Stored] = []

    def store(self, shape: tuple[int, ...], storage: str, values: NDArray[Any] | None) -> str:
        """Add an initializer and return its name."""
        assert values is not None
        if values.shape != shape:
            raise ShapeError(f"A stored tensor must have shape {shape}, got {values.shape}.")
        name = self.fresh_name()
        self.stored.append(Stored(name, shape, storage, values))
        return name

    def node(self, operation: str, inputs: list[str], domain: str = "", **attributes: Attribute) -> str:
        """Add a node with one output and return the output's name."""
        name = self.fresh_name()
        pairs = tuple(sorted(attributes.items()))
        self.nodes.append(Node(operation, tuple(inputs), name, pairs, domain))
        return name

    def to_bytes(self) -> bytes:
        """The file."""
        *before, last = self.nodes
        graph = _fixed_graph(self.input, self.output)
        graph.node.extend(_node_proto(node) for node in (*before, last._replace(output=self.output[0])))
        graph.initializer.extend(_tensor_proto(stored) for stored in self.stored)
        model = _fixed_model(any(node.domain for node in self.nodes))
        model.graph.CopyFrom(graph)
        return model.SerializeToString(deterministic=True)


class ByteCount(_Named):
    """A document of which only the bytes are known: the same calls, no values, a fraction of the time."""

    def __init__(self, given: Outside, result: Outside) -> None:
        super().__init__(given, result)
        self._n_bytes = 0
        self._uses_microsoft = False
        self._last: _Alike | None = None

    def store(self, shape: tuple[int, ...], storage: str, values: object = None) -> str:
        """Count an initializer and return its name."""
        name = self.fresh_name()
        self._n_bytes += _stored_field(len(name), shape, storage)
        return name

    def node(self, operation: str, inputs: list[str], domain: str = "", **attributes: Attribute) -> str:
        """Count a node and return its output's name."""
        name = self.fresh_name()
        if self._last:
            self._n_bytes += _node_field(self._last)
        self._last = _Alike(operation, tuple(map(len, inputs)), len(name), tuple(attributes.items()), domain)
        self._uses_microsoft |= domain == MICROSOFT
        return name

    def n_bytes(self) -> int:
        """Exact size of the file, from shapes alone."""
        assert self._last
        last = _node_field(self._last._replace(output_length=len(self.output[0])))
        graph, model = _fixed_bytes(self.input, self.output, self._uses_microsoft)
        return model + _field(graph + self._n_bytes + last)


def _fixed_model(uses_microsoft: bool) -> ModelProto:
    model = ModelProto(ir_version=IR_VERSION)
    # The default domain's name is the empty string and may be left out.
    model.opset_import.add().version = OPSET
    if uses_microsoft:
        model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    return model


def _fixed_graph(given: Outside, result: Outside) -> GraphProto:
    graph = GraphProto(name="g")
    for values, (name, storage, shape) in ((graph.input, given), (graph.output, result)):
        values.append(helper.make_tensor_value_info(name, _TYPES[storage], ["N", *shape]))
    return graph


@lru_cache(maxsize=1024)
def _fixed_bytes(given: Outside, result: Outside, uses_microsoft: bool) -> tuple[int, int]:
    return _fixed_graph(given, result).ByteSize(), _fixed_model(uses_microsoft).ByteSize()


@lru_cache(maxsize=4096)
def _short_name(number: int) -> str:
    """The names in order: a, b, …, Z, aa, ab, …."""
    name = ""
    while number >= 0:
        number, letter = divmod(number, len(_LETTERS))
        name = _LETTERS[letter] + name
        number -= 1
    return name


def _varint(number: int) -> int:
    return max(1, (number.bit_length() + 6) // 7)


def _field(n_bytes: int) -> int:
    return 1 + _varint(n_bytes) + n_bytes


@lru_cache(maxsize=16384)
def _stored_field(name_length: int, shape: tuple[int, ...], storage: str) -> int:
    dims = sum(1 + _varint(dim) for dim in shape)
    payload = (prod(shape) * _bits(storage) + 7) // 8
    return _field(dims + 1 + _varint(_TYPES[storage]) + _field(name_length) + _field(payload))


def _bits(storage: str) -> int:
    return 64 if storage == "int64" else STORAGE_BITS[storage]


@lru_cache(maxsize=4096)
def _node_field(alike: _Alike) -> int:
    inputs = tuple("x" * length for length in alike.input_lengths)
    node = Node(alike.operation, inputs, "x" * alike.output_length, alike.attributes, alike.domain)
    return _field(_node_proto(node).ByteSize())


def _node_proto(node: Node) -> NodeProto:
    proto = NodeProto(op_type=node.operation, input=node.inputs, output=[node.output])
    if node.domain:
        proto.domain = node.domain
    for key, value in node.attributes:
        attribute: AttributeProto = helper.make_attribute(key, value)
        proto.attribute.append(attribute)
    return proto


def _tensor_proto(stored: Stored) -> TensorProto:
    return TensorProto(
        dims=stored.shape,
        data_type=_TYPES[stored.storage],
        name=stored.name,
        raw_data=_payload(stored.values, stored.storage),
    )


def _payload(values: NDArray[Any], storage: str) -> bytes:
    if storage != "int4":
        return np.asarray(values, np.dtype(storage).newbyteorder("<")).tobytes()
    codes = values.astype(np.int8).reshape(-1).view(np.uint8) & 0x0F
    if codes.size % 2:
        codes = np.append(codes, np.uint8(0))
    return (codes[0::2] | (codes[1::2] << 4)).tobytes()
