"""A network found by Penjing. It needs torch and nothing else.

    from safetensors.torch import load_file
    network = Network()
    network.load_state_dict(load_file("weights.safetensors"))
    logits = network.eval()(images)  # uint8 pixels, [N, 1, 8, 8]
"""

import torch
from torch import nn
from torch.nn import functional as F


class Network(nn.Module):
    """Takes uint8 pixels ``[N, 1, 8, 8]``, gives logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem_conv = nn.Conv2d(1, 16, 3, padding=1)
        self.stage1_block0_plain_conv = nn.Conv2d(16, 24, 3, stride=2, padding=1)
        self.head_linear = nn.Linear(24, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        input_dequantize = x.float() * 0.010414713993668556
        stem_conv = self.stem_conv(input_dequantize)
        stem_conv = F.relu(stem_conv)
        stage1_block0_plain_conv = self.stage1_block0_plain_conv(stem_conv)
        stage1_block0_plain_conv = F.relu(stage1_block0_plain_conv)
        head_pool = stage1_block0_plain_conv.mean(dim=(2, 3))
        head_linear = self.head_linear(head_pool)
        return head_linear
