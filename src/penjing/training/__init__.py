"""How weights are trained: recipes, augmentation, distillation, the loop."""

from penjing.training.augment import Augmentation
from penjing.training.loop import Recipe, accuracy, logits_of, train_
from penjing.training.sandwich import train_supernet_

__all__ = ["Augmentation", "Recipe", "accuracy", "logits_of", "train_", "train_supernet_"]
