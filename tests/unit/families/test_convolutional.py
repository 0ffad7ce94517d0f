import dataclasses
from typing import Any

import pytest
from tests.unit.networks import ABILITIES, Pipeline

from penjing.blueprint import InputSpec
from penjing.errors import ConfigError, PenjingError, UnknownNameError
from penjing.families.convolutional import ConvolutionalFamily, ConvolutionalSettings
from penjing.families.elastic import largest_shapes
from penjing.space import Candidate, SearchSpace
from penjing.testing.networks import SMALL


def test_a_candidate_by_hand() -> None:
    settings = ConvolutionalSettings(
        resolutions=(8,),
        stem_widths=(4,),
        stem_kernels=(3,),
        stem_strides=(1,),
        stage_widths=((6,),),
        stage_depths=((2,),),
        stage_strides=((2,),),
        kernels=(5,),
        expansions=(3,),
    )
    family = ConvolutionalFamily(InputSpec("x", (1, 8, 8)), 10, settings)
    space = SearchSpace(family.choices(ABILITIES))
    assert space.cardinality == 3 * 3
    fixed = space.fixed({"stage1.block0.operation": "separable", "stage1.block1.operation": "inverted"})
    (candidate,) = family.covering(fixed.choices)
    shapes = {
        layer.name: layer.tensor("weight").shape for layer in family.blueprint(candidate).weighted_layers
    }
    assert shapes == {
        "stem.conv": (4, 1, 3, 3),
        "stage1.block0.separable.depthwise": (4, 1, 5, 5),
        "stage1.block0.separable.pointwise": (6, 4, 1, 1),
        "stage1.block1.inverted.expand": (18, 6, 1, 1),
        "stage1.block1.inverted.depthwise": (18, 1, 5, 5),
        "stage1.block1.inverted.project": (6, 18, 1, 1),
        "head.linear": (10, 6),
    }
    blueprint = family.blueprint(candidate)
    assert blueprint["stage1.block1.inverted.add"].inputs == (
        "stage1.block1.inverted.project",
        "stage1.block0.separable.pointwise",
    )
    assert blueprint["stage1.block1.inverted.add"].output_shape == (6, 4, 4)


NARROWING = ConvolutionalSettings(
    resolutions=(8,),
    stem_widths=(32, 4),
    stem_kernels=(5, 3),
    stage_widths=((16, 8), (4, 2), (6,)),
    stage_depths=((0, 1), (2, 0, 1), (0, 1)),
    stage_strides=((1,), (2, 1), (1,)),
    kernels=(5, 3),
    expansions=(3, 2),
)


@pytest.mark.parametrize("settings", [SMALL, NARROWING])
def test_the_covering_candidates_hold_the_weights_of_every_other(settings: ConvolutionalSettings) -> None:
    pipeline = Pipeline(settings)
    covering = pipeline.family.covering(pipeline.architecture)
    space = SearchSpace(pipeline.architecture)
    assert all(space.candidate(dict(candidate)) == candidate for candidate in covering)
    shapes = largest_shapes(map(pipeline.family.blueprint, covering))
    for candidate in pipeline.samples(300):
        for layer in pipeline.plain(candidate).weighted_layers:
            wanted = layer.tensor("weight").shape
            assert all(a <= b for a, b in zip(wanted, shapes[layer.name], strict=True)), layer.name


def test_usual_settings_are_covered_by_one_candidate_per_operation() -> None:
    for size in (8, 28, 64):
        family = ConvolutionalFamily(InputSpec("x", (3, size, size)), 10)
        covering: list[Candidate] = family.covering(family.choices(ABILITIES))
        assert len(covering) == 3


def test_every_layer_with_weights_belongs_to_a_block_and_exists_as_the_block_says() -> None:
    pipeline = Pipeline()
    blocks = pipeline.family.blocks()
    for candidate in pipeline.samples(50):
        promised = {
            f"{block.name}.{layer}"
            for block in blocks
            for layer, conditions in block.layers.items()
            if all(condition.holds(candidate) for condition in (*block.conditions, *conditions))
        }
        assert {layer.name for layer in pipeline.plain(candidate).weighted_layers} == promised


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 13, 17), (3, 32, 32), (3, 41, 41), (3, 300, 200)])
def test_default_settings_fit_the_images(shape: tuple[int, int, int]) -> None:
    family = ConvolutionalFamily(InputSpec("x", shape), 5)
    space = SearchSpace(family.choices(ABILITIES))
    for candidate in Pipeline(family.settings, family.input).samples(5):
        blueprint = family.blueprint(space.candidate({n: v for n, v in candidate.items() if n in space}))
        assert all(size >= 1 for layer in blueprint.layers for size in layer.output_shape)
    assert max(family.settings.resolutions) <= min(shape[1:])


def test_resolutions_keep_the_shape_of_the_image() -> None:
    family = ConvolutionalFamily(
        InputSpec("x", (3, 40, 20)),
        5,
        ConvolutionalSettings(resolutions=(10,), stage_strides=((1,), (1,), (1,))),
    )
    candidate = family.covering(family.choices(ABILITIES))[0]
    assert family.blueprint(candidate)["input.resize"].output_shape == (3, 20, 10)


@pytest.mark.parametrize(
    ("kind", "settings", "match"),
    [
        (UnknownNameError, {"kernel": [3]}, r"'kernel'\. Did you mean 'kernels'\?"),
        (UnknownNameError, {"shorter_side": [8]}, r"'shorter_side'"),
        (UnknownNameError, {"operations": ["plan"]}, r"'plan'\. Did you mean 'plain'\?"),
        (
            ConfigError,
            {"operations": [3]},
            r"operations .* among plain, .*got \[3\]\. .*\[plain, separable\]",
        ),
        (ConfigError, {"operations": "plain"}, r"operations must be a list .*got 'plain'"),
        (ConfigError, {"operations": ["plain", "plain"]}, r"different names .*got \['plain', 'plain'\]"),
        (ConfigError, {"kernels": 3}, r"family\.kernels must be a list .*got 3\. .*\[3, 5\]"),
        (ConfigError, {"kernels": []}, r"kernels must be a list .*got \[\]"),
        (ConfigError, {"kernels": ["a"]}, r"kernels .*got \['a'\]"),
        (ConfigError, {"kernels": [3, 4]}, r"odd whole numbers, 1 or more, got \[3, 4\]"),
        (ConfigError, {"kernels": [3, 3]}, r"different odd .*got \[3, 3\]"),
        (ConfigError, {"kernels": [[3]]}, r"kernels .*got \[\[3\]\]"),
        (ConfigError, {"stem_kernels": [2]}, r"stem_kernels .*got \[2\]"),
        (ConfigError, {"stem_widths": [0]}, r"stem_widths .*1 or more, got \[0\]\. .*\[8, 16\]"),
        (ConfigError, {"stem_widths": [8.0]}, r"stem_widths .*got \[8\.0\]"),
        (ConfigError, {"stem_strides": [True]}, r"stem_strides .*got \[True\]"),
        (ConfigError, {"expansions": [-2]}, r"expansions .*got \[-2\]"),
        (
            ConfigError,
            {"stage_widths": [8, 16, 32]},
            r"one list per stage .*got \[8, 16, 32\]\. .*\[\[8, 16\]",
        ),
        (ConfigError, {"stage_widths": [[8], [0]]}, r"stage_widths .*1 or more, got \[\[8\], \[0\]\]"),
        (ConfigError, {"stage_depths": [[1], [-1]]}, r"stage_depths .*0 or more, got \[\[1\], \[-1\]\]"),
        (ConfigError, {"stage_strides": [[], [1]]}, r"stage_strides .*got \[\[\], \[1\]\]"),
    ],
)
def test_what_fits_no_images_is_named_with_its_value(
    kind: type[PenjingError], settings: dict[str, Any], match: str
) -> None:
    with pytest.raises(kind, match=match):
        ConvolutionalSettings.check(settings)
    with pytest.raises(kind, match=match):
        ConvolutionalSettings.for_images((1, 8, 8)).with_changes(settings)


def test_values_given_directly_are_checked_too() -> None:
    with pytest.raises(ConfigError, match=r"stem_widths .*got \(0,\)"):
        ConvolutionalSettings(resolutions=(8,), stem_widths=(0,))


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 64, 64)])
def test_the_defaults_are_allowed(shape: tuple[int, int, int]) -> None:
    settings = ConvolutionalSettings.for_images(shape)
    assert settings.shorter_side == min(shape[1:])
    said = dataclasses.asdict(settings)
    del said["shorter_side"]
    assert settings.with_changes(said) == settings


def test_stages_are_counted_against_the_defaults_of_the_images() -> None:
    two = {"stage_widths": [[4, 8], [8, 16]]}
    widths = ConvolutionalSettings.for_images((1, 8, 8)).with_changes(two).stage_widths
    assert widths == ((4, 8), (8, 16))
    with pytest.raises(ConfigError, match=r"same number of stages, got 2, 3 and 3\. .* write all three\.$"):
        ConvolutionalSettings.for_images((1, 28, 28)).with_changes(two)


def test_no_resolution_exceeds_the_images() -> None:
    settings = ConvolutionalSettings.for_images((3, 300, 240))
    assert settings.with_changes({"resolutions": [240]}).resolutions == (240,)
    match = r"resolutions .* shorter side of the images, 240, got 4000\. Leave 4000 out\.$"
    with pytest.raises(ConfigError, match=match):
        settings.with_changes({"resolutions": [96, 4000]})
