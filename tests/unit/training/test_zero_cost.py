"""Scores of untrained networks: what they are by hand, and that they tell cells apart as is known of them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from penjing.blueprint import Blueprint, BlueprintBuilder, InputSpec
from penjing.errors import UnknownNameError
from penjing.families.cells import NasBench201Family, NasBench201Settings, NasNetFamily, NasNetSettings
from penjing.families.plain import drawn_network
from penjing.protocols import Abilities
from penjing.space import Candidate, SearchSpace
from penjing.space.nasbench201 import EDGES, OPERATIONS, edge_name
from penjing.testing.networks import normal_rows
from penjing.training.zero_cost import SCORES, zero_cost_scores

FAMILY = NasBench201Family(InputSpec("x", (3, 16, 16)), 10, NasBench201Settings(widths=(4,), repeats=(1,)))


def cell(digits: str) -> Blueprint:
    names = [edge_name(*edge) for edge in EDGES]
    assignment = dict(zip(names, (OPERATIONS[int(digit)] for digit in digits), strict=True))
    return FAMILY.blueprint(Candidate(assignment))


def scores(blueprint: Blueprint, seed: int = 0, names: list[str] | None = None) -> dict[str, float]:
    generator = torch.Generator().manual_seed(1)
    shape = (16, *blueprint.input.shape)
    images = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
    labels = torch.randint(10, (16,), generator=generator)
    return zero_cost_scores(blueprint, images, labels, seed, drawn_network, names)


def test_every_score_of_a_cell_that_does_something_is_a_number_and_follows_from_the_seed() -> None:
    first, again, other = (scores(cell("323313"), seed) for seed in (0, 0, 1))
    assert list(first) == list(SCORES)
    assert all(math.isfinite(value) for value in first.values())
    assert first == again
    assert first["snip"] != other["snip"]
    assert first["params"] == other["params"]


@pytest.mark.parametrize("operation", ["max_pool_3x3", "dil_conv_5x5"])
def test_networks_of_maxima_and_dilated_convolutions_have_every_score(operation: str) -> None:
    settings = NasNetSettings(operations=(operation,), nodes=2, stages=2)
    family = NasNetFamily(InputSpec("x", (1, 8, 8)), 10, settings)
    space = SearchSpace(family.choices(Abilities(("fp32",), ())))
    found = scores(family.blueprint(space.sample(np.random.default_rng(0))))
    assert all(math.isfinite(value) for value in found.values())


def test_scores_of_a_network_that_reads_features() -> None:
    given = InputSpec("x", (3,), "float32", means=(0.5, -200.0, 7.0), scales=(2.0, 0.01, 0.0))
    build = BlueprintBuilder(given)
    at = build.relu("layer.relu", build.linear("layer.linear", build.standardise(), 64, normalised=True))
    blueprint = build.finish(build.linear("head.linear", at, 4))
    rows = torch.from_numpy(normal_rows(16, given))
    labels = torch.arange(16) % 4
    names = ["params", "macs", "grad_norm", "snip", "synflow", "jacov"]
    found = zero_cost_scores(blueprint, rows, labels, 0, drawn_network, names)
    assert all(math.isfinite(value) for value in found.values()), found
    # The same rows in other units.
    plain = replace(given, means=(0.0,) * 3, scales=(1.0, 1.0, 0.0))
    scaled = (rows - torch.tensor(given.means)) * torch.tensor(given.scales)
    again = zero_cost_scores(replace(blueprint, input=plain), scaled, labels, 0, drawn_network, names)
    assert again == pytest.approx(found, rel=1e-3)
    assert not rows.requires_grad  # which others read


@pytest.mark.parametrize("digits", ["000000", "111111", "444444", "330300"])
def test_a_cell_without_convolutions_has_scores_or_says_that_it_has_none(digits: str) -> None:
    found = scores(cell(digits))
    assert list(found) == list(SCORES)
    assert math.isfinite(found["params"])


@pytest.mark.parametrize("name", ["params", "macs", "synflow", "naswot", "grad_norm", "snip"])
def test_a_cell_full_of_convolutions_scores_more_than_one_with_few(name: str) -> None:
    few, many = (scores(cell(digits), names=[name])[name] for digits in ("111114", "333333"))
    assert many > few


def linear_network() -> Blueprint:
    build = BlueprintBuilder(InputSpec("x", (1, 4, 4), scale=1.0))
    at = build.conv2d("conv", build.dequantize(), 2, kernel=1, activation="none")
    return build.finish(build.linear("head", build.global_average_pool(at), 3))


def test_synflow_is_the_sum_over_all_paths() -> None:
    blueprint = linear_network()
    network = drawn_network(blueprint, False, torch.Generator().manual_seed(0))
    weights = {name: value.abs().double().numpy() for name, value in network.state_dict().items()}
    # The mean of ones is one; each of both layers adds the sum over all paths.
    paths = np.sum(weights["head.weight"] @ weights["conv.weight"][:, 0, 0, 0])
    found = scores(blueprint, names=["synflow"])["synflow"]
    assert found == pytest.approx(math.log1p(2 * paths), rel=1e-5)


def test_an_unknown_score_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'synflow'"):
        scores(linear_network(), names=["syncflow"])
