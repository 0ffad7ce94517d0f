"""Every operation is drawn, as well-formed SVG that tells widths, kernels and precisions."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from tests.unit.report.example_run import blueprint_of, space

from penjing.blueprint import PRECISIONS, Blueprint, BlueprintBuilder, InputSpec, Layer
from penjing.compression.quantization.rewrite import with_precisions
from penjing.report.drawing import draw, legend


def _with_everything() -> Blueprint:
    build = BlueprintBuilder(InputSpec("x", (3, 20, 20)))
    stem = build.conv2d("stem.conv", build.dequantize(build.resize((16, 16))), 8, kernel=5, stride=2)
    deep = build.conv2d("stage1.block0.depthwise", stem, 8, kernel=3, groups=8)
    grouped = build.conv2d("stage1.block0.grouped", deep, 8, kernel=3, groups=2, activation="none")
    total = build.add("stage1.block0.add", grouped, stem)
    return build.finish(build.linear("head.linear", build.global_average_pool(total), 10))


def _mixed() -> Blueprint:
    chosen = {"stem.conv": "w8a8", "head.linear": "w4"}
    return with_precisions(_with_everything(), lambda layer: chosen.get(layer.name, "fp32"))


def _with_boundaries() -> Blueprint:
    """Integers inside the block, floats around it."""
    return with_precisions(_with_everything(), lambda layer: "w8a8" if "block0" in layer.name else "fp32")


def _titles(svg: str) -> list[str]:
    return [found.text or "" for found in ET.fromstring(svg).iter("title")]


def test_every_operation_is_drawn_once_and_in_order() -> None:
    blueprint = with_precisions(
        _with_everything(), lambda layer: "w8a8" if "block0" in layer.name else "fp32"
    )
    drawn = [title.partition("\n")[0].split(": ") for title in _titles(draw(blueprint))[2:]]
    assert drawn == [[layer.name, layer.operation] for layer in blueprint.layers]
    assert {operation for _, operation in drawn} == {
        "resize",
        "quantize",
        "dequantize",
        "conv2d",
        "add",
        "global_average_pool",
        "linear",
    }


def test_a_quantize_boundary_is_drawn() -> None:
    blueprint = with_precisions(
        _with_everything(), lambda layer: "w8a8" if "block0" in layer.name else "fp32"
    )
    assert "quantize" in {layer.operation for layer in blueprint.layers}
    svg = draw(blueprint)
    assert any(": quantize\n" in title for title in _titles(svg))
    assert any(": dequantize\n" in title for title in _titles(svg))
    assert svg.count('class="p-boundary"') >= 2


def test_labels_tell_kernel_stride_kind_and_width() -> None:
    svg = draw(_mixed())
    for label in (">5×5/2<", ">3×3<", ">depthw.<", ">÷2<", ">mean<", ">linear<", ">resize<", ">8×8<"):
        assert label in svg
    assert '<text class="width"' in svg


def test_labels_tell_dilations_and_maxima() -> None:
    build = BlueprintBuilder(InputSpec("x", (3, 20, 20)))
    at = build.conv2d(
        "a", build.conv2d("stem", build.dequantize(), 8, kernel=5, dilation=2), 8, stride=2, dilation=3
    )
    svg = draw(build.finish(build.max_pool("max", at, 3)))
    for label in (">5×5 d2<", ">3×3/2 d3<", ">max<", "\ndilation 3\n"):
        assert label in svg


def test_a_residual_connection_is_an_arc() -> None:
    assert draw(_with_everything()).count("edge skip") == 1


def test_titles_tell_shapes_parameters_and_bytes() -> None:
    (linear,) = [title for title in _titles(draw(_mixed())) if title.startswith("head.linear")]
    assert "8 → 10 float32" in linear
    assert "w4: 90 parameters, 120 B" in linear
    assert "80 multiply-accumulates" in linear


def test_more_channels_are_higher_on_a_logarithmic_scale() -> None:
    def height(width: int) -> float:
        build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
        svg = draw(build.finish(build.conv2d("conv", build.dequantize(), width)))
        found = re.search(r'class="p-fp32"[^>]* height="([\d.]+)"', svg)
        assert found
        return float(found[1])

    assert height(16) - height(8) == pytest.approx(height(64) - height(32))
    assert height(16) > height(8)


@pytest.mark.parametrize("name", PRECISIONS)
def test_every_precision_has_a_colour(name: str) -> None:
    blueprint = with_precisions(_with_everything(), lambda _: name)
    assert f'class="p-{name}"' in draw(blueprint)
    assert f"p-{name}" in legend([blueprint])


def test_the_legend_says_which_precisions_save_bytes_only() -> None:
    said = legend([_mixed()])
    assert "w4: saves bytes only<" in said
    assert "w8a8: saves bytes; saves time where the processor has fast INT8<" in said
    assert ">fp32<" in said.replace("</i>", ">")


def test_names_from_outside_are_escaped() -> None:
    layers = (Layer('<b>"', "<op>", ("x",), (3,), {"<k>": "<v>"}),)
    svg = draw(Blueprint(InputSpec("x", (3, 4, 4)), layers, '<b>"'), "<title>")
    assert ET.fromstring(svg) is not None
    assert "<b>" not in svg


def test_any_design_of_the_space_is_well_formed() -> None:
    rng = np.random.default_rng(1)
    for _ in range(25):
        blueprint = blueprint_of(space.sample(rng))
        assert len(_titles(draw(blueprint))) == len(blueprint.layers) + 2
