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
        self.stage1_block0_inverted_expand = nn.Conv2d(8, 16, 1)
        self.stage1_block0_inverted_depthwise = nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=16)
        self.stage1_block0_inverted_project = nn.Conv2d(16, 12, 1)
        self.head_linear = nn.Linear(12, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        input_dequantize = x.float() * 0.010414713993668556
        stem_conv = self.stem_conv(input_dequantize)
        stem_conv = F.relu(stem_conv)
        stem_conv_quantize = stem_conv
        stem_conv_quantize = torch.fake_quantize_per_tensor_affine(stem_conv_quantize, 0.015048842877149582, 0, 0, 255)
        stage1_block0_inverted_expand = self.stage1_block0_inverted_expand(stem_conv_quantize)
        stage1_block0_inverted_expand = F.relu(stage1_block0_inverted_expand)
        stage1_block0_inverted_expand = torch.fake_quantize_per_tensor_affine(stage1_block0_inverted_expand, 0.0213447418063879, 0, 0, 255)
        stage1_block0_inverted_depthwise = self.stage1_block0_inverted_depthwise(stage1_block0_inverted_expand)
        stage1_block0_inverted_depthwise = F.relu(stage1_block0_inverted_depthwise)
        stage1_block0_inverted_depthwise = torch.fake_quantize_per_tensor_affine(stage1_block0_inverted_depthwise, 0.039209023118019104, 0, 0, 255)
        stage1_block0_inverted_project = self.stage1_block0_inverted_project(stage1_block0_inverted_depthwise)
        stage1_block0_inverted_project = torch.fake_quantize_per_tensor_affine(stage1_block0_inverted_project, 0.08345356583595276, 137, 0, 255)
        head_pool = stage1_block0_inverted_project.mean(dim=(2, 3))
        head_pool = torch.fake_quantize_per_tensor_affine(head_pool, 0.01611984148621559, 135, 0, 255)
        head_linear = self.head_linear(head_pool)
        return head_linear
