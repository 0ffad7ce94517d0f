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
        """Augment ``[N, C, H, W]``; mirrors per image, shifts per batch of images.

        One shift for a whole batch is as good as one per image over many
        batches, and a slice costs nothing.
        """
        if self.mirror:
            flipped = torch.rand(x.shape[0], generator=generator) < 0.5
            x = torch.where(flipped.to(x.device)[:, None, None, None], x.flip(3), x)
        if self.shift_pixels:
            height, width = x.shape[2:]
            padded = functional.pad(x, (self.shift_pixels,) * 4)
            top, left = torch.randint(0, 2 * self.shift_pixels + 1, (2,), generator=generator).tolist()
            x = padded[:, :, top : top + height, left : left + width]
        return x
