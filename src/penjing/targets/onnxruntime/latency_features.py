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
# Found by what fits measurements best: a single block of filters fills the pipeline badly.
_OUTPUTS_PER_STEP = {1: 3, 2: 6, 3: 4, 4: 3}
_LATENCY_CYCLES = 3.0
_DEPTHWISE_CHANNELS = 8

# Operations that take about as long as another, whose price is known.
_PRICED_AS = {"relu": "add", "zeros": "add", "average_pool": "add"}

Amounts = dict[str, float]

USUAL_PRICES_US = {
    "add_float.elements": 0.08,
    "add_float.nodes": 0.3,
    "add_integer.elements": 0.83,
    "add_integer.nodes": 0.84,
    "call.nodes": 4.1,
    "dequantize_float.elements": 0.42,
    "dequantize_float.nodes": 2.2,
    "float_convolution.outputs": 0.059,
    "float_depthwise.cycles": 0.26,
    "float_depthwise.macs": 0.02,
    "float_depthwise.nodes": 0.42,
    "float_first.cycles": 0.02,
    "float_first.macs": 26.0,
    "float_first.nodes": 0.3,
    "float_plain.cycles": 0.32,
    "float_plain.macs": 0.47,
    "float_plain.nodes": 0.94,
    "float_point.cycles": 0.37,
    "float_point.macs": 0.02,
    "float_point.nodes": 1.2,
    "global_average_pool_float.elements": 0.02,
    "global_average_pool_float.nodes": 3.7,
    "global_average_pool_integer.elements": 0.068,
    "global_average_pool_integer.nodes": 4.7,
    "integer_convolution.depth": 0.05,
    "integer_convolution.macs": 7.9,
    "integer_convolution.nodes": 1.9,
    "integer_convolution.outputs": 0.31,
    "integer_depthwise.macs": 26.0,
    "integer_depthwise.nodes": 1.1,
    "integer_depthwise.pixels": 1.4,
    "integer_depthwise.tails": 1.1,
    "integer_patches.copies": 0.02,
    "integer_patches.elements": 0.02,
    "integer_patches.rows": 7.5,
    "linear.elements": 0.02,
    "linear_float.nodes": 3.7,
    "linear_integer.nodes": 4.7,
    "pixels.elements": 0.02,
    "pixels.nodes": 0.3,
    "quantize_integer.elements": 0.54,
    "quantize_integer.nodes": 1.6,
    "resize_integer.elements": 2.6,
    "resize_integer.nodes": 2.3,
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
    kind = f"{_PRICED_AS.get(layer.operation, layer.operation)}_{_number_kind(layer)}"
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
