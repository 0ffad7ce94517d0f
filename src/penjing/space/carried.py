"""A space in which some parts may only be what earlier winners chose."""

from collections.abc import Sequence

import numpy as np

from penjing.space.candidate import Candidate
from penjing.space.space import SearchSpace


class CarriedSpace(SearchSpace):
    """The space of a later phase: one of the winners' architectures, everything else free.

    Args:
        space: The whole space.
        winners: Candidates whose architecture is carried over.
        part: The part that is carried.

    Example:
        >>> from penjing.space.choice import Choice
        >>> space = SearchSpace([Choice("width", (1, 2)), Choice("bits", (4, 8), part="compression")])
        >>> winner = space.candidate({"width": 2, "bits": 8})
        >>> CarriedSpace(space, [winner]).sample(np.random.default_rng(0))["width"]
        2
    """

    def __init__(self, space: SearchSpace, winners: Sequence[Candidate], part: str = "architecture") -> None:
        super().__init__(space.choices)
        self._winners = [self.project(winner, part) for winner in winners]
        self._carried = set(self.of_parts(part))

    def sample(self, rng: np.random.Generator) -> Candidate:
        """One winner, the rest drawn uniformly."""
        return self._completed(self._winners[int(rng.integers(len(self._winners)))], rng)

    def mutate(self, candidate: Candidate, rng: np.random.Generator, n_changes: int = 1) -> Candidate:
        """Change choices of the free parts only."""
        fixed = self.fixed({name: value for name, value in candidate.items() if name in self._carried})
        return fixed.mutate(candidate, rng, n_changes)

    def cross(self, first: Candidate, second: Candidate, rng: np.random.Generator) -> Candidate:
        """The first parent's architecture; of the rest, what both can give."""
        carried = {name: value for name, value in first.items() if name in self._carried}
        return self.fixed(carried).cross(first, self._with(second, carried), rng)

    def _with(self, candidate: Candidate, carried: dict[str, str | int | float | bool]) -> Candidate:
        rest = {name: value for name, value in candidate.items() if name not in self._carried}
        return Candidate({**rest, **carried})
