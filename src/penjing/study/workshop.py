"""Where weights are made: the steps that need data and torch, run in a worker process."""

import math
import time
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import nn

from penjing.blueprint import Blueprint
from penjing.compression.quantization.simulate import calibrate, simulate_
from penjing.errors import ArtifactError, RunFolderError
from penjing.families.elastic.inherit import inherit_
from penjing.families.elastic.supernet import Supernet, largest_shapes
from penjing.families.plain import build_network, drawn_network, folded, initialise_
from penjing.protocols import QuantizationScheme
from penjing.space import Candidate
from penjing.store import write_atomically
from penjing.study.config import StudyConfig
from penjing.study.jobs import SUPERNET, TOLERATED_LOSS, FinalJob, InheritedJob, Outcome, ScoreJob, TeacherJob
from penjing.study.kept_data import HOLD_OUT, KeptData, Split
from penjing.study.pipeline import DataFacts, Pipeline
from penjing.study.shipping import COMPARED_IMAGES, ship
from penjing.study.steps import fitting
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.training import Augmentation, Recipe, accuracy, logits_of, train_, training_device
from penjing.training.device import CPU, on_device
from penjing.training.zero_cost import zero_cost_scores

_CALIBRATION_IMAGES = 512
_SCORED_IMAGES = 64
# Folded weights have no normalisation to absorb large steps.
_TUNING_RATE = 0.05


class _DivergedError(ArtifactError):
    """A training ended with numbers that are none."""


class Workshop:
    """Data, pipeline and folders of one run, as a worker process sees them.

    Args:
        run: The run folder.
        config: What the user asked for.
        facts: About the data.
        precision: Of trainings, but not of those after compression: what they simulate is exact.
    """

    def __init__(self, run: Path, config: StudyConfig, facts: DataFacts, precision: str = "fp32") -> None:
        self.run = run
        self.config = config
        self.pipeline = Pipeline(config, facts, OnnxRuntimeCpu())
        self.device = training_device(config.training.device)
        self.precision = precision
        self.data = KeptData(run, self.device)
        self._augmentation = Augmentation(config.training.shift_pixels, config.training.mirror)

    def do(self, job: InheritedJob | FinalJob | TeacherJob | ScoreJob) -> Outcome:
        """Run a job; an error becomes a failed outcome, so that one bad design never ends a study."""
        started = time.perf_counter()
        try:
            if isinstance(job, InheritedJob):
                measurements, facts = self._inherited(job)
            elif isinstance(job, FinalJob):
                measurements, facts = self._final(job)
            elif isinstance(job, ScoreJob):
                measurements, facts = self._score(job)
            else:
                measurements, facts = self._teach(job)
        except RunFolderError:
            raise  # a full disk is not the design's fault
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            return Outcome({}, time.perf_counter() - started, error=message)
        return Outcome(measurements, time.perf_counter() - started, facts)

    def _inherited(self, job: InheritedJob) -> tuple[dict[str, float], dict[str, object]]:
        candidate = Candidate(job.candidate)
        plain, blueprint = self.pipeline.float_blueprint(candidate), self.pipeline.blueprint(candidate)
        if job.weights_key == SUPERNET:
            return {"accuracy": self._judged(self._shared(plain), blueprint, HOLD_OUT)}, {"epochs": 0.0}
        n_folds = self.config.search.folds
        splits = [Split(at, n_folds) for at in range(n_folds)] if n_folds > 1 else [HOLD_OUT]
        found = [self._judged(self._briefly_trained(job, plain, s), blueprint, s) for s in splits]
        epochs = job.epochs and self._epochs_of(job.weights_key)
        return {"accuracy": sum(found) / len(found)}, {"epochs": epochs}

    def _judged(self, network: nn.Module, blueprint: Blueprint, split: Split) -> float:
        """Accuracy of the compressed network on images that it was not trained on."""
        ready, _ = self._compressed(network, blueprint, split)
        n_images = self.config.search.validation_images
        if split is HOLD_OUT:
            return self._accuracy(ready, blueprint, n_images)
        at = self.data.fold(split, self.config.seed)[:n_images]
        images, labels = self.data.images("train", blueprint)[at], self.data.labels("train")[at]
        return accuracy(ready, images, labels)

    def _briefly_trained(self, job: InheritedJob, plain: Blueprint, split: Split) -> nn.Module:
        network = build_network(plain, trainable=True)
        path = self._weights_path(split.key(job.weights_key))
        if path.exists():
            network.load_state_dict(load_file(path))
            # Another layout in memory rounds otherwise than what a training leaves.
            return on_device(network, CPU)
        generator = torch.Generator().manual_seed(job.seed)
        initialise_(network, generator)
        if job.parent_key == SUPERNET:
            network = self._shared(plain)
        elif job.parent_key:
            inherit_(network, load_file(self._weights_path(split.key(job.parent_key))))
        training = Candidate({**job.candidate, **self.pipeline.default_training()})
        recipe = fitting(self._recipe(training, job.epochs), plain, self.device)
        seconds = None if job.seconds is None else job.seconds / split.of
        done = self._train_(network, plain, recipe, generator, None, seconds, split, job.subset)
        self._save(network, split.key(job.weights_key), epochs=done.epochs)
        return network

    def _epochs_of(self, weights_key: str) -> float:
        """How long kept weights were trained the last time: a kill may come before it is told."""
        with safe_open(self._weights_path(weights_key), "pt") as file:
            return float(file.metadata()["epochs"])

    def _final(self, job: FinalJob) -> tuple[dict[str, float], dict[str, object]]:
        candidate = Candidate(job.candidate)
        blueprint = self.pipeline.blueprint(candidate)
        plain = self.pipeline.float_blueprint(candidate)
        generator = torch.Generator().manual_seed(job.seed)
        network = initialise_(build_network(plain, trainable=True), generator)
        if job.start_key == SUPERNET:
            network = self._shared(plain)
        elif job.start_key:
            inherit_(network, load_file(self._weights_path(job.start_key)))
        teacher = self._teacher_logits(job.teacher_key, plain) if job.teacher_key else None
        if not job.epochs:
            return self._shipped_without_training(job, network)
        recipe = self._final_recipe(candidate, job.epochs, plain)
        if teacher is None:
            recipe = replace(recipe, distillation_weight=0.0)
        tuning_share = self.pipeline.tuning_share(blueprint) if job.is_last else 0.0
        seconds = None if job.seconds is None else job.seconds * (1 - tuning_share)
        began = time.perf_counter()
        done = self._train_(network, plain, recipe, generator, teacher, seconds)
        training_s = time.perf_counter() - began
        self._save(network, job.weights_key, done.epochs)
        if not job.is_last:
            ready, _ = self._compressed(network, blueprint)
            facts: dict[str, object] = {
                "recipe": asdict(done),
                "training_s": training_s,
                "uncompressed_accuracy": self._accuracy(network, blueprint),
                "validation_images": len(self.data.labels("validation")),
            }
            return {"accuracy": self._accuracy(ready, blueprint)}, facts
        left = None if job.seconds is None else job.seconds * tuning_share
        tuning = recipe if tuning_share and job.tuning_epochs else None
        ready, scheme, found = self._tuned(job, network, tuning, generator, teacher, left)
        return self._shipped(job, blueprint, ready, network, scheme, {"recipe": asdict(done), **found})

    def _shipped_without_training(
        self, job: FinalJob, network: nn.Module
    ) -> tuple[dict[str, float], dict[str, object]]:
        """Compress and write what was trained so far: after a stop, or where more training gains nothing.

        Seconds, if it has any, are for tuning after compression.
        """
        candidate = Candidate(job.candidate)
        recipe = None
        if job.start_key not in ("", SUPERNET):
            plain = self.pipeline.float_blueprint(candidate)
            recipe = self._final_recipe(candidate, self._epochs_of(job.start_key), plain)
            recipe = replace(recipe, distillation_weight=0.0)
        generator = torch.Generator().manual_seed(job.seed)
        tuning = recipe if job.seconds and job.tuning_epochs else None
        ready, scheme, found = self._tuned(job, network, tuning, generator, None, job.seconds)
        facts: dict[str, object] = {"recipe": asdict(recipe) if recipe else {"epochs": 0.0}, **found}
        return self._shipped(job, self.pipeline.blueprint(candidate), ready, network, scheme, facts)

    def _tuned(
        self,
        job: FinalJob,
        network: nn.Module,
        recipe: Recipe | None,
        generator: torch.Generator,
        teacher: torch.Tensor | None,
        seconds: float | None,
    ) -> tuple[nn.Module, QuantizationScheme, dict[str, object]]:
        """Compress; where that costs accuracy, train what was compressed.

        Args:
            job: Of which design.
            network: Before compression; it stays as it is.
            recipe: Of its training; None if nothing is to be trained.
            generator: Of the draws.
            teacher: Outputs to distil from.
            seconds: The most that training may take; None for no limit.

        Returns:
            The better of both, its scales, and what was found.
        """
        candidate = Candidate(job.candidate)
        blueprint, plain = self.pipeline.blueprint(candidate), self.pipeline.float_blueprint(candidate)
        ready, scheme = self._compressed(network, blueprint)
        before, after = (self._accuracy(made, blueprint, COMPARED_IMAGES) for made in (network, ready))
        facts: dict[str, object] = {
            "float_validation_accuracy": before,
            "post_training_validation_accuracy": after,
        }
        if recipe is None or before - after <= TOLERATED_LOSS:
            return ready, scheme, facts
        tuning = replace(
            recipe,
            epochs=job.tuning_epochs,
            learning_rate=_TUNING_RATE * recipe.batch_size / self.pipeline.finalist_batch_size,
            optimiser="adamw",
            weight_decay=0.0,
            precision="fp32",
        )
        tuned, tuned_scheme = self._compressed(network, blueprint)
        try:
            done = self._train_(tuned, plain, tuning, generator, teacher, seconds)
        except _DivergedError as error:
            return ready, scheme, {**facts, "quantization_aware_training_failed": str(error)}
        accuracy_after = self._accuracy(tuned, blueprint, COMPARED_IMAGES)
        facts["quantization_aware_recipe"] = asdict(done)
        facts["quantization_aware_validation_accuracy"] = accuracy_after
        return (tuned, tuned_scheme, facts) if accuracy_after > after else (ready, scheme, facts)

    def _shipped(
        self,
        job: FinalJob,
        blueprint: Blueprint,
        ready: nn.Module,
        uncompressed: nn.Module,
        scheme: QuantizationScheme,
        facts: dict[str, object],
    ) -> tuple[dict[str, float], dict[str, object]]:
        shipped = ship(
            self.run / "designs" / job.design,
            self.pipeline.target,
            blueprint,
            ready,
            uncompressed,
            scheme,
            self.data.tensor("validation_x"),
            self.data.labels("validation"),
        )
        measured = {name: float(str(shipped[name])) for name in ("accuracy", "size_bytes")}
        return measured, {**facts, **shipped}

    def _score(self, job: ScoreJob) -> tuple[dict[str, float], dict[str, object]]:
        plain = self.pipeline.float_blueprint(Candidate(job.candidate))
        images = self.data.images("train", plain)[:_SCORED_IMAGES]
        labels = self.data.labels("train")[:_SCORED_IMAGES]
        return zero_cost_scores(plain, images, labels, job.seed, drawn_network, [job.name]), {}

    def _teach(self, job: TeacherJob) -> tuple[dict[str, float], dict[str, object]]:
        plain = self.pipeline.float_blueprint(Candidate(job.candidate))
        network = build_network(plain, trainable=True)
        network.load_state_dict(load_file(self._weights_path(job.weights_key)))
        logits = logits_of(network.to(self.device), self.data.placed("train", plain))
        write_atomically(self._teacher_path(job.weights_key), save({"logits": logits}))
        return {}, {"teacher": job.weights_key}

    def _teacher_logits(self, key: str, plain: Blueprint) -> torch.Tensor:
        logits = load_file(self._teacher_path(key))["logits"]
        if logits.shape != (len(self.data.labels("train")), plain[plain.output].output_shape[0]):
            raise ArtifactError(f"The teacher's outputs {key!r} belong to other data.")
        return logits

    def _train_(
        self,
        network: nn.Module,
        plain: Blueprint,
        recipe: Recipe,
        generator: torch.Generator,
        teacher: torch.Tensor | None,
        seconds: float | None,
        split: Split = HOLD_OUT,
        subset: float = 1.0,
    ) -> Recipe:
        """Train in place on the device; afterwards the network is on the processor, as it was.

        As many steps are taken whatever the part of the images: passes over less are more.
        """
        images, labels = self.data.placed("train", plain), self.data.labels("train")
        whole, at = (self.data.trained_on(split, part, self.config.seed) for part in (1.0, subset))
        if len(at) < len(labels):
            images, labels = images[at.to(images.device)], labels[at]
        passes = recipe.steps_of_a_pass(len(whole)) / recipe.steps_of_a_pass(len(at))
        recipe = replace(recipe, epochs=recipe.epochs * passes)
        on_device(network, self.device)
        done = train_(network, images, labels, recipe, generator, self._augmentation, teacher, seconds)
        done = replace(done, epochs=done.epochs / passes)
        network.to(CPU)
        if not all(math.isfinite(float(p.detach().abs().sum())) for p in network.parameters()):
            raise _DivergedError(
                f"Training diverged at a learning rate of {recipe.learning_rate:g} in steps of "
                f"{recipe.batch_size} examples. Offer smaller training.learning_rates."
            )
        return done

    def _shared(self, plain: Blueprint) -> nn.Module:
        """The network with its slice of the supernet's weights."""
        return self.recalibrated(self._supernet().extract(plain), plain)

    def recalibrated(self, network: nn.Module, plain: Blueprint, n_images: int = 1024) -> nn.Module:
        """Give a network the normalisation statistics of its own, from training images, in place."""
        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a cumulative average: every batch counts alike
        on_device(network.train(), self.device)
        with torch.no_grad():
            for batch in self.data.placed("train", plain)[:n_images].split(256):
                network(batch)
        for norm in norms:
            norm.momentum = 0.1
        return network.to(CPU)

    def _recipe(self, training: Candidate, epochs: float) -> Recipe:
        return replace(self.pipeline.recipe(training, epochs), precision=self.precision)

    def _final_recipe(self, training: Candidate, epochs: float, plain: Blueprint) -> Recipe:
        recipe = replace(self._recipe(training, epochs), batch_size=self.pipeline.finalist_batch_size)
        return recipe if self.config.finalists.batch_size else fitting(recipe, plain, self.device)

    def _accuracy(self, network: nn.Module, blueprint: Blueprint, n_images: int | None = None) -> float:
        """Validation accuracy, computed on the device; the network returns to the processor."""
        images, labels = self.data.placed("validation", blueprint), self.data.labels("validation")
        found = accuracy(on_device(network, self.device), images[:n_images], labels[:n_images])
        network.to(CPU)
        return found

    def _compressed(
        self, network: nn.Module, blueprint: Blueprint, split: Split = HOLD_OUT
    ) -> tuple[nn.Module, QuantizationScheme]:
        """A folded copy with precisions simulated, and the scales that ship."""
        copy = on_device(folded(network, blueprint), CPU)
        images = self.data.images("train", blueprint)
        if split is HOLD_OUT:
            images = images[:_CALIBRATION_IMAGES]
        else:
            images = images[self.data.other_folds(split, self.config.seed)[:_CALIBRATION_IMAGES]]
        scheme = calibrate(copy, blueprint, images.split(256), self.pipeline.abilities.reduced_range)
        return simulate_(copy, blueprint, scheme), scheme

    @lru_cache(maxsize=1)  # noqa: B019 - one workshop lives as long as its process
    def _supernet(self) -> Supernet:
        supernet = new_supernet(self.pipeline, torch.Generator().manual_seed(0))
        supernet.load_state_dict(load_file(self._weights_path(SUPERNET)))
        return supernet

    def _weights_path(self, key: str) -> Path:
        return self.run / "weights" / f"{key}.safetensors"

    def _teacher_path(self, key: str) -> Path:
        return self.run / "cache" / f"teacher_{key}.safetensors"

    def _save(self, network: nn.Module, key: str, epochs: float) -> None:
        state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
        write_atomically(self._weights_path(key), save(state, {"epochs": repr(epochs)}))


def new_supernet(pipeline: Pipeline, generator: torch.Generator) -> Supernet:
    """An untrained supernet that holds every candidate of the pipeline."""
    covering = pipeline.family.covering(list(pipeline.space))
    return Supernet(largest_shapes(pipeline.float_blueprint(c) for c in covering), generator)
