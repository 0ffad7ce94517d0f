"""What a layer costs ONNX Runtime, as amounts of work that a latency model gives prices to.

The kernels work on padded blocks, so the amounts are padded too. Float
convolutions run on channels in blocks as wide as a vector register, except
the first, whose few channels are read as they are; integer convolutions gather patches
and multiply matrices. Weights stored in few bits for float layers are
unpacked at load and cost what floats cost. What only the kernels for
registers of 512 bits do is counted where blocks are that wide.
"""

from math import prod

from penjing.blueprint import Blueprint, Layer, precision_named
from penjing.targets.onnxruntime.convolution_cycles import WIDE_BLOCK, Walk, cycles_per_row, steps_per_row

MATRIX_COLUMNS = 16
"""Columns that one step of the integer matrix product computes."""
_MATRIX_DEPTH = 4
_DEPTHWISE_CHANNELS = 8

# Operations that take about as long as another, whose price is known.
_PRICED_AS = {
    "relu": "add_float",
    "leaky_relu": "add_float",
    "elu": "add_float",
    "zeros": "add_float",
    "average_pool": "add_float",
    "max_pool": "add_float",
    "standardise": "add_float",
    "flatten": "pixels",
}

Amounts = dict[str, float]

USUAL_PRICES_US = {
    "add_float.elements": (0.08, 0.18),
    "add_float.nodes": (0.3, 0.41),
    "add_integer.elements": (0.83, 0.45),
    "add_integer.nodes": (0.84, 0.33),
    "call.nodes": (4.1, 1.7),
    "dequantize_float.elements": (0.42, 0.65),
    "dequantize_float.nodes": (2.2, 2.0),
    "float_convolution.outputs": (0.059, 0.061),
    "float_depthwise.cycles": (0.26, 0.16),
    "float_depthwise.macs": (0.02, 4.8),
    "float_depthwise.nodes": (0.42, 0.65),
    "float_depthwise.rows": (30.0, 33.0),
    "float_first.cycles": (0.02, 0.055),
    "float_first.macs": (26.0, 7.1),
    "float_first.nodes": (0.3, 0.99),
    "float_first.steps": (0.02, 0.37),
    "float_plain.cycles": (0.32, 0.14),
    "float_plain.macs": (0.47, 0.0058),
    "float_plain.nodes": (0.94, 0.22),
    "float_plain.steps": (0.02, 0.47),
    "float_point.cycles": (0.37, 0.13),
    "float_point.macs": (0.02, 2.5e-4),
    "float_point.nodes": (1.2, 0.16),
    "float_point.steps": (0.02, 0.42),
    "float_reorder.elements": (0.1, 0.67),
    "float_reorder.nodes": (0.3, 0.027),
    "global_average_pool_float.elements": (0.02, 2.5e-4),
    "global_average_pool_float.nodes": (3.7, 1.3),
    "global_average_pool_integer.elements": (0.068, 8.4e-4),
    "global_average_pool_integer.nodes": (4.7, 2.6),
    "integer_convolution.depth": (0.05, 6.2e-4),
    "integer_convolution.macs": (7.9, 2.3),
    "integer_convolution.nodes": (1.9, 1.3),
    "integer_convolution.outputs": (0.31, 0.14),
    "integer_depthwise.macs": (26.0, 12.0),
    "integer_depthwise.nodes": (1.1, 0.46),
    "integer_depthwise.pixels": (1.4, 1.6),
    "integer_depthwise.tails": (1.1, 0.61),
    "integer_narrow.depth": (0.034, 0.053),
    "integer_narrow.pixels": (8.0, 2.8),
    "integer_patches.copies": (0.02, 0.5),
    "integer_patches.elements": (0.02, 2.5e-4),
    "integer_patches.rows": (7.5, 5.4),
    "integer_uneven.macs": (40.0, 76.0),
    "integer_uneven.pixels": (0.4, 0.17),
    "linear.elements": (0.02, 0.5),
    "linear_float.nodes": (3.7, 1.3),
    "linear_integer.nodes": (4.7, 2.6),
    "pixels.elements": (0.02, 0.83),
    "pixels.nodes": (0.3, 0.0037),
    "quantize_integer.elements": (0.54, 0.3),
    "quantize_integer.nodes": (1.6, 0.02),
    "resize_integer.elements": (2.6, 3.2),
    "resize_integer.nodes": (2.3, 0.21),
}
"""Microseconds per amount, one thread, ONNX Runtime 1.31: on a Zen 3 with AVX2, on a Xeon with AMX.

Where measurements leave a price open, it stays in proportion to those of the two that predict better.
"""


def layer_amounts(blueprint: Blueprint, layer: Layer, width_multiple: int) -> Amounts:
    """Count the work of one layer for one example.

    Args:
        blueprint: The rewritten network.
        layer: One of its layers.
        width_multiple: Channels per block of the float kernels.

    Returns:
        Feature name to amount, thousands of elements or millions of multiply-accumulates; absent ones are 0.
    """
    shapes = [blueprint.shape_of(name) for name in layer.inputs]
    if layer.operation == "conv2d":
        if precision_named(layer.precision).integer:
            return _integer_convolution(layer, shapes[0], width_multiple)
        made = _float_convolution(layer, shapes[0], width_multiple)
        if "float_first.nodes" in made and is_in_blocks(blueprint, layer.inputs[0]):
            made |= _reordered(shapes[0])
        return made
    if layer.operation == "max_pool" and layer.output_storage == "uint8":
        return _integer_patches_of_channels(layer)
    kind = _PRICED_AS.get(layer.operation) or f"{layer.operation}_{_number_kind(layer)}"
    elements = max(prod(shape) for shape in (*shapes, layer.output_shape)) / 1e3
    if layer.operation == "linear":
        return {f"{kind}.nodes": 1.0, "linear.elements": layer.tensor("weight").n_elements / 1e3}
    if layer.operation in ("quantize", "dequantize") and blueprint.holds_pixels(layer.inputs[0]):
        kind = "pixels"
    made = {f"{kind}.nodes": 1.0, f"{kind}.elements": elements}
    if kind == "global_average_pool_float" and shapes[0][0] % width_multiple:
        made |= _reordered(shapes[0])
    return made


def is_in_blocks(blueprint: Blueprint, name: str) -> bool:
    """Whether a tensor lies in memory in blocks of channels, as float convolutions write it."""
    if name == blueprint.input.name or blueprint[name].output_storage == "uint8":
        return False
    return blueprint[name].operation != "dequantize"


def _reordered(shape: tuple[int, ...]) -> Amounts:
    """What it takes to bring a picture from blocks of channels to rows."""
    return {"float_reorder.nodes": 1.0, "float_reorder.elements": prod(shape) / 1e3}


def _number_kind(layer: Layer) -> str:
    if layer.has_weights:
        return "integer" if precision_named(layer.precision).integer else "float"
    return "integer" if layer.output_storage == "uint8" else "float"


def _padded(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def _float_convolution(layer: Layer, shape: tuple[int, ...], block: int) -> Amounts:
    channels, height, breadth = shape
    width, rows, columns = layer.output_shape
    window = layer.window
    kernel = window.kernel
    wide = _padded(width, block)
    is_depthwise = layer.attributes["groups"] > 1
    kind = (
        "depthwise" if is_depthwise else "first" if channels < block else "point" if kernel == 1 else "plain"
    )
    read = 1 if is_depthwise else channels if channels < block else _padded(channels, block)
    if kernel == 1 and window.stride == 1:  # the picture is one long row
        row_taps, walk = 1, Walk(1, rows * columns, 0, 0)
    else:
        # Pixels that are read from further away take no longer, but more of them lie outside.
        row_taps = sum(window.n_inside(row, height) for row in range(rows))
        edges = [taps for at in range(columns) if (taps := window.n_inside(at, breadth)) < kernel]
        walk = Walk(kernel, columns - len(edges), len(edges), sum(edges))
    made = {
        f"float_{kind}.nodes": 1.0,
        f"float_{kind}.cycles": cycles_per_row(walk, wide // block, block, is_depthwise)
        * row_taps
        * read
        / 1e3,
        f"float_{kind}.macs": wide * read * kernel**2 * rows * columns / 1e6,
        "float_convolution.outputs": wide * rows * columns / 1e3,
    }
    if block >= WIDE_BLOCK:
        if is_depthwise:
            made["float_depthwise.rows"] = wide // block * rows / 1e3
        else:
            made[f"float_{kind}.steps"] = steps_per_row(walk, wide // block) * row_taps * read / 1e3
    return made


def _integer_convolution(layer: Layer, shape: tuple[int, ...], block: int) -> Amounts:
    channels, _, _ = shape
    width, rows, columns = layer.output_shape
    kernel = layer.attributes["kernel"]
    pixels = rows * columns
    if layer.attributes["groups"] > 1:
        return _integer_depthwise(layer, block)
    depth = _padded(channels * kernel**2, _MATRIX_DEPTH)
    made = {
        "integer_convolution.nodes": 1.0,
        "integer_convolution.macs": pixels * depth * _padded(width, MATRIX_COLUMNS) / 1e6,
        "integer_convolution.outputs": width * pixels / 1e3,
        "integer_convolution.depth": pixels * depth / 1e3,
    }
    if block >= WIDE_BLOCK and width < MATRIX_COLUMNS:
        made["integer_narrow.depth"] = pixels * depth / 1e3
        made["integer_narrow.pixels"] = pixels / 1e3
    if kernel > 1:
        made["integer_patches.rows"] = pixels * kernel / 1e3
        made["integer_patches.copies"] = pixels * kernel**2 / 1e3
        made["integer_patches.elements"] = pixels * kernel**2 * channels / 1e3
    return made


def _integer_depthwise(layer: Layer, block: int) -> Amounts:
    width, rows, columns = layer.output_shape
    made = _integer_patches_of_channels(layer)
    made["integer_depthwise.tails"] = made["integer_depthwise.pixels"] * (width % _DEPTHWISE_CHANNELS)
    made["integer_convolution.outputs"] = width * rows * columns / 1e3
    if block >= WIDE_BLOCK and width % WIDE_BLOCK:  # then all channels go through the narrower kernel
        made["integer_uneven.macs"] = made["integer_depthwise.macs"]
        made["integer_uneven.pixels"] = made["integer_depthwise.pixels"]
    return made


def _integer_patches_of_channels(layer: Layer) -> Amounts:
    """Finding a patch for every pixel, and a step per channel and place in it: a product, or a maximum."""
    width, rows, columns = layer.output_shape
    positions = rows * columns * layer.window.kernel**2
    return {
        "integer_depthwise.nodes": 1.0,
        "integer_depthwise.macs": width * positions / 1e6,
        "integer_depthwise.pixels": positions / 1e3,
    }
