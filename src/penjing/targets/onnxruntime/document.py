"""A small ONNX document: written to bytes, or only counted, from the same description.

Counting needs no weights, so a search knows the exact size of a file that
does not exist yet. Names are as short as they can be and nothing else is
stored: in small networks names and metadata outweigh the weights.
"""

from dataclasses import dataclass, field
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
Attributes = tuple[tuple[str, Any], ...]


class Node(NamedTuple):
    """One ONNX node; attributes are sorted pairs so that equal nodes are counted once."""

    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Attributes = ()
    domain: str = ""


class Stored(NamedTuple):
    """One initializer; ``values`` is None while only bytes are counted."""

    name: str
    shape: tuple[int, ...]
    storage: str
    values: NDArray[Any] | None = None


@dataclass
class Document:
    """Nodes and initializers in order, with one input and one output."""

    input: tuple[str, str, tuple[int, ...]]
    output: tuple[str, str, tuple[int, ...]]
    nodes: list[Node] = field(default_factory=list)
    stored: list[Stored] = field(default_factory=list)
    _n_names: int = 0

    def fresh_name(self) -> str:
        """The next short name that is neither the input's nor the output's."""
        name = _short_name(self._n_names)
        self._n_names += 1
        return self.fresh_name() if name == self.input[0] or name == self.output[0] else name

    def store(self, shape: tuple[int, ...], storage: str, values: NDArray[Any] | None = None) -> str:
        """Add an initializer and return its name."""
        if values is not None and values.shape != shape:
            raise ShapeError(f"A stored tensor must have shape {shape}, got {values.shape}.")
        name = self.fresh_name()
        self.stored.append(Stored(name, shape, storage, values))
        return name

    def node(self, operation: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        name = self.fresh_name()
        pairs = tuple(sorted((key, _frozen(value)) for key, value in attributes.items()))
        self.nodes.append(Node(operation, tuple(inputs), (name,), pairs, domain))
        return name

    def rename_last_output(self) -> None:
        """Let the last node give the document's output."""
        last = self.nodes[-1]
        self.nodes[-1] = last._replace(outputs=(self.output[0],))

    def n_bytes(self) -> int:
        """Exact size of the file, from shapes alone."""
        graph, model = _fixed_bytes(self.input, self.output, self._uses_microsoft())
        for node in self.nodes:
            # Alike nodes are counted once: of the names, only their lengths matter.
            graph += _node_field(
                node.operation,
                tuple(map(len, node.inputs)),
                len(node.outputs[0]),
                node.attributes,
                node.domain,
            )
        for stored in self.stored:
            graph += _stored_field(len(stored.name), stored.shape, stored.storage)
        return model + _field(graph)

    def to_bytes(self) -> bytes:
        """The file."""
        graph = _fixed_graph(self.input, self.output)
        graph.node.extend(_node_proto(node) for node in self.nodes)
        graph.initializer.extend(_tensor_proto(stored) for stored in self.stored)
        model = _fixed_model(self._uses_microsoft())
        model.graph.CopyFrom(graph)
        return model.SerializeToString(deterministic=True)

    def _uses_microsoft(self) -> bool:
        return any(node.domain for node in self.nodes)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _fixed_model(uses_microsoft: bool) -> ModelProto:
    model = ModelProto(ir_version=IR_VERSION)
    # The default domain's name is the empty string and may be left out.
    model.opset_import.add().version = OPSET
    if uses_microsoft:
        model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    return model


def _fixed_graph(
    given: tuple[str, str, tuple[int, ...]], result: tuple[str, str, tuple[int, ...]]
) -> GraphProto:
    graph = GraphProto(name="g")
    for values, (name, storage, shape) in ((graph.input, given), (graph.output, result)):
        values.append(helper.make_tensor_value_info(name, _TYPES[storage], ["N", *shape]))
    return graph


@lru_cache(maxsize=1024)
def _fixed_bytes(
    given: tuple[str, str, tuple[int, ...]], result: tuple[str, str, tuple[int, ...]], uses_microsoft: bool
) -> tuple[int, int]:
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
def _node_field(
    operation: str, input_lengths: tuple[int, ...], output_length: int, attributes: Attributes, domain: str
) -> int:
    inputs = tuple("x" * length for length in input_lengths)
    return _field(_node_proto(Node(operation, inputs, ("x" * output_length,), attributes, domain)).ByteSize())


def _node_proto(node: Node) -> NodeProto:
    proto = NodeProto(op_type=node.operation, input=node.inputs, output=node.outputs)
    if node.domain:
        proto.domain = node.domain
    for key, value in node.attributes:
        attribute: AttributeProto = helper.make_attribute(key, value)
        proto.attribute.append(attribute)
    return proto


def _tensor_proto(stored: Stored) -> TensorProto:
    assert stored.values is not None
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
