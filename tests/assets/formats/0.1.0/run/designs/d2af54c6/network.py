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
        self.stage1_block0_separable_depthwise = nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=16)
        self.stage1_block0_separable_pointwise = nn.Conv2d(16, 8, 1)
        self.head_linear = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        stem_conv = self.stem_conv(x.float() * 0.010414713993668556)
        stem_conv = F.relu(stem_conv)
        stem_conv = torch.fake_quantize_per_tensor_affine(stem_conv, 0.015663519501686096, 0, 0, 255)
        stem_conv_dequantize = stem_conv
        stage1_block0_separable_depthwise = self.stage1_block0_separable_depthwise(stem_conv_dequantize)
        stage1_block0_separable_depthwise = F.relu(stage1_block0_separable_depthwise)
        stage1_block0_separable_pointwise = self.stage1_block0_separable_pointwise(stage1_block0_separable_depthwise)
        stage1_block0_separable_pointwise = F.relu(stage1_block0_separable_pointwise)
        head_pool = stage1_block0_separable_pointwise.mean(dim=(2, 3))
        head_linear = self.head_linear(head_pool)
        return head_linear
