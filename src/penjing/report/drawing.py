"""A design drawn layer by layer, as inline SVG.

One box per layer, from left to right as computed. Height: output channels on a logarithmic scale. Colour:
precision. Above: channels. Below: kernel, stride, dilation (``d2``), and the operation. Thin bars are the
boundaries where numbers change their type; arcs are residual connections. Hovering tells shapes, parameters
and bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log2, prod

from penjing.blueprint import PRECISIONS, Blueprint, Layer, layer_macs
from penjing.report.wording import count, size

_BOX, _BOUNDARY, _SUM, _GAP = 38.0, 9.0, 20.0, 12.0
_ABOVE, _ABOVE_ARCS, _BELOW = 24.0, 38.0, 64.0
_SHORT = {
    "resize": "resize",
    "flatten": "flatten",
    "standardise": "normalise",
    "quantize": "quantize",
    "dequantize": "dequantize",
    "add": "add",
    "relu": "relu",
    "leaky_relu": "leaky",
    "elu": "elu",
    "zeros": "zeros",
    "average_pool": "mean",
    "max_pool": "max",
    "global_average_pool": "mean",
    "linear": "linear",
}


@dataclass(frozen=True)
class _Place:
    """Where a layer stands around the axis at height 0: its left edge, width and half height."""

    left: float
    width: float
    half: float

    @property
    def middle(self) -> float:
        return self.left + self.width / 2


def draw(blueprint: Blueprint, title: str = "network") -> str:
    """Draw a network.

    Args:
        blueprint: What to draw.
        title: What a screen reader calls it.

    Returns:
        An ``<svg>`` element; colours are classes ``p-<precision>`` of the page's style.
    """
    places = _places(blueprint)
    last = places[blueprint.layers[-1].name] if blueprint.layers else places[blueprint.input.name]
    width, floor = last.left + last.width + 16, max(place.half for place in places.values())
    has_arcs = any(layer.operation == "add" for layer in blueprint.layers)
    top = floor + (_ABOVE_ARCS if has_arcs else _ABOVE)
    box = f"0 {-top:.0f} {width:.0f} {top + floor + _BELOW:.0f}"
    extent = f'width="{width:.0f}" height="{top + floor + _BELOW:.0f}"'
    parts = [
        f'<svg class="drawing" role="img" {extent} viewBox="{box}">',
        f"<title>{escape(title)}</title>",
        *_lines(blueprint, places),
        _box(_input_title(blueprint), "p-input", places[blueprint.input.name], str(blueprint.input.shape[0])),
        _texts(places[blueprint.input.name].middle, floor, "input", "", _extent(blueprint.input.shape)),
    ]
    seen = _extent(blueprint.input.shape)
    for layer in blueprint.layers:
        extent = _extent(layer.output_shape)
        parts.append(_drawn(blueprint, layer, places[layer.name], floor, extent if extent != seen else ""))
        seen = extent
    parts.extend(_brackets(blueprint, places, floor))
    return "".join([*parts, "</svg>"])


def legend(blueprints: Sequence[Blueprint]) -> str:
    """The colours of all precisions that the drawings use, and what to know of each."""
    names = sorted({layer.precision for blueprint in blueprints for layer in blueprint.weighted_layers})
    marks = [
        f'<span class="key"><i class="swatch p-{escape(name)}"></i>{escape(_noted(name))}</span>'
        for name in names
    ]
    marks.append('<span class="key"><i class="swatch thin p-boundary"></i>quantize, dequantize</span>')
    marks.append('<span class="key"><i class="swatch p-free"></i>no weights</span>')
    return f'<p class="legend">{"".join(marks)}</p>'


def _noted(precision: str) -> str:
    known = PRECISIONS.get(precision)
    return f"{precision}: {known.note}" if known and known.note else precision


def _places(blueprint: Blueprint) -> dict[str, _Place]:
    places = {blueprint.input.name: _Place(10, 26, _half(blueprint.input.shape[0]))}
    left = 10 + 26 + _GAP
    block = ""
    for layer in blueprint.layers:
        left += 8 if layer.block != block and block else 0
        block = layer.block
        width = {"quantize": _BOUNDARY, "dequantize": _BOUNDARY, "add": _SUM}.get(layer.operation, _BOX)
        places[layer.name] = _Place(left, width, _half(layer.output_shape[0] if layer.output_shape else 1))
        left += width + _GAP
    return places


def _half(channels: int) -> float:
    return 7 + 7.5 * log2(max(1, channels))


def _lines(blueprint: Blueprint, places: dict[str, _Place]) -> list[str]:
    """Straight lines to the layer before, arcs over what a connection skips."""
    order = [blueprint.input.name, *(layer.name for layer in blueprint.layers)]
    position = {name: index for index, name in enumerate(order)}
    made = []
    for layer in blueprint.layers:
        for source in layer.inputs:
            start, end = places[source], places[layer.name]
            if position[layer.name] - position[source] == 1:
                made.append(f'<path class="edge" d="M{start.left + start.width:.1f} 0H{end.left:.1f}"/>')
                continue
            between = order[position[source] + 1 : position[layer.name]]
            top = -max(places[name].half for name in between) - 22
            left, right = start.left + start.width + _GAP / 2, end.middle
            path = f"M{left - _GAP / 2:.1f} 0H{left:.1f}V{top + 8:.1f}q0 -8 8 -8H{right - 8:.1f}q8 0 8 8"
            made.append(f'<path class="edge skip" d="{path}V{-_height(layer, end):.1f}"/>')
    return made


def _height(layer: Layer, place: _Place) -> float:
    return _SUM / 2 if layer.operation == "add" else place.half


def _drawn(blueprint: Blueprint, layer: Layer, place: _Place, floor: float, extent: str) -> str:
    title = _title(blueprint, layer)
    colour = f"p-{escape(layer.precision)}" if layer.has_weights else "p-free"
    if layer.operation in ("quantize", "dequantize"):
        return _box(title, "p-boundary", place, "")
    if layer.operation == "add":
        return (
            f'<g class="layer"><title>{escape(title)}</title>'
            f'<circle class="p-free" cx="{place.middle:.1f}" cy="0" r="{_SUM / 2}"/>'
            f'<text x="{place.middle:.1f}" y="4">+</text></g>'
        )
    first, second = _names(layer)
    width = str(layer.output_shape[0]) if layer.output_shape else ""
    return _box(title, colour, place, width) + _texts(place.middle, floor, first, second, extent)


def _names(layer: Layer) -> tuple[str, str]:
    if layer.operation != "conv2d":
        return _SHORT.get(layer.operation, layer.operation), ""
    kernel, stride = layer.attributes.get("kernel", "?"), layer.attributes.get("stride", 1)
    groups = layer.attributes.get("groups", 1)
    kind = "conv" if groups == 1 else ("depthw." if groups == layer.output_shape[0] else f"÷{groups}")
    dilation = layer.attributes.get("dilation", 1)
    walk = (f"/{stride}" if stride != 1 else "") + (f" d{dilation}" if dilation != 1 else "")
    return f"{kernel}×{kernel}{walk}", kind


def _box(title: str, colour: str, place: _Place, width: str) -> str:
    top = -place.half
    number = (
        f'<text class="width" x="{place.middle:.1f}" y="{top - 5:.1f}">{escape(width)}</text>'
        if width
        else ""
    )
    return (
        f'<g class="layer"><title>{escape(title)}</title><rect class="{colour}" x="{place.left:.1f}" '
        f'y="{top:.1f}" width="{place.width:.1f}" height="{2 * place.half:.1f}" rx="3"/>{number}</g>'
    )


def _texts(x: float, floor: float, first: str, second: str, extent: str) -> str:
    lines = [("", first, 15.0), ("small", second, 26.0), ("extent", extent, 37.0)]
    return "".join(
        f'<text class="{kind}" x="{x:.1f}" y="{floor + y:.1f}">{escape(str(text))}</text>'
        for kind, text, y in lines
        if text
    )


def _brackets(blueprint: Blueprint, places: dict[str, _Place], floor: float) -> list[str]:
    """Under the layers, the block that they belong to: ``stage1.block0``."""
    spans: dict[str, tuple[float, float]] = {}
    for layer in blueprint.layers:
        name = ".".join(layer.name.split(".")[: 2 if layer.name.startswith("stage") else 1])
        place = places[layer.name]
        left, _ = spans.get(name, (place.left, 0.0))
        spans[name] = (left, place.left + place.width)
    made = []
    for name, (left, right) in spans.items():
        short = name.replace("stage", "s").replace(".block", "·b") if right - left < 90 else name
        made.append(f'<path class="bracket" d="M{left:.1f} {floor + 41:.1f}v4H{right:.1f}v-4"/>')
        made.append(
            f'<text class="small" x="{(left + right) / 2:.1f}" y="{floor + 57:.1f}">{escape(short)}</text>'
        )
    return made


def _extent(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape[1:]))


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"


def _input_title(blueprint: Blueprint) -> str:
    given = blueprint.input
    return f"{given.name}: {_shape(given.shape)} {given.storage}"


def _title(blueprint: Blueprint, layer: Layer) -> str:
    sources = ", ".join(_shape(blueprint.shape_of(name)) for name in layer.inputs)
    weights = sum(prod(tensor.shape) for tensor in layer.tensors if tensor.role in ("weight", "bias"))
    lines = [
        f"{layer.name}: {layer.operation}",
        f"{sources} → {_shape(layer.output_shape)} {layer.output_storage}",
    ]
    lines += [f"{name} {value}" for name, value in layer.attributes.items()]
    if layer.has_weights:
        n_bytes = sum(tensor.n_bytes for tensor in layer.tensors)
        lines.append(f"{layer.precision}: {count(weights)} parameters, {size(n_bytes)}")
        lines.append(f"{count(layer_macs(layer))} multiply-accumulates")
    return "\n".join(lines)
