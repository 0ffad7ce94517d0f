"""One searcher proposes many candidates, a model of another screens them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

import numpy as np

from penjing.errors import InvalidValueError
from penjing.protocols import Searcher
from penjing.search.bayesian import BayesianSearcher
from penjing.search.policy import PolicySearcher
from penjing.search.problem import SearchProblem
from penjing.space import Candidate


class Screener(Protocol):
    """A searcher that can also judge candidates that others propose."""

    @property
    def has_model(self) -> bool:
        """Whether enough was told to judge."""
        ...

    @property
    def expected_gain(self) -> float | None:
        """The most that one of the candidates it last judged is expected to gain; None before the first."""
        ...

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """As of any searcher."""
        ...

    def screened(self, candidates: Sequence[Candidate], n: int) -> list[Candidate]:
        """The ``n`` of some candidates that promise most, or fewer."""
        ...


_ABILITIES = ("screened", "has_model", "expected_gain")


class HybridSearcher:
    """Reinforcement learning proposes and a Gaussian process screens, or any other pair.

    Args:
        problem: Space, costs and constraints.
        proposer: Proposes; None for :class:`~penjing.search.policy.PolicySearcher`.
        screener: Judges; None for :class:`~penjing.search.bayesian.BayesianSearcher`.
        factor: How many are proposed for one that is asked for.
    """

    def __init__(
        self,
        problem: SearchProblem,
        proposer: Searcher | None = None,
        screener: Screener | None = None,
        factor: int = 20,
    ) -> None:
        self.proposer = proposer or PolicySearcher(problem)
        self.screener = screener or BayesianSearcher(problem)
        self.factor = factor

    @property
    def expected_gain(self) -> float | None:
        """The most that one of the last proposals was expected to gain by the screener."""
        return self.screener.expected_gain

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Let both learn."""
        self.proposer.tell(candidate, costs)
        self.screener.tell(candidate, costs)

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """What promises most of what is proposed; until there is a model, what is proposed first."""
        if not self.screener.has_model:
            return self.proposer.ask(n, rng)
        proposed = self.proposer.ask(self.factor * n, rng)
        chosen = self.screener.screened(proposed, n)
        rest = [candidate for candidate in proposed if candidate not in chosen]
        return [*chosen, *rest[: n - len(chosen)]]


def pair_of(name: str, made_by: Callable[[str], Callable[[SearchProblem], Searcher]]) -> type[HybridSearcher]:
    """The hybrid of two algorithms that a name such as ``hybrid:evolution+surrogate`` says.

    Args:
        name: ``hybrid:PROPOSER+SCREENER``.
        made_by: Looks an algorithm up by its name.

    Raises:
        InvalidValueError: If the name has another form, the first proposes too few or trains some further, or
            the second has no model to judge with.
        UnknownNameError: If one of the algorithms is not known.
        MissingExtraError: If a package is missing that one of them needs.
    """
    proposer, plus, screener = name.partition(":")[2].partition("+")
    if not (proposer and plus and screener) or "hybrid" in (proposer, screener):
        raise InvalidValueError(
            f"{name!r} is no pair of algorithms. Write hybrid:PROPOSER+SCREENER, such as "
            "hybrid:evolution+surrogate; neither of them a hybrid."
        )
    if proposer == "auto":
        raise InvalidValueError(
            f"'auto' cannot propose in {name!r}: it never proposes more than the rest of a turn, too few to "
            "choose among. Take another one, such as evolution."
        )
    proposes, screens = made_by(proposer), made_by(screener)
    if hasattr(proposes, "promoted"):
        raise InvalidValueError(
            f"{proposer!r} cannot propose in {name!r}: what it does is to train some further. "
            "Take it alone, or another one, such as evolution."
        )
    if missing := [ability for ability in _ABILITIES if not hasattr(screens, ability)]:
        raise InvalidValueError(
            f"{screener!r} cannot screen in {name!r}: it has no model that judges what others propose; its "
            f"class lacks {', '.join(missing)}. Of ours bayesian, graph-predictor and surrogate can."
        )

    class Pair(HybridSearcher):
        """Of these two."""

        def __init__(self, problem: SearchProblem) -> None:
            super().__init__(problem, proposes(problem), cast(Screener, screens(problem)))

    return Pair
