"""Networks of a normal and a reduction cell."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from tests.unit.networks import generator, loadable
from torch import nn

from penjing.blueprint import Blueprint, InputSpec, parameters
from penjing.compression.quantization.rewrite import with_precisions
from penjing.compression.quantization.simulate import calibrate, simulate_
from penjing.errors import ConfigError, PenjingError, UnknownNameError
from penjing.families.cells import NasNetFamily, NasNetSettings
from penjing.families.cells.nasnet_settings import OPERATIONS
from penjing.families.plain import drawn_network, float_weights, folded, network_source
from penjing.protocols import Abilities
from penjing.space import SearchSpace
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.testing.networks import ready_network, smooth_pixels
from penjing.training import Recipe, train_

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


@pytest.mark.parametrize("precision", ["fp32", "w8a8"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_file_computes_what_the_network_does(operation: str, precision: str) -> None:
    said = {f"{kind}_node2_first_operation": operation for kind in ("normal", "reduction")}
    blueprint = with_precisions(made(**said), lambda layer: precision)
    target = OnnxRuntimeCpu()
    ready = ready_network(blueprint, target.abilities().reduced_range)
    pixels = smooth_pixels(200, (1, 8, 8))
    file = target.write(blueprint, ready.weights, ready.scheme)
    assert len(file) == target.size_bytes(blueprint)
    wanted = ready.logits(pixels)
    difference = np.abs(target.predict(file, pixels) - wanted).mean()
    assert difference <= (1e-4 if precision == "fp32" else 0.05) * wanted.std(axis=0).mean()


def test_dilated_convolutions_and_maxima_by_hand() -> None:
    blueprint = made(
        normal_node1_first_operation="dil_conv_5x5",
        normal_node2_second_operation="max_pool_3x3",
        reduction_node1_first_operation="dil_conv_3x3",
        reduction_node2_second_operation="max_pool_3x3",
    )
    cell, reduce = "stage0.cell0.node1.first.dil_conv_5x5", "stage1.reduce.node1.first.dil_conv_3x3"
    depthwise = {"kernel": 5, "stride": 1, "groups": 4, "activation": "relu", "dilation": 2}
    assert blueprint[f"{cell}.depthwise"].attributes == depthwise
    assert blueprint[f"{cell}.depthwise"].output_shape == (4, 8, 8)
    assert "dilation" not in blueprint[f"{cell}.pointwise"].attributes
    assert blueprint[f"{reduce}.depthwise"].attributes == depthwise | {"kernel": 3, "stride": 2}
    assert blueprint[f"{reduce}.depthwise"].output_shape == (4, 4, 4)
    assert blueprint[f"{reduce}.pointwise"].output_shape == (8, 4, 4)
    # In a normal cell a maximum is all; in a reduction cell it strides, and a convolution widens it.
    normal, reduction = (
        [layer for layer in blueprint.layers if layer.name.startswith(f"{name}.second.max_pool_3x3")]
        for name in ("stage0.cell0.node2", "stage1.reduce.node2")
    )
    assert [(layer.operation, layer.attributes) for layer in normal] == [
        ("max_pool", {"kernel": 3, "stride": 1})
    ]
    assert [layer.operation for layer in reduction] == ["max_pool", "conv2d"]
    assert [layer.output_shape for layer in reduction] == [(4, 4, 4), (8, 4, 4)]
    assert reduction[0].attributes == {"kernel": 3, "stride": 2}
    # Distance costs no weights.
    near = made(
        normal_node1_first_operation="separable_5x5",
        normal_node2_second_operation="max_pool_3x3",
        reduction_node1_first_operation="separable_3x3",
        reduction_node2_second_operation="max_pool_3x3",
    )
    assert parameters(blueprint) == parameters(near)


def test_a_cell_in_integers_has_no_floats_but_means() -> None:
    blueprint = with_precisions(every_operation(), lambda layer: "w8a8")
    floats = {
        layer.operation
        for layer in blueprint.layers
        if "cell" in layer.name and layer.output_storage == "float32"
    }
    assert floats == {"average_pool", "dequantize"}


def every_operation() -> Blueprint:
    """Each operation in either cell, on what has the cell's size and on what is larger."""
    sides = [f"node{node}_{side}" for node in range(1, 6) for side in ("first", "second")]
    settings = NasNetSettings(
        widths=(4,), repeats=(1,), stem_strides=(1,), operations=tuple(OPERATIONS), nodes=5, stages=2
    )
    said: dict[str, Any] = {}
    for side, operation in zip(sides, (*OPERATIONS, "identity"), strict=True):
        said |= {f"{kind}_{side}_operation": operation for kind in ("normal", "reduction")}
        said[f"normal_{side}_from"] = "before" if side.endswith("first") else "last"
    return made(settings, **said)


def test_a_cell_with_every_operation_is_trained_compressed_and_written() -> None:
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor(images * 15).reshape(-1, 1, 8, 8).to(torch.uint8)
    plain = every_operation()
    network = drawn_network(plain, True, generator())
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    recipe = Recipe(epochs=3, learning_rate=0.05, batch_size=64)
    train_(network, x[:1400], torch.tensor(labels[:1400]), recipe, generator())
    assert all(not torch.equal(value, before[name]) for name, value in network.named_parameters())
    for precision in ("w8", "w8a8"):
        blueprint = with_precisions(plain, lambda layer, name=precision: name)
        target = OnnxRuntimeCpu()
        simulated = folded(network, blueprint).eval()
        scheme = calibrate(simulated, blueprint, [x[:256]], target.abilities().reduced_range)
        simulate_(simulated, blueprint, scheme)
        weights = float_weights(simulated, blueprint)
        file = target.write(blueprint, weights, scheme)
        assert len(file) == pytest.approx(target.size_bytes(blueprint), rel=0.01)
        wanted = simulated(x[1400:]).detach().numpy()
        found = target.predict(file, x[1400:].numpy())
        assert np.abs(found - wanted).mean() < 0.02 * wanted.std()
        assert float((found.argmax(1) == labels[1400:]).mean()) > 0.4
        scope: dict[str, type[nn.Module]] = {}
        exec(network_source(blueprint, scheme), scope)
        shipped = scope["Network"]().eval()
        shipped.load_state_dict(loadable(weights))
        torch.testing.assert_close(shipped(x[1400:]), simulated(x[1400:]), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("kind", "settings", "match"),
    [
        (UnknownNameError, {"operations": ["max_pool_7x7"]}, r"operation of a cell is named 'max_pool_7x7'"),
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
