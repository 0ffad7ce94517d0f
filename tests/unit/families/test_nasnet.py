"""Networks of a normal and a reduction cell."""

from typing import Any

import numpy as np
import pytest

from penjing.blueprint import Blueprint, InputSpec
from penjing.errors import ConfigError, PenjingError, UnknownNameError
from penjing.families.cells import NasNetFamily, NasNetSettings
from penjing.families.cells.nasnet_settings import OPERATIONS
from penjing.protocols import Abilities
from penjing.space import SearchSpace
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.testing.networks import ready_network, smooth_pixels

SMALL = NasNetSettings(
    widths=(4, 6), repeats=(1, 2), stem_strides=(1, 2), operations=tuple(OPERATIONS), nodes=2, stages=2
)


def space_of(settings: NasNetSettings, shape: tuple[int, int, int] = (1, 8, 8)) -> SearchSpace:
    return SearchSpace(NasNetFamily(InputSpec("x", shape), 10, settings).choices(Abilities(("fp32",), ())))


def made(settings: NasNetSettings = SMALL, shape: tuple[int, int, int] = (1, 8, 8), **said: Any) -> Blueprint:
    """A network of identities side by side, but for what is said, with ``_`` for ``.``."""
    space = space_of(settings, shape)
    assignment: dict[str, Any] = {"stem.stride": 1, "network.width": 4, "network.repeats": 1}
    for choice in space:
        if choice.name.endswith(".operation"):
            assignment[choice.name] = "identity"
        elif choice.name.endswith(".from"):
            assignment[choice.name] = "last"
    assignment |= {name.replace("_", "."): value for name, value in said.items()}
    return NasNetFamily(InputSpec("x", shape), 10, settings).blueprint(space.candidate(assignment))


def shapes(blueprint: Blueprint) -> dict[str, tuple[int, ...]]:
    return {layer.name: layer.tensor("weight").shape for layer in blueprint.weighted_layers}


def test_a_network_by_hand() -> None:
    blueprint = made(
        **{
            "normal_node1_first_operation": "separable_3x3",
            "normal_node2_first_from": "node1",
            "normal_node2_second_from": "before",
            "reduction_node1_second_operation": "convolution_3x3",
            "reduction_node2_first_operation": "average_pool_3x3",
        }
    )
    assert shapes(blueprint) == {
        "stem.conv": (4, 1, 3, 3),
        "stage0.cell0.node1.first.separable_3x3.depthwise": (4, 1, 3, 3),
        "stage0.cell0.node1.first.separable_3x3.pointwise": (4, 4, 1, 1),
        "stage0.cell0.node2.out": (4, 4, 1, 1),
        "stage1.reduce.node1.first.identity.fit": (8, 4, 1, 1),
        "stage1.reduce.node1.second.convolution_3x3.conv": (8, 4, 3, 3),
        "stage1.reduce.node2.first.average_pool_3x3.fit": (8, 4, 1, 1),
        "stage1.reduce.node2.second.identity.fit": (8, 4, 1, 1),
        "stage1.reduce.node1.out": (8, 8, 1, 1),
        "stage1.reduce.node2.out": (8, 8, 1, 1),
        "stage1.cell0.node1.first.separable_3x3.depthwise": (8, 1, 3, 3),
        "stage1.cell0.node1.first.separable_3x3.pointwise": (8, 8, 1, 1),
        "stage1.cell0.node2.second.identity.fit": (8, 4, 1, 1),
        "stage1.cell0.node2.out": (8, 8, 1, 1),
        "head.linear": (10, 8),
    }
    # Two cells ago: in the first cell the stem, after a reduction what is twice as large.
    assert blueprint["stage0.cell0.node2.add"].inputs == ("stage0.cell0.node1.add", "stem.conv")
    assert blueprint["stage1.cell0.node2.second.identity.fit"].inputs == ("stage0.cell0.node2.out",)
    assert blueprint["stage1.cell0.node2.out"].output_shape == (8, 4, 4)
    assert blueprint["stage1.reduce.node2.sum"].inputs == (
        "stage1.reduce.node1.out",
        "stage1.reduce.node2.out",
    )


def test_the_cell_before_last_is_the_reduction_two_cells_after_it() -> None:
    blueprint = made(network_repeats=2, normal_node1_second_from="before")
    assert blueprint["stage1.cell1.node1.add"].inputs[1] == "stage1.reduce.node2.sum"
    assert "stage1.cell1.node1.second.identity.fit" not in blueprint


def test_one_stage_needs_no_reduction_cell() -> None:
    settings = NasNetSettings(widths=(4,), repeats=(3,), nodes=1, stages=1, stem_strides=(1,))
    assert not [choice.name for choice in space_of(settings) if choice.name.startswith("reduction")]
    assert made(settings, network_repeats=3)["stage0.cell2.node1.out"].output_shape == (4, 8, 8)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("shape", [(1, 7, 9), (3, 30, 30), (1, 4, 5)])
def test_images_of_any_size_are_halved_by_every_operation(
    operation: str, shape: tuple[int, int, int]
) -> None:
    said = {f"reduction_node{node}_first_operation": operation for node in (1, 2)}
    halved = tuple((size + 1) // 2 for size in shape[1:])
    assert made(shape=shape, **said)["stage1.cell0.node1.add"].output_shape == (8, *halved)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_file_computes_what_the_network_does(operation: str) -> None:
    said = {f"{kind}_node2_first_operation": operation for kind in ("normal", "reduction")}
    blueprint = made(**said)
    target = OnnxRuntimeCpu()
    ready = ready_network(blueprint, target.abilities().reduced_range)
    pixels = smooth_pixels(20, (1, 8, 8))
    file = target.write(blueprint, ready.weights, ready.scheme)
    np.testing.assert_allclose(target.predict(file, pixels), ready.logits(pixels), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "settings", "match"),
    [
        (UnknownNameError, {"operations": ["max_pool_3x3"]}, r"operation of a cell is named 'max_pool_3x3'"),
        (UnknownNameError, {"node": 4}, r"nasnet family is named 'node'\. Did you mean 'nodes'\?"),
        (ConfigError, {"operations": ["identity", "identity"]}, r"different names among sep.*'identity'\]"),
        (
            ConfigError,
            {"nodes": [4]},
            r"^space\.family\.nodes must be .* 1 to 8, got \[4\]\. .* 4\.$",
        ),
        (ConfigError, {"nodes": 9}, r"nodes must be a whole number from 1 to 8, got 9\."),
        (ConfigError, {"nodes": True}, r"nodes .*got True"),
        (ConfigError, {"stages": 0}, r"stages must be a whole number from 1 to 5, got 0\."),
        (ConfigError, {"widths": []}, r"widths must be a list .*got \[\]"),
    ],
)
def test_settings_are_checked(kind: type[PenjingError], settings: dict[str, Any], match: str) -> None:
    with pytest.raises(kind, match=match):
        NasNetSettings.for_images((1, 8, 8)).with_changes(settings)
    with pytest.raises(kind, match=match):
        NasNetSettings.check(settings)
