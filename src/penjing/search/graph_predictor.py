"""A graph network that learns the order of candidates from their networks' graphs.

Messages pass along the edges and against them (Wen et al., "Neural Predictor for Neural Architecture Search",
ECCV 2020, section 2.3). The loss ranks pairs (Burges et al., "Learning to Rank using Gradient Descent", ICML
2005, equation 3), as the order is what a search needs. An ensemble of networks from different initialisations
says how sure it is (Lakshminarayanan et al., NeurIPS 2017). One predictor serves cells, chains and elastic
networks: all it reads is a graph. A problem without graphs is read as a chain of its choices.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from penjing.blueprint import Graph
from penjing.search.model_based import Model, ModelBasedSearcher
from penjing.search.problem import SearchProblem
from penjing.space import Candidate

Array = NDArray[np.float64]
_MEMBERS = 5
_WIDTH = 32
_ROUNDS = 3
_STEPS = 120
_RATE = 0.01
# A step looks at pairs among so many graphs, or at fewer if they have many nodes.
_MOST_GRAPHS, _FEWEST_GRAPHS, _NODES_A_STEP = 128, 24, 1200
_ROWS_AT_ONCE = 1000
# Variance of what is told around what a ranking explains: never nothing.
_LEAST_NOISE = 0.02
_MOST_KEPT = 40_000


class GraphPredictorSearcher(ModelBasedSearcher):
    """Evaluates what a graph network promises most of.

    Args:
        problem: Space, costs, constraints, box; graphs where it has them.
        n_initial: Drawn at random before there is a predictor.
        pool: Candidates to look at where a space is too large to look at all.
    """

    def __init__(self, problem: SearchProblem, n_initial: int = 15, pool: int = 300) -> None:
        super().__init__(problem, n_initial, pool)
        self._graphs: dict[str, Graph] = {}

    def describe(self, candidates: Sequence[Candidate]) -> "_Graphs":
        """Candidates as padded graphs."""
        return _Graphs.of([self._graph(candidate) for candidate in candidates])

    def fitted(self, told: Sequence[Candidate], scores: Array) -> Model:
        """An ensemble trained from its own initialisations."""
        return _Ensemble(self.describe(told), scores, int(told[0].key, 16) % 2**62)

    def _graph(self, candidate: Candidate) -> Graph:
        if candidate.key not in self._graphs:
            if len(self._graphs) >= _MOST_KEPT:
                self._graphs.clear()
            read = self.problem.graph or chain_of
            self._graphs[candidate.key] = read(candidate)
        return self._graphs[candidate.key]


def chain_of(candidate: Candidate) -> Graph:
    """A candidate's choices as a chain of nodes, for problems that know no graph."""
    labels = ("input", *(f"{name}={value}" for name, value in candidate.items()))
    return Graph(labels, ((), *((at,) for at in range(len(labels) - 1))))


@dataclass(frozen=True)
class _Graphs:
    """``n`` graphs of up to ``m`` nodes.

    Labels are ``[n, m]``, 0 for no node; sizes ``[n, m, sizes]``; edges ``[n, m, m]``, from the second to
    the first node.
    """

    labels: Tensor
    sizes: Tensor
    edges: Tensor

    @classmethod
    def of(cls, graphs: Sequence[Graph]) -> "_Graphs":
        n, m = len(graphs), max(len(graph.labels) for graph in graphs)
        labels = np.zeros((n, m), dtype=np.int64)
        sizes = np.zeros((n, m, len(graphs[0].sizes[0]) if graphs[0].sizes else 0), dtype=np.float32)
        edges = np.zeros((n, m, m), dtype=np.float32)
        for at, graph in enumerate(graphs):
            labels[at, : len(graph.labels)] = [_number_of(label) for label in graph.labels]
            for node, sources in enumerate(graph.sources):
                for source in sources:
                    edges[at, node, source] += 1.0
            if graph.sizes:
                sizes[at, : len(graph.labels)] = graph.sizes
        return cls(torch.from_numpy(labels), torch.from_numpy(sizes), torch.from_numpy(edges))

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, index: NDArray[np.intp] | Tensor) -> "_Graphs":
        """Some of them; an index of more dimensions gives graphs in as many."""
        at = torch.as_tensor(np.ascontiguousarray(index))
        return _Graphs(self.labels[at], self.sizes[at], self.edges[at])


@cache
def _number_of(label: str) -> int:
    """A number for a label, whoever asks first: a search that was rebuilt asks in another order."""
    return int.from_bytes(hashlib.blake2b(label.encode(), digest_size=7).digest(), "big") + 1


class _Ensemble:
    """Several graph networks side by side: every weight has the member as its first dimension."""

    def __init__(self, told: _Graphs, scores: Array, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._labels = torch.unique(told.labels)
        sizes = told.sizes[told.labels > 0]
        self._centre = sizes.mean(dim=0)
        self._spread = ((sizes - self._centre) ** 2).mean(dim=0).sqrt() + 1e-3
        self._weights = self._initial(told.sizes.shape[2], generator)
        self._train(told, torch.from_numpy(scores).float(), generator)
        raw = self._scores(told)
        # A ranking has no scale: each member is brought to that of the scores.
        centred = raw - raw.mean(axis=0)
        slope = (centred * (scores - scores.mean())[:, None]).sum(axis=0) / ((centred**2).sum(axis=0) + 1e-9)
        self._slope, self._middle = np.maximum(slope, 1e-3), raw.mean(axis=0)
        self._level = float(scores.mean())
        left = self._members(told).mean(axis=1) - scores
        self.noise = max(_LEAST_NOISE, float((left**2).mean()))

    def expect(self, described: _Graphs) -> "_Votes":
        """Mean of the members, and how much they disagree."""
        members = self._members(described)
        return _Votes(members.mean(axis=1), members - members.mean(axis=1, keepdims=True), self.noise)

    def _members(self, graphs: _Graphs) -> Array:
        return (self._scores(graphs) - self._middle) * self._slope + self._level

    def _initial(self, n_sizes: int, generator: torch.Generator) -> dict[str, Tensor]:
        def drawn(*shape: int, fan_in: int) -> Tensor:
            return torch.randn(_MEMBERS, *shape, generator=generator) / fan_in**0.5

        weights = {
            "label": drawn(len(self._labels) + 1, _WIDTH, fan_in=1) * 0.5,
            "size": drawn(n_sizes, _WIDTH, fan_in=max(1, n_sizes)),
            "hidden": drawn(2 * _WIDTH, _WIDTH, fan_in=2 * _WIDTH),
            "score": drawn(_WIDTH, 1, fan_in=_WIDTH),
        }
        for at in range(_ROUNDS):
            weights |= {
                f"{name}{at}": drawn(_WIDTH, _WIDTH, fan_in=2 * _WIDTH)
                for name in ("own", "source", "reader")
            }
        return {name: weight.requires_grad_() for name, weight in weights.items()}

    def _forward(self, graphs: _Graphs) -> Tensor:
        """Scores, ``[members, n]``, of graphs of each member, ``[members, n, …]``."""
        weights = self._weights
        known = torch.searchsorted(self._labels, graphs.labels.contiguous()).clamp(max=len(self._labels) - 1)
        # What was never told has a place of its own, the last.
        known = torch.where(self._labels[known] == graphs.labels, known, len(self._labels))
        member = torch.arange(_MEMBERS)[:, None, None]
        there = (graphs.labels > 0).unsqueeze(-1).float()
        sizes = (graphs.sizes - self._centre) / self._spread
        state = (weights["label"][member, known] + _times(sizes, weights["size"])) * there
        along = graphs.edges / graphs.edges.sum(dim=-1, keepdim=True).clamp(min=1.0)
        against = graphs.edges.transpose(-1, -2)
        against = against / against.sum(dim=-1, keepdim=True).clamp(min=1.0)
        for at in range(_ROUNDS):
            heard = (
                _times(state, weights[f"own{at}"])
                + _times(along @ state, weights[f"source{at}"])
                + _times(against @ state, weights[f"reader{at}"])
            )
            state = (state + F.relu(F.layer_norm(heard, (_WIDTH,)))) * there
        n_nodes = there.sum(dim=-2)
        read = torch.cat([state.sum(dim=-2) / n_nodes, state.sum(dim=-2) / 10.0], dim=-1)
        hidden = F.relu(_times(read.unsqueeze(-2), weights["hidden"]))
        return _times(hidden, weights["score"])[..., 0, 0]

    def _train(self, told: _Graphs, scores: Tensor, generator: torch.Generator) -> None:
        n, m = told.labels.shape
        size = min(n, max(_FEWEST_GRAPHS, min(_MOST_GRAPHS, _NODES_A_STEP // m)))
        optimiser = torch.optim.AdamW(list(self._weights.values()), lr=_RATE, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _STEPS)
        for _ in range(_STEPS):
            drawn = torch.stack([torch.randperm(n, generator=generator)[:size] for _ in range(_MEMBERS)])
            found, right = self._forward(told.rows(drawn)), scores[drawn]
            better = torch.sign(right.unsqueeze(-1) - right.unsqueeze(-2))
            margin = (found.unsqueeze(-1) - found.unsqueeze(-2)) * better
            loss = (F.softplus(-margin) * better.abs()).sum() / better.abs().sum().clamp(min=1.0)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()

    @torch.no_grad()
    def _scores(self, graphs: _Graphs) -> Array:
        """Of every member, ``[n, members]``, on a scale of its own."""
        pieces = []
        for first in range(0, len(graphs), _ROWS_AT_ONCE):
            some = graphs.rows(np.arange(first, min(len(graphs), first + _ROWS_AT_ONCE)))
            of_all = _Graphs(*(t.expand(_MEMBERS, *t.shape) for t in (some.labels, some.sizes, some.edges)))
            pieces.append(self._forward(of_all).T)
        return torch.cat(pieces).numpy().astype(np.float64)


def _times(state: Tensor, weight: Tensor) -> Tensor:
    """Each member's state ``[members, n, m, a]`` times its weight ``[members, a, b]``."""
    return torch.einsum("enma,eab->enmb", state, weight)


class _Votes:
    """What the members say of some candidates: their mean, and deviations from it, ``[n, members]``."""

    def __init__(self, mean: Array, deviations: Array, noise: float) -> None:
        self.mean = mean
        self._deviations = deviations
        self._noise = noise

    @property
    def variance(self) -> Array:
        """Among members, with the little that five of them would agree on by chance."""
        return (self._deviations**2).sum(axis=1) / (_MEMBERS - 1) + 1e-4

    def rows(self, index: NDArray[np.intp]) -> "_Votes":
        """The same of some of them."""
        return _Votes(self.mean[index], self._deviations[index], self._noise)

    def learn(self, index: int) -> None:
        """Draw members together where they disagree as they do on one candidate.

        The square-root filter of Whitaker and Hamill, Monthly Weather Review 130, 2002, equation 13.
        """
        own = self._deviations[index]
        shared = self._deviations @ own / (_MEMBERS - 1)
        variance = float(own @ own) / (_MEMBERS - 1)
        damped = 1.0 / (1.0 + np.sqrt(self._noise / (variance + self._noise)))
        self._deviations = self._deviations - np.outer(damped * shared / (variance + self._noise), own)
