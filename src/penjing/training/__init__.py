"""How weights are trained: recipes, augmentation, distillation, the loop."""

from penjing.training.augment import Augmentation
from penjing.training.loop import Recipe, accuracy, logits_of, train_

__all__ = ["Augmentation", "Recipe", "accuracy", "logits_of", "train_"]
