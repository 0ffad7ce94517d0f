"""The quick way through depthwise convolutions computes what torch computes."""

import pytest
import torch
from torch import nn

from penjing.training.depthwise import quick_depthwise


def gradients(convolution: nn.Conv2d, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    given = x.clone().requires_grad_()
    convolution.zero_grad()
    (convolution(given) ** 3).sum().backward()
    assert given.grad is not None
    assert convolution.weight.grad is not None
    return given.grad, convolution.weight.grad.clone()


@pytest.mark.parametrize(("height", "width"), [(4, 4), (1, 1), (5, 3), (2, 2), (7, 7)])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (2, 2), (2, 3)])
@pytest.mark.parametrize(("channels", "kernel"), [(3, 5), (16, 5), (16, 3)])
def test_gradients_are_those_of_torch(
    height: int, width: int, channels: int, kernel: int, stride: int, dilation: int
) -> None:
    torch.manual_seed(0)
    half = dilation * (kernel // 2)
    convolution = nn.Conv2d(channels, channels, kernel, stride, half, dilation, groups=channels, bias=False)
    convolution = convolution.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    x = torch.randn(6, channels, height, width).to(memory_format=torch.channels_last)
    expected = gradients(convolution, x)
    with quick_depthwise(convolution):
        found = gradients(convolution, x)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(8, 8, 5, padding=2, bias=False),
        nn.Conv2d(8, 8, 1, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, padding=0, groups=8, bias=False),
        nn.Conv2d(8, 8, 5, padding=2, groups=8),
        nn.Conv2d(8, 8, 5, padding=2, dilation=2, groups=8, bias=False),
        nn.Conv2d(8, 8, 5, padding=4, dilation=(2, 1), groups=8, bias=False),
        nn.Conv2d(8, 8, 5, stride=(1, 2), padding=2, groups=8, bias=False),
        nn.Conv2d(8, 16, 5, padding=2, groups=8, bias=False),
    ],
)
def test_other_convolutions_are_left_alone(convolution: nn.Conv2d) -> None:
    with quick_depthwise(convolution):
        assert type(convolution) is nn.Conv2d


def test_afterwards_everything_is_as_before() -> None:
    network = nn.Sequential(nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False))
    with quick_depthwise(network):
        assert type(network[0]) is not nn.Conv2d
    assert type(network[0]) is nn.Conv2d
