"""How weights are trained: recipes, augmentation, distillation, the loop, and what it runs on."""

from penjing.training.augment import Augmentation
from penjing.training.checkpoint import Checkpoint
from penjing.training.device import training_device
from penjing.training.loop import Recipe, accuracy, logits_of, train_
from penjing.training.sandwich import SHARED_RECIPE, sandwich_of, train_supernet_

__all__ = [
    "SHARED_RECIPE",
    "Augmentation",
    "Checkpoint",
    "Recipe",
    "accuracy",
    "logits_of",
    "sandwich_of",
    "train_",
    "train_supernet_",
    "training_device",
]
