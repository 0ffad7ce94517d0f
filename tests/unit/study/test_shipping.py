"""A file that does not do what its network does is not shipped."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.unit.networks import Pipeline, generator, randomised

from penjing.compression.quantization.simulate import calibrate, simulate_
from penjing.errors import ArtifactError
from penjing.families.plain import build_network, folded
from penjing.protocols import FloatArray
from penjing.study.shipping import ship
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu


class MixesUpClasses(OnnxRuntimeCpu):
    """Its runtime computes something else for a part of the images."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def predict(self, artifact: bytes, x: NDArray[np.uint8]) -> FloatArray:
        found = super().predict(artifact, x)
        n_wrong = round(self.share * len(x))
        found[:n_wrong] = np.roll(found[:n_wrong], 1, axis=1)
        return found


def shipped(target: OnnxRuntimeCpu, folder: Path) -> dict[str, object]:
    pipeline = Pipeline()
    candidate = pipeline.samples(1)[0]
    blueprint = pipeline.blueprint(candidate)
    images = torch.randint(0, 256, (1000, 1, 8, 8), generator=generator(), dtype=torch.uint8)
    network = randomised(build_network(pipeline.plain(candidate), trainable=True))
    ready = folded(network, blueprint)
    scheme = calibrate(ready, blueprint, images.split(256), target.abilities().reduced_range)
    ready = simulate_(ready, blueprint, scheme)
    labels = torch.zeros(1000, dtype=torch.int64)
    return ship(folder, target, blueprint, ready, network, scheme, images, labels)


def test_a_file_that_agrees_is_written_with_what_it_is(tmp_path: Path) -> None:
    facts = shipped(OnnxRuntimeCpu(), tmp_path / "design")
    assert float(str(facts["agreement"])) >= 0.99
    assert facts["size_bytes"] == (tmp_path / "design" / "model.onnx").stat().st_size
    assert facts["size_bytes"] == facts["predicted_size_bytes"]


def test_a_file_that_does_not_agree_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"agrees with its network on 9\d\.\d+% of 1000 .*left out\.$"):
        shipped(MixesUpClasses(0.05), tmp_path / "design")
    assert not (tmp_path / "design").exists()
