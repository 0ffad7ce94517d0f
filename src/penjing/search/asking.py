"""Ask while evaluations are in flight: for loops in which nobody waits for a batch to be complete."""

from collections.abc import Collection

import numpy as np

from penjing.protocols import Searcher
from penjing.space import Candidate


def ask_beside(
    in_flight: Collection[Candidate], searcher: Searcher, n: int, rng: np.random.Generator
) -> list[Candidate]:
    """Propose ``n`` candidates beside those that were asked for and are not told yet.

    As many more are asked for as are in flight, and these are left out. Searchers with a model choose the
    candidates of a batch one after the other, each as if those before it had turned out as expected: so does
    what is in flight (Ginsbourger et al., "Kriging is well-suited to parallelize optimization", 2010).

    Args:
        in_flight: Asked for, and not told.
        searcher: Knows all that was told, in whatever order it came.
        n: How many.
        rng: All randomness of this ask.

    Returns:
        Fewer than ``n`` when the space has no more to give, or the turn of one of ``auto`` ends before.

    Example:
        >>> from penjing.search import SearchProblem, searcher_named
        >>> from penjing.space import Choice, SearchSpace
        >>> space = SearchSpace([Choice("width", (8, 16, 32))])
        >>> problem = SearchProblem(space, lambda candidate: {}, {"accuracy": (1.0, 0.0)})
        >>> searcher = searcher_named("local", problem)
        >>> first = searcher.ask(2, np.random.default_rng(0))
        >>> [c not in first for c in ask_beside(first, searcher, 1, np.random.default_rng(1))]
        [True]
    """
    flying = {candidate.key for candidate in in_flight}
    proposed = searcher.ask(n + len(flying), rng)
    return [candidate for candidate in proposed if candidate.key not in flying][:n]
