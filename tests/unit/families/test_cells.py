"""NAS-Bench-201's networks: counts are the published ones, they train, and files agree with them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from penjing.blueprint import Blueprint, InputSpec, macs, trained_parameters
from penjing.columns import read_columns
from penjing.compression.quantization.rewrite import with_precisions
from penjing.errors import ConfigError, PenjingError, UnknownNameError
from penjing.families.cells import NasBench201Family, NasBench201Settings
from penjing.families.plain import build_network, float_weights, folded, initialise_, network_source
from penjing.protocols import Abilities, QuantizationScheme
from penjing.space import Candidate, SearchSpace
from penjing.space.nasbench201 import EDGES, OPERATIONS, edge_name
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.testing.networks import ready_network

FAMILY = NasBench201Family(InputSpec("x", (3, 32, 32)), 10)
SMALL = NasBench201Family(InputSpec("x", (3, 16, 16)), 10, NasBench201Settings(widths=(4,), repeats=(1,)))
CELLS = ("421211", "334131", "000000", "333333", "100030", "330300", "444444", "111111", "003020")


def cell(digits: str) -> Candidate:
    names = [edge_name(*edge) for edge in EDGES]
    return Candidate(dict(zip(names, (OPERATIONS[int(digit)] for digit in digits), strict=True)))


@pytest.mark.parametrize("digits", CELLS)
def test_counts_are_those_of_the_paper(digits: str) -> None:
    """Linear in how many convolutions the cell has, whether anything flows there or not."""
    whole = FAMILY.blueprint(cell(digits), whole=True)
    n1, n3 = digits.count("2"), digits.count("3")
    assert trained_parameters(whole) == 73_306 + 28_000 * n1 + 243_040 * n3
    expected = 7_783_050 + 3_932_160 * n1 + 35_389_440 * n3
    # The paper counts a division for every mean as well.
    assert macs(whole) == pytest.approx(expected, rel=0.01)


@pytest.mark.long
def test_counts_of_every_cell_are_those_of_the_table(shared_data: Path) -> None:
    texts = read_columns(shared_data / "nasbench201" / "nasbench201.csv.gz")
    for digits, published in zip(texts["ops"], texts["cifar10_params_M_analytic"], strict=True):
        found = trained_parameters(FAMILY.blueprint(cell(digits), whole=True))
        assert found == pytest.approx(1e6 * float(published), abs=1), digits


@pytest.mark.parametrize("digits", CELLS)
def test_what_is_left_out_changes_no_result(digits: str) -> None:
    whole, live = (build(SMALL.blueprint(cell(digits), whole=w)) for w in (True, False))
    shared = {name: value for name, value in whole.state_dict().items() if name in live.state_dict()}
    live.load_state_dict(shared)
    x = torch.randint(256, (2, 3, 16, 16), dtype=torch.uint8)
    whole.eval()
    live.eval()
    # A convolution of nothing is nothing as long as normalisations are as they begin.
    torch.testing.assert_close(live(x), whole(x))


def build(blueprint: Blueprint) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(0)
    return initialise_(build_network(blueprint, trainable=True), generator)


@pytest.mark.parametrize("digits", CELLS)
def test_the_file_says_what_the_trained_network_says(digits: str) -> None:
    blueprint = SMALL.blueprint(cell(digits))
    network = build(blueprint)
    x = torch.randint(256, (16, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    loss = network(x).square().mean()
    loss.backward()  # every layer that is there can be trained
    is_cut = any(layer.operation == "zeros" for layer in blueprint.layers)
    assert is_cut or all(p.grad is not None for p in network.parameters())
    network.eval()
    ready = folded(network, blueprint).eval()
    torch.testing.assert_close(ready(x), network(x), rtol=1e-4, atol=1e-4)
    target, scheme = OnnxRuntimeCpu(), QuantizationScheme()
    shipped = with_precisions(blueprint, lambda layer: "fp32")
    artifact = target.write(shipped, float_weights(ready, blueprint), scheme)
    assert len(artifact) == target.size_bytes(shipped)
    np.testing.assert_allclose(
        target.predict(artifact, x.numpy()), network(x).detach().numpy(), rtol=1e-3, atol=1e-4
    )


def test_conditions_say_which_convolutions_a_network_has() -> None:
    """On the first edge and on the last it would take an "or": there they may promise too much."""
    (cells,) = [block for block in SMALL.blocks() if block.name == "stage0.cell0"]
    space = SearchSpace(SMALL.choices(Abilities(("fp32",), ())))
    rng = np.random.default_rng(0)
    n_idle = n_unsaid = 0
    for candidate in (space.sample(rng) for _ in range(300)):
        blueprint = SMALL.blueprint(candidate)
        drawn = {f"{edge_name(*edge)}.{candidate[edge_name(*edge)]}" for edge in EDGES} & cells.layers.keys()
        promised = {name for name in drawn if all(c.holds(candidate) for c in cells.layers[name])}
        there = {name for name in drawn if f"stage0.cell0.{name}" in blueprint}
        assert there <= promised
        unsaid = promised - there
        assert {name.rpartition(".")[0] for name in unsaid} <= {edge_name(0, 1), edge_name(2, 3)}
        n_idle += len(drawn - there)
        n_unsaid += len(unsaid)
    assert n_idle > 100
    assert n_unsaid < n_idle / 4


@pytest.mark.parametrize("digits", ["121233", "333131"])
def test_a_cell_in_integers_has_no_floats_but_means(digits: str) -> None:
    """An activation reads and gives codes, of the scale of what it reads."""
    blueprint = with_precisions(SMALL.blueprint(cell(digits)), lambda layer: "w8a8")
    assert {layer.output_storage for layer in blueprint.layers if "stage2.cell" in layer.name} == {"uint8"}
    relus = [layer for layer in blueprint.layers if layer.operation == "relu"]
    for layer in relus:
        assert not layer.has_codes
        assert blueprint.source_of_codes(layer.name) == layer.inputs[0]
        assert layer.tensors == ()
    assert relus
    target = OnnxRuntimeCpu()
    made = ready_network(blueprint, target.abilities().reduced_range)
    file = target.write(blueprint, made.weights, made.scheme)
    operations = [node.op_type for node in onnx.load_from_string(file).graph.node]
    assert "Relu" not in operations
    assert operations.count("Clip") == len(relus)


def test_the_module_that_is_handed_over_computes_the_same() -> None:
    blueprint = SMALL.blueprint(cell("421233"))
    network = build(blueprint).eval()
    weights = float_weights(folded(network, blueprint), blueprint)
    plain = build_network(blueprint).eval()
    by_attribute = {
        f"{layer.module_name}.{role}": torch.from_numpy(weights[f"{layer.name}.{role}"])
        for layer in blueprint.weighted_layers
        for role in ("weight", "bias")
    }
    plain.load_state_dict(by_attribute)
    x = torch.randint(256, (4, 3, 16, 16), dtype=torch.uint8)
    torch.testing.assert_close(plain(x), network(x), rtol=1e-4, atol=1e-4)
    assert "avg_pool2d" in network_source(blueprint)


def test_a_cell_in_integers_has_its_boundaries() -> None:
    blueprint = SMALL.blueprint(cell("421233"))
    mixed = with_precisions(blueprint, lambda layer: "w8a8" if "stage1" in layer.name else "fp32")
    assert OnnxRuntimeCpu().size_bytes(mixed) > 0
    assert any(layer.operation == "quantize" for layer in mixed.layers)


def test_width_and_repeats_may_vary_and_change_nothing_else() -> None:
    family = NasBench201Family(FAMILY.input, 10, NasBench201Settings(widths=(4, 16), repeats=(1, 5)))
    space = SearchSpace(family.choices(Abilities(("fp32",), ())))
    assert space.cardinality == 4 * 15_625
    sized = cell("421233").as_dict() | {"network.width": 16, "network.repeats": 5}
    assert family.blueprint(space.candidate(sized)) == FAMILY.blueprint(cell("421233"))
    small = family.blueprint(space.candidate(sized | {"network.width": 4, "network.repeats": 1}))
    assert small["head.norm"].output_shape == (16, 8, 8)
    assert not any(".cell1" in layer.name for layer in small.layers)


@pytest.mark.parametrize("shape", [(1, 7, 7), (3, 30, 30), (3, 31, 29), (1, 8, 9), (1, 5, 4)])
def test_images_of_any_size_are_halved_twice(shape: tuple[int, int, int]) -> None:
    family = NasBench201Family(InputSpec("x", shape), 10, NasBench201Settings((4,), (1,)))
    halved = tuple((size + 3) // 4 for size in shape[1:])
    assert family.blueprint(cell("421233"))["head.norm"].output_shape == (16, *halved)


@pytest.mark.parametrize(
    ("kind", "settings", "match"),
    [
        (UnknownNameError, {"width": [3]}, r"nasbench201 family is named 'width'\. Did you mean 'widths'\?"),
        (UnknownNameError, {"kernels": [3]}, r"'kernels'\. Known: repeats, widths\.$"),
        (ConfigError, {"widths": 16}, r"^space\.family\.widths must be a list .*got 16\. .*\[8, 16\]\.$"),
        (
            ConfigError,
            {"repeats": [0]},
            r"^space\.family\.repeats .*1 or more, got \[0\]\. .*\[1, 3, 5\]",
        ),
        (ConfigError, {"repeats": [2, 2]}, r"different whole numbers, .*got \[2, 2\]"),
    ],
)
def test_settings_are_checked(kind: type[PenjingError], settings: dict[str, object], match: str) -> None:
    with pytest.raises(kind, match=match):
        NasBench201Settings.for_images((1, 8, 8)).with_changes(settings)
    with pytest.raises(kind, match=match):
        NasBench201Settings.check(settings)
