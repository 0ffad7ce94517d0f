"""Batched augmentation of uint8 images, on the tensors themselves."""

from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True)
class Augmentation:
    """Random shifts and mirror images, drawn anew for every batch.

    Attributes:
        shift_pixels: Largest shift to each side; what moves in is black.
        mirror: Whether left and right may be swapped.
    """

    shift_pixels: int = 1
    mirror: bool = True

    def __call__(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Augment ``[N, C, H, W]``; every image is shifted and mirrored on its own."""
        if self.mirror:
            flipped = torch.rand(x.shape[0], generator=generator) < 0.5
            x = torch.where(flipped.to(x.device)[:, None, None, None], x.flip(3), x)
        if self.shift_pixels:
            n, _, height, width = x.shape
            padded = functional.pad(x, (self.shift_pixels,) * 4)
            corner = torch.randint(0, 2 * self.shift_pixels + 1, (2, n), generator=generator)
            rows = corner[0, :, None] + torch.arange(height)
            columns = corner[1, :, None] + torch.arange(width)
            images = torch.arange(n)[:, None, None]
            # Channels come last out of the indexing, which is how convolutions want them in memory.
            x = padded.permute(0, 2, 3, 1)[images, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        return x
