"""The ends of a run that need the machine to themselves: the latency model, then the measurements."""

import json
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from penjing.blueprint import Blueprint
from penjing.objectives import wilson_interval
from penjing.space import Candidate
from penjing.store import (
    Journal,
    Manifest,
    RunFolder,
    Trial,
    checksums_of,
    content_key,
    write_atomically,
)
from penjing.study.budget import Plan
from penjing.study.config import StudyConfig
from penjing.study.draws import Draw, stream
from penjing.study.pipeline import Pipeline
from penjing.study.versions import versions
from penjing.targets.onnxruntime.latency_model import LatencyModel
from penjing.targets.onnxruntime.protocol import Latency, measure_latency
from penjing.targets.onnxruntime.random_networks import metronome, random_artifact
from penjing.targets.onnxruntime.runtime import Session, measure_empty_call
from penjing.targets.onnxruntime.target import METRONOME, OnnxRuntimeCpu

log = logging.getLogger(__name__)
# Large networks take longer for them than there is time: six are the fewest with an interval of 95 %.
_FEWEST_BLOCKS = 6
_MANY = 64
# How much slower than before a machine may be, and how often it is waited for.
_UNDISTURBED, _MOST_REPEATS = 1.1, 3
# What a network computes in two measurements of so many blocks, in images.
_IMAGES_TO_MEASURE = 2 * (3 + 2 * _FEWEST_BLOCKS) * (1 + _MANY)


class Finisher:
    """Measures before and after the search.

    Args:
        run: The run folder.
        journal: Its journal.
        config: What the user asked for.
        pipeline: Steps of the run; gets the latency model.

    Attributes:
        is_elsewhere: Whether the run began on a processor of another kind, by whose latencies it goes on
            searching; what is finished is measured here.
    """

    is_elsewhere = False

    def __init__(self, run: RunFolder, journal: Journal, config: StudyConfig, pipeline: Pipeline) -> None:
        self.run = run
        self.journal = journal
        self.config = config
        self.pipeline = pipeline
        self.target = OnnxRuntimeCpu()
        self._fitted_at_ms = 0.0

    def prepare(self, plan: Plan | None) -> None:
        """Fit the latency model, or read the one that was fitted; measure the reference network."""
        path = self.run.path / "latency_model.json"
        if not self._needs_latency():
            self._measure_reference()
            return
        here = list(self.pipeline.abilities.processor_flags)
        self.is_elsewhere = self.journal.get("processor", here) != here
        if path.exists():
            model = LatencyModel.from_dict(json.loads(path.read_text(encoding="utf-8")))
        else:
            seconds = 30.0 if plan is None else plan.latency_model_s
            # Loading, checking and fitting take about as long as the clock.
            n_networks = int(np.clip(1.5 * seconds, 24, 60))
            model = self.target.latency_model(
                self._space_key(),
                self._random_blueprint,
                stream(self.config.seed, Draw.LATENCY_MODEL),
                n_networks,
                0.5 * seconds,
            )
            write_atomically(path, json.dumps(model.as_dict()))
        self.pipeline.latency_ms = model.predict_ms
        self._fitted_at_ms = model.metronome_ms
        self._measure_reference()
        # Once something is known of this processor.
        self.journal.put_once("processor", here)

    def _space_key(self) -> str:
        """Equal for runs whose networks take the same times."""
        decide = [choice for choice in self.pipeline.space if choice.part != "training"]
        choices = [[choice.name, list(choice.values)] for choice in decide]
        space = self.config.space
        # Not every setting of a family is a choice.
        facts = self.pipeline.facts
        return content_key(choices, facts.shape, facts.n_classes, space.networks, space.family)

    def _needs_latency(self) -> bool:
        """Whether a clock decides anything: without it a run is the same on every machine."""
        texts = [*self.config.objectives, *self.config.constraints, *self.config.search.stop_at]
        return any("latency_ms" in text for text in texts)

    def _measure_reference(self) -> None:
        if self.journal.get("reference") is None:
            blueprint = self.reference_blueprint()
            artifact = self._reference_artifact()
            latency = measure_latency({"reference": Session(artifact)}, seconds_each=0.3)["reference"]
            costs = self.pipeline.costs_of(blueprint)
            self.journal.put("reference", {**costs, "latency_ms": latency.value})

    def _random_blueprint(self, rng: np.random.Generator) -> Blueprint:
        return self.pipeline.blueprint(self.pipeline.space.sample(rng))

    def reference_blueprint(self) -> Blueprint:
        """What the reference network is."""
        return self.pipeline.blueprint(self.pipeline.reference())

    def _reference_artifact(self) -> bytes:
        return random_artifact(
            self.reference_blueprint(),
            stream(self.config.seed, Draw.REFERENCE_WEIGHTS),
            self.pipeline.abilities.reduced_range,
        )

    def finish(self, seconds: float | None) -> None:
        """Measure every finished design and write its manifest.

        First all of them briefly, so that an interrupt leaves a valid front; then as
        well as the time that is left allows, up to a second and a half for each. On a machine that is
        slower than when the latency model was fitted again, while there is time; of these longer slots the
        quickest counts, by the network that all share.
        """
        trials = self._trials()
        if not trials:
            return
        found = {trial.number: self._accuracies(trial) for trial in trials}
        brief_s, longest_s = 0.2 * len(trials), 1.5 * len(trials)
        rest_s = longest_s if seconds is None else min(0.6 * seconds, longest_s)
        began_s = time.perf_counter()
        pace = self._measure(trials, found, brief_s)
        took_s = time.perf_counter() - began_s
        if rest_s > took_s:  # else it would not be better
            pace = self._measure(trials, found, rest_s)
        for _ in range(_MOST_REPEATS):
            now_s = time.perf_counter()
            left_s = math.inf if seconds is None else seconds - (now_s - began_s)
            again_s = min(0.6 * left_s, longest_s)
            # Large networks take as long as they take, whatever they are given.
            if self.is_elsewhere or pace <= _UNDISTURBED or again_s < max(brief_s, took_s):
                break
            log.info("the machine is %.2f times as slow as it was: measuring again", pace)
            pace = min(pace, self._measure(trials, found, again_s, pace))
            took_s = time.perf_counter() - now_s

    @property
    def has_finished(self) -> bool:
        """Whether every design has its manifest."""
        folders = [self.run.design_path(str(trial.measurements["design"])) for trial in self._trials()]
        is_whole = not self.journal.get("manifests are being written", False)
        return is_whole and all((folder / "manifest.json").exists() for folder in folders)

    def _trials(self) -> list[Trial]:
        """Of every design the latest: what a stop shipped and a resume finished is one."""
        told = self.journal.trials(state="done", fidelity="final")
        latest = {t.measurements["design"]: t for t in sorted(told, key=lambda t: t.told_at or 0.0)}
        return sorted(latest.values(), key=lambda t: t.number)

    def _measure(
        self,
        trials: list[Trial],
        found: Mapping[int, dict[str, Any]],
        seconds: float,
        slowest: float = math.inf,
    ) -> float:
        """Measure in so many seconds; write all manifests, unless the machine is no quicker than ``slowest``.

        Returns:
            How slow it was, relatively to when the latency model was fitted.
        """
        measured = self._measured(trials, seconds)
        pace = 1.0
        if self._fitted_at_ms:
            # A machine that is slower now than when the model was fitted makes no prediction wrong.
            pace = measured[METRONOME]["latency_ms"]["value"] / self._fitted_at_ms
            if pace >= slowest:
                return pace
        reference = {**measured["reference"], "empty_call_ms": measure_empty_call().value}
        # Whoever is interrupted in between measures again: latencies of two moments do not compare.
        self.journal.put("manifests are being written", True)
        for trial in trials:
            design = str(trial.measurements["design"])
            self._write_manifest(trial, {**measured[design], **found[trial.number]}, pace)
        facts = {"reference_measured": reference, "manifests are being written": False}
        self.journal.put_all(facts | ({"pace": pace} if self._fitted_at_ms else {}))
        return pace

    def seconds_to_finish(self, n_designs: int) -> float:
        """What measuring takes at least, if designs are like the reference network."""
        n_images = sum(len(self._array(f"{part}_y")) for part in ("validation", "test"))
        each_s = 1e-3 * self.journal.get("reference")["latency_ms"]
        return n_designs * each_s * (n_images + _IMAGES_TO_MEASURE)

    def _accuracies(self, trial: Trial) -> dict[str, Any]:
        """On validation and test; from the manifest, where an earlier stretch wrote it on this processor."""
        folder = self.run.design_path(str(trial.measurements["design"]))
        parts = ("validation", "test")
        if (folder / "manifest.json").exists():
            kept = Manifest.read(folder)
            is_the_file = kept.checksums.get("model.onnx") == checksums_of(folder)["model.onnx"]
            if is_the_file and kept.processor == self.pipeline.abilities.processor_flags:
                return {part: kept.measurements[part] for part in parts}
        session = Session((folder / "model.onnx").read_bytes())
        return {
            part: _accuracy(session, self._array(f"{part}_x"), self._array(f"{part}_y"), part)
            for part in parts
        }

    def _measured(self, trials: list[Trial], seconds: float) -> dict[str, dict[str, Any]]:
        """Latency and throughput, interleaved with reference and metronome; nothing else of ours runs."""
        sessions = {"reference": Session(self._reference_artifact()), METRONOME: Session(metronome())}
        for trial in trials:
            design = str(trial.measurements["design"])
            sessions[design] = Session((self.run.design_path(design) / "model.onnx").read_bytes())
        each = seconds / (2 * len(sessions))
        rng = stream(self.config.seed, Draw.ORDER_OF_MEASURING)
        single = measure_latency(sessions, "reference", 1, each, _FEWEST_BLOCKS, rng)
        many = measure_latency(sessions, "reference", _MANY, each / 2, _FEWEST_BLOCKS, rng)
        return {
            name: {
                "latency_ms": _plain(single[name]),
                "batch_64_latency_ms": _plain(many[name]),
                "throughput_per_s": 1e3 * _MANY / many[name].value,
            }
            for name in sessions
        }

    def _array(self, name: str) -> Any:
        return np.load(self.run.path / "cache" / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    def _write_manifest(self, trial: Trial, measured: dict[str, Any], pace: float) -> None:
        design = str(trial.measurements["design"])
        candidate = Candidate(trial.candidate)
        blueprint = self.pipeline.blueprint(candidate)
        folder = self.run.design_path(design)
        costs = self.pipeline.costs_of(blueprint)
        if "latency_ms" in costs:
            costs["predicted_latency_ms"] = pace * costs.pop("latency_ms")
        Manifest(
            id=design,
            candidate=candidate.as_dict(),
            blueprint=blueprint.as_dict(),
            recipe=trial.measurements["facts"],
            seed=self.config.seed,
            versions=versions(),
            processor=self.pipeline.abilities.processor_flags,
            checksums=checksums_of(folder),
            measurements={
                **costs,
                "size_bytes": (folder / "model.onnx").stat().st_size,
                **measured,
            },
            run={
                "trial": trial.number,
                "data": self.pipeline.facts.fingerprint,
                "class_names": self.journal.get("class_names"),
                **({"feature_names": names} if (names := self.journal.get("feature_names")) else {}),
            },
        ).write(folder)


def _plain(latency: Latency) -> dict[str, Any]:
    return asdict(latency)


def _accuracy(session: Session, images: Any, labels: Any, split: str) -> dict[str, Any]:
    """Accuracy of an artifact on its runtime with a 95 % interval (Wilson)."""
    right = int((session.predict(images).argmax(axis=1) == labels).sum())
    low, high = wilson_interval(right, len(labels))
    return {"value": right / len(labels), "low": low, "high": high, "split": split, "n": len(labels)}
