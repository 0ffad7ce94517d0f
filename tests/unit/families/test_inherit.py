import torch
from torch import nn

from penjing.families.elastic.inherit import inherit_


def conv(channels: int, kernel: int) -> nn.Sequential:
    made = nn.Sequential(nn.Conv2d(3, channels, kernel), nn.BatchNorm2d(channels))
    for index, tensor in enumerate(made.parameters()):
        tensor.data = torch.arange(tensor.numel(), dtype=torch.float32).reshape(tensor.shape) + 1000 * index
    return made


def test_the_first_channels_and_the_centre_of_the_kernel_are_inherited() -> None:
    small, large = conv(4, 3), conv(6, 5)
    inherit_(small, large.state_dict())
    torch.testing.assert_close(small[0].weight, large[0].weight[:4, :, 1:4, 1:4])
    torch.testing.assert_close(small[1].bias, large[1].bias[:4])


def test_what_the_parent_does_not_have_stays() -> None:
    large, before = conv(6, 5), conv(6, 5)
    parent = {name: -1 - tensor for name, tensor in conv(4, 3).state_dict().items()}
    inherit_(large, parent)
    torch.testing.assert_close(large[0].weight[:4, :, 1:4, 1:4], parent["0.weight"])
    torch.testing.assert_close(large[0].weight[4:], before[0].weight[4:])
    torch.testing.assert_close(large[0].weight[:4, :, 0], before[0].weight[:4, :, 0])


def test_other_names_and_other_kinds_of_layers_are_left_alone() -> None:
    network = conv(4, 3)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    inherit_(network, {"0.weight": torch.zeros(4, 3), "9.weight": torch.zeros(4, 3, 3, 3)})
    torch.testing.assert_close(network.state_dict(), before)
