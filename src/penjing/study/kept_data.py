"""The data of a run, as whoever trains or measures reads them."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from penjing.blueprint import Blueprint
from penjing.study.draws import Draw, stream
from penjing.training.device import CPU

Size = tuple[int, ...]


@dataclass(frozen=True)
class Split:
    """What a short training is judged by: one of some folds of the training images.

    Attributes:
        fold: Which, from 0.
        of: How many folds there are; 1 for the validation images, which no fold is made of.
    """

    fold: int
    of: int

    def key(self, weights_key: str) -> str:
        """Where the weights of this split belong: those of the first are what a finalist begins with."""
        return f"{weights_key}-{self.fold}" if weights_key and self.fold else weights_key


HOLD_OUT = Split(0, 1)


class KeptData:
    """Images and labels from the run folder; processes share them through the file system's cache.

    Args:
        run: The run folder.
        device: Where :meth:`placed` puts images.
    """

    def __init__(self, run: Path, device: torch.device = CPU) -> None:
        self._run = run
        self._device = device
        self._arrays: dict[str, torch.Tensor] = {}
        self._resized = lru_cache(maxsize=6)(self._resize)
        self._placed = lru_cache(maxsize=6)(self._place)

    def tensor(self, name: str) -> torch.Tensor:
        """An array, such as ``train_x``."""
        if name not in self._arrays:
            array = np.load(self._run / "cache" / f"{name}.npy", mmap_mode="c", allow_pickle=False)
            self._arrays[name] = torch.from_numpy(array)
        return self._arrays[name]

    def labels(self, part: str) -> torch.Tensor:
        """Labels of ``train`` or ``validation``, ``[N]``."""
        return self.tensor(f"{part}_y")

    def fold(self, split: Split, seed: int) -> torch.Tensor:
        """Indices of the training images of a fold, its share of each class, in a drawn order."""
        order, fold_of = self._dealt(split.of, seed)
        return order[fold_of == split.fold]

    def other_folds(self, split: Split, seed: int) -> torch.Tensor:
        """Indices of all other training images."""
        order, fold_of = self._dealt(split.of, seed)
        return order[fold_of != split.fold]

    def trained_on(self, split: Split, subset: float, seed: int) -> torch.Tensor:
        """Indices of the training images that a short training sees.

        Args:
            split: Whose fold is left out.
            subset: Part of its images of each class, at least one; what is in a smaller part is in a larger.
            seed: Of the draws.
        """
        n = len(self.labels("train"))
        at = self.other_folds(split, seed) if split.of > 1 else torch.arange(n)
        return at if subset >= 1 else at[places_in_class(self.labels("train")[at], seed) < subset]

    def _dealt(self, n_folds: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Indices of the training images in a drawn order, and the fold of each; a class is in all alike."""
        labels = self.labels("train").numpy()
        drawn = stream(seed, Draw.FOLDS).permutation(len(labels))
        fold_of = np.empty(len(labels), dtype=np.int64)
        fold_of[np.argsort(labels[drawn], kind="stable")] = np.arange(len(labels)) % n_folds
        return torch.from_numpy(drawn), torch.from_numpy(fold_of)

    def images(self, part: str, blueprint: Blueprint) -> torch.Tensor:
        """Images of a part in the resolution that a network reads, uint8 ``[N, C, H, W]``; rows as is."""
        return self._resized(part, _size_of(blueprint))

    def placed(self, part: str, blueprint: Blueprint) -> torch.Tensor:
        """The same on the device; a resolution is copied there once, and six of them stay."""
        return self._placed(part, _size_of(blueprint))

    def _resize(self, part: str, size: Size) -> torch.Tensor:
        images = self.tensor(f"{part}_x")
        if tuple(images.shape[2:]) == size:  # as rows of features always have it: none
            return images
        pieces = [
            functional.interpolate(piece.float(), size, mode="bilinear").floor().to(torch.uint8)
            for piece in images.split(2000)
        ]
        return torch.cat(pieces)

    def _place(self, part: str, size: Size) -> torch.Tensor:
        return self._resized(part, size).to(self._device)


def places_in_class(labels: torch.Tensor, seed: int) -> torch.Tensor:
    """Where each image comes in a drawn order of its class, ``[N]``: from 0 on, below 1."""
    values = labels.numpy()
    drawn = stream(seed, Draw.SUBSET).permutation(len(values))
    places = np.zeros(len(values))
    for label in np.unique(values):
        of_class = drawn[values[drawn] == label]
        places[of_class] = np.arange(len(of_class)) / len(of_class)
    return torch.from_numpy(places)


def _size_of(blueprint: Blueprint) -> Size:
    """Height and width that a network reads inside its file; nothing for rows of features."""
    size = blueprint.input.shape[1:]
    if "input.resize" in blueprint:
        size = blueprint["input.resize"].output_shape[1:]
    return tuple(int(length) for length in size)
