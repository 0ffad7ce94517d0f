from collections import Counter

from penjing.blueprint import Graph

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


def test_two_edges_are_not_one() -> None:
    once = Graph(("input", "output"), ((), (0,)))
    twice = Graph(("input", "output"), ((), (0, 0)))
    assert once.key != twice.key
