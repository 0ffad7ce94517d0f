"""The artifact computes what the simulated network computes, and the parts of the simulation by hand."""

import copy
from dataclasses import dataclass

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from tests.unit.networks import ALL_PRECISIONS, Pipeline, generator, loadable, structured_pixels
from torch import nn

from penjing.blueprint import Blueprint, BlueprintBuilder, InputSpec
from penjing.compression.quantization.rewrite import with_precisions
from penjing.compression.quantization.simulate import (
    ActivationCodes,
    WeightCodes,
    calibrate,
    simulate_,
    weight_scales,
)
from penjing.errors import DataError
from penjing.families.plain import build_network, float_weights, folded, network_source
from penjing.protocols import ActivationScale, QuantizationScheme, largest_weight_code
from penjing.targets.onnxruntime.export import write_onnx
from penjing.training import Recipe, train_

PIPELINE = Pipeline()
N_RANDOM = 8


@dataclass
class Made:
    """A trained network, compressed as a candidate says."""

    blueprint: Blueprint
    simulated: nn.Module
    scheme: QuantizationScheme

    def file(self) -> bytes:
        return write_onnx(self.blueprint, float_weights(self.simulated, self.blueprint), self.scheme)


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = load_digits(return_X_y=True)
    return torch.tensor(images * 15).reshape(-1, 1, 8, 8).to(torch.uint8), torch.tensor(labels)


def compressed(plain: Blueprint, blueprint: Blueprint) -> Made:
    """A few steps of training, so that logits are not random; then compress."""
    images, labels = digits()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network(plain, trainable=True)
    train_(network, images, labels, Recipe(epochs=1.5, batch_size=64), generator())
    simulated = folded(network, blueprint).eval()
    scheme = calibrate(simulated, blueprint, [images[:256], images[256:512]], reduced_range=True)
    return Made(blueprint, simulate_(simulated, blueprint, scheme).eval(), scheme)


@pytest.fixture(scope="module")
def mixed() -> list[Made]:
    """Random candidates, and one of each precision throughout."""
    made = [compressed(PIPELINE.plain(c), PIPELINE.blueprint(c)) for c in PIPELINE.samples(N_RANDOM, seed=6)]
    covering = PIPELINE.family.covering(PIPELINE.architecture)
    for index, name in enumerate(ALL_PRECISIONS):
        plain = PIPELINE.plain(covering[index % len(covering)])
        made.append(compressed(plain, with_precisions(plain, lambda layer, name=name: name)))
    return made


def test_the_artifact_agrees_with_the_simulated_network(mixed: list[Made]) -> None:
    pixels = torch.cat([structured_pixels(300, (1, 8, 8)), digits()[0][600:900]])
    shares: list[float] = []
    for made in mixed:
        session = onnxruntime.InferenceSession(made.file(), providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {"x": pixels.numpy()})
        wanted = made.simulated(pixels).detach().numpy()
        assert np.abs(found - wanted).mean() / wanted.std() < 0.02
        shares.append(float((found.argmax(1) == wanted.argmax(1)).mean()))
    assert min(shares) >= 0.99


def test_the_networks_did_learn_something(mixed: list[Made]) -> None:
    images, labels = digits()
    accuracies = [float((made.simulated(images).argmax(1) == labels).float().mean()) for made in mixed]
    assert np.median(accuracies) > 0.4


def test_the_source_that_ships_computes_what_was_simulated(mixed: list[Made]) -> None:
    pixels = structured_pixels(64, (1, 8, 8))
    for made in mixed:
        scope: dict[str, type[nn.Module]] = {}
        exec(network_source(made.blueprint, made.scheme), scope)
        network = scope["Network"]()
        network.load_state_dict(loadable(float_weights(made.simulated, made.blueprint)))
        torch.testing.assert_close(network.eval()(pixels), made.simulated(pixels), atol=1e-4, rtol=1e-4)


def test_simulated_weights_are_codes_times_scales(mixed: list[Made]) -> None:
    for made in mixed:
        weights = float_weights(made.simulated, made.blueprint)
        for name, scales in made.scheme.weight_scales.items():
            weight = weights[f"{name}.weight"]
            codes = weight / scales.reshape(-1, *([1] * (weight.ndim - 1)))
            np.testing.assert_allclose(codes, np.rint(codes), atol=1e-4)


def test_a_simulated_network_stays_trainable(mixed: list[Made]) -> None:
    images, labels = digits()
    made = copy.deepcopy(mixed[0])
    recipe = Recipe(epochs=0.5, learning_rate=0.01, batch_size=64)
    before = {name: value.clone() for name, value in made.simulated.named_parameters()}
    train_(made.simulated, images, labels, recipe, generator())
    assert all(not torch.equal(value, before[name]) for name, value in made.simulated.named_parameters())


def test_calibration_leaves_the_network_as_it_was() -> None:
    candidate = PIPELINE.samples(1)[0]
    blueprint = with_precisions(PIPELINE.plain(candidate), lambda layer: "w8a8")
    network = folded(build_network(blueprint, trainable=True), blueprint)
    marker = ActivationCodes(ActivationScale(0.1, 0))
    network.stem_conv_codes = marker
    modules, state = dict(network.named_modules()), copy.deepcopy(network.state_dict())
    for mode in (True, False):
        network.train(mode)
        scheme = calibrate(network, blueprint, [digits()[0][:50]], reduced_range=False)
        assert network.training == mode
    assert dict(network.named_modules()) == modules
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert set(scheme.activations) == {layer.name for layer in blueprint.layers if layer.has_codes}


def test_simulation_does_not_write_into_the_scheme(mixed: list[Made]) -> None:
    scheme = mixed[-2].scheme
    assert scheme.weight_scales
    before = {name: scales.copy() for name, scales in scheme.weight_scales.items()}
    for buffer in copy.deepcopy(mixed[-2]).simulated.buffers():
        buffer.zero_()
    blueprint = mixed[-2].blueprint
    fresh = simulate_(folded(build_network(blueprint, trainable=True), blueprint), blueprint, scheme)
    for buffer in fresh.buffers():
        buffer.zero_()
    for name, scales in scheme.weight_scales.items():
        np.testing.assert_array_equal(scales, before[name])


def test_no_images_to_calibrate_with_are_an_error() -> None:
    blueprint = with_precisions(PIPELINE.plain(PIPELINE.samples(1)[0]), lambda layer: "w8a8")
    network = folded(build_network(blueprint, trainable=True), blueprint)
    with pytest.raises(DataError, match="at least one batch of images, got none"):
        calibrate(network, blueprint, [], reduced_range=False)


def test_a_channel_without_weights_keeps_its_bias() -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
    at = build.conv2d("a", build.dequantize(), 4)
    plain = build.finish(build.linear("head", build.global_average_pool(at), 3))
    blueprint = with_precisions(plain, lambda layer: "w8a8")
    network = folded(build_network(blueprint, trainable=True), blueprint).eval()
    with torch.no_grad():
        network.a.weight[1:3] = torch.tensor([0.0, 1e-7]).reshape(-1, 1, 1, 1)
        network.a.bias[:] = torch.tensor([0.1, 0.5, 0.7, 0.2])
        network.head.weight.copy_(torch.eye(4)[1:])
    pixels = structured_pixels(50, (1, 8, 8))
    scheme = calibrate(network, blueprint, [pixels], reduced_range=True)
    wanted = network(pixels)
    simulate_(network, blueprint, scheme)
    session = onnxruntime.InferenceSession(
        write_onnx(blueprint, float_weights(network, blueprint), scheme), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(None, {"x": pixels.numpy()})
    np.testing.assert_allclose(found, wanted.detach().numpy(), atol=0.03)


def test_ranges_hold_the_extremes_of_large_tensors() -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 64, 64), scale=1.0))
    at = build.conv2d("a", build.dequantize(), 1, kernel=1)
    plain = build.finish(build.linear("head", build.global_average_pool(at), 1))
    blueprint = with_precisions(plain, lambda layer: "w8a8")
    network = folded(build_network(blueprint, trainable=True), blueprint)
    with torch.no_grad():
        network.a.weight.fill_(1.0)
        network.a.bias.zero_()
    pixels = torch.zeros((20, 1, 64, 64), dtype=torch.uint8)
    pixels[13, 0, 31, 57] = 200  # one pixel of 81,920: a sample of every fourth misses most of those
    scheme = calibrate(network, blueprint, [pixels], reduced_range=False)
    assert scheme.activations["a"].scale == pytest.approx(200 / 255, rel=1e-6)


@pytest.mark.parametrize("largest", [7, 63, 127])
def test_gradients_pass_within_the_range_and_stop_outside(largest: int) -> None:
    rounding = WeightCodes(torch.tensor([0.1, 0.2]), largest)
    edge = float(largest) + 0.4
    weight = torch.tensor([[0.04, 0.1 * edge, -0.1 * edge], [0.31, 0.2 * edge, -0.11]], requires_grad=True)
    rounded = rounding(weight)
    slope = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    (rounded * slope).sum().backward()
    torch.testing.assert_close(weight.grad, torch.tensor([[1.0, 0.0, 0.0], [4.0, 0.0, 6.0]]))
    expected = torch.tensor([[0.0, 0.1 * largest, -0.1 * largest], [0.4, 0.2 * largest, -0.2]])
    torch.testing.assert_close(rounded.detach(), expected)


def test_activations_are_cut_off_below_and_above() -> None:
    x = torch.tensor([-1.0, 0.26, 60.0], requires_grad=True)
    made = ActivationCodes(ActivationScale(0.1, 5))(x)
    made.sum().backward()
    torch.testing.assert_close(made.detach(), torch.tensor([-0.5, 0.3, 25.0]))
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 1.0, 0.0]


def squared_error(weight: torch.Tensor, scales: torch.Tensor, largest: int) -> torch.Tensor:
    shaped = scales[:, None]
    codes = torch.clamp(torch.round(weight / shaped), -largest, largest)
    return ((codes * shaped - weight) ** 2).sum(1)


@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_few_bits_are_never_worse_than_the_full_range(seed: int, channels: int, size: int) -> None:
    weight = torch.randn((channels, size), generator=generator(seed)) ** 3
    largest = largest_weight_code(4, integer=False, reduced_range=False)
    full = weight.abs().amax(1) / largest
    found = weight_scales(weight, largest)
    assert bool((squared_error(weight, found, largest) <= squared_error(weight, full, largest) + 1e-9).all())
    assert bool((found > 0).all())


def test_many_bits_take_the_full_range() -> None:
    weight = torch.tensor([[1.27, -0.3], [0.0, 0.0]])
    scales = weight_scales(weight, 127)
    assert float(scales[0]) == pytest.approx(0.01)
    assert 0 < float(scales[1]) < 1e-9
