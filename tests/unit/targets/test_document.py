import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penjing.errors import ShapeError
from penjing.targets.onnxruntime.document import ByteCount, Document, Node

OUTSIDE = ("x", "float32", (3,)), ("y", "float32", (3,))


def empty() -> Document:
    return Document(*OUTSIDE)


def of_a_relu() -> Document:
    document = empty()
    document.node("Relu", ["x"])
    return document


def counted(shape: tuple[int, ...], storage: str) -> int:
    """Bytes of a document with a Relu and a stored tensor."""
    count = ByteCount(*OUTSIDE)
    count.node("Relu", ["x"])
    count.store(shape, storage)
    return count.n_bytes()


def tensor_of(document: Document, name: str) -> np.ndarray:
    graph = onnx.load_from_string(document.to_bytes()).graph
    return onnx.numpy_helper.to_array(next(t for t in graph.initializer if t.name == name))


@given(st.lists(st.integers(-8, 7), max_size=40))
def test_four_bit_codes_come_back(codes: list[int]) -> None:
    document = of_a_relu()
    name = document.store((len(codes),), "int4", np.array(codes, dtype=np.int8))
    assert tensor_of(document, name).astype(int).tolist() == codes
    (stored,) = onnx.load_from_string(document.to_bytes()).graph.initializer
    assert len(stored.raw_data) == (len(codes) + 1) // 2


@pytest.mark.parametrize("storage", ["float32", "float16", "int32", "int64", "int8", "uint8"])
@pytest.mark.parametrize("shape", [(), (7,), (2, 3, 1, 1), (300,)])
def test_every_storage_comes_back(storage: str, shape: tuple[int, ...]) -> None:
    values = (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 100).astype(storage)
    document = of_a_relu()
    # Fortran order: what is written is the order of the axes, not that of the memory.
    name = document.store(shape, storage, np.asfortranarray(values).reshape(shape))
    np.testing.assert_array_equal(tensor_of(document, name), values)
    assert counted(shape, storage) == len(document.to_bytes())


@pytest.mark.parametrize("n_values", [1, 31, 32, 126, 127, 128, 4093, 16383, 16384, 600_000])
def test_bytes_are_exact_around_every_change_of_a_lengths_length(n_values: int) -> None:
    for storage in ("int8", "int4", "float32"):
        document = of_a_relu()
        document.store((n_values,), storage, np.zeros(n_values, dtype=np.int8))
        assert counted((n_values,), storage) == len(document.to_bytes())


def test_bytes_do_not_need_values() -> None:
    count, written = ByteCount(*OUTSIDE), empty()
    count.store((5, 3), "float32")
    written.store((5, 3), "float32", np.ones((5, 3)))
    for document in (count, written):
        document.node("Flatten", [document.node("Conv", ["x", "a"], pads=(1, 1, 1, 1))])
        document.node("QGemm", ["b", ""], "com.microsoft", transB=1)
    assert count.n_bytes() == len(written.to_bytes())


def test_names_are_short_different_and_not_the_inputs_or_outputs() -> None:
    document = Document(("c", "float32", (3,)), OUTSIDE[1])
    names = [document.fresh_name() for _ in range(3000)]
    assert names[:4] == ["a", "b", "d", "e"]
    assert len(set(names)) == 3000
    assert not {"c", "y"} & set(names)
    assert [len(name) for name in names] == sorted(len(name) for name in names)
    assert sum(len(name) == 2 for name in names) == 52 * 52


def test_the_last_node_gives_the_output() -> None:
    document = of_a_relu()
    document.node("Neg", ["a"], alpha=(1, 2))
    assert document.nodes == [Node("Relu", ("x",), "a"), Node("Neg", ("a",), "b", (("alpha", (1, 2)),))]
    assert document.stored == []
    nodes = onnx.load_from_string(document.to_bytes()).graph.node
    assert [(list(node.input), list(node.output)) for node in nodes] == [(["x"], ["a"]), (["a"], ["y"])]


def test_only_documents_that_need_it_name_a_second_domain() -> None:
    document = of_a_relu()
    plain = onnx.load_from_string(document.to_bytes())
    document.node("QLinearAdd", ["x"], "com.microsoft")
    both = onnx.load_from_string(document.to_bytes())
    assert [entry.domain for entry in plain.opset_import] == [""]
    assert [entry.domain for entry in both.opset_import] == ["", "com.microsoft"]


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"must have shape \(2, 3\), got \(3, 2\)"):
        empty().store((2, 3), "float32", np.zeros((3, 2)))


def test_stored_tensors_are_listed_in_order() -> None:
    document = empty()
    names = [document.store((2,), "int8", np.zeros(2)), document.store((), "uint8", np.zeros(()))]
    assert names == ["a", "b"]
    assert [(one.name, one.shape, one.storage) for one in document.stored] == [
        ("a", (2,), "int8"),
        ("b", (), "uint8"),
    ]
