"""Train depthwise convolutions on small maps without the slow path that their weights' gradient takes.

On processors without AVX-512, oneDNN computes the gradient of a 5×5 depthwise weight on a map of at most 5×5
by a fallback that takes ten times as long as all the rest of the layer. Four gradients of 3×3 windows, which
cover the 5×5, take the fast path and give the same sums.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional

_KERNEL, _WINDOW, _LARGEST_MAP = 5, 3, 5


class _Depthwise(torch.autograd.Function):
    """A 5×5 depthwise convolution with stride 1 and padding 2."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        return functional.conv2d(x, weight, padding=_KERNEL // 2, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, weight = ctx.saved_tensors
        channels_last = torch.channels_last
        gradient = given[0].contiguous(memory_format=channels_last)
        of_input, _ = _gradients(gradient, x, weight, _KERNEL // 2, (True, False))
        # A ring of zeros around the gradient lets every window see a whole neighbourhood.
        padded = functional.pad(x, (_KERNEL // 2,) * 4)
        ringed = functional.pad(gradient, (1,) * 4).contiguous(memory_format=channels_last)
        height, width = ringed.shape[2:]
        made = torch.empty_like(weight)
        small = weight[:, :, :_WINDOW, :_WINDOW].contiguous(memory_format=channels_last)
        for top in (0, _KERNEL - _WINDOW):
            for left in (0, _KERNEL - _WINDOW):
                seen = padded[:, :, top : top + height, left : left + width]
                seen = seen.contiguous(memory_format=channels_last)
                _, part = _gradients(ringed, seen, small, 1, (False, True))
                made[:, :, top : top + _WINDOW, left : left + _WINDOW] = part
        return of_input, made


def _gradients(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, padding: int, wanted: tuple[bool, bool]
) -> tuple[torch.Tensor, torch.Tensor]:
    of_input, of_weight, _ = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, [1, 1], [padding] * 2, [1, 1], False, [0, 0], x.shape[1], [*wanted, False]
    )
    return of_input, of_weight


class _QuickConv2d(nn.Conv2d):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        is_slow = max(input.shape[2:]) <= _LARGEST_MAP and not torch.is_autocast_enabled("cpu")
        if self.training and is_slow:
            return _Depthwise.apply(input, self.weight)
        return super().forward(input)


@contextmanager
def quick_depthwise(network: nn.Module) -> Iterator[None]:
    """Within the block, the network's depthwise convolutions take the quick way where there is one.

    Only on a processor: GPUs have no such gap.

    Example:
        >>> convolution = nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False)
        >>> with quick_depthwise(convolution):
        ...     convolution(torch.randn(2, 8, 4, 4)).sum().backward()
        >>> convolution.weight.grad.shape
        torch.Size([8, 1, 5, 5])
    """
    changed = [module for module in network.modules() if type(module) is nn.Conv2d and _is_slow(module)]
    for module in changed:
        module.__class__ = _QuickConv2d
    try:
        yield
    finally:
        for module in changed:
            module.__class__ = nn.Conv2d


def _is_slow(module: nn.Conv2d) -> bool:
    return (
        module.weight.device.type == "cpu"
        and module.groups == module.in_channels == module.out_channels > 1
        and module.kernel_size == (_KERNEL, _KERNEL)
        and module.padding == (_KERNEL // 2, _KERNEL // 2)
        and module.stride == (1, 1)
        and module.bias is None
    )
