from collections import Counter

from penjing.blueprint import BlueprintBuilder, Graph, InputSpec, graph_of

CHAIN = Graph(("input", "conv", "pool", "output"), ((), (0,), (1,), (2,)))


def test_the_first_words_are_the_labels() -> None:
    assert CHAIN.words(0) == Counter(["input", "conv", "pool", "output"])


def test_numbering_does_not_matter() -> None:
    one = Graph(("input", "conv", "pool", "output"), ((), (0,), (0,), (1, 2)))
    other = Graph(("input", "pool", "conv", "output"), ((), (0,), (0,), (2, 1)))
    assert one.words() == other.words()
    assert one.key == other.key


def test_what_flows_where_matters() -> None:
    turned = Graph(("input", "pool", "conv", "output"), ((), (0,), (1,), (2,)))
    assert turned.words(0) == CHAIN.words(0)
    assert turned.words(1) != CHAIN.words(1)
    assert turned.key != CHAIN.key


def test_labels_tell_the_kernel_and_what_lies_between_the_pixels_that_it_reads() -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
    build.conv2d("near", build.dequantize(), 4, stride=2)
    build.conv2d("far", "near", 4, kernel=5, groups=4, dilation=2)
    found = graph_of(build.finish(build.max_pool("max", "far", 3, 2))).labels
    assert found[2:] == ("conv2d 3/2 fp32", "conv2d 5/1 depthwise dilation 2 fp32", "max_pool 3/2")


def test_two_edges_are_not_one() -> None:
    once = Graph(("input", "output"), ((), (0,)))
    twice = Graph(("input", "output"), ((), (0, 0)))
    assert once.key != twice.key
