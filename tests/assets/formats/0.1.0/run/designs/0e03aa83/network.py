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
        self.stem_conv = nn.Conv2d(1, 8, 3, padding=1)
        self.stage1_block0_inverted_expand = nn.Conv2d(8, 24, 1)
        self.stage1_block0_inverted_depthwise = nn.Conv2d(24, 24, 3, padding=1, groups=24)
        self.stage1_block0_inverted_project = nn.Conv2d(24, 8, 1)
        self.stage2_block0_inverted_expand = nn.Conv2d(8, 32, 1)
        self.stage2_block0_inverted_depthwise = nn.Conv2d(32, 32, 3, padding=1, groups=32)
        self.stage2_block0_inverted_project = nn.Conv2d(32, 32, 1)
        self.head_linear = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        input_dequantize = x.float() * 0.010414713993668556
        stem_conv = self.stem_conv(input_dequantize)
        stem_conv = F.relu(stem_conv)
        stage1_block0_inverted_expand = self.stage1_block0_inverted_expand(stem_conv)
        stage1_block0_inverted_expand = F.relu(stage1_block0_inverted_expand)
        stage1_block0_inverted_depthwise = self.stage1_block0_inverted_depthwise(stage1_block0_inverted_expand)
        stage1_block0_inverted_depthwise = F.relu(stage1_block0_inverted_depthwise)
        stage1_block0_inverted_project = self.stage1_block0_inverted_project(stage1_block0_inverted_depthwise)
        stage1_block0_inverted_add = stage1_block0_inverted_project + stem_conv
        stage2_block0_inverted_expand = self.stage2_block0_inverted_expand(stage1_block0_inverted_add)
        stage2_block0_inverted_expand = F.relu(stage2_block0_inverted_expand)
        stage2_block0_inverted_depthwise = self.stage2_block0_inverted_depthwise(stage2_block0_inverted_expand)
        stage2_block0_inverted_depthwise = F.relu(stage2_block0_inverted_depthwise)
        stage2_block0_inverted_project = self.stage2_block0_inverted_project(stage2_block0_inverted_depthwise)
        head_pool = stage2_block0_inverted_project.mean(dim=(2, 3))
        head_linear = self.head_linear(head_pool)
        return head_linear
