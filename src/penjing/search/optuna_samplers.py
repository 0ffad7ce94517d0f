"""Optuna's samplers as search algorithms: TPE, Gaussian process, NSGA-II, NSGA-III and CMA-ES.

Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD 2019. A study in memory
is built for every ask from what was told, so that a searcher that was rebuilt proposes the same, and thrown
away: our journal is the one that lasts. Ordered choices are integers, others are categories; a choice that
does not exist is not suggested. What breaks a constraint or was told is asked for again.
"""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, NSGAIIISampler, NSGAIISampler, TPESampler
from optuna.study import StudyDirection

from penjing.search.order import places, stream_of
from penjing.search.problem import SearchProblem
from penjing.search.random import fresh_samples
from penjing.space import Candidate, Choice, Value

_TRIES = 10
_POPULATION = 20
# The names under which Optuna's CMA-ES with margin keeps notes of a trial.
_CMA_GENERATION, _CMA_OPTIMIZER, _CMA_POINT = "cmawm:generation", "cmawm:optimizer", "x_for_tell"

MakeSampler = Callable[[int], BaseSampler]


@contextmanager
def quietly() -> Iterator[None]:
    """Without Optuna's lines about every study, and its warnings of what is experimental in it."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


class OptunaSearcher:
    """Asks one of Optuna's samplers.

    Args:
        problem: Space, costs and constraints.
        sampler: From a seed to a sampler, which is made anew for every ask.
        generation_key: Where the sampler notes to which generation a trial belongs; empty if it does not.
        n_values: Costs that the sampler is told of every trial; one per objective if None.
    """

    def __init__(
        self,
        problem: SearchProblem,
        sampler: MakeSampler,
        generation_key: str = "",
        n_values: int | None = None,
    ) -> None:
        self.problem = problem
        self._sampler = sampler
        self._generation_key = generation_key
        self._n_values = len(problem.box) if n_values is None else n_values
        self._distributions = {
            choice.name: _distribution(choice) for choice in problem.space if len(choice.values) > 1
        }
        self._trials: list[optuna.trial.FrozenTrial] = []
        self._seen: set[str] = set()

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Add a finished trial."""
        # Optuna notes it when it asks, in a study that is gone.
        generation = {self._generation_key: len(self._trials) // _POPULATION} if self._generation_key else {}
        self._trials.append(self._trial(self._places(candidate), self._point(candidate, costs), generation))
        self._seen.add(candidate.key)

    def ask(self, n: int, rng: np.random.Generator) -> list[Candidate]:
        """Suggest every choice that exists, in building order, ``n`` times."""
        made: dict[str, Candidate] = {}
        with quietly():
            study = self._study(int(rng.integers(2**31)))
            for _ in range(_TRIES * n):
                if len(made) == n:
                    break
                trial = study.ask()
                candidate = self._suggested(trial)
                is_fresh = candidate.key not in self._seen and candidate.key not in made
                if is_fresh and self.problem.allows(candidate):
                    made[candidate.key] = candidate
                else:
                    study.tell(trial, state=optuna.trial.TrialState.FAIL)
        known = {*self._seen, *made}
        return [*made.values(), *fresh_samples(self.problem, n - len(made), rng, known)]

    def _point(self, candidate: Candidate, costs: Mapping[str, float]) -> NDArray[np.float64]:
        return self.problem.points([{**self.problem.costs(candidate), **costs}])[0]

    def _places(self, candidate: Candidate) -> dict[str, int]:
        """Which of the values of each choice that exists and is one."""
        return {
            name: self.problem.space[name].values.index(value)
            for name, value in candidate.items()
            if name in self._distributions
        }

    def _trial(
        self, placed: Mapping[str, int], values: Iterable[float], notes: Mapping[str, Any]
    ) -> optuna.trial.FrozenTrial:
        return optuna.trial.create_trial(
            params=dict(placed),
            distributions={name: self._distributions[name] for name in placed},
            values=[float(value) for value in values],
            system_attrs=dict(notes),
        )

    def _study(self, seed: int) -> "optuna.Study":
        study = optuna.create_study(
            directions=[StudyDirection.MINIMIZE] * self._n_values, sampler=self._sampler(seed)
        )
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


class CmaEsSearcher(OptunaSearcher):
    """Optuna's CMA-ES with margin, over the ordered choices; choices without order are drawn.

    Hamano, Saito, Nomura and Shirakawa, "CMA-ES with Margin", GECCO 2022. It knows one objective and a space
    without conditions. Results are ranked among all that were told by non-dominated rank and crowding: of
    costs it knows no more than their order. An ordered choice that does not exist gets a drawn value, which
    selection cannot favour. Results make a generation in the order in which they are told, whoever
    proposed them.
    """

    def __init__(self, problem: SearchProblem) -> None:
        ordered = [choice for choice in problem.space if choice.ordered and len(choice.values) > 1]
        # As Optuna sorts the coordinates of its points.
        self._ordered = sorted(ordered, key=lambda choice: choice.name)
        # Hansen, "The CMA Evolution Strategy: A Tutorial", 2016, equation 48.
        self._population = 4 + int(3 * math.log(max(1, len(ordered))))
        super().__init__(
            problem,
            lambda seed: CmaEsSampler(
                seed=seed, popsize=self._population, with_margin=True, warn_independent_sampling=False
            ),
            n_values=1,
        )
        self._points: list[NDArray[np.float64]] = []

    def tell(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Add to the generation, and learn from it when it is whole."""
        placed = self._places(candidate)
        rng = stream_of(candidate)
        for choice in self._ordered:
            placed.setdefault(choice.name, int(rng.integers(len(choice.values))))
        notes = {
            _CMA_GENERATION: len(self._points) // self._population,
            _CMA_POINT: [placed[choice.name] / (len(choice.values) - 1) for choice in self._ordered],
        }
        self._trials.append(self._trial(placed, [0.0], notes))
        self._points.append(self._point(candidate, costs))
        self._seen.add(candidate.key)
        if len(self._points) % self._population == 0:
            self._learn()

    def _learn(self) -> None:
        generation = self._trials[-self._population :]
        ranked = places(np.array(self._points))[-self._population :]
        for trial, place in zip(generation, ranked, strict=True):
            trial.values = [float(place)]
        last = generation[-1]
        last.system_attrs = {**last.system_attrs, **self._learnt()}
        # Its notes hold all that was learnt.
        self._trials = [last]

    def _learnt(self) -> dict[str, Any]:
        """The distribution after the generation that is whole, as Optuna notes it when it is asked."""
        with quietly():
            study = self._study(0)
            # It looks at what was told when the first value is asked for.
            study.ask({choice.name: self._distributions[choice.name] for choice in self._ordered})
        notes = study.get_trials(deepcopy=False)[-1].system_attrs
        return {name: note for name, note in notes.items() if name.startswith(_CMA_OPTIMIZER)}


def _distribution(choice: Choice) -> BaseDistribution:
    n = len(choice.values)
    return IntDistribution(0, n - 1) if choice.ordered else CategoricalDistribution(tuple(range(n)))
