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
        """Augment ``[N, C, H, W]``; every image is shifted and mirrored on its own.

        Images that move alike are moved together: quicker than one by one, above all for many at a time.
        """
        n_shifts = 2 * self.shift_pixels + 1
        if n_shifts == 1 and not self.mirror:
            return x
        n, _, height, width = x.shape
        # Drawn on the processor, where every generator of a run is.
        motion = torch.randint(0, n_shifts**2 * (2 if self.mirror else 1), (n,), generator=generator)
        padded = functional.pad(x, (self.shift_pixels,) * 4)
        made = torch.empty_like(x, memory_format=torch.channels_last)
        for index in motion.unique().tolist():
            rows = (motion == index).nonzero()[:, 0].to(x.device)
            (mirrored, corner) = divmod(index, n_shifts**2)
            top, left = divmod(corner, n_shifts)
            moved = padded[rows, :, top : top + height, left : left + width]
            made[rows] = moved.flip(3) if mirrored else moved
        return made
