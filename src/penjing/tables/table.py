"""A table that has a row for every candidate of a space, or for some of them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penjing.blueprint import Graph
from penjing.columns import Column, is_number, numbers_of, read_columns
from penjing.errors import DataError, InvalidValueError, unknown_name
from penjing.objectives import Metric
from penjing.search import SearchProblem
from penjing.search.problem import Limit
from penjing.space import Candidate, Choice, SearchSpace, Value
from penjing.tables.texts import share_of, values_of


@dataclass(frozen=True)
class ColumnLimit:
    """A hard limit on a column, such as ``latency_ms <= 5``."""

    metric: str
    upper: bool
    limit: float

    def __str__(self) -> str:
        return f"{self.metric} {'<=' if self.upper else '>='} {self.limit:g}"

    def violation(self, value: float) -> float:
        """By how much a value breaks the limit, in parts of it; 0 when it is met."""
        excess = value - self.limit if self.upper else self.limit - value
        return max(0.0, excess / (abs(self.limit) or 1.0))

    @classmethod
    def parse(cls, text: str) -> "ColumnLimit":
        """Read ``COLUMN <= NUMBER`` or ``COLUMN >= NUMBER``.

        Raises:
            InvalidValueError: If the text has another form.

        Example:
            >>> ColumnLimit.parse("latency_ms <= 2.5").violation(5.0)
            1.0
        """
        for sign in ("<=", ">="):
            name, found, number = text.partition(sign)
            if found and name.strip():
                if is_number(number):
                    return cls(name.strip(), sign == "<=", float(number))
                break
        raise InvalidValueError(
            f"{text!r} is no limit. Write a column, <= or >=, and a number: 'latency_ms <= 5'."
        )


@dataclass(frozen=True)
class Objective:
    """A column to make more or less of.

    Attributes:
        column: Its name.
        maximise: Whether more is better.
        best: The best value of the table.
        worst: From which value on nothing counts.
        ideal: What those who search may take for the best: known without the table.
        is_from_table: Whether ``worst`` is: somebody with a new problem would have to guess it.
    """

    column: str
    maximise: bool
    best: float
    worst: float
    ideal: float
    is_from_table: bool = True

    def as_kept(self) -> dict[str, object]:
        """What a search that is kept was told of it."""
        return {name: value for name, value in asdict(self).items() if name != "is_from_table"}


@dataclass(frozen=True)
class CheapFidelity:
    """What a short training gives.

    Attributes:
        column: In which it stands.
        share: What it takes, as a share of a whole evaluation: above 0 and below 1.
    """

    column: str
    share: float

    @classmethod
    def parse(cls, text: str) -> "CheapFidelity":
        """Read ``COLUMN=SHARE``; a share is a number, a fraction or per cent.

        Raises:
            InvalidValueError: If the text has another form, or the share is not between 0 and 1.

        Example:
            >>> [CheapFidelity.parse(f"accuracy_12_epochs={share}").share for share in ("6%", "12/200")]
            [0.06, 0.06]
        """
        name, _, written = text.rpartition("=")
        share = share_of(written.strip())
        if not name.strip() or share is None or not 0.0 < share < 1.0:
            raise InvalidValueError(
                f"{text!r} is no cheap fidelity. Write a column, =, and the share of a whole evaluation that "
                "it takes, above 0 and below 1: 'accuracy_12_epochs=0.06'."
            )
        return cls(name.strip(), share)


@dataclass(frozen=True)
class Table:
    """Candidates and what is known of each.

    Attributes:
        name: For reports.
        space: Of which the rows are candidates.
        candidates: One a row.
        columns: Numbers by name, ``[rows]`` each.
        objectives: The first is what only an evaluation reveals; all others are known of every candidate.
        limits: Hard, on columns that are known.
        costs: Further columns that are known of every candidate, by the name that searches know them by.
        twins: Rows that are the same network have the same number, ``[rows]``; empty where nobody knows.
        graph: The network of a candidate.
        is_partial: Whether the space has candidates that are in no row.
        cheap: What those may look at who have some looked at briefly first; None where nothing is cheaper.
        test: What rows reach on test examples, which no search sees, ``[rows]``; empty where nobody knows.
    """

    name: str
    space: SearchSpace
    candidates: Sequence[Candidate]
    columns: Mapping[str, Column]
    objectives: Sequence[Objective]
    limits: Sequence[Limit] = ()
    costs: Mapping[str, str] = field(default_factory=dict[str, str])
    twins: Column = field(default_factory=lambda: np.zeros(0))
    graph: Callable[[Candidate], Graph] | None = None
    is_partial: bool = False
    cheap: CheapFidelity | None = None
    test: Column = field(default_factory=lambda: np.zeros(0))

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """The row of a candidate, by its key."""
        return {candidate.key: row for row, candidate in enumerate(self.candidates)}

    @cached_property
    def digest(self) -> str:
        """Of candidates and columns: a table that was changed is another one."""
        made = hashlib.sha256("".join(candidate.key for candidate in self.candidates).encode())
        for name in sorted(self.columns):
            made.update(name.encode() + np.ascontiguousarray(self.columns[name]).tobytes())
        return made.hexdigest()[:16]

    @property
    def sought(self) -> Column:
        """What an evaluation reveals, ``[rows]``."""
        return self.columns[self.objectives[0].column]

    @cached_property
    def is_allowed(self) -> NDArray[np.bool_]:
        """Which rows keep all limits, and cost no more than what counts, ``[rows]``."""
        allowed = np.ones(len(self.candidates), dtype=bool)
        for limit in self.limits:
            allowed &= np.array([limit.violation(value) == 0.0 for value in self.columns[limit.metric]])
        for objective in self.objectives[1:]:
            allowed &= self.columns[objective.column] <= objective.worst
        return allowed

    @cached_property
    def is_best(self) -> NDArray[np.bool_]:
        """Which allowed rows have the best of what is sought, ``[rows]``; none where no row is allowed."""
        found = self.sought if self.objectives[0].maximise else -self.sought
        return self.is_allowed & (found == np.max(found, where=self.is_allowed, initial=-np.inf))

    @property
    def has_best(self) -> bool:
        """Whether there is one objective, so that the best rows are what a search is for."""
        return len(self.objectives) == 1

    def problem(self) -> SearchProblem:
        """What a search is given: the space, and what is known of a candidate before it is evaluated."""
        known = {objective.column: objective.column for objective in self.objectives[1:]}
        known |= {limit.metric: limit.metric for limit in self.limits} | dict(self.costs)

        def costs(candidate: Candidate) -> Mapping[str, float]:
            row = self.row_of[candidate.key]
            return {name: float(self.columns[column][row]) for name, column in known.items()}

        sought = self.objectives[0]
        box = {objective.column: (objective.ideal, objective.worst) for objective in self.objectives}
        return SearchProblem(
            self.space,
            costs,
            box,
            self.limits,
            trained_metric=sought.column,
            metrics={
                objective.column: Metric(objective.column, "", {"": "1"}, objective.maximise)
                for objective in self.objectives
            },
            linear=[objective.column for objective in self.objectives],
            graph=self.graph,
            is_exact=True,
            candidates=self.candidates if self.is_partial else None,
            lengths=() if self.cheap is None else (1.0, 1.0 / self.cheap.share),
        )

    def points(self) -> Column:
        """All rows as costs, ``[rows, objectives]``: 0 best, 1 worst; 1 where a limit is broken."""
        points = np.column_stack(
            [
                np.clip((self.columns[o.column] - o.best) / (o.worst - o.best), 0.0, 1.0)
                for o in self.objectives
            ]
        )
        points[~self.is_allowed] = 1.0
        return points


def table_of(
    path: Path,
    choices: Sequence[str],
    maximise: str,
    minimise: Sequence[str] = (),
    limits: Sequence[str] = (),
    cheap: str | None = None,
    counts: tuple[float, float] | None = None,
) -> Table:
    """Make a table of any CSV file with one column per choice.

    Args:
        path: The file; ``.csv`` or ``.csv.gz``.
        choices: Columns that together name a row.
        maximise: What evaluations reveal.
        minimise: Costs, known of every row; less is better.
        limits: Such as ``latency_ms <= 5``.
        cheap: A column that a cheaper evaluation reveals and what that takes, such as ``accuracy_12=0.06``.
        counts: Between which values ``maximise`` counts, lower first: what one knows of it beforehand. None
            takes it from the table, from what all but one thousandth exceed to 1, 100 or beyond the best.

    Raises:
        DataError: If the file cannot be used as it is.
        UnknownNameError: If it has no such column.
        InvalidValueError: If a limit has another form, or a column is named twice.
    """
    texts = read_columns(path)
    parsed = [ColumnLimit.parse(limit) for limit in limits]
    fidelity = None if cheap is None else CheapFidelity.parse(cheap)
    cheaper = [] if fidelity is None else [fidelity.column]
    for name in (*choices, maximise, *minimise, *(limit.metric for limit in parsed), *cheaper):
        if name not in texts:
            raise unknown_name(f"column of {path.name}", name, texts)
    for name in (maximise, *cheaper):
        if any(limit.metric == name for limit in parsed):
            raise InvalidValueError(
                f"{name!r} is what evaluations reveal, and a limit needs a column that is known before. "
                "Leave the limit out."
            )
    named = [*choices, maximise, *minimise, *cheaper]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise InvalidValueError(
            f"{', '.join(twice)}: named twice. A column is one choice, one objective or the cheap fidelity."
        )
    numeric = {
        name: numbers_of(path, name, texts[name])
        for name in {maximise, *minimise, *(p.metric for p in parsed), *cheaper}
    }
    values = {name: values_of(texts[name]) for name in choices}
    space = SearchSpace(
        Choice(
            name, tuple(sorted(set(values[name]), key=_by_kind)), ordered=not isinstance(values[name][0], str)
        )
        for name in choices
    )
    candidates = [
        Candidate(dict(zip(choices, row, strict=True)))
        for row in zip(*(values[name] for name in choices), strict=True)
    ]
    _refuse_doubles(path, candidates)
    objectives = [
        _objective(maximise, True, numeric),
        *(_objective(name, False, numeric) for name in minimise),
    ]
    if counts is not None:
        objectives[0] = _counting_between(objectives[0], *counts)
    return Table(
        path.name.removesuffix(".gz").removesuffix(".csv"),
        space,
        candidates,
        numeric,
        objectives,
        parsed,
        is_partial=len(candidates) < space.cardinality,
        cheap=fidelity,
    )


def _objective(name: str, maximise: bool, columns: Mapping[str, Column]) -> Objective:
    """From the best value to the worst but one thousandth, which failures do not stretch."""
    column = columns[name]
    least, most = float(column.min()), float(column.max())
    if least == most:
        raise DataError(f"Column {name!r} is {least:g} everywhere. Leave it out.")
    if not maximise:
        worst = float(np.quantile(column, 0.999, method="higher"))
        return Objective(name, False, least, worst if worst > least else most, least)
    worst = float(np.quantile(column, 0.001, method="lower"))
    worst = worst if worst < most else least
    # Shares and per cent have an end that everybody knows.
    known = [end for end in (1.0, 100.0) if least >= 0.0 and most <= end]
    return Objective(name, True, most, worst, known[0] if known else 2 * most - worst)


def _counting_between(objective: Objective, low: float, high: float) -> Objective:
    if not (low < objective.best <= high and np.isfinite([low, high]).all()):
        raise InvalidValueError(
            f"The range {low:g},{high:g} does not hold the best of {objective.column!r}, {objective.best:g}. "
            "Give two values, the lower first, between which what counts is known to be."
        )
    return replace(objective, worst=low, ideal=high, is_from_table=False)


def _by_kind(value: Value) -> tuple[bool, float, str]:
    return (True, 0.0, value) if isinstance(value, str) else (False, float(value), "")


def _refuse_doubles(path: Path, candidates: Sequence[Candidate]) -> None:
    first: dict[str, int] = {}
    for row, candidate in enumerate(candidates):
        if candidate.key in first:
            raise DataError(
                f"Lines {first[candidate.key] + 2} and {row + 2} of {path.name} have the same choices. "
                "Name all columns that tell rows apart as choices."
            )
        first[candidate.key] = row
