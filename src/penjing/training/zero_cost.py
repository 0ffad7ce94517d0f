"""Scores of networks that nobody has trained: what a batch of images, or none, says of an architecture.

Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021 (grad-norm, snip after Lee et al.,
ICLR 2019, grasp after Wang et al., ICLR 2020, synflow after Tanaka et al., NeurIPS 2020, fisher after Theis
et al., 2018); Mellor et al., "Neural Architecture Search without Training", ICML 2021 (jacov in its first
version, naswot); Lin et al., "Zen-NAS", ICCV 2021 (zen). Parameters and operations beat most of them
(Krishnakumar et al., "NAS-Bench-Suite-Zero", NeurIPS 2022): they are scores as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from penjing.blueprint import Blueprint, macs, trained_parameters
from penjing.errors import unknown_name

# As in the first implementations: keeps eigenvalues and logarithms finite.
_JACOV_K = 1e-5
_ZEN_STEP = 1e-2


# From a blueprint, whether it is to be trained, and what draws weights, to a network.
Build = Callable[[Blueprint, bool, torch.Generator], nn.Module]


@dataclass(frozen=True)
class Batch:
    """What scores may look at.

    Attributes:
        blueprint: The network.
        images: Pixels, ``[N, C, H, W]`` uint8, or features, ``[N, F]`` float32.
        labels: ``[N]``.
        seed: Of the weights that are drawn.
        build: Makes networks.
    """

    blueprint: Blueprint
    images: Tensor
    labels: Tensor
    seed: int
    build: Build

    def network(self, trainable: bool = True) -> nn.Module:
        """The network with weights drawn from the seed; without normalisations if it is not to be trained."""
        return self.build(self.blueprint, trainable, torch.Generator().manual_seed(self.seed)).train()

    def raw(self, normalised: Tensor) -> Tensor:
        """The input that a network normalises to some values; 0 for features that it does not see."""
        given = self.blueprint.input
        if given.storage == "uint8":
            return normalised / given.scale + given.zero_point
        means, scales = (torch.tensor(row, dtype=normalised.dtype) for row in (given.means, given.scales))
        return means + torch.where(scales > 0, normalised / scales, 0.0)


def zero_cost_scores(
    blueprint: Blueprint,
    images: Tensor,
    labels: Tensor,
    seed: int,
    build: Build,
    names: Sequence[str] | None = None,
) -> dict[str, float]:
    """Score a network that nobody has trained; more is meant to be better.

    Args:
        blueprint: In 32-bit floats.
        images: A batch of pixels, ``[N, C, H, W]`` uint8, or features, ``[N, F]`` float32; 32 to 64 examples.
        labels: ``[N]``.
        seed: Of the weights.
        build: Makes networks and draws their weights: :func:`penjing.families.plain.drawn_network`.
        names: Of :data:`SCORES`; None for all.

    Returns:
        Name to score. NaN where one is not defined; weights that no gradient reaches add nothing.

    Raises:
        UnknownNameError: If there is no score of a name.
    """
    batch = Batch(blueprint, images, labels, seed, build)
    found: dict[str, float] = {}
    for name in SCORES if names is None else names:
        if name not in SCORES:
            raise unknown_name("zero-cost score", name, SCORES)
        found[name] = SCORES[name](batch)
    return found


def _weights(network: nn.Module) -> list[Tensor]:
    """Of convolutions and matrix products; normalisations have no say."""
    return [m.weight for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def _loss(network: nn.Module, batch: Batch) -> Tensor:
    return functional.cross_entropy(network(batch.images), batch.labels)


def _with_gradients(batch: Batch) -> list[tuple[Tensor, Tensor]]:
    """Weights and their gradients of the loss; those that no gradient reaches are left out."""
    network = batch.network()
    _loss(network, batch).backward()
    return [(weight.detach(), weight.grad) for weight in _weights(network) if weight.grad is not None]


def grad_norm(batch: Batch) -> float:
    """Sum of the lengths of all gradients."""
    return float(sum(gradient.norm() for _, gradient in _with_gradients(batch)))


def snip(batch: Batch) -> float:
    """What the loss would change if single weights were gone, in sum."""
    return float(sum((weight * gradient).abs().sum() for weight, gradient in _with_gradients(batch)))


def grasp(batch: Batch) -> float:
    """How much the gradient would be missed, by a Hessian-vector product; more is better here."""
    network = batch.network()
    weights = _weights(network)
    # Kept batch statistics would make the two passes differ.
    first = torch.autograd.grad(_loss(network, batch), weights, allow_unused=True)
    second = torch.autograd.grad(_loss(network, batch), weights, create_graph=True, allow_unused=True)
    product = sum(
        (a.detach() * b).sum() for a, b in zip(first, second, strict=True) if a is not None and b is not None
    )
    if not isinstance(product, Tensor) or not product.requires_grad:
        return float("nan")
    third = torch.autograd.grad(product, weights, allow_unused=True)
    return float(sum((-w.detach() * g).sum() for w, g in zip(weights, third, strict=True) if g is not None))


def fisher(batch: Batch) -> float:
    """Squared effect of every channel on the loss, over the batch."""
    network = batch.network()
    outputs: list[Tensor] = []

    def keep(module: nn.Module, given: Any, output: Tensor) -> None:
        output.retain_grad()
        outputs.append(output)

    hooks = [m.register_forward_hook(keep) for m in network.modules() if isinstance(m, nn.Conv2d)]
    _loss(network, batch).backward()
    for hook in hooks:
        hook.remove()
    effects = [(o.detach() * o.grad).sum(dim=(2, 3)) for o in outputs if o.grad is not None]
    return float(sum(0.5 * effect.square().mean(dim=0).sum() for effect in effects))


def synflow(batch: Batch) -> float:
    """Product of absolute weights along all paths, without data; the logarithm, as it leaves every scale."""
    network = batch.network(trainable=False).double()
    scales = {
        layer.module_name
        for layer in batch.blueprint.weighted_layers
        if layer.attributes.get("trained_as") == "norm"
    }
    with torch.no_grad():
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.abs_()
                if name in scales:
                    module.weight.fill_(1.0)
    ones = batch.raw(torch.ones(1, *batch.blueprint.input.shape, dtype=torch.float64))
    # The network brings pixels to 32 bits; from there on it computes in 64.
    with _InDouble():
        network(ones).sum().backward()
    total = sum(
        (m.weight.detach() * m.weight.grad).abs().sum()
        for name, m in network.named_modules()
        if isinstance(m, nn.Conv2d | nn.Linear) and name not in scales and m.weight.grad is not None
    )
    return float(torch.log1p(torch.as_tensor(total)))


def jacov(batch: Batch) -> float:
    """How differently images move the result: by the correlations of their Jacobians."""
    x = batch.images.detach().float().requires_grad_()
    batch.network()(x).sum().backward()
    jacobian = np.zeros((1, 1)) if x.grad is None else x.grad.flatten(1).double().numpy()
    scales = np.array(batch.blueprint.input.scales or 1.0)
    # By normalised features: those of small ranges would outweigh the others.
    jacobian = jacobian / np.where(scales > 0, scales, 1.0)
    if not np.all(jacobian.std(axis=1) > 0):
        return float("nan")
    values = np.linalg.eigvalsh(np.corrcoef(jacobian))
    return float(-np.sum(np.log(values + _JACOV_K) + 1.0 / (values + _JACOV_K)))


def naswot(batch: Batch) -> float:
    """How differently images switch rectifiers: the logarithm of the determinant of their agreement."""
    with torch.no_grad(), _Watched(functional.relu) as watched:
        batch.network()(batch.images)
    agreement = torch.zeros(len(batch.images), len(batch.images), dtype=torch.float64)
    for output in watched.outputs:
        on = (output > 0).flatten(1).float()
        agreement += (on @ on.T + (1.0 - on) @ (1.0 - on).T).double()
    sign, value = torch.linalg.slogdet(agreement)
    return float(value) if sign > 0 else float("nan")


def zen(batch: Batch) -> float:
    """How much features move when the input is moved, with the scale that normalisations took away.

    As in the published code, that scale is the running variance after two passes, which is mostly where it
    began.
    """
    network = batch.network()
    generator = torch.Generator().manual_seed(batch.seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator))
        shape = (len(batch.images), *batch.blueprint.input.shape)
        here = torch.randn(shape, generator=generator)
        moved = here + _ZEN_STEP * torch.randn(shape, generator=generator)
        features: list[Tensor] = []
        for x in (here, moved):
            with _Watched(Tensor.mean) as watched:
                network(batch.raw(x))
            features.append(watched.inputs[-1])
    change = (features[0] - features[1]).abs().sum(dim=(1, 2, 3)).mean()
    norms = [m.running_var for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    scale = sum(0.5 * torch.log(variance.mean()) for variance in norms if variance is not None)
    return float(torch.log(change) + scale)


class _Watched(TorchFunctionMode):
    """Keeps what one function of torch was given, and what it gave."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self._function = function
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if func is self._function:
            self.inputs.append(args[0])
            self.outputs.append(made)
        return made


class _InDouble(TorchFunctionMode):
    """Lets ``Tensor.float`` be 64 bits wide, for networks that bring their pixels to floats."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is Tensor.float:
            return args[0].double()
        return func(*args, **(kwargs or {}))


SCORES: Mapping[str, Callable[[Batch], float]] = {
    "params": lambda batch: float(trained_parameters(batch.blueprint)),
    "macs": lambda batch: float(macs(batch.blueprint)),
    "grad_norm": grad_norm,
    "snip": snip,
    "grasp": grasp,
    "fisher": fisher,
    "synflow": synflow,
    "jacov": jacov,
    "naswot": naswot,
    "zen": zen,
}
"""Every score by its name; more is meant to be better."""
