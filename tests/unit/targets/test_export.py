"""The file against its promises: exact bytes, accepted by the checker and the runtime, nothing else in it."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from tests.unit.networks import ALL_PRECISIONS, Pipeline, structured_pixels

from penjing.blueprint import Blueprint, BlueprintBuilder, InputSpec, TensorSpec, precision_named
from penjing.compression.quantization.rewrite import with_precisions
from penjing.errors import InvalidValueError
from penjing.protocols import ActivationScale, FloatArray, QuantizationScheme, largest_weight_code
from penjing.targets.onnxruntime.export import count_onnx_bytes, write_onnx

Parts = tuple[Blueprint, dict[str, FloatArray], QuantizationScheme]


def with_numbers(blueprint: Blueprint, seed: int = 0) -> Parts:
    """Random weights, and scales of about their range."""
    rng = np.random.default_rng(seed)
    weights: dict[str, FloatArray] = {}
    scales: dict[str, FloatArray] = {}
    activations: dict[str, ActivationScale] = {}
    for layer in blueprint.layers:
        if layer.has_weights:
            for role in ("weight", "bias"):
                shape = layer.tensor(role).shape
                weights[f"{layer.name}.{role}"] = (0.3 * rng.standard_normal(shape)).astype(np.float32)
            largest = largest_weight_code(min(8, precision_named(layer.precision).weight_bits), True, True)
            scales[layer.name] = np.full(layer.tensor("weight").shape[0], 1.0 / largest, np.float32)
        if layer.has_codes:
            has_zero_point = any(tensor.role == "output_zero_point" for tensor in layer.tensors)
            activations[layer.name] = ActivationScale(0.03, 120 if has_zero_point else 0)
    return blueprint, weights, QuantizationScheme(scales, activations, reduced_range=True)


PIPELINE = Pipeline()
CANDIDATES = PIPELINE.samples(60, seed=1)
# Of one precision throughout: what random candidates hardly ever are.
UNIFORM = [
    with_precisions(PIPELINE.plain(candidate), lambda layer, name=name: name)
    for name in ALL_PRECISIONS
    for candidate in CANDIDATES[:3]
]


def test_predicted_bytes_are_the_files_bytes() -> None:
    blueprints = [*map(PIPELINE.blueprint, CANDIDATES), *UNIFORM]
    used = {layer.precision for blueprint in blueprints for layer in blueprint.weighted_layers}
    assert used == set(ALL_PRECISIONS)
    for blueprint in blueprints:
        assert count_onnx_bytes(blueprint) == len(write_onnx(*with_numbers(blueprint)))


@pytest.mark.parametrize("name", ALL_PRECISIONS)
def test_dilations_and_maxima_cost_the_bytes_that_were_predicted(name: str) -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
    at = build.conv2d("a", build.dequantize(), 4, stride=2, dilation=2)
    at = build.conv2d("b", build.max_pool("max", at, 3, 2), 4, kernel=5, groups=4, dilation=200)
    plain = build.finish(build.linear("head", build.global_average_pool(build.max_pool("last", at, 2)), 3))
    blueprint = with_precisions(plain, lambda layer: name)
    file = write_onnx(*with_numbers(blueprint))
    assert count_onnx_bytes(blueprint) == len(file)
    model = onnx.load_from_string(file)
    onnx.checker.check_model(model, full_check=len(model.opset_import) == 1)
    (maximum, _) = [node for node in model.graph.node if node.op_type == "MaxPool"]
    said = {one.name: onnx.helper.get_attribute_value(one) for one in maximum.attribute}
    assert said == {"kernel_shape": [3, 3], "pads": [1] * 4, "strides": [2, 2]}


def test_overrides_per_layer_are_among_the_candidates() -> None:
    assert any(
        len({layer.precision for layer in PIPELINE.blueprint(c).weighted_layers if "inverted" in layer.name})
        > 1
        for c in CANDIDATES
    )


def test_the_checker_and_the_runtime_accept_every_file() -> None:
    n_alive = 0
    for blueprint in [*map(PIPELINE.blueprint, CANDIDATES[:30]), *UNIFORM]:
        file = write_onnx(*with_numbers(blueprint))
        model = onnx.load_from_string(file)
        # Shapes of another domain's operators are not known to the checker.
        onnx.checker.check_model(model, full_check=len(model.opset_import) == 1)
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        pixels = structured_pixels(5, (1, 8, 8)).numpy()
        (five,) = session.run(None, {"x": pixels})
        (one,) = session.run(None, {"x": pixels[2:3]})
        assert (five.shape, one.shape, five.dtype) == ((5, 10), (1, 10), np.float32)
        np.testing.assert_allclose(one[0], five[2], atol=1e-5)
        n_alive += int(np.ptp(five, axis=0).max() > 0)
    assert n_alive > 40  # scales that nobody calibrated flatten the odd one


def test_nothing_is_in_the_file_that_the_runtime_does_not_need() -> None:
    for candidate in CANDIDATES[:10]:
        file = write_onnx(*with_numbers(PIPELINE.blueprint(candidate)))
        model = onnx.load_from_string(file)
        assert not (model.doc_string)
        assert not (model.producer_name)
        assert not (model.producer_version)
        assert not (model.domain)
        assert not (model.metadata_props)
        assert not (model.functions)
        assert not (model.graph.doc_string)
        assert not (model.graph.value_info)
        assert not any(node.name or node.doc_string for node in model.graph.node)
        assert not any(tensor.doc_string or tensor.external_data for tensor in model.graph.initializer)
        names = [name for node in model.graph.node for name in (*node.input, *node.output)]
        assert max(map(len, names)) <= 2
        used = {name for node in model.graph.node for name in node.input}
        assert {tensor.name for tensor in model.graph.initializer} <= used


def test_equal_arguments_give_equal_bytes() -> None:
    for candidate in CANDIDATES[:10]:
        blueprint, weights, scheme = with_numbers(PIPELINE.blueprint(candidate))
        backwards = dict(reversed(weights.items()))
        scheme_again = QuantizationScheme(
            dict(reversed(scheme.weight_scales.items())), dict(scheme.activations), scheme.reduced_range
        )
        assert write_onnx(blueprint, weights, scheme) == write_onnx(blueprint, backwards, scheme_again)


def test_another_weight_gives_other_bytes_of_the_same_number() -> None:
    blueprint, weights, scheme = with_numbers(UNIFORM[0])
    other = {**weights, "stem.conv.weight": weights["stem.conv.weight"] + 1}
    assert write_onnx(blueprint, weights, scheme) != write_onnx(blueprint, other, scheme)
    assert len(write_onnx(blueprint, weights, scheme)) == len(write_onnx(blueprint, other, scheme))


def test_every_tensor_of_the_blueprint_is_in_the_file() -> None:
    for candidate in CANDIDATES[:20]:
        blueprint = PIPELINE.blueprint(candidate)
        graph = onnx.load_from_string(write_onnx(*with_numbers(blueprint))).graph
        stored = sum(len(tensor.raw_data) for tensor in graph.initializer)
        promised = sum(tensor.n_bytes for layer in blueprint.layers for tensor in layer.tensors)
        assert promised <= stored <= promised + 100


def test_an_input_named_like_the_output_is_no_trouble() -> None:
    build = BlueprintBuilder(InputSpec("y", (1, 4, 4)))
    at = build.conv2d("a", build.dequantize(), 2)
    blueprint = build.finish(build.linear("head", build.global_average_pool(at), 3))
    file = write_onnx(*with_numbers(blueprint))
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert session.run(None, {"y": np.zeros((2, 1, 4, 4), np.uint8)})[0].shape == (2, 3)


def test_an_output_that_is_not_the_last_layer_is_refused() -> None:
    blueprint = replace(UNIFORM[0], output="stem.conv")
    with pytest.raises(InvalidValueError, match=r"is 'head.linear', got 'stem.conv'"):
        count_onnx_bytes(blueprint)


def test_a_scalar_costs_a_tensor_and_no_more() -> None:
    assert TensorSpec("output_scale", (), "float32").n_bytes == 4
