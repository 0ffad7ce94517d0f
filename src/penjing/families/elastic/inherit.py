"""Start a network from a trained one: what both have in common is copied.

Layers are matched by name; of each weight the first channels and the centre
of the kernel are taken, as in a supernet (weight inheritance as in Real et
al., "Large-Scale Evolution of Image Classifiers", ICML 2017).
"""

from collections.abc import Mapping

import torch
from torch import nn


def inherit_(network: nn.Module, parent: Mapping[str, torch.Tensor]) -> None:
    """Copy the overlap of every tensor that both have, in place.

    Args:
        network: Trainable plain network.
        parent: State of another trainable plain network.
    """
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point() and name in parent and parent[name].ndim == tensor.ndim:
                _copy_overlap_(tensor, parent[name])


def _copy_overlap_(tensor: torch.Tensor, parent: torch.Tensor) -> None:
    mine, theirs = [], []
    for axis, (size, other) in enumerate(zip(tensor.shape, parent.shape, strict=True)):
        overlap = min(size, other)
        # Kernels share their centre, channels their beginning.
        is_kernel = tensor.ndim == 4 and axis >= 2
        mine.append(
            slice((size - overlap) // 2, (size - overlap) // 2 + overlap) if is_kernel else slice(overlap)
        )
        start = (other - overlap) // 2 if is_kernel else 0
        theirs.append(slice(start, start + overlap))
    tensor[tuple(mine)].copy_(parent[tuple(theirs)])
