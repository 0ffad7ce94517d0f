import ast
import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from tests.unit.networks import Pipeline, loadable, randomised, structured_pixels
from torch import nn

from penjing.blueprint import Blueprint, BlueprintBuilder, InputSpec, Layer, TensorSpec
from penjing.errors import InvalidValueError, UnknownNameError
from penjing.families.plain import build_network, float_weights, folded, network_source
from penjing.protocols import QuantizationScheme
from penjing.targets.onnxruntime.export import write_onnx

PIPELINE = Pipeline()
CANDIDATES = PIPELINE.samples(12, seed=2)


def test_the_source_is_a_module_of_its_own_that_needs_torch_only(tmp_path: Path) -> None:
    blueprint = PIPELINE.plain(CANDIDATES[0])
    path = tmp_path / "network.py"
    path.write_text(network_source(blueprint))
    spec = importlib.util.spec_from_file_location("network_of_a_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pixels = structured_pixels(3, blueprint.input.shape)
    made = build_network(blueprint)
    network = module.Network()
    network.load_state_dict(made.state_dict())
    assert torch.equal(network.eval()(pixels), made.eval()(pixels))
    assert "network_of_a_test" not in sys.modules


@pytest.mark.parametrize("trainable", [False, True])
def test_the_source_imports_torch_and_nothing_else(trainable: bool) -> None:
    for candidate in CANDIDATES:
        tree = ast.parse(network_source(PIPELINE.blueprint(candidate), trainable=trainable))
        imported: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
        assert imported == {"torch"}
        assert "uint8 pixels, [N, 1, 8, 8]" in (ast.get_docstring(tree) or "")


def interpreted(network: nn.Module, blueprint: Blueprint, x: torch.Tensor) -> torch.Tensor:
    """What the blueprint's table of operations says, written without any generated source."""
    given = blueprint.input
    values = {given.name: x.float()}
    for layer in blueprint.layers:
        first = values[layer.inputs[0]]
        if layer.operation == "resize":
            size = layer.output_shape[1:]
            values[layer.name] = nn.functional.interpolate(first, size, mode="bilinear").floor()
        elif layer.operation == "dequantize":
            values[layer.name] = (first - given.zero_point) * given.scale
        elif layer.operation == "conv2d":
            module = network.get_submodule(layer.module_name)
            wanted = layer.attributes
            dilation = wanted.get("dilation", 1)
            made = nn.functional.conv2d(
                first,
                module.get_parameter("weight"),
                module.get_parameter("bias"),
                wanted["stride"],
                dilation * (wanted["kernel"] // 2),
                dilation,
                wanted["groups"],
            )
            values[layer.name] = made.relu() if wanted["activation"] == "relu" else made
        elif layer.operation == "add":
            values[layer.name] = first + values[layer.inputs[1]]
        elif layer.operation == "max_pool":
            kernel, half = layer.attributes["kernel"], layer.attributes["kernel"] // 2
            padded = nn.functional.pad(first, (half,) * 4, value=-torch.inf)
            patches = padded.unfold(2, kernel, layer.attributes["stride"])
            values[layer.name] = patches.unfold(3, kernel, layer.attributes["stride"]).amax((4, 5))
        elif layer.operation == "global_average_pool":
            values[layer.name] = first.mean((2, 3))
        else:
            module = network.get_submodule(layer.module_name)
            values[layer.name] = first @ module.get_parameter("weight").T + module.get_parameter("bias")
    return values[blueprint.output]


def test_the_network_computes_what_the_blueprint_says() -> None:
    for candidate in CANDIDATES:
        blueprint = PIPELINE.plain(candidate)
        network = randomised(build_network(blueprint))
        pixels = structured_pixels(4, blueprint.input.shape)
        torch.testing.assert_close(
            network(pixels), interpreted(network, blueprint, pixels), atol=1e-5, rtol=1e-5
        )


def reaching_far() -> Blueprint:
    """Dilation and maxima with strides, in groups, on images that a filter does not fit in."""
    build = BlueprintBuilder(InputSpec("x", (1, 9, 7), scale=1 / 255, zero_point=30))
    at = build.conv2d("a", build.dequantize(), 8, kernel=5, dilation=2)
    at = build.max_pool("first", at, 3, stride=2)
    at = build.conv2d("b", at, 8, stride=2, groups=8, activation="none", dilation=3)
    at = build.max_pool("second", build.conv2d("c", at, 6, kernel=5, groups=2, dilation=2), 3)
    return build.finish(build.linear("head", build.global_average_pool(at), 10))


def test_dilated_convolutions_and_maxima_are_computed_as_the_blueprint_says() -> None:
    blueprint = reaching_far()
    network = randomised(build_network(blueprint))
    pixels = structured_pixels(4, blueprint.input.shape)
    torch.testing.assert_close(network(pixels), interpreted(network, blueprint, pixels), atol=1e-5, rtol=1e-5)
    file = write_onnx(blueprint, float_weights(network, blueprint), QuantizationScheme())
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": pixels.numpy()})
    np.testing.assert_allclose(found, network(pixels).detach().numpy(), rtol=1e-4, atol=1e-4)


def test_gradients_flow_through_dilated_convolutions_and_maxima() -> None:
    blueprint = reaching_far()
    network = randomised(build_network(blueprint, trainable=True)).train()
    network(structured_pixels(4, blueprint.input.shape)).square().sum().backward()
    assert all(value.grad is not None and value.grad.abs().max() > 0 for value in network.parameters())


def test_the_network_computes_what_the_file_computes() -> None:
    for candidate in CANDIDATES:
        blueprint = PIPELINE.plain(candidate)
        network = randomised(build_network(blueprint))
        file = write_onnx(blueprint, float_weights(network, blueprint), QuantizationScheme())
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        pixels = structured_pixels(20, blueprint.input.shape)
        logits = network(pixels).detach().numpy()
        (found,) = session.run(None, {"x": pixels.numpy()})
        # A resized pixel may fall to the other side of a whole number.
        error = np.abs(found - logits).mean() / np.abs(logits).mean()
        assert error < (1e-3 if "input.resize" in blueprint else 1e-5)


def test_folding_keeps_what_is_computed() -> None:
    for candidate in CANDIDATES:
        blueprint = PIPELINE.plain(candidate)
        network = randomised(build_network(blueprint, trainable=True))
        pixels = structured_pixels(4, blueprint.input.shape)
        made = folded(network, blueprint).eval()
        before, after = network(pixels).detach(), made(pixels).detach()
        assert float((before - after).abs().max() / before.abs().max()) < 1e-5
        assert not any(isinstance(module, nn.BatchNorm2d) for module in made.modules())
        plain = build_network(blueprint).eval()
        plain.load_state_dict(loadable(float_weights(made, blueprint)))
        torch.testing.assert_close(plain(pixels), after, atol=1e-5, rtol=1e-5)


def test_a_folded_network_shares_nothing_with_the_original() -> None:
    blueprint = PIPELINE.plain(CANDIDATES[0])
    network = randomised(build_network(blueprint, trainable=True))
    pixels = structured_pixels(2, blueprint.input.shape)
    before = network(pixels)
    with torch.no_grad():
        for value in folded(network, blueprint).parameters():
            value.zero_()
    assert torch.equal(network(pixels), before)


def named(name: str) -> Blueprint:
    """Read from JSON, as a stranger's run folder would be."""
    build = BlueprintBuilder(InputSpec("x", (1, 4, 4)))
    at = build.conv2d(name, build.dequantize(), 2)
    data = build.finish(build.linear("head", build.global_average_pool(at), 3)).as_dict()
    return Blueprint.from_dict(json.loads(json.dumps(data)))


@pytest.mark.parametrize(
    "name",
    [
        "a'b",
        'a"b',
        "a\nimport os",
        "a\n",
        "a b",
        "a;b",
        "a(b",
        "",
        ".",
        "a..b",
        "1a",
        "_a",
        "é",
        "a-b",
    ],
)
def test_names_that_are_not_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidValueError, match=r"letters, digits, '_' and '\.', got "):
        network_source(named(name))


@pytest.mark.parametrize("name", ["class", "forward", "training", "torch", "nn", "F", "self", "state_dict"])
def test_names_that_are_taken_are_refused(name: str) -> None:
    with pytest.raises(InvalidValueError, match=f"A layer cannot be named '{name}'"):
        network_source(named(name))


def test_two_names_that_would_be_one_are_refused() -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 4, 4)))
    build.conv2d("a.b", "x", 2)
    with pytest.raises(InvalidValueError, match=r"Layers 'a\.b' and 'a_b' would both be 'a_b'"):
        network_source(build.finish(build.conv2d("a_b", "a.b", 2)))
    build = BlueprintBuilder(InputSpec("x", (1, 4, 4)))
    build.conv2d("a.b", "x", 2)
    other = build.finish(build.conv2d("a.b.norm", "a.b", 2))
    with pytest.raises(InvalidValueError, match=r"would both be 'a_b_norm'"):
        network_source(other)


def test_an_unknown_operation_is_refused() -> None:
    layer = Layer("a", "conv3d", ("x",), (1, 4, 4))
    with pytest.raises(UnknownNameError, match=r"No operation is named 'conv3d'. Did you mean 'conv2d'"):
        network_source(Blueprint(InputSpec("x", (1, 4, 4)), (layer,), "a"))


def test_numbers_that_are_source_are_refused() -> None:
    blueprint = named("a")
    evil = '1); __import__("os").abort() #'
    dilated = {**blueprint["a"].attributes, "dilation": evil}
    tensor = TensorSpec("weight", (evil, 1, 3, 3), "float32")
    layers = tuple(
        replace(layer, tensors=(tensor,)) if layer.name == "a" else layer for layer in blueprint.layers
    )
    for hostile in (
        replace(blueprint, layers=layers),
        replace(blueprint, layers=(replace(blueprint["a"], attributes=dilated),), output="a"),
        replace(blueprint, input=replace(blueprint.input, shape=(evil,))),
        replace(blueprint, input=replace(blueprint.input, zero_point=evil)),
    ):
        with pytest.raises(ValueError, match="invalid literal for int"):
            network_source(hostile)
