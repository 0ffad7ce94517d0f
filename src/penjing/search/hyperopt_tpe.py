"""Hyperopt's tree of Parzen estimators as a search algorithm.

Bergstra, Bardenet, Bengio and Kégl, "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011. Its trials
are built for every ask from what was told. It knows one objective: with several, every ask looks in a
direction of its own, by a weighted Chebyshev sum (Knowles, "ParEGO", IEEE TEC 10(1), 2006). Choices that do
not exist are told as such, and what it says of them is not read.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from hyperopt import JOB_STATE_DONE, STATUS_OK, Domain, Trials, hp, tpe

from penjing.search.order import drawn_weights, towards
from penjing.search.problem import SearchProblem
from penjing.search.random import fresh_samples
from penjing.space import Candidate, Value

_TRIES = 6
_N_INITIAL = 10
_HALF = 0.499999


class HyperoptSearcher:
    """Asks Hyperopt's TPE.

    Args:
        problem: Space, costs and constraints.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self.problem = problem
        self._free = [choice for choice in problem.space if len(choice.values) > 1]
        self._domain = Domain(
            lambda drawn: 0.0,
            {
                # Not uniformint, which gives the first and the last value half of what others get.
                choice.name: hp.quniform(choice.name, -_HALF, len(choice.values) - 1 + _HALF, 1)
                if choice.ordered
                else hp.randint(choice.name, len(choice.values))
                for choice in self._free
            },
        )
        self._told: list[tuple[Candidate, Mapping[str, float]]] = []
        self._seen: set[str] = set()

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Remember a result."""
        self._seen.add(candidate.key)
        self._told.append((candidate, {**self.problem.costs(candidate), **costs}))

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """The best of TPE's draws, ``n`` times; those that are no use are drawn again."""
        if len(self._told) < _N_INITIAL:
            return fresh_samples(self.problem, n, rng, self._seen)
        made: dict[str, Candidate] = {}
        for _ in range(_TRIES * n):
            if len(made) == n:
                break
            trials = self._trials(drawn_weights(len(self.problem.box), rng))
            (found,) = tpe.suggest(
                [len(self._told)],
                self._domain,
                trials,
                int(rng.integers(2**31)),
                n_startup_jobs=0,
                verbose=False,
            )
            candidate = self._read(found["misc"]["vals"])
            is_fresh = candidate.key not in self._seen and candidate.key not in made
            if is_fresh and self.problem.allows(candidate):
                made[candidate.key] = candidate
        known = {*self._seen, *made}
        return [*made.values(), *fresh_samples(self.problem, n - len(made), rng, known)]

    def _trials(self, weights: np.ndarray) -> Trials:
        """All that was told, as seen in one direction."""
        losses = towards(self.problem.points([costs for _, costs in self._told]), weights)
        trials = Trials()
        ids = list(range(len(self._told)))
        results = [{"loss": float(loss), "status": STATUS_OK} for loss in losses]
        miscs = [self._misc(at, candidate) for at, (candidate, _) in enumerate(self._told)]
        documents = trials.new_trial_docs(ids, [None] * len(ids), results, miscs)
        for document in documents:
            document["state"] = JOB_STATE_DONE
        trials.insert_trial_docs(documents)
        trials.refresh()
        return trials

    def _misc(self, number: int, candidate: Candidate) -> dict[str, Any]:
        places = {
            choice.name: [choice.values.index(candidate[choice.name])] if choice.name in candidate else []
            for choice in self._free
        }
        ids = {name: [number] if place else [] for name, place in places.items()}
        return {"tid": number, "cmd": self._domain.cmd, "workdir": None, "idxs": ids, "vals": places}

    def _read(self, values: Mapping[str, Any]) -> Candidate:
        made: dict[str, Value] = {}
        for choice in self.problem.space:
            if choice.exists(made):
                place = int(values[choice.name][0]) if len(choice.values) > 1 else 0
                made[choice.name] = choice.values[place]
        return Candidate(made)
