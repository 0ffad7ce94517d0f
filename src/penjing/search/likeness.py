"""How alike two candidates are, in several ways, each of which is a kernel.

Choices: the share of them that agree, of pairs of them, of triples, of all at once. Counts: how often each
value is chosen, wherever, among choices between the same values, such as the operations of several layers.
Capacity: logarithms of parameters and operations. Neighbourhoods: the kinds of them that two networks' graphs
have in common, so that two assignments that make one network are one. Earlier results, of shorter trainings,
where given.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from penjing.search.problem import CAPACITY, SearchProblem
from penjing.space import Candidate, Choice, Value

Array = NDArray[np.float64]
# Over this part of an ordered choice's values, likeness falls by a factor of e.
_ORDERED_REACH = 0.5
# How many choices, and which part of the words, may differ before little is left of "all" and "the same".
_ALL_REACH = 0.5
_SAME_REACH = 0.15
# Squared distance of counts, of which the largest possible is 2, over which likeness falls by a factor of e.
_COUNTS_REACH = 0.3
# Words are counted in so many places; two that share one are one.
_WORD_PLACES = 1 << 18
# What was described is kept, but not everything that a long search ever bred.
_MOST_KEPT = 40_000


@dataclass(frozen=True)
class Described:
    """Candidates as numbers.

    Attributes:
        choices: Three matrices ``[n, columns]``; the products of their rows sum, over the choices, the first,
            second and third power of how alike the values are.
        counts: ``[n, columns]``, rows of at most unit length; no columns where no two choices are between the
            same values.
        capacity: ``[n, features]``; no columns where costs name none.
        words: Those of their graphs; None where there are no graphs.
        earlier: Scores after a shorter training, ``[n]``; None where those are of no interest.
    """

    choices: tuple[Array, Array, Array]
    counts: Array
    capacity: Array
    words: "Words | None"
    earlier: Array | None = None

    def rows(self, index: NDArray[np.intp] | slice) -> "Described":
        """Some of the candidates."""
        first, second, third = (part[index] for part in self.choices)
        words = None if self.words is None else self.words.rows(index)
        earlier = None if self.earlier is None else self.earlier[index]
        return Described((first, second, third), self.counts[index], self.capacity[index], words, earlier)

    def standardised(self, centre: Array, spread: Array) -> "Described":
        """With capacities of that centre and spread, ``[features]`` each, brought to 0 and 1."""
        return replace(self, capacity=(self.capacity - centre) / spread)


class Words:
    """What words some candidates have, and how alike they are by that to others.

    That is computed once for each of the others: who lists all candidates compares them at every ask with
    those told, of which hardly any are new.

    Args:
        keys: Of the candidates.
        matrix: ``[n, words]``, rows of unit length.
    """

    def __init__(self, keys: Sequence[str], matrix: sparse.csr_matrix) -> None:
        self._keys = keys
        self._matrix = matrix
        self._cosines: dict[str, Array] = {}

    def rows(self, index: NDArray[np.intp] | slice) -> "Words":
        """Those of some of the candidates."""
        places = range(len(self._keys))[index] if isinstance(index, slice) else index
        return Words([self._keys[at] for at in places], self._matrix[index])

    def cosines(self, others: "Words") -> Array:
        """How alike each candidate's words are to each of the others', ``[n, others]``."""
        new = [at for at, key in enumerate(others._keys) if key not in self._cosines]
        if new:
            columns = np.asarray((self._matrix @ others._matrix[new].T).todense()).T
            self._cosines |= zip((others._keys[at] for at in new), columns, strict=True)
        return np.column_stack([self._cosines[key] for key in others._keys])


class Likeness:
    """Describes candidates of a problem, and compares them.

    Args:
        problem: Its space, costs and graphs are what candidates are described by.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        choices = [choice for choice in problem.space if len(choice.values) > 1]
        self._columns = [_Columns.of(choice) for choice in choices]
        alike: dict[tuple[tuple[Value, ...], bool], list[int]] = {}
        for at, choice in enumerate(choices):
            alike.setdefault((choice.values, choice.ordered), []).append(at)
        self._repeated = [places for places in alike.values() if len(places) > 1]
        self._known: dict[str, _Row] = {}

    def describe(self, candidates: Sequence[Candidate]) -> Described:
        """Candidates as numbers."""
        rows = [self._row(candidate) for candidate in candidates]
        places = np.array([row.places for row in rows], dtype=np.intp).reshape(len(rows), -1)
        first, second, third = (
            np.hstack(
                [
                    np.zeros((len(rows), 0)),
                    *(columns.powers[power][places[:, at]] for at, columns in enumerate(self._columns)),
                ]
            )
            for power in range(3)
        )
        capacity = np.array([row.capacity for row in rows], dtype=np.float64).reshape(len(rows), -1)
        words = None if self._problem.graph is None else self._words(candidates, rows)
        return Described((first, second, third), self._counts(places), capacity, words)

    def compare(self, some: Described, others: Described) -> Mapping[str, Array]:
        """How alike each of some is to each of others: ``[n, m]`` by way, 1 for what is equal.

        Counts, linear capacity and earlier results are not between 0 and 1, but the product of both.
        """
        n = len(self._columns)
        p1, p2, p3 = (a @ b.T for a, b in zip(some.choices, others.choices, strict=True))
        found = {"choices": p1 / max(1, n), "all choices": np.exp((p1 - n) / _ALL_REACH)}
        # Elementary symmetric sums by Newton's identities: all pairs and triples without listing them.
        if n >= 2:
            found["pairs"] = (p1 * p1 - p2) / (n * (n - 1))
        if n >= 3:
            found["triples"] = (p1 * p1 * p1 - 3 * p1 * p2 + 2 * p3) / (n * (n - 1) * (n - 2))
        if some.counts.shape[1]:
            found["counts"], squares = _products(some.counts, others.counts)
            found["like counts"] = np.exp(-squares / _COUNTS_REACH)
        if some.capacity.shape[1]:
            found["capacity"], squares = _products(some.capacity, others.capacity)
            found["like capacity"] = np.exp(-0.5 * squares)
        if some.words is not None and others.words is not None:
            cosine = some.words.cosines(others.words)
            found["neighbourhoods"] = cosine
            found["the same neighbourhoods"] = np.exp((np.minimum(cosine, 1.0) - 1.0) / _SAME_REACH)
        return found | self.compare_earlier(some, others)

    def compare_earlier(self, some: Described, others: Described) -> dict[str, Array]:
        """Those of the ways of :meth:`compare` that hang on earlier results."""
        if some.earlier is None or others.earlier is None:
            return {}
        apart = np.subtract.outer(some.earlier, others.earlier)
        return {
            "earlier result": np.outer(some.earlier, others.earlier),
            "like earlier result": np.exp(-0.5 * apart**2),
        }

    def own(self, some: Described) -> Mapping[str, Array]:
        """How alike each is to itself, ``[n]`` by way: the diagonal of :meth:`compare`."""
        n = len(some.capacity)
        names = ["choices", "all choices"]
        names += ["pairs"] * (len(self._columns) >= 2) + ["triples"] * (len(self._columns) >= 3)
        names += ["like counts"] * bool(some.counts.shape[1])
        names += ["like capacity"] * bool(some.capacity.shape[1])
        names += ["neighbourhoods", "the same neighbourhoods"] * (some.words is not None)
        found = {name: np.ones(n) for name in names}
        if some.counts.shape[1]:
            found["counts"] = (some.counts**2).sum(axis=1)
        if some.capacity.shape[1]:
            found["capacity"] = (some.capacity**2).sum(axis=1)
        return found | self.own_earlier(some)

    def own_earlier(self, some: Described) -> dict[str, Array]:
        """Those of the ways of :meth:`own` that hang on earlier results."""
        if some.earlier is None:
            return {}
        return {"earlier result": some.earlier**2, "like earlier result": np.ones(len(some.earlier))}

    def _row(self, candidate: Candidate) -> "_Row":
        if candidate.key not in self._known:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            places = [columns.place_of(candidate) for columns in self._columns]
            costs = self._problem.costs(candidate)
            capacity = [float(np.log(costs[name] + 1.0)) for name in CAPACITY if name in costs]
            words: dict[int, float] = {}
            if self._problem.graph is not None:
                for word, n in self._problem.graph(candidate).words().items():
                    place = word_place(word)
                    words[place] = words.get(place, 0.0) + float(np.log1p(n))
            length = float(np.sqrt(sum(n**2 for n in words.values())))
            scaled = {word: n / length for word, n in words.items()}
            self._known[candidate.key] = _Row(places, capacity, scaled)
        return self._known[candidate.key]

    def _counts(self, places: NDArray[np.intp]) -> Array:
        """How often each value is chosen, ``[n, columns]``, by groups of choices between the same values."""
        n_repeated = sum(map(len, self._repeated))
        groups = [np.zeros((len(places), 0))]
        for group in self._repeated:
            total = sum(self._columns[at].powers[0][places[:, at]] for at in group)
            groups.append(total / np.sqrt(len(group) * n_repeated))
        return np.hstack(groups)

    def _words(self, candidates: Sequence[Candidate], rows: Sequence["_Row"]) -> Words:
        indices = [index for row in rows for index in row.words]
        values = [value for row in rows for value in row.words.values()]
        starts = np.concatenate([[0], np.cumsum([len(row.words) for row in rows])]).astype(np.int64)
        matrix = sparse.csr_matrix((values, indices, starts), shape=(len(rows), _WORD_PLACES))
        return Words([candidate.key for candidate in candidates], matrix)


def _products(some: Array, others: Array) -> tuple[Array, Array]:
    """Inner products of rows, and their squared distances, ``[n, m]`` each."""
    products = some @ others.T
    squares = (some**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)[None, :]
    return products, np.maximum(squares - 2 * products, 0.0)


def word_place(word: str) -> int:
    """The same for a word whoever asks, and whenever."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=6).digest(), "big") % _WORD_PLACES


class _Row(NamedTuple):
    """One candidate: the place of each choice's value, capacities, words."""

    places: list[int]
    capacity: list[float]
    words: Mapping[int, float]


class _Columns(NamedTuple):
    """One choice: the place of each value, and a row for each place in three powers; the last is absence."""

    name: str
    place: Mapping[Value, int]
    powers: tuple[Array, Array, Array]

    @classmethod
    def of(cls, choice: Choice) -> "_Columns":
        n = len(choice.values)
        alike = np.eye(n + 1)
        if choice.ordered:
            steps = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) / (n - 1)
            alike[:n, :n] = np.exp(-steps / _ORDERED_REACH)
        # Rows whose products are the likeness: a power of it is a kernel as well.
        first, second, third = (np.linalg.cholesky(alike**power).astype(np.float64) for power in (1, 2, 3))
        return cls(choice.name, {value: at for at, value in enumerate(choice.values)}, (first, second, third))

    def place_of(self, candidate: Candidate) -> int:
        return self.place[candidate[self.name]] if self.name in candidate else len(self.place)
