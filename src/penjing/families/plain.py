"""A blueprint as a plain PyTorch module: the source that ships, and the module that is trained.

The module that Penjing trains is made from the same source that it hands
over, so ``network.py`` cannot drift from what was measured. Names decode as
the blueprint's layer names with ``_`` for ``.``.
"""

import copy
import keyword
import re
import textwrap
from typing import Any

import numpy as np
import torch
from torch import nn

from penjing.blueprint import Blueprint, InputSpec, Layer
from penjing.errors import InvalidValueError, unknown_name
from penjing.protocols import FloatArray, QuantizationScheme

_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")
_OPERATIONS = (
    "resize",
    "flatten",
    "standardise",
    "quantize",
    "dequantize",
    "conv2d",
    "add",
    "relu",
    "leaky_relu",
    "elu",
    "zeros",
    "average_pool",
    "max_pool",
    "global_average_pool",
    "linear",
)
_SOURCE_WIDTH = 88
# Names that the source, or the module that it defines, already uses.
_TAKEN = {"x", "self", "torch", "nn", "F", "Network", *dir(nn.Module())}
_HEADER = '''"""A network found by Penjing. It needs torch and nothing else.

    from safetensors.torch import load_file
    network = Network()
    network.load_state_dict(load_file("weights.safetensors"))
    logits = network.eval()({name})  # {kind}, [N, {shape}]
"""

'''


def _checked(layer: Layer) -> str:
    """The layer's attribute name, which becomes source code and must therefore be harmless."""
    if not _SAFE.fullmatch(layer.name):
        raise InvalidValueError(f"Layer names are letters, digits, '_' and '.', got {layer.name!r}.")
    if keyword.iskeyword(layer.module_name) or layer.module_name in _TAKEN:
        raise InvalidValueError(f"A layer cannot be named {layer.name!r}: the module has that name already.")
    return layer.module_name


def _check(blueprint: Blueprint) -> None:
    """Refuse what would not be source of the blueprint's network, or of more than that."""
    owner: dict[str, str] = {}
    for layer in blueprint.layers:
        if layer.operation not in _OPERATIONS:
            raise unknown_name("operation", layer.operation, _OPERATIONS)
        for suffix in ("", "_norm", "_codes", "_mean", "_scale"):
            name = _checked(layer) + suffix
            if owner.setdefault(name, layer.name) != layer.name:
                raise InvalidValueError(f"Layers {owner[name]!r} and {layer.name!r} would both be {name!r}.")


def network_source(
    blueprint: Blueprint, scheme: QuantizationScheme | None = None, trainable: bool = False
) -> str:
    """Python source of a module ``Network`` that computes the blueprint.

    Args:
        blueprint: What to compute.
        scheme: With it, uint8 tensors are rounded to their codes exactly as the artifact does.
        trainable: With batch normalisation after every convolution, and, for every
            uint8 tensor, an identity module ``<layer>_codes`` that a method may replace.

    Raises:
        InvalidValueError: If a layer's name cannot be an attribute's, or two would be one.
        UnknownNameError: If an operation is not known.
    """
    _check(blueprint)
    made: list[str] = []
    body: list[str] = []
    for layer in blueprint.layers:
        made.extend(_constants(blueprint.input, layer))
        made.extend(_modules(layer, trainable))
        body.extend(_statements(layer, blueprint, scheme, trainable))
    shape = ", ".join(str(int(size)) for size in blueprint.input.shape)
    reads_pixels = blueprint.input.storage == "uint8"
    name, kind = ("images", "uint8 pixels") if reads_pixels else ("rows", "float32 features")
    lines = [
        "import torch",
        "from torch import nn",
        "from torch.nn import functional as F",
        "",
        "",
        "class Network(nn.Module):",
        f'    """Takes {kind} ``[N, {shape}]``, gives logits."""',
        "",
        "    def __init__(self) -> None:",
        "        super().__init__()",
        *(f"        {line}" for line in made),
        "",
        "    def forward(self, x: torch.Tensor) -> torch.Tensor:",
        *(f"        {line}" for line in body),
        f"        return {_variable(blueprint.output, blueprint)}",
        "",
    ]
    return _HEADER.format(name=name, kind=kind, shape=shape) + "\n".join(lines)


def build_network(blueprint: Blueprint, trainable: bool = False) -> nn.Module:
    """Make the module; weights are PyTorch's defaults until they are loaded."""
    scope: dict[str, Any] = {"__name__": "penjing_network"}
    exec(compile(network_source(blueprint, trainable=trainable), "<network>", "exec"), scope)
    return scope["Network"]()


def _variable(name: str, blueprint: Blueprint) -> str:
    return "x" if name == blueprint.input.name else _checked(blueprint[name])


def _constants(given: InputSpec, layer: Layer) -> list[str]:
    """What normalises features is no weight: it is part of the source."""
    if layer.operation != "standardise":
        return []
    lines: list[str] = []
    for role, values in (("mean", given.means), ("scale", given.scales)):
        name = f"{_checked(layer)}_{role}"
        numbers = textwrap.wrap(", ".join(repr(float(value)) for value in values), _SOURCE_WIDTH)
        lines += [f"{name} = torch.tensor([", *(f"    {line}" for line in numbers), "])"]
        lines.append(f'self.register_buffer("{name}", {name}, persistent=False)')
    return lines


def _modules(layer: Layer, trainable: bool) -> list[str]:
    name = _checked(layer)
    lines: list[str] = []
    if layer.operation == "conv2d":
        width, per_group, kernel, _ = map(int, layer.tensor("weight").shape)
        groups, window = int(layer.attributes["groups"]), layer.window
        arguments = f"{per_group * groups}, {width}, {kernel}"
        if window.stride > 1:
            arguments += f", stride={window.stride}"
        if window.padding:
            arguments += f", padding={window.padding}"
        if window.dilation > 1:
            arguments += f", dilation={window.dilation}"
        if groups > 1:
            arguments += f", groups={groups}"
        if trainable:
            trained_as = layer.attributes.get("trained_as", "")
            if trained_as != "norm":
                lines.append(f"self.{name} = nn.Conv2d({arguments}, bias=False)")
            if trained_as != "conv":
                lines.append(f"self.{name}_norm = nn.BatchNorm2d({width})")
        else:
            lines.append(f"self.{name} = nn.Conv2d({arguments})")
    elif layer.operation == "linear":
        width, features = map(int, layer.tensor("weight").shape)
        is_normalised = trainable and layer.attributes.get("normalised", False)
        lines.append(f"self.{name} = nn.Linear({features}, {width}{', bias=False' if is_normalised else ''})")
        if is_normalised:
            lines.append(f"self.{name}_norm = nn.BatchNorm1d({width})")
    if trainable and layer.has_codes:
        lines.append(f"self.{name}_codes = nn.Identity()")
    return lines


def _statements(
    layer: Layer, blueprint: Blueprint, scheme: QuantizationScheme | None, trainable: bool
) -> list[str]:
    name = _checked(layer)
    sources = [_variable(source, blueprint) for source in layer.inputs]
    lines: list[str] = []
    if layer.operation == "resize":
        size = tuple(map(int, layer.output_shape[1:]))
        lines.append(f"{name} = x")
        lines.append(f"if x.shape[-2:] != {size}:")
        # Down, not to the nearest: ONNX Runtime cuts off the fraction of a resized uint8.
        lines.append(f'    {name} = F.interpolate(x.float(), {size}, mode="bilinear").floor()')
    elif layer.operation == "flatten":
        lines.append(f"{name} = {sources[0]}.flatten(1)")
    elif layer.operation == "standardise":
        lines.append(f"{name} = ({sources[0]} - self.{name}_mean) * self.{name}_scale")
    elif layer.operation == "dequantize":
        lines.append(f"{name} = {_normalised(sources[0], layer.inputs[0], blueprint)}")
    elif layer.operation == "quantize":
        lines.append(f"{name} = {sources[0]}")
    elif layer.operation == "conv2d":
        source = _normalised(sources[0], layer.inputs[0], blueprint)
        trained_as = layer.attributes.get("trained_as", "") if trainable else "conv"
        if trained_as != "norm":
            lines.append(f"{name} = self.{name}({source})")
        if trained_as != "conv":
            lines.append(f"{name} = self.{name}_norm({source if trained_as == 'norm' else name})")
        if layer.attributes["activation"] == "relu":
            lines.append(f"{name} = F.relu({name})")
    elif layer.operation == "add":
        lines.append(f"{name} = {sources[0]} + {sources[1]}")
    elif layer.operation in ("relu", "leaky_relu", "elu"):
        lines.append(f"{name} = F.{layer.operation}({sources[0]})")
    elif layer.operation == "zeros":
        lines.append(f"{name} = torch.zeros_like({sources[0]})")
    elif layer.operation == "average_pool":
        lines.append(f"{name} = F.avg_pool2d({sources[0]}, {_walk(layer)}, count_include_pad=False)")
    elif layer.operation == "max_pool":
        lines.append(f"{name} = F.max_pool2d({sources[0]}, {_walk(layer)})")
    elif layer.operation == "global_average_pool":
        lines.append(f"{name} = {sources[0]}.mean(dim=(2, 3))")
    elif layer.operation == "linear":
        lines.append(f"{name} = self.{name}({_normalised(sources[0], layer.inputs[0], blueprint)})")
        if trainable and layer.attributes.get("normalised"):
            lines.append(f"{name} = self.{name}_norm({name})")
    if layer.has_codes:
        if trainable:
            lines.append(f"{name} = self.{name}_codes({name})")
        elif scheme is not None:
            codes = scheme.activations[layer.name]
            lines.append(
                f"{name} = torch.fake_quantize_per_tensor_affine("
                f"{name}, {float(codes.scale)!r}, {int(codes.zero_point)}, 0, 255)"
            )
    return lines


def _walk(layer: Layer) -> str:
    window = layer.window
    return f"{window.kernel}, {window.stride}, {window.padding}"


def _normalised(variable: str, source: str, blueprint: Blueprint) -> str:
    """Pixels become floats where they are first read as such."""
    if not blueprint.holds_pixels(source):
        return variable
    zero_point, scale = int(blueprint.input.zero_point), float(blueprint.input.scale)
    centred = f"({variable}.float() - {zero_point})" if zero_point else f"{variable}.float()"
    return f"{centred} * {scale!r}"


def folded(network: nn.Module, blueprint: Blueprint) -> nn.Module:
    """A copy of a trainable network whose normalisation is folded into its weights.

    The copy keeps the identity modules for codes, so that it can be simulated
    and tuned further. In evaluation mode it computes what the original does.
    """
    made = build_network(blueprint, trainable=True)
    for layer in blueprint.weighted_layers:
        name = layer.module_name
        if layer.operation == "linear" and not layer.attributes.get("normalised"):
            setattr(made, name, copy.deepcopy(getattr(network, name)))
            continue
        trained_as = layer.attributes.get("trained_as", "")
        channels = int(layer.output_shape[0])
        weight = torch.ones(channels, 1, 1, 1) if trained_as == "norm" else getattr(network, name).weight
        bias = torch.zeros(channels)
        if trained_as != "conv":
            norm = getattr(network, f"{name}_norm")
            assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
            weight, bias = fold_arrays(weight, norm)
        plain = (
            nn.Conv2d(channels, channels, 1, groups=channels) if trained_as == "norm" else getattr(made, name)
        )
        plain.weight = nn.Parameter(weight.detach().clone())
        plain.bias = nn.Parameter(bias.detach().clone())
        setattr(made, name, plain)
        if trained_as != "conv":
            # A normalisation alone is called where its convolution now stands.
            setattr(made, f"{name}_norm", plain if trained_as == "norm" else nn.Identity())
    return made


def fold_arrays(
    weight: torch.Tensor, norm: nn.BatchNorm1d | nn.BatchNorm2d
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of the layer that does what layer and normalisation did."""
    assert norm.running_var is not None
    assert norm.running_mean is not None
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return weight * factor.reshape(-1, *([1] * (weight.ndim - 1))), norm.bias - norm.running_mean * factor


def float_weights(network: nn.Module, blueprint: Blueprint) -> dict[str, FloatArray]:
    """Weights and biases of a folded network by layer name, as the file's writer takes them."""
    made: dict[str, FloatArray] = {}
    for layer in blueprint.weighted_layers:
        module = getattr(network, layer.module_name)
        for role in ("weight", "bias"):
            made[f"{layer.name}.{role}"] = (
                getattr(module, role).detach().cpu().numpy().astype(np.float32).copy()
            )
    return made


def drawn_network(blueprint: Blueprint, trainable: bool, generator: torch.Generator) -> nn.Module:
    """Make the module and draw its weights."""
    return initialise_(build_network(blueprint, trainable=trainable), generator)


def initialise_(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draw the weights of a plain network in place (He et al., arXiv:1502.01852) and clear its biases.

    Those of the last matrix product are half as large: nothing follows that halves what it gives.
    """
    *_, head = [None, *(module for module in network.modules() if isinstance(module, nn.Linear))]
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                fan_in = module.weight[0].numel()
                gain = 0.5 if module is head else 2.0
                drawn = torch.randn(module.weight.shape, generator=generator)
                module.weight.copy_(drawn * (gain / fan_in) ** 0.5)
                if module.bias is not None:
                    module.bias.zero_()
    return network
