"""Families by name, and what their networks are once they ship."""

import numpy as np
import pytest

from penjing.blueprint import InputSpec
from penjing.compression.quantization.rewrite import with_precisions
from penjing.errors import ConfigError, UnknownNameError
from penjing.families import FAMILIES, family_kind
from penjing.protocols import Abilities
from penjing.space import SearchSpace
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.testing.networks import drawn, ready_network, smooth_pixels

GIVEN = InputSpec("x", (1, 8, 8), scale=1 / 255, zero_point=30)
FLOATS = Abilities(("fp32",), ())


def test_a_family_that_is_not_known_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"of networks is named 'nasbench'\. Did .*'nasbench201'"):
        family_kind("nasbench")


@pytest.mark.parametrize("name", FAMILIES)
def test_settings_that_are_changed_change_the_family(name: str) -> None:
    kind = family_kind(name)
    settings = kind.settings.for_images((1, 8, 8))
    assert settings.with_changes({}) == settings
    with pytest.raises(UnknownNameError, match=rf"No setting of the {name} family is named 'zzz'\. Known: "):
        kind.settings.check({"zzz": 1})
    with pytest.raises(ConfigError, match=r"^space\.family\.\w+ must be .*, got 'many'\. Write, "):
        kind.settings.check({_settings_of(name)[0]: "many"})
    with pytest.raises(UnknownNameError):
        kind.family(GIVEN, 10, {"zzz": 1})


def _settings_of(name: str) -> list[str]:
    with pytest.raises(UnknownNameError) as caught:
        family_kind(name).settings.check({"": 1})
    return caught.value.facts["known"]


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 8, 8), (3, 17, 13), (1, 28, 28), (3, 32, 32), (3, 96, 64)])
@pytest.mark.parametrize("name", FAMILIES)
def test_defaults_fit_images_of_any_size(name: str, shape: tuple[int, int, int]) -> None:
    family = family_kind(name).family(InputSpec("x", shape), 7, {})
    space = SearchSpace(family.choices(FLOATS))
    for candidate in (*drawn(space, 3), family.reference(space.choices)):
        blueprint = family.blueprint(candidate)
        assert blueprint[blueprint.output].output_shape == (7,)
        assert all(size >= 1 for layer in blueprint.layers for size in layer.output_shape)


@pytest.mark.parametrize("precisions", [("w8a8",), ("w8",), ("fp32", "w8a8", "w4")])
@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "convolutional"])
def test_the_file_computes_what_the_network_does(name: str, precisions: tuple[str, ...]) -> None:
    """The contract of targets asks it of convolutional networks."""
    target = OnnxRuntimeCpu()
    family = family_kind(name).family(GIVEN, 10, {})
    rng = np.random.default_rng(0)
    pixels = smooth_pixels(200, GIVEN.shape, seed=7)
    for candidate in drawn(SearchSpace(family.choices(FLOATS)), 6):
        plain = family.blueprint(candidate)
        blueprint = with_precisions(plain, lambda _: str(rng.choice(precisions)))
        made = ready_network(blueprint, target.abilities().reduced_range)
        file = target.write(made.blueprint, made.weights, made.scheme)
        assert len(file) == target.size_bytes(blueprint)
        wanted = made.logits(pixels)
        difference = np.abs(target.predict(file, pixels) - wanted).mean()
        # Where a cell gives nothing, logits are the same for all images.
        assert difference <= 0.05 * max(float(wanted.std(axis=0).mean()), 1e-3)
