"""ONNX Runtime on the CPU of this machine, as a target."""

import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penjing.blueprint import Blueprint
from penjing.errors import FormatVersionError, RunFolderError
from penjing.protocols import Abilities, FloatArray, QuantizationScheme
from penjing.store.files import canonical_json, content_key, write_atomically
from penjing.targets.onnxruntime import processor
from penjing.targets.onnxruntime.export import count_onnx_bytes, write_onnx
from penjing.targets.onnxruntime.latency_model import FORMAT_VERSION, LatencyModel
from penjing.targets.onnxruntime.protocol import Latency, measure_latency
from penjing.targets.onnxruntime.random_networks import choose_networks, metronome, random_artifact
from penjing.targets.onnxruntime.runtime import Session, runtime_version

log = logging.getLogger(__name__)
METRONOME = "metronome"
_GROUP = 6
_PASSES = 6
_BLOCKS = 8
# Between the two halves of the passes, and for how many of the networks.
_TOLERATED_DISAGREEMENT = 0.1
_WORTH_KEEPING = 0.9
Sample = Callable[[np.random.Generator], Blueprint]


class OnnxRuntimeCpu:
    """Writes, runs and times networks with ONNX Runtime.

    Measurements are right only while nothing else of ours runs: the caller keeps the slot exclusive.

    Args:
        threads: Threads for one call.
    """

    name = processor.NAME

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self._processor = processor.processor_info()

    def abilities(self) -> Abilities:
        """What it runs, and what it runs fast on this processor."""
        return processor.abilities(self._processor)

    def version(self) -> str:
        """The runtime's version."""
        return runtime_version()

    def size_bytes(self, blueprint: Blueprint) -> int:
        """The exact size of the file, before there is one."""
        return count_onnx_bytes(blueprint)

    def write(
        self, blueprint: Blueprint, weights: Mapping[str, FloatArray], scheme: QuantizationScheme
    ) -> bytes:
        """The file; see :func:`write_onnx`."""
        return write_onnx(blueprint, weights, scheme)

    def predict(self, artifact: bytes, x: NDArray[np.uint8] | FloatArray) -> FloatArray:
        """Run the file on examples ``[n, …]``."""
        return Session(artifact, self.threads).predict(x)

    def measure(
        self,
        artifacts: Mapping[str, bytes],
        reference: str | None = None,
        batch: int = 1,
        seconds_each: float = 0.3,
        min_blocks: int = 20,
        rng: np.random.Generator | None = None,
    ) -> dict[str, Latency]:
        """Time files against each other; see :func:`measure_latency`."""
        sessions = {name: Session(artifact, self.threads) for name, artifact in artifacts.items()}
        return measure_latency(sessions, reference, batch, seconds_each, min_blocks, rng)

    def fit_latency_model(
        self,
        sample_blueprint: Sample,
        rng: np.random.Generator,
        n_networks: int = 60,
        seconds: float = 60.0,
        progress: Callable[[int, int], None] | None = None,
    ) -> LatencyModel:
        """Time networks of a space with random weights, and learn from them.

        Args:
            sample_blueprint: Draws a rewritten blueprint.
            rng: Draws networks, weights and folds.
            n_networks: How many to measure.
            seconds: Time to spend on the clock; loading and fitting come on top, a few seconds.
            progress: Called with the measurements made and to be made.
        """
        return self._fitted(sample_blueprint, rng, n_networks, seconds, progress)[0]

    def _fitted(
        self,
        sample_blueprint: Sample,
        rng: np.random.Generator,
        n_networks: int,
        seconds: float,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[LatencyModel, float]:
        """The model, and how far the measurements that it learnt from repeat; see :func:`repeatability`."""
        blueprints = choose_networks(sample_blueprint, n_networks, rng)
        reduced_range = self.abilities().reduced_range
        artifacts = [random_artifact(blueprint, rng, reduced_range) for blueprint in blueprints]
        ratios, metronome_ms = self._ratios(artifacts, seconds, rng, progress)
        latencies_ms = np.median(ratios, axis=0) * metronome_ms
        width_multiple = self.abilities().width_multiple
        model = LatencyModel.fit(blueprints, latencies_ms, rng, width_multiple, metronome_ms)
        return model, repeatability(ratios)

    def _ratios(
        self,
        artifacts: Sequence[bytes],
        seconds: float,
        rng: np.random.Generator,
        progress: Callable[[int, int], None] | None,
    ) -> tuple[NDArray[np.float64], float]:
        """Time every file in several passes with other neighbours, always beside the metronome.

        Undisturbed times are compared: beside other work on the machine, the ratio of two of them repeats
        within 3 %, the ratio of two medians within 5 %.

        Returns:
            Ratios to the metronome, ``[passes, n]``, and its own median in milliseconds.
        """
        n = len(artifacts)
        beat = metronome()
        ratios = np.zeros((_PASSES, n))
        beats: list[float] = []
        for turn in range(_PASSES):
            order = rng.permutation(n)
            for start in range(0, n, _GROUP):
                names = {str(index): artifacts[int(index)] for index in order[start : start + _GROUP]}
                seconds_each = seconds / (n * _PASSES) * _GROUP / (_GROUP + 1)
                made = self.measure({**names, METRONOME: beat}, METRONOME, 1, seconds_each, _BLOCKS, rng)
                beats.append(made[METRONOME].value)
                for name in names:
                    ratios[turn, int(name)] = made[name].undisturbed / made[METRONOME].undisturbed
                if progress is not None:
                    progress(turn * n + min(start + _GROUP, n), n * _PASSES)
        return ratios, float(np.median(beats))

    def latency_model(
        self,
        space_key: str,
        sample_blueprint: Sample,
        rng: np.random.Generator,
        n_networks: int = 60,
        seconds: float = 60.0,
    ) -> LatencyModel:
        """The model of this device, version and space: from the user's cache, or measured and kept there."""
        path = self.cache_path(space_key)
        found = _read(path)
        if found is not None:
            return found
        model, repeat = self._fitted(sample_blueprint, rng, n_networks, seconds)
        # What was measured on a busy machine serves this run, but must not mislead later ones. How well the
        # model fits does not decide: where it fits badly, another hour would not mend it.
        if repeat >= _WORTH_KEEPING:
            try:
                write_atomically(path, canonical_json(model.as_dict()))
            except RunFolderError as error:
                log.warning("the latency model is not kept for later runs: %s", error)
        return model

    def cache_path(self, space_key: str) -> Path:
        """Where the latency model of a space is kept."""
        device = {**self._processor, "threads": self.threads, "version": self.version()}
        key = content_key("latency", FORMAT_VERSION, device, space_key)
        return _cache_root() / "penjing" / f"latency-{self.name}-{key}.json"


def repeatability(ratios: NDArray[np.float64]) -> float:
    """Share of networks on which the first half of the passes and the second agree within 10 %.

    Args:
        ratios: ``[passes, n]``, at least two passes; more is slower.

    Example:
        >>> repeatability(np.array([[1.0, 2.0], [1.0, 2.0], [1.05, 3.0], [1.05, 3.0]]))
        0.5
    """
    half = len(ratios) // 2
    first, second = np.median(ratios[:half], axis=0), np.median(ratios[half:], axis=0)
    return float(np.mean(np.abs(second / first - 1.0) <= _TOLERATED_DISAGREEMENT))


def _cache_root() -> Path:
    if root := os.environ.get("XDG_CACHE_HOME"):
        return Path(root)
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # a user without a name, as in some containers
        return Path(tempfile.gettempdir())


def _read(path: Path) -> LatencyModel | None:
    """A model from the cache; None if there is none that can be used, as it can be measured again."""
    try:
        if not path.is_file():
            return None
        return LatencyModel.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (FormatVersionError, KeyError, OSError, TypeError, ValueError):
        return None
