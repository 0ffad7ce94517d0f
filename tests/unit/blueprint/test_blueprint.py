import json
from typing import Any

import pytest
import torch
from tests.unit.networks import Pipeline
from torch import nn

from penjing.blueprint import (
    Blueprint,
    BlueprintBuilder,
    InputSpec,
    TensorSpec,
    layer_macs,
    macs,
    parameters,
    precision_named,
)
from penjing.errors import FormatVersionError, InvalidValueError, ShapeError, UnknownNameError
from penjing.families.plain import build_network


def small() -> Blueprint:
    build = BlueprintBuilder(InputSpec("x", (3, 9, 12)))
    at = build.conv2d("a", build.dequantize(), 8, kernel=3, stride=2)
    at = build.conv2d("b", at, 8, kernel=5, groups=4, activation="none")
    at = build.add("sum", at, "a")
    return build.finish(build.linear("head", build.global_average_pool(at), 10))


def test_an_input_tells_only_what_normalises_its_kind() -> None:
    pixels = small().as_dict()["input"]
    assert list(pixels) == ["name", "shape", "storage", "scale", "zero_point"]
    given = InputSpec("x", (2,), "float32", means=(1.0, 2.0), scales=(3.0, 0.0))
    build = BlueprintBuilder(given)
    blueprint = build.finish(build.linear("head", build.standardise(), 2))
    features = blueprint.as_dict()["input"]
    assert list(features) == ["name", "shape", "storage", "means", "scales"]
    assert Blueprint.from_dict(json.loads(json.dumps(blueprint.as_dict()))) == blueprint
    assert (parameters(blueprint), macs(blueprint)) == (6, 4)


def test_shapes_by_hand() -> None:
    blueprint = small()
    assert {layer.name: layer.output_shape for layer in blueprint.layers} == {
        "input.dequantize": (3, 9, 12),
        "a": (8, 5, 6),
        "b": (8, 5, 6),
        "sum": (8, 5, 6),
        "head.pool": (8,),
        "head": (10,),
    }
    assert blueprint.shape_of("x") == (3, 9, 12)
    assert blueprint.shape_of("a") == (8, 5, 6)
    assert [layer.name for layer in blueprint.weighted_layers] == ["a", "b", "head"]
    assert "a" in blueprint
    assert "c" not in blueprint


def test_counts_by_hand() -> None:
    blueprint = small()
    weights = (8 * 3 * 9, 8 * 2 * 25, 80)
    assert parameters(blueprint) == sum(weights) + 8 + 8 + 10
    assert [layer_macs(layer) for layer in blueprint.layers] == [
        0,
        weights[0] * 30,
        weights[1] * 30,
        0,
        0,
        80,
    ]
    assert macs(blueprint) == weights[0] * 30 + weights[1] * 30 + 80


def test_counts_of_random_networks_are_torchs_own() -> None:
    pipeline = Pipeline()
    for candidate in pipeline.samples(20):
        network = build_network(pipeline.plain(candidate))
        n_elements = sum(p.numel() for p in network.parameters())
        seen: list[int] = []

        def note(module: nn.Module, inputs: Any, output: Any, seen: list[int] = seen) -> None:
            per_position = module.weight.numel()
            seen.append(per_position * (output[0, 0].numel() if output.ndim == 4 else 1))

        for module in network.children():
            module.register_forward_hook(note)
        blueprint = pipeline.plain(candidate)
        network(torch.zeros((1, *blueprint.input.shape), dtype=torch.uint8))
        assert parameters(blueprint) == parameters(pipeline.blueprint(candidate)) == n_elements
        assert macs(blueprint) == macs(pipeline.blueprint(candidate)) == sum(seen)


def test_json_and_back_is_the_same() -> None:
    pipeline = Pipeline()
    for candidate in pipeline.samples(30):
        for blueprint in (pipeline.plain(candidate), pipeline.blueprint(candidate)):
            assert Blueprint.from_dict(json.loads(json.dumps(blueprint.as_dict()))) == blueprint


@pytest.mark.parametrize("version", [0, 2, None, "1"])
def test_another_version_is_refused(version: Any) -> None:
    with pytest.raises(FormatVersionError, match=f"format_version {version!r} cannot be read; .* reads 1"):
        Blueprint.from_dict({**small().as_dict(), "format_version": version})


@pytest.mark.parametrize(
    ("shape", "storage", "n_bytes"),
    [((3,), "int4", 2), ((2, 2), "int4", 2), ((), "float32", 4), ((5,), "float16", 10), ((7,), "uint8", 7)],
)
def test_bytes_of_a_tensor(shape: tuple[int, ...], storage: str, n_bytes: int) -> None:
    assert TensorSpec("weight", shape, storage).n_bytes == n_bytes


def test_resize_keeps_an_input_of_that_size() -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 8, 6)))
    assert build.resize((8, 6)) == "x"
    assert build.resize((4, 3)) == "input.resize"
    blueprint = build.finish(build.dequantize("input.resize"))
    assert blueprint["input.resize"].output_storage == "uint8"
    assert not blueprint["input.resize"].has_codes
    assert blueprint["input.dequantize"].output_shape == (1, 4, 3)


def test_a_dilated_convolution_keeps_the_size_and_says_so_only_where_it_is_one() -> None:
    build = BlueprintBuilder(InputSpec("x", (3, 9, 12)))
    build.conv2d("a", build.dequantize(), 8, kernel=5, dilation=2)
    build.conv2d("b", "a", 8, kernel=3, stride=2, dilation=3, groups=8)
    blueprint = build.finish(build.conv2d("c", "b", 8, dilation=1))
    assert blueprint["a"].output_shape == (8, 9, 12)
    assert blueprint["b"].output_shape == (8, 5, 6)
    assert blueprint["b"].attributes["dilation"] == 3
    assert "dilation" not in blueprint["c"].attributes
    # It has the weights of one that is not dilated, and multiplies as often.
    assert parameters(blueprint) == 8 * 3 * 25 + 8 * 9 + 8 * 8 * 9 + 3 * 8
    assert layer_macs(blueprint["b"]) == 8 * 9 * 5 * 6
    assert Blueprint.from_dict(json.loads(json.dumps(blueprint.as_dict()))) == blueprint


@pytest.mark.parametrize(("kernel", "stride", "size"), [(3, 1, (9, 12)), (3, 2, (5, 6)), (2, 2, (4, 6))])
def test_maxima_have_the_size_of_means(kernel: int, stride: int, size: tuple[int, int]) -> None:
    build = BlueprintBuilder(InputSpec("x", (3, 9, 12)))
    build.max_pool("max", build.dequantize(), kernel, stride)
    blueprint = build.finish(build.average_pool("mean", "input.dequantize", kernel, stride))
    assert blueprint["max"].output_shape == blueprint["mean"].output_shape == (3, *size)
    assert macs(blueprint) == parameters(blueprint) == 0


def built(name: str) -> Any:
    build = BlueprintBuilder(InputSpec("x", (3, 8, 8)))
    build.conv2d("a", "x", 4)
    calls = {
        "groups": lambda: build.conv2d("b", "a", 6, groups=4),
        "add": lambda: build.add("b", "a", "x"),
        "linear": lambda: build.linear("b", "a", 10),
        "twice": lambda: build.conv2d("a", "x", 4),
        "source": lambda: build.conv2d("b", "aa", 4),
        "output": lambda: build.finish("b"),
        "layer": lambda: build.finish("a")["b"],
        "role": lambda: build.finish("a")["a"].tensor("scale"),
        "precision": lambda: precision_named("w8a"),
    }
    return calls[name]()


@pytest.mark.parametrize(
    ("name", "kind", "match"),
    [
        ("groups", ShapeError, "b: groups must divide channels, got 4 groups for 4 input and 6 output"),
        ("add", ShapeError, r"b: .* got \(4, 8, 8\) from 'a' and \(3, 8, 8\) from 'x'"),
        ("linear", ShapeError, r"b: .* vector, got \(4, 8, 8\) from 'a'"),
        ("twice", InvalidValueError, "got 'a' twice"),
        ("source", UnknownNameError, "No layer is named 'aa'"),
        ("output", UnknownNameError, "No layer is named 'b'. Known: a"),
        ("layer", UnknownNameError, "No layer is named 'b'"),
        ("role", UnknownNameError, "'scale'. Known: bias, weight"),
        ("precision", UnknownNameError, "No precision is named 'w8a'. Did you mean 'w8a8'"),
    ],
)
def test_mistakes_are_named(name: str, kind: type[Exception], match: str) -> None:
    with pytest.raises(kind, match=match):
        built(name)
