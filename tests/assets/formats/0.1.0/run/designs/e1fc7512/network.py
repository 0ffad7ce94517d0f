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
        self.stage1_block0_inverted_expand = nn.Conv2d(16, 48, 1)
        self.stage1_block0_inverted_depthwise = nn.Conv2d(48, 48, 3, padding=1, groups=48)
        self.stage1_block0_inverted_project = nn.Conv2d(48, 24, 1)
        self.head_linear = nn.Linear(24, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        stem_conv = self.stem_conv(x.float() * 0.010414713993668556)
        stem_conv = F.relu(stem_conv)
        stem_conv = torch.fake_quantize_per_tensor_affine(stem_conv, 0.017068689689040184, 0, 0, 255)
        stage1_block0_inverted_expand = self.stage1_block0_inverted_expand(stem_conv)
        stage1_block0_inverted_expand = F.relu(stage1_block0_inverted_expand)
        stage1_block0_inverted_expand = torch.fake_quantize_per_tensor_affine(stage1_block0_inverted_expand, 0.023104583844542503, 0, 0, 255)
        stage1_block0_inverted_depthwise = self.stage1_block0_inverted_depthwise(stage1_block0_inverted_expand)
        stage1_block0_inverted_depthwise = F.relu(stage1_block0_inverted_depthwise)
        stage1_block0_inverted_depthwise = torch.fake_quantize_per_tensor_affine(stage1_block0_inverted_depthwise, 0.03697718307375908, 0, 0, 255)
        stage1_block0_inverted_project = self.stage1_block0_inverted_project(stage1_block0_inverted_depthwise)
        stage1_block0_inverted_project = torch.fake_quantize_per_tensor_affine(stage1_block0_inverted_project, 0.07444138824939728, 121, 0, 255)
        head_pool = stage1_block0_inverted_project.mean(dim=(2, 3))
        head_pool = torch.fake_quantize_per_tensor_affine(head_pool, 0.011149573139846325, 131, 0, 255)
        head_linear = self.head_linear(head_pool)
        return head_linear
