from dataclasses import replace

import numpy as np
import pytest

from penjing.blueprint import macs, parameters
from penjing.errors import ConfigError, InvalidValueError, UnknownNameError
from penjing.space import Candidate, SearchSpace
from penjing.study.config import checked
from penjing.study.pipeline import SEARCHED_OPTIMISER, DataFacts, Pipeline
from penjing.study.preparation import check_subset
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.testing.networks import varied

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


@pytest.mark.parametrize(
    ("n_train", "said", "instead"),
    [
        (
            1000,
            {"subset": 0.01},
            "10 of 1000 examples for 10 classes, fewer than 5 for each. Give at least 0.05",
        ),
        (1240, {"subset": 0.04}, "49.6 of 1240 .* Give at least 0.05, or"),
        (1000, {"subset": 0.05, "folds": 2}, "25 of 500 .* Give at least 0.1, or"),
        (40, {"subset": 0.5}, r"20 of 40 .* each\. Leave it out\."),
    ],
)
def test_a_subset_has_some_of_each_class(n_train: int, said: dict[str, float], instead: str) -> None:
    given = replace(facts(), n_train=n_train)
    config = checked({"data": "digits", "search": {"algorithm": "asha", **said}})
    with pytest.raises(ConfigError, match=f"^search.subset is {said['subset']}: {instead}"):
        check_subset(config, given)
    check_subset(checked({"data": "digits", "search": {"algorithm": "asha", "subset": 0.05}}), facts())


def vectors(**training: object) -> Pipeline:
    known = DataFacts((3,), 2, 100, (0.1, 1 / 3, 7.0), (2.0, 1 / 7, 0.0), "f1")
    return Pipeline(
        checked({"task": "vector-classification", "data": "wine", "training": training}), known, TARGET
    )


def test_features_are_normalised_by_constants_that_are_32_bit_floats() -> None:
    made = vectors()
    spec = made.blueprint(made.space.sample(np.random.default_rng(0))).input
    assert (spec.shape, spec.storage) == ((3,), "float32")
    assert spec.means == (0.1, 0.33333334, 7.0)
    assert spec.scales == (0.5, 7.0, 0.0)
    assert [np.float32(mean) for mean in spec.means] == [np.float32(mean) for mean in (0.1, 1 / 3, 7.0)]


def test_the_optimiser_of_a_chain_is_a_choice_of_the_search(rng: np.random.Generator) -> None:
    made = vectors()
    assert made.space[SEARCHED_OPTIMISER].values == ("sgd", "adam")
    assert "training.optimiser" not in made.training_space
    # 4 to 6 layers of 5 widths, 3 activations, 2 optimisers.
    floats = made.space.fixed(made.uniform("fp32"))
    assert floats.cardinality == 2 * 3 * (5**4 + 5**5 + 5**6)
    sgd, adam = varied(made.space, made.space.sample(rng), SEARCHED_OPTIMISER)
    assert made.blueprint(sgd) == made.blueprint(adam)
    assert made.architecture_key(sgd) != made.architecture_key(adam)
    assert made.graph(sgd).key != made.graph(adam).key
    recipes = [made.recipe(Candidate({**one, **made.default_training()}), 1.0) for one in (sgd, adam)]
    assert [recipe.optimiser for recipe in recipes] == ["sgd", "adam"]
    assert made.space.candidate({**made.reference(), **made.uniform("fp32")})[SEARCHED_OPTIMISER] == "sgd"


def test_a_chain_searches_the_optimisers_that_are_offered() -> None:
    assert vectors(optimisers=["adamw"]).space[SEARCHED_OPTIMISER].values == ("adamw",)


def test_other_networks_leave_the_optimiser_to_finalists() -> None:
    made = pipeline()
    assert SEARCHED_OPTIMISER not in made.space
    assert made.training_space["training.optimiser"].values == ("sgd",)


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


def test_a_long_training_is_regularised_as_far_as_what_is_offered_allows() -> None:
    made = pipeline(training={"weight_decays": [0.0, 1e-3, 1e-4], "label_smoothings": [0.05, 0.0, 0.3]})
    recipe = made.recipe(made.regularised(made.default_training()), epochs=30)
    assert (recipe.weight_decay, recipe.label_smoothing) == (1e-3, 0.05)
    strict = pipeline(training={"weight_decays": [5e-4, 1e-3, 5e-3], "label_smoothings": [0.1, 0.2, 0.3]})
    recipe = strict.recipe(strict.regularised(strict.default_training()), epochs=30)
    assert (recipe.weight_decay, recipe.label_smoothing) == (1e-3, 0.2)
    usual = pipeline()
    recipe = usual.recipe(usual.regularised(usual.default_training()), epochs=30)
    assert (recipe.weight_decay, recipe.label_smoothing, recipe.learning_rate) == (5e-4, 0.1, 0.4)


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
