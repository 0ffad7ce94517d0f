"""A network as a labelled graph, for models that learn what a network's shape is worth."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from math import log, log1p, prod

from penjing.blueprint.blueprint import Blueprint, Layer
from penjing.blueprint.counts import layer_macs


@dataclass(frozen=True)
class Graph:
    """Operations and what flows between them.

    Attributes:
        labels: What each node does, such as ``conv2d 3x3``.
        sources: Of each node, the nodes whose results it reads; a node stands after its sources.
            One that reads several adds them up.
        sizes: Of each node, what is large or small about it, such as the logarithm of its parameters; all
            have as many. Empty where only labels tell nodes apart. Words do not read them.

    Example:
        >>> chain = Graph(("input", "conv", "conv", "output"), ((), (0,), (1,), (2,)))
        >>> chain.words(0) == Counter({"input": 1, "conv": 2, "output": 1})
        True
        >>> sum(chain.words(1).values())
        12
    """

    labels: tuple[str, ...]
    sources: tuple[tuple[int, ...], ...]
    sizes: tuple[tuple[float, ...], ...] = ()

    def words(self, rounds: int = 3) -> Counter[str]:
        """How often each kind of neighbourhood occurs.

        A node's first word is its label; in every round a word is made of the node's last word and those of
        its sources, another of the last word and those of its readers. Graphs that differ only in the
        numbering of nodes have the same words.

        Args:
            rounds: How far a neighbourhood reaches.

        Notes:
            The features of the Weisfeiler-Lehman subtree kernel (Shervashidze et al., JMLR 12, 2011,
            section 3), along the edges and against them separately.
        """
        readers: list[list[int]] = [[] for _ in self.labels]
        for node, sources in enumerate(self.sources):
            for source in sources:
                readers[source].append(node)
        found = Counter(self.labels)
        for direction, beside in (("<", self.sources), (">", readers)):
            words = list(self.labels)
            for _ in range(rounds):
                words = [
                    _short(direction, word, *sorted(words[other] for other in others))
                    for word, others in zip(words, beside, strict=True)
                ]
                found.update(words)
        return found

    @property
    def key(self) -> str:
        """The same for graphs that differ only in numbering or sizes, and for hardly any others."""
        words = sorted(self.words(len(self.labels)).items())
        return _short(*(f"{word} {n}" for word, n in words))


def graph_of(blueprint: Blueprint) -> Graph:
    """The graph of a network: one node per layer, and one for the input.

    A node's label is its operation with kernel, stride, dilation and precision; sums are nodes as they are
    layers. Its sizes are logarithms of parameters, operations, channels and of what a channel holds.
    """
    place = {blueprint.input.name: 0}
    labels: list[str] = ["input"]
    sources: list[tuple[int, ...]] = [()]
    sizes = [_sizes(blueprint.input.shape, 0, 0)]
    for layer in blueprint.layers:
        place[layer.name] = len(labels)
        labels.append(_label(layer))
        sources.append(tuple(place[name] for name in layer.inputs))
        n_parameters = sum(t.n_elements for t in layer.tensors if t.role in {"weight", "bias"})
        sizes.append(_sizes(layer.output_shape, n_parameters, layer_macs(layer)))
    return Graph(tuple(labels), tuple(sources), tuple(sizes))


def _label(layer: Layer) -> str:
    parts = [layer.operation]
    if "kernel" in layer.attributes:
        is_depthwise, dilation = layer.attributes.get("groups", 1) > 1, layer.attributes.get("dilation", 1)
        parts += [
            f"{layer.attributes['kernel']}/{layer.attributes.get('stride', 1)}",
            "depthwise" if is_depthwise else "",
            f"dilation {dilation}" if dilation > 1 else "",
        ]
    if layer.has_weights:
        parts.append(layer.precision)
    return " ".join(part for part in parts if part)


def _sizes(shape: tuple[int, ...], n_parameters: int, n_macs: int) -> tuple[float, ...]:
    return (log1p(n_parameters), log1p(n_macs), log(shape[0]), log(prod(shape[1:])))


def _short(*parts: str) -> str:
    return hashlib.blake2b("|".join(parts).encode(), digest_size=8).hexdigest()
