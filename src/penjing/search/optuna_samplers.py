"""Optuna's samplers as search algorithms: TPE, Gaussian process, NSGA-II and NSGA-III.

Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD 2019. A study in memory
is built for every ask from what was told, so that a searcher that was rebuilt proposes the same, and thrown
away: our journal is the one that lasts. Ordered choices are integers, others are categories; a choice that
does not exist is not suggested. What breaks a constraint or was told is asked for again.
"""

import warnings
from collections.abc import Callable, Mapping

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, GPSampler, NSGAIIISampler, NSGAIISampler, TPESampler
from optuna.study import StudyDirection

from penjing.search.problem import SearchProblem
from penjing.search.random import fresh_samples
from penjing.space import Candidate, Choice, Value

_TRIES = 10
_POPULATION = 20

MakeSampler = Callable[[int], BaseSampler]


class OptunaSearcher:
    """Asks one of Optuna's samplers.

    Args:
        problem: Space, costs and constraints.
        sampler: From a seed to a sampler, which is made anew for every ask.
        generation_key: Where the sampler notes to which generation a trial belongs; empty if it does not.
    """

    def __init__(self, problem: SearchProblem, sampler: MakeSampler, generation_key: str = "") -> None:
        self.problem = problem
        self._sampler = sampler
        self._generation_key = generation_key
        self._distributions = {
            choice.name: _distribution(choice) for choice in problem.space if len(choice.values) > 1
        }
        self._trials: list[optuna.trial.FrozenTrial] = []
        self._seen: set[str] = set()

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Add a finished trial."""
        self._seen.add(candidate.key)
        point = self.problem.points([{**self.problem.costs(candidate), **costs}])[0]
        names = [name for name in candidate if name in self._distributions]
        # Optuna notes it when it asks, in a study that is gone.
        generation = {self._generation_key: len(self._trials) // _POPULATION} if self._generation_key else {}
        self._trials.append(
            optuna.trial.create_trial(
                params={name: _place(self.problem.space[name], candidate[name]) for name in names},
                distributions={name: self._distributions[name] for name in names},
                values=[float(value) for value in point],
                system_attrs=generation,
            )
        )

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Suggest every choice that exists, in building order, ``n`` times."""
        made: dict[str, Candidate] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study = self._study(int(rng.integers(2**31)))
            for _ in range(_TRIES * n):
                if len(made) == n:
                    break
                trial = study.ask()
                candidate = self._suggested(trial)
                is_fresh = candidate.key not in self._seen and candidate.key not in made
                if (
                    is_fresh
                    and self.problem.space.holds(candidate)
                    and self.problem.violation(candidate) == 0
                ):
                    made[candidate.key] = candidate
                else:
                    study.tell(trial, state=optuna.trial.TrialState.FAIL)
        known = {*self._seen, *made}
        return [*made.values(), *fresh_samples(self.problem, n - len(made), rng, known)]

    def _study(self, seed: int) -> "optuna.Study":
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            study = optuna.create_study(
                directions=[StudyDirection.MINIMIZE] * len(self.problem.box), sampler=self._sampler(seed)
            )
        finally:
            optuna.logging.set_verbosity(level)
        study.add_trials(self._trials)
        return study

    def _suggested(self, trial: "optuna.Trial") -> Candidate:
        made: dict[str, Value] = {}
        for choice in self.problem.space:
            if not choice.exists(made):
                continue
            place = 0
            distribution = self._distributions.get(choice.name)
            if isinstance(distribution, IntDistribution):
                place = trial.suggest_int(choice.name, distribution.low, distribution.high)
            elif isinstance(distribution, CategoricalDistribution):
                place = int(str(trial.suggest_categorical(choice.name, distribution.choices)))
            made[choice.name] = choice.values[place]
        return Candidate(made)


class TpeSearcher(OptunaSearcher):
    """Tree-structured Parzen estimators, of groups of choices that exist together."""

    def __init__(self, problem: SearchProblem) -> None:
        super().__init__(problem, lambda seed: TPESampler(seed=seed, multivariate=True, group=True))


class OptunaGpSearcher(OptunaSearcher):
    """Optuna's Gaussian process."""

    def __init__(self, problem: SearchProblem) -> None:
        super().__init__(problem, lambda seed: GPSampler(seed=seed))


class Nsga2Searcher(OptunaSearcher):
    """Optuna's NSGA-II."""

    def __init__(self, problem: SearchProblem) -> None:
        super().__init__(
            problem,
            lambda seed: NSGAIISampler(seed=seed, population_size=_POPULATION),
            NSGAIISampler._get_generation_key(),
        )


class Nsga3Searcher(OptunaSearcher):
    """Optuna's NSGA-III."""

    def __init__(self, problem: SearchProblem) -> None:
        super().__init__(
            problem,
            lambda seed: NSGAIIISampler(seed=seed, population_size=_POPULATION),
            NSGAIIISampler._get_generation_key(),
        )


def _distribution(choice: Choice) -> BaseDistribution:
    n = len(choice.values)
    return IntDistribution(0, n - 1) if choice.ordered else CategoricalDistribution(tuple(range(n)))


def _place(choice: Choice, value: Value) -> int:
    return choice.values.index(value)
