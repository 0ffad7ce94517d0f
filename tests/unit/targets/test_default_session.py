"""What a user's default session computes is what was simulated and measured."""

import numpy as np
import onnxruntime
import pytest

from penjing.blueprint import PRECISIONS, InputSpec
from penjing.compression.quantization.method import Quantization
from penjing.families.convolutional import ConvolutionalFamily
from penjing.protocols import Abilities
from penjing.space import SearchSpace
from penjing.targets.onnxruntime.random_networks import random_artifact


def predictions(artifact: bytes, x: np.ndarray, **entries: str) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    for key, value in entries.items():
        options.add_session_config_entry(f"session.{key}", value)
    return onnxruntime.InferenceSession(artifact, options).run(None, {"x": x})[0]


@pytest.mark.parametrize("zero_point", [0, 117])
def test_the_runtime_fuses_no_float_layer_into_an_integer_one(
    rng: np.random.Generator, zero_point: int
) -> None:
    family = ConvolutionalFamily(InputSpec("x", (1, 12, 12), scale=0.02, zero_point=zero_point), 10)
    abilities = Abilities(tuple(PRECISIONS), ())
    method = Quantization(tuple(PRECISIONS))
    space = SearchSpace([*family.choices(abilities), *method.choices(family.blocks(), abilities)])
    x = rng.integers(0, 256, (16, 1, 12, 12)).astype(np.uint8)
    for _ in range(25):
        candidate = space.sample(rng)
        blueprint = method.rewrite(family.blueprint(candidate), candidate)
        artifact = random_artifact(blueprint, rng, reduced_range=True)
        by_default = predictions(artifact, x)
        unfused = predictions(artifact, x, disable_quant_qdq="1")
        np.testing.assert_allclose(by_default, unfused, atol=2e-4 * np.abs(unfused).max())
