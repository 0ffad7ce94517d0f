"""Dense layers one after the other: counts, activations, and what a normalisation becomes."""

import json
import re
from typing import Any

import numpy as np
import pytest
import torch

from penjing.blueprint import Blueprint, InputSpec, macs, parameters, trained_parameters
from penjing.compression.quantization.rewrite import with_precisions
from penjing.errors import ConfigError, PenjingError, UnknownNameError
from penjing.families.chain import ChainFamily, ChainSettings
from penjing.families.chain.settings import ACTIVATIONS
from penjing.families.plain import build_network, folded, initialise_, network_source
from penjing.space import Candidate
from penjing.targets.onnxruntime.runtime import Session
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.testing.networks import normal_rows, ready_network, smooth_pixels

GIVEN = InputSpec("x", (2, 3, 4), scale=1 / 255, zero_point=30)


def chain(
    activation: str = "relu", widths: tuple[int, ...] = (16, 24, 32, 16), given: InputSpec = GIVEN
) -> Blueprint:
    said: dict[str, Any] = {"network.depth": len(widths), "network.activation": activation}
    said |= {f"layer{index + 1}.width": width for index, width in enumerate(widths)}
    return ChainFamily(given, 10).blueprint(Candidate(said))


def test_counts_by_hand() -> None:
    blueprint = chain()
    weights = 24 * 16 + 16 * 24 + 24 * 32 + 32 * 16 + 16 * 10
    hidden = 16 + 24 + 32 + 16
    assert macs(blueprint) == weights
    assert parameters(blueprint) == weights + hidden + 10
    # A scale and a shift for each of a normalisation's channels.
    assert trained_parameters(blueprint) == weights + 2 * hidden + 10
    network = build_network(blueprint, trainable=True)
    assert sum(parameter.numel() for parameter in network.parameters()) == trained_parameters(blueprint)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("precision", ["fp32", "w8", "w8a8"])
def test_the_file_computes_what_the_network_does(activation: str, precision: str) -> None:
    blueprint = with_precisions(chain(activation), lambda layer: precision)
    target = OnnxRuntimeCpu()
    ready = ready_network(blueprint, target.abilities().reduced_range)
    file = target.write(blueprint, ready.weights, ready.scheme)
    assert len(file) == target.size_bytes(blueprint)
    pixels = smooth_pixels(200, GIVEN.shape)
    wanted = ready.logits(pixels)
    difference = np.abs(target.predict(file, pixels) - wanted).mean()
    assert difference <= (0.02 if precision == "w8a8" else 1e-5) * wanted.std(axis=0).mean()


def test_integers_begin_with_the_pixels() -> None:
    blueprint = with_precisions(chain(), lambda layer: "w8a8")
    assert [layer.operation for layer in blueprint.layers[:4]] == ["flatten", "linear", "relu", "quantize"]
    assert blueprint["layer1.linear"].inputs == ("input.flatten",)
    mixed = with_precisions(chain(), lambda layer: "fp32" if layer.name == "layer1.linear" else "w8a8")
    assert mixed["layer1.linear"].inputs == ("input.dequantize",)


VECTOR = InputSpec("x", (3,), "float32", means=(0.5, -200.0, 7e4), scales=(2.0, 0.01, 3e-4))


@pytest.mark.parametrize("precision", ["fp32", "w8", "w4", "w8a8"])
def test_the_file_normalises_features_as_the_network_does(precision: str) -> None:
    blueprint = with_precisions(chain("elu", given=VECTOR), lambda layer: precision)
    assert Blueprint.from_dict(json.loads(json.dumps(blueprint.as_dict()))) == blueprint
    target = OnnxRuntimeCpu()
    ready = ready_network(blueprint, target.abilities().reduced_range)
    file = target.write(blueprint, ready.weights, ready.scheme)
    assert len(file) == target.size_bytes(blueprint)
    rows = normal_rows(200, VECTOR, seed=3)
    assert Session(file).input_type == "float32"
    wanted = ready.logits(rows)
    difference = np.abs(target.predict(file, rows) - wanted).mean()
    assert difference <= (0.02 if precision == "w8a8" else 1e-5) * wanted.std(axis=0).mean()


def test_features_of_any_range_look_alike_to_the_network() -> None:
    """The same network behind another normalisation, on rows that are shifted and stretched likewise."""
    plain = InputSpec("x", (3,), "float32", means=(0.0,) * 3, scales=(1.0,) * 3)
    networks = [
        initialise_(build_network(chain(given=given)), torch.Generator().manual_seed(0)).eval()
        for given in (plain, VECTOR)
    ]
    rows = torch.from_numpy(normal_rows(50, plain))
    stretched = rows / torch.tensor(VECTOR.scales) + torch.tensor(VECTOR.means)
    torch.testing.assert_close(networks[1](stretched), networks[0](rows), rtol=1e-3, atol=1e-3)


def test_a_feature_without_scale_is_not_seen() -> None:
    given = InputSpec("x", (2,), "float32", means=(1.0, 5.0), scales=(1.0, 0.0))
    network = initialise_(build_network(chain(given=given)), torch.Generator().manual_seed(0)).eval()
    logits = network(torch.tensor([[0.3, 5.0], [0.3, -1e6], [0.4, 5.0]]))
    assert torch.equal(logits[0], logits[1])
    assert not torch.equal(logits[0], logits[2])


def test_integers_begin_behind_the_normalisation() -> None:
    blueprint = with_precisions(chain(given=VECTOR), lambda layer: "w8a8")
    assert [layer.operation for layer in blueprint.layers[:4]] == [
        "standardise",
        "quantize",
        "linear",
        "relu",
    ]
    assert not blueprint.holds_pixels("x")
    assert parameters(blueprint) == parameters(chain(given=VECTOR))


def test_the_source_of_a_network_of_features_needs_torch_alone() -> None:
    """And holds what normalises them: weights that are saved do not."""
    blueprint = chain(given=VECTOR)
    source = network_source(blueprint)
    imported = re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE)
    assert set(imported) == {"torch"}
    assert "float32 features ``[N, 3]``" in source
    scope: dict[str, Any] = {}
    exec(compile(source, "network.py", "exec"), scope)
    again = scope["Network"]()
    network = initialise_(build_network(blueprint), torch.Generator().manual_seed(0))
    assert not any("standardise" in name for name in network.state_dict())
    again.load_state_dict(network.state_dict())
    rows = torch.from_numpy(normal_rows(5, VECTOR))
    assert torch.equal(again.eval()(rows), network.eval()(rows))


def test_a_normalisation_is_folded_into_the_layer_before_it() -> None:
    blueprint = chain("elu")
    network = initialise_(build_network(blueprint, trainable=True), torch.Generator().manual_seed(0))
    x = torch.from_numpy(smooth_pixels(64, GIVEN.shape))
    network.train()
    network(x)  # statistics of its own
    network.eval()
    ready = folded(network, blueprint).eval()
    torch.testing.assert_close(ready(x), network(x), rtol=1e-4, atol=1e-5)
    assert not [module for module in ready.modules() if isinstance(module, torch.nn.BatchNorm1d)]
    assert "BatchNorm" not in network_source(blueprint)


def test_every_hidden_layer_keeps_the_size_of_what_it_reads() -> None:
    """Without normalisation: what is drawn neither vanishes nor explodes from layer to layer."""
    blueprint = chain("relu", (64,) * 6)
    network = initialise_(build_network(blueprint), torch.Generator().manual_seed(0)).eval()
    x = torch.from_numpy(smooth_pixels(64, GIVEN.shape))
    assert 0.05 < float(network(x).detach().std()) < 5.0


@pytest.mark.parametrize(
    ("kind", "settings", "match"),
    [
        (
            UnknownNameError,
            {"activations": ["gelu"]},
            r"activation is named 'gelu'\. Did you mean 'elu'\?",
        ),
        (UnknownNameError, {"layers": [4]}, r"No setting of the chain family is named 'layers'\."),
        (
            ConfigError,
            {"activations": "relu"},
            r"activations must be a list .*'relu'\. .*\[relu, elu\]\.$",
        ),
        (ConfigError, {"depths": [0]}, r"depths .*1 or more, got \[0\]"),
        (ConfigError, {"widths": 16}, r"widths must be a list .*got 16"),
    ],
)
def test_settings_are_checked(kind: type[PenjingError], settings: dict[str, Any], match: str) -> None:
    with pytest.raises(kind, match=match):
        ChainSettings.for_images((1, 8, 8)).with_changes(settings)
    with pytest.raises(kind, match=match):
        ChainSettings.check(settings)
