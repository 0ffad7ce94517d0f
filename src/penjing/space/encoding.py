"""Candidates as vectors: one column per choice and value."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from penjing.space.candidate import Candidate
from penjing.space.choice import Value
from penjing.space.space import SearchSpace


class Encoding:
    """One-hot columns for every value of every free choice; an absent choice is all zeros.

    Ordered choices of more than two values get one more column: the value's
    position between 0 and 1, which lets a linear model use a trend with few samples.

    Args:
        space: Choices with one value carry no information and get no column.
        scale_of_part: Length of a part's columns, 1 where it is not named: how much a model
            expects the part to matter before it has seen anything.

    Example:
        >>> from penjing.space.choice import Choice
        >>> space = SearchSpace([Choice("op", ("a", "b"), ordered=False)])
        >>> Encoding(space).one_hot([space.candidate({"op": "b"})])
        array([[0., 1.]])
    """

    def __init__(self, space: SearchSpace, scale_of_part: Mapping[str, float] | None = None) -> None:
        self._column: dict[tuple[str, Value], int] = {}
        self._position: dict[str, tuple[int, dict[Value, float]]] = {}
        names: list[str] = []
        scales: list[float] = []
        for choice in space:
            if len(choice.values) == 1:
                continue
            for value in choice.values:
                self._column[choice.name, value] = len(names)
                names.append(f"{choice.name}={value}")
            if choice.ordered and len(choice.values) > 2:
                places = {value: i / (len(choice.values) - 1) for i, value in enumerate(choice.values)}
                self._position[choice.name] = (len(names), places)
                names.append(f"{choice.name} (position)")
            scale = (scale_of_part or {}).get(choice.part, 1.0)
            scales.extend([scale] * (len(names) - len(scales)))
        self.columns = tuple(names)
        self._scales = np.array(scales)

    def one_hot(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """Encode ``n`` candidates, ``[n, len(columns)]``, values between 0 and 1."""
        rows = np.zeros((len(candidates), len(self.columns)))
        for row, candidate in zip(rows, candidates, strict=True):
            for name, value in candidate.items():
                column = self._column.get((name, value))
                if column is not None:
                    row[column] = 1.0
                if name in self._position:
                    at, places = self._position[name]
                    row[at] = places[value]
        return rows * self._scales
