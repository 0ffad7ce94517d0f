import numpy as np
import pytest

from penjing.blueprint import macs, parameters
from penjing.errors import ConfigError, InvalidValueError, UnknownNameError
from penjing.space import Candidate, SearchSpace
from penjing.study.config import checked
from penjing.study.pipeline import DataFacts, Pipeline
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu

TARGET = OnnxRuntimeCpu()


def facts(shape: tuple[int, int, int] = (1, 8, 8), mean: float = 77.4, deviation: float = 95.3) -> DataFacts:
    return DataFacts(shape, 10, 1000, mean, deviation, "f1")


def pipeline(given: DataFacts | None = None, **said: object) -> Pipeline:
    return Pipeline(checked({"data": "digits", **said}), given or facts(), TARGET)


@pytest.mark.parametrize(
    ("given", "zero_point"),
    [
        (facts(), 0),
        (facts(mean=130.6), 131),
        (facts((3, 8, 8), mean=77.4), 77),
        (facts((3, 8, 8), mean=254.9), 255),
    ],
)
def test_the_zero_point_of_the_input_is_a_pixel_value(given: DataFacts, zero_point: int) -> None:
    made = pipeline(given)
    spec = made.blueprint(made.space.sample(np.random.default_rng(0))).input
    assert spec.zero_point == zero_point
    assert isinstance(spec.zero_point, int)


@pytest.mark.parametrize(("deviation", "scale"), [(95.3, 1 / 95.3), (0.0, 1.0)])
def test_the_scale_of_the_input_is_a_32_bit_float(deviation: float, scale: float) -> None:
    made = pipeline(facts(deviation=deviation))
    spec = made.blueprint(made.space.sample(np.random.default_rng(0))).input
    assert spec.scale == float(np.float32(scale))


def test_costs_are_those_of_the_blueprint_and_of_the_target(rng: np.random.Generator) -> None:
    made = pipeline()
    for _ in range(5):
        candidate = made.space.sample(rng)
        blueprint = made.blueprint(candidate)
        assert made.costs(candidate) == {
            "parameters": parameters(blueprint),
            "macs": macs(blueprint),
            "size_bytes": TARGET.size_bytes(blueprint),
        }
    made.latency_ms = lambda blueprint: 0.25
    assert made.costs(made.space.sample(rng))["latency_ms"] == 0.25


def test_fewer_bits_are_fewer_bytes(rng: np.random.Generator) -> None:
    made = pipeline()
    candidate = made.space.sample(rng)
    sizes = [
        made.costs(made.space.fixed(made.uniform(name)).mutate(candidate, np.random.default_rng(0), 0))
        for name in ("fp32", "w8")
    ]
    assert sizes[0]["size_bytes"] > 2 * sizes[1]["size_bytes"]
    assert sizes[0]["macs"] == sizes[1]["macs"]


def test_candidates_of_one_architecture_share_its_key(rng: np.random.Generator) -> None:
    made = pipeline()
    candidate = made.space.sample(rng)
    architecture = made.space.fixed(made.space.project(candidate, "architecture"))
    other = architecture.mutate(candidate, rng, 3)
    assert other != candidate
    assert made.architecture_key(other) == made.architecture_key(candidate)
    compression = made.space.fixed(made.space.project(candidate, "compression"))
    assert made.architecture_key(compression.mutate(candidate, rng, 3)) != made.architecture_key(candidate)


def test_the_default_recipe_is_the_middle_of_what_training_offers() -> None:
    said = {"learning_rates": [0.01, 0.1, 0.3], "weight_decays": [1e-4], "batch_size": 32}
    made = pipeline(
        training={**said, "distillation_weights": [0.0, 0.25, 0.5]}, finalists={"distillation": True}
    )
    recipe = made.recipe(made.default_training(), epochs=7)
    assert (recipe.epochs, recipe.learning_rate, recipe.weight_decay) == (7, 0.1, 1e-4)
    assert (recipe.distillation_weight, recipe.optimiser, recipe.batch_size) == (0.25, "sgd", 32)


def test_without_distillation_no_weight_is_offered() -> None:
    made = pipeline(finalists={"distillation": False})
    assert made.training_space["training.distillation_weight"].values == (0.0,)


def test_uniform_leaves_no_compression_choice_open() -> None:
    made = pipeline(space={"precision_per": "layer"})
    narrowed = made.space.fixed(made.uniform("w8"))
    architecture = SearchSpace(made.space[name] for name in made.space.of_parts("architecture"))
    assert narrowed.cardinality == architecture.cardinality < made.space.cardinality
    layers = made.blueprint(narrowed.sample(np.random.default_rng(0))).weighted_layers
    assert {layer.precision for layer in layers} == {"w8"}


@pytest.mark.parametrize(
    ("error", "family", "match"),
    [
        (UnknownNameError, {"kernel": [3]}, r"'kernel'\. Did you mean 'kernels'\?"),
        (ConfigError, {"kernels": 3}, r"kernels must be a list .*got 3\."),
        (ConfigError, {"kernels": [4]}, r"odd whole numbers, 1 or more, got \[4\]"),
    ],
)
def test_settings_of_the_family_are_checked(
    error: type[Exception], family: dict[str, object], match: str
) -> None:
    with pytest.raises(error, match=match):
        pipeline(space={"family": family})


def test_a_precision_that_stands_twice_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"lists a value twice: \['w8', 'w8', 'mixed'\]"):
        pipeline(space={"precisions": ["w8", "w8"]})


def test_a_float_network_has_no_precision() -> None:
    made = pipeline()
    candidate = Candidate(made.space.sample(np.random.default_rng(1)))
    assert {layer.precision for layer in made.float_blueprint(candidate).weighted_layers} == {"fp32"}
