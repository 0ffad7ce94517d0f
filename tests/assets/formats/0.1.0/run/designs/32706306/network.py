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
        self.stage1_block0_inverted_expand = nn.Conv2d(8, 32, 1)
        self.stage1_block0_inverted_depthwise = nn.Conv2d(32, 32, 3, padding=1, groups=32)
        self.stage1_block0_inverted_project = nn.Conv2d(32, 8, 1)
        self.stage1_block1_separable_depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.stage1_block1_separable_pointwise = nn.Conv2d(8, 8, 1)
        self.head_linear = nn.Linear(8, 10)

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
        stage1_block0_inverted_add_quantize = stage1_block0_inverted_add
        stage1_block0_inverted_add_quantize = torch.fake_quantize_per_tensor_affine(stage1_block0_inverted_add_quantize, 0.05874517187476158, 95, 0, 255)
        stage1_block1_separable_depthwise = self.stage1_block1_separable_depthwise(stage1_block0_inverted_add_quantize)
        stage1_block1_separable_depthwise = F.relu(stage1_block1_separable_depthwise)
        stage1_block1_separable_depthwise = torch.fake_quantize_per_tensor_affine(stage1_block1_separable_depthwise, 0.032379426062107086, 0, 0, 255)
        stage1_block1_separable_pointwise = self.stage1_block1_separable_pointwise(stage1_block1_separable_depthwise)
        stage1_block1_separable_pointwise = F.relu(stage1_block1_separable_pointwise)
        stage1_block1_separable_pointwise = torch.fake_quantize_per_tensor_affine(stage1_block1_separable_pointwise, 0.05511809512972832, 0, 0, 255)
        stage1_block1_separable_pointwise_dequantize = stage1_block1_separable_pointwise
        head_pool = stage1_block1_separable_pointwise_dequantize.mean(dim=(2, 3))
        head_linear = self.head_linear(head_pool)
        return head_linear
