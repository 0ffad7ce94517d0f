"""From a candidate to what it will be: the steps of a run put together, without training anything."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from penjing.blueprint import Blueprint, Graph, InputSpec, graph_of, macs, parameters, precision_named
from penjing.compression.quantization.method import Quantization
from penjing.errors import ConfigError
from penjing.families import family_kind
from penjing.protocols import Abilities, Family, Target
from penjing.space import Candidate, Choice, SearchSpace, Value
from penjing.study.config import StudyConfig
from penjing.study.lineage import architecture_key
from penjing.study.phases import phases_of
from penjing.study.spaces import configured_space
from penjing.training.loop import Recipe

Floats = NDArray[np.float64]
# The optimiser where the search chooses it; where finalists do, it is training.optimiser.
SEARCHED_OPTIMISER = "network.optimiser"
# Steps in a pass that leave room for larger ones.
_MANY_STEPS = 100
# What networks of a million operations were better with after tens of passes (ADR 17).
_LONG_WEIGHT_DECAY, _LONG_LABEL_SMOOTHING = 5e-4, 0.1
# One over less is no 32-bit float.
_LEAST_DEVIATION = 1e-30


@dataclass(frozen=True)
class DataFacts:
    """What the pipeline must know of the data.

    Attributes:
        shape: Of an image, ``(channels, height, width)``, or ``(features,)``.
        n_classes: How many.
        n_train: Training examples.
        mean: Of the pixels, or of each feature.
        deviation: Their standard deviation; 0 for a feature that is constant.
        fingerprint: Of the data and their split.
    """

    shape: tuple[int, ...]
    n_classes: int
    n_train: int
    mean: float | tuple[float, ...]
    deviation: float | tuple[float, ...]
    fingerprint: str

    @property
    def are_vectors(self) -> bool:
        """Whether an example is a row of features."""
        return len(self.shape) == 1


class Pipeline:
    """Family, methods, target and training choices of one run.

    Args:
        config: What the user asked for.
        facts: About the data.
        target: Where the artifact will run.

    Raises:
        UnknownNameError: If the family has no such setting, or a value names what is not known.
        ConfigError: If settings of the family do not fit each other or the data.
    """

    def __init__(self, config: StudyConfig, facts: DataFacts, target: Target) -> None:
        self.config = config
        self.facts = facts
        self.target = target
        self.abilities: Abilities = target.abilities()
        kind = family_kind(config.space.networks)
        self.family: Family = kind.family(_input(facts), facts.n_classes, config.space.family)
        self.quantization = Quantization(config.space.precisions, config.space.precision_per == "layer")
        compression = self.quantization.choices(self.family.blocks(), self.abilities)
        searched = [_searched_optimiser(config)] if kind.searches_optimiser else []
        self.space = SearchSpace([*self.family.choices(self.abilities), *searched, *compression])
        for phase in phases_of(config.search):
            configured_space(self, phase)  # what is not known is found before time is spent
        if config.search.folds > facts.n_train:
            raise ConfigError(
                f"search.folds is {config.search.folds}, but there are {facts.n_train} training examples. "
                f"Ask for at most {facts.n_train} folds, better for five."
            )
        self.training_space = SearchSpace(_training_choices(config, kind.searches_optimiser))
        self.latency_ms: Callable[[Blueprint], float] | None = None
        self._costs: dict[tuple[str, bool], dict[str, float]] = {}

    def float_blueprint(self, candidate: Candidate) -> Blueprint:
        """The candidate's network before compression."""
        return self.family.blueprint(candidate)

    def blueprint(self, candidate: Candidate) -> Blueprint:
        """The candidate's network as it ships."""
        return self.quantization.rewrite(self.float_blueprint(candidate), candidate)

    def costs(self, candidate: Candidate) -> dict[str, float]:
        """Everything that is known before training; kept, for a search asks for the same again and again."""
        key = (candidate.key, self.latency_ms is not None)
        if key not in self._costs:
            self._costs[key] = self.costs_of(self.blueprint(candidate))
        return dict(self._costs[key])

    def costs_of(self, blueprint: Blueprint) -> dict[str, float]:
        """The same, of a blueprint."""
        made: dict[str, float] = {
            "parameters": parameters(blueprint),
            "macs": macs(blueprint),
            "size_bytes": self.target.size_bytes(blueprint),
        }
        if self.latency_ms is not None:
            made["latency_ms"] = self.latency_ms(blueprint)
        return made

    def reference(self) -> Candidate:
        """The network that others are compared with, before compression, trained in the first way offered."""
        searched = {choice.name: choice.values[0] for choice in self.space if choice.part == "training"}
        return Candidate({**self.family.reference(self.space.choices), **searched})

    def graph(self, candidate: Candidate) -> Graph:
        """The candidate's network as it ships, for models that read graphs; its input tells the optimiser."""
        made = graph_of(self.blueprint(candidate))
        if SEARCHED_OPTIMISER not in candidate:
            return made
        given, *others = made.labels
        return replace(made, labels=(f"{given} {candidate[SEARCHED_OPTIMISER]}", *others))

    def architecture_key(self, candidate: Candidate) -> str:
        """Equal for candidates that share a network before compression, and how the search trains it."""
        return architecture_key(self.space, candidate)

    def uniform(self, precision: str) -> dict[str, Value]:
        """One precision for the whole network."""
        return self.quantization.uniform(precision)

    def recipe(self, training: Mapping[str, object], epochs: float) -> Recipe:
        """The recipe that training choices describe, those of the search among them."""
        return Recipe(
            epochs=epochs,
            learning_rate=float(str(training["training.learning_rate"])),
            weight_decay=float(str(training["training.weight_decay"])),
            distillation_weight=float(str(training["training.distillation_weight"])),
            optimiser=str(training.get(SEARCHED_OPTIMISER) or training["training.optimiser"]),
            label_smoothing=float(str(training["training.label_smoothing"])),
            batch_size=self.config.training.batch_size,
        )

    def without_distillation(self, training: Candidate) -> Candidate:
        """The same training choices where there is no teacher, whatever is offered."""
        return Candidate({**training, "training.distillation_weight": 0.0})

    @property
    def finalist_batch_size(self) -> int:
        """Examples per step for finalists: as configured, else at most twice those of brief ones."""
        double = 2 * self.config.training.batch_size
        abound = self.facts.n_train >= _MANY_STEPS * double
        return self.config.finalists.batch_size or (double if abound else self.config.training.batch_size)

    def tuning_share(self, blueprint: Blueprint) -> float:
        """The part of the time kept for quantization-aware training: where few bits may cost accuracy."""
        precisions = [precision_named(layer.precision) for layer in blueprint.weighted_layers]
        if any(precision.weight_bits < 8 for precision in precisions):
            return self.config.finalists.tuning_fraction
        if any(precision.integer for precision in precisions):
            return self.config.finalists.tuning_fraction / 2
        return 0.0

    def regularised(self, training: Candidate) -> Candidate:
        """The same training choices, with as much weight decay and smoothing as long trainings gain by.

        Of what is offered the nearest, decays by their ratios, but never less than there is. A first rung is
        too short to tell (ADR 17).
        """
        offered = self.config.training
        decay = min(
            offered.weight_decays, key=lambda value: abs(math.log(max(value, 1e-9) / _LONG_WEIGHT_DECAY))
        )
        smoothing = min(offered.label_smoothings, key=lambda value: abs(value - _LONG_LABEL_SMOOTHING))
        wanted = {"training.weight_decay": decay, "training.label_smoothing": smoothing}
        return Candidate(
            {**training, **{name: max(value, float(str(training[name]))) for name, value in wanted.items()}}
        )

    def default_training(self) -> Candidate:
        """The middle value of every training choice; of two, the second."""
        return self.training_space.candidate(
            {choice.name: choice.values[len(choice.values) // 2] for choice in self.training_space}
        )


def _input(facts: DataFacts) -> InputSpec:
    """Round the normalisation to constants that the file holds, the zero point to a pixel value."""
    if isinstance(facts.mean, tuple) or isinstance(facts.deviation, tuple):
        return _input_of_features(facts.shape, np.array(facts.mean), np.array(facts.deviation))
    # A mostly black image pads with black: its own zero stays zero, and one constant is saved.
    is_dark = facts.mean < 100.0 and facts.shape[0] == 1
    zero_point = 0 if is_dark else round(facts.mean)
    scale = float(np.float32(1.0 / max(facts.deviation, 1.0)))
    return InputSpec("x", facts.shape, scale=scale, zero_point=zero_point)


def _input_of_features(shape: tuple[int, ...], means: Floats, deviations: Floats) -> InputSpec:
    """What is constant in training gets the scale 0: what else it may be, no network has learnt."""
    scales = np.divide(1.0, deviations, out=np.zeros_like(deviations), where=deviations > _LEAST_DEVIATION)
    return InputSpec("x", shape, "float32", means=_rounded(means), scales=_rounded(scales))


def _rounded(values: Floats) -> tuple[float, ...]:
    """The shortest decimals that are the nearest 32-bit floats."""
    return tuple(float(str(value)) for value in values.astype(np.float32))


def _searched_optimiser(config: StudyConfig) -> Choice:
    return Choice(SEARCHED_OPTIMISER, tuple(config.training.optimisers), "training", ordered=False)


def _training_choices(config: StudyConfig, is_optimiser_searched: bool) -> list[Choice]:
    offered = config.training
    weights = offered.distillation_weights if config.finalists.distillation else [0.0]
    optimiser = Choice("training.optimiser", tuple(offered.optimisers), "training", ordered=False)
    return [
        Choice("training.learning_rate", tuple(offered.learning_rates), "training"),
        Choice("training.weight_decay", tuple(offered.weight_decays), "training"),
        Choice("training.distillation_weight", tuple(weights), "training"),
        Choice("training.label_smoothing", tuple(offered.label_smoothings), "training"),
        *([] if is_optimiser_searched else [optimiser]),
    ]
