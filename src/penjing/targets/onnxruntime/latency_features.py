"""What a layer costs ONNX Runtime, as amounts of work that a latency model gives prices to.

The kernels work on padded blocks, so the amounts are padded too. Float
convolutions run on channels in blocks as wide as a vector register, except
the first, whose few channels are read as they are; integer convolutions gather patches
and multiply matrices. Weights stored in few bits for float layers are
unpacked at load and cost what floats cost.
"""

from math import prod

from penjing.blueprint import Blueprint, Layer, precision_named

MATRIX_COLUMNS = 16
"""Columns that one step of the integer matrix product computes."""
_MATRIX_DEPTH = 4
_OUTPUTS_PER_STEP = {1: 6, 2: 6, 3: 4, 4: 3}
_LATENCY_CYCLES = 4.0
_DEPTHWISE_CHANNELS = 8

Amounts = dict[str, float]

USUAL_PRICES_US = {
    "add_float.elements": 0.14,
    "add_float.nodes": 0.3,
    "add_integer.elements": 0.45,
    "add_integer.nodes": 0.5,
    "call.nodes": 6.3,
    "dequantize_float.elements": 0.45,
    "dequantize_float.nodes": 2.2,
    "float_convolution.outputs": 0.11,
    "float_depthwise.cycles": 0.14,
    "float_depthwise.macs": 18.0,
    "float_depthwise.nodes": 0.3,
    "float_first.cycles": 0.09,
    "float_first.macs": 23.0,
    "float_first.nodes": 0.3,
    "float_plain.cycles": 0.2,
    "float_plain.macs": 7.0,
    "float_plain.nodes": 0.55,
    "float_point.cycles": 0.33,
    "float_point.macs": 0.02,
    "float_point.nodes": 1.3,
    "global_average_pool_float.elements": 0.16,
    "global_average_pool_float.nodes": 4.3,
    "global_average_pool_integer.elements": 0.72,
    "global_average_pool_integer.nodes": 6.1,
    "integer_convolution.depth": 0.035,
    "integer_convolution.macs": 8.5,
    "integer_convolution.nodes": 1.7,
    "integer_convolution.outputs": 0.25,
    "integer_depthwise.macs": 35.0,
    "integer_depthwise.nodes": 1.3,
    "integer_depthwise.pixels": 1.2,
    "integer_depthwise.tails": 1.2,
    "integer_patches.copies": 0.02,
    "integer_patches.elements": 0.02,
    "integer_patches.rows": 7.8,
    "linear.elements": 1.4,
    "linear_float.nodes": 0.3,
    "linear_integer.nodes": 0.3,
    "pixels.elements": 0.02,
    "pixels.nodes": 0.3,
    "quantize_integer.elements": 0.37,
    "quantize_integer.nodes": 1.9,
    "resize_integer.elements": 6.3,
    "resize_integer.nodes": 0.3,
}
"""Microseconds per amount on a Zen 3 with AVX2, one thread, ONNX Runtime 1.31.

Where measurements leave a price open, it stays in proportion to these.
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
            return _integer_convolution(layer, shapes[0])
        return _float_convolution(layer, shapes[0], width_multiple)
    kind = f"{layer.operation}_{_number_kind(layer)}"
    elements = max(prod(shape) for shape in (*shapes, layer.output_shape)) / 1e3
    if layer.operation == "linear":
        return {f"{kind}.nodes": 1.0, "linear.elements": layer.tensor("weight").n_elements / 1e3}
    if layer.operation in ("quantize", "dequantize") and len(layer.output_shape) == 3:
        is_pixels = layer.inputs[0] in (blueprint.input.name, "input.resize")
        if is_pixels:
            kind = "pixels"
    return {f"{kind}.nodes": 1.0, f"{kind}.elements": elements}


def _number_kind(layer: Layer) -> str:
    if layer.has_weights:
        return "integer" if precision_named(layer.precision).integer else "float"
    return "integer" if layer.output_storage == "uint8" else "float"


def _padded(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def _float_convolution(layer: Layer, shape: tuple[int, ...], block: int) -> Amounts:
    channels, height, breadth = shape
    width, rows, columns = layer.output_shape
    kernel, stride = layer.attributes["kernel"], layer.attributes["stride"]
    wide = _padded(width, block)
    is_depthwise = layer.attributes["groups"] > 1
    kind = (
        "depthwise" if is_depthwise else "first" if channels < block else "point" if kernel == 1 else "plain"
    )
    read = 1 if is_depthwise else channels if channels < block else _padded(channels, block)
    row_taps = sum(_taps(row, height, kernel, stride) for row in range(rows))
    inside = sum(_taps(column, breadth, kernel, stride) == kernel for column in range(columns))
    if kernel == 1 and stride == 1:  # the picture is one long row
        row_taps, inside, columns = 1, rows * columns, rows * columns
    cycles = 0.0
    for filters in _filter_groups(wide // block, is_depthwise):
        outputs = _OUTPUTS_PER_STEP[filters]
        full, rest = divmod(inside, outputs)
        cycles += full * _cycles(filters, outputs) + rest // 2 * _cycles(filters, 2)
        cycles += (rest % 2 + columns - inside) * _cycles(filters, 1)
    return {
        f"float_{kind}.nodes": 1.0,
        f"float_{kind}.cycles": cycles * row_taps * kernel * read / 1e3,
        f"float_{kind}.macs": wide * read * kernel**2 * rows * layer.output_shape[2] / 1e6,
        "float_convolution.outputs": wide * rows * layer.output_shape[2] / 1e3,
    }


def _taps(at: int, size: int, kernel: int, stride: int) -> int:
    """How many of a kernel's positions along one axis lie on the picture."""
    first = at * stride - kernel // 2
    return min(first + kernel, size) - max(first, 0)


def _filter_groups(blocks: int, is_depthwise: bool) -> list[int]:
    if is_depthwise:
        return [1] * blocks
    return [4] * (blocks // 4) + [blocks % 4] * (blocks % 4 > 0)


def _cycles(filters: int, outputs: int) -> float:
    """Cycles of one multiply-add for each filter and output: two a cycle, but each waits for the last."""
    return max(_LATENCY_CYCLES, filters * outputs / 2, (filters + outputs) / 2)


def _integer_convolution(layer: Layer, shape: tuple[int, ...]) -> Amounts:
    channels, _, _ = shape
    width, rows, columns = layer.output_shape
    kernel = layer.attributes["kernel"]
    pixels = rows * columns
    if layer.attributes["groups"] > 1:
        return {
            "integer_depthwise.nodes": 1.0,
            "integer_depthwise.macs": width * kernel**2 * pixels / 1e6,
            "integer_depthwise.pixels": pixels * kernel**2 / 1e3,
            "integer_depthwise.tails": pixels * kernel**2 * (width % _DEPTHWISE_CHANNELS) / 1e3,
            "integer_convolution.outputs": width * pixels / 1e3,
        }
    depth = _padded(channels * kernel**2, _MATRIX_DEPTH)
    made = {
        "integer_convolution.nodes": 1.0,
        "integer_convolution.macs": pixels * depth * _padded(width, MATRIX_COLUMNS) / 1e6,
        "integer_convolution.outputs": width * pixels / 1e3,
        "integer_convolution.depth": pixels * depth / 1e3,
    }
    if kernel > 1:
        made["integer_patches.rows"] = pixels * kernel / 1e3
        made["integer_patches.copies"] = pixels * kernel**2 / 1e3
        made["integer_patches.elements"] = pixels * kernel**2 * channels / 1e3
    return made
