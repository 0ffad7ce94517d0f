"""Train depthwise convolutions on tiny maps without the slow path that their weights' gradient takes.

On processors without AVX-512, oneDNN computes the gradient of a depthwise weight by a fallback where the map
is smaller than the kernel (5×5 on 4×4, 3×3 on 2×2): it takes ten times as long as all the rest of the layer.
A dilated kernel that covers more than the map takes a fallback on all processors, twice as long as all the
rest. One product and one sum per element of the kernel give the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution with a square kernel of odd size, padded by half of what it covers."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, stride: int, dilation: int) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.dilation = stride, dilation
        half = dilation * (weight.shape[-1] // 2)
        return functional.conv2d(x, weight, stride=stride, padding=half, dilation=dilation, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *given: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor, None, None]:
        x, weight = ctx.saved_tensors
        stride, dilation, kernel = ctx.stride, ctx.dilation, weight.shape[-1]
        half = dilation * (kernel // 2)
        gradient = given[0].contiguous(memory_format=torch.channels_last)
        of_input = None
        if ctx.needs_input_grad[0]:
            of_input, _, _ = torch.ops.aten.convolution_backward(
                gradient, x, weight, None, [stride] * 2, [half] * 2, [dilation] * 2, False, [0, 0],
                x.shape[1], [True, False, False],
            )  # fmt: skip
        padded = functional.pad(x, (half,) * 4).permute(0, 2, 3, 1).contiguous()
        gradient = gradient.permute(0, 2, 3, 1)
        rows, columns = (stride * (size - 1) + 1 for size in gradient.shape[1:3])
        made = [
            (padded[:, top : top + rows : stride, left : left + columns : stride] * gradient).sum((0, 1, 2))
            for top in range(0, dilation * kernel, dilation)
            for left in range(0, dilation * kernel, dilation)
        ]
        return of_input, torch.stack(made, dim=1).view_as(weight), None, None


class _QuickConv2d(nn.Conv2d):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        covered = self.dilation[0] * (self.kernel_size[0] - 1) + 1
        is_slow = min(input.shape[2:]) < covered and not torch.is_autocast_enabled("cpu")
        if self.training and is_slow:
            return _Depthwise.apply(input, self.weight, self.stride[0], self.dilation[0])
        return super().forward(input)


@contextmanager
def quick_depthwise(network: nn.Module) -> Iterator[None]:
    """Within the block, the network's depthwise convolutions take the quick way where there is one.

    Only on a processor: GPUs have no such gap.

    Example:
        >>> convolution = nn.Conv2d(8, 8, 5, stride=2, padding=2, groups=8, bias=False)
        >>> with quick_depthwise(convolution):
        ...     convolution(torch.randn(2, 8, 4, 4)).sum().backward()
        >>> convolution.weight.grad.shape
        torch.Size([8, 1, 5, 5])
    """
    changed = [module for module in network.modules() if type(module) is nn.Conv2d and _may_be_slow(module)]
    for module in changed:
        module.__class__ = _QuickConv2d
    try:
        yield
    finally:
        for module in changed:
            module.__class__ = nn.Conv2d


def _may_be_slow(module: nn.Conv2d) -> bool:
    kernel, stride, dilation = module.kernel_size[0], module.stride[0], module.dilation[0]
    half = dilation * (kernel // 2)
    return (
        module.weight.device.type == "cpu"
        and module.groups == module.in_channels == module.out_channels > 1
        and module.kernel_size == (kernel, kernel)
        and kernel % 2 == 1
        and kernel > 1
        and module.padding == (half, half)
        and module.stride == (stride, stride)
        and module.dilation == (dilation, dilation)
        and module.bias is None
    )
