"""Train one network: schedule, distillation from kept outputs, a length in images or in seconds."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn import functional

from penjing.errors import DataError, InvalidValueError, unknown_name
from penjing.protocols import OPTIMISERS
from penjing.training.augment import Augmentation

_ADAMW_SHARE = 0.01


@dataclass(frozen=True)
class Recipe:
    """How to train a network.

    Attributes:
        epochs: Length in passes over the data; with ``seconds`` the length
            that was reached, to be read from what :func:`train_` returns.
        learning_rate: Peak on the scale of SGD, after a linear warm-up; falls to
            zero as a cosine. AdamW takes a hundredth of it.
        weight_decay: Not applied to biases and normalisations.
        distillation_weight: Share of the loss that compares with the teacher's
            outputs, 0 to 1; without outputs it is ignored by the loop and
            must be 0 in a candidate.
        temperature: Softens both outputs (Hinton, Vinyals and Dean, arXiv:1503.02531).
        optimiser: ``sgd`` (Nesterov) or ``adamw``.
        batch_size: Images per step.
        label_smoothing: 0 to 1.
        warmup_fraction: Share of the steps with rising learning rate.
    """

    epochs: float = 10.0
    learning_rate: float = 0.1
    weight_decay: float = 5e-5
    distillation_weight: float = 0.0
    temperature: float = 2.0
    optimiser: str = "sgd"
    batch_size: int = 128
    label_smoothing: float = 0.0
    warmup_fraction: float = 0.1

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS:
            raise unknown_name("optimiser", self.optimiser, OPTIMISERS)
        for name in ("epochs", "learning_rate", "temperature", "batch_size"):
            if not getattr(self, name) > 0:
                raise InvalidValueError(f"{name} must be positive, got {getattr(self, name)!r}.")
        if not self.weight_decay >= 0:
            raise InvalidValueError(f"weight_decay must not be negative, got {self.weight_decay!r}.")
        for name in ("distillation_weight", "label_smoothing", "warmup_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidValueError(f"{name} must be in [0, 1], got {getattr(self, name)!r}.")


def train_(
    network: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    recipe: Recipe,
    generator: torch.Generator,
    augmentation: Augmentation | None = None,
    teacher_logits: torch.Tensor | None = None,
    seconds: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> Recipe:
    """Train in place.

    Args:
        network: Takes uint8 pixels, gives logits.
        images: ``[N, C, H, W]`` uint8.
        labels: ``[N]`` int64.
        recipe: Length and settings.
        generator: All randomness comes from it.
        augmentation: None leaves the images as they are.
        teacher_logits: ``[N, classes]``, the teacher's outputs on the unchanged
            images: keeping them costs nothing per step, recomputing them does.
        seconds: Take as many steps as fit, measured over the first steps;
            the recipe's epochs are then the most that is taken.
        progress: Called with the finished fraction about once a second.

    Returns:
        The recipe with the epochs that were really taken.

    Raises:
        DataError: If there are no images.
    """
    if len(images) == 0:
        raise DataError("Training needs at least one image, got none.")
    steps_per_epoch = max(1, images.shape[0] // recipe.batch_size)
    n_planned = n_steps = max(1, round(recipe.epochs * steps_per_epoch))
    peak = recipe.learning_rate * (_ADAMW_SHARE if recipe.optimiser == "adamw" else 1.0)
    optimiser = optimiser_of(network, recipe)
    network.train()
    started = told = time.perf_counter()
    step = 0
    while step < n_steps:
        order = torch.randperm(images.shape[0], generator=generator)
        for first in range(0, steps_per_epoch * recipe.batch_size, recipe.batch_size):
            rows = order[first : first + recipe.batch_size]
            for group in optimiser.param_groups:
                group["lr"] = peak * schedule(step / n_steps, recipe.warmup_fraction)
            batch = images[rows]
            if augmentation is not None:
                batch = augmentation(batch, generator)
            logits = network(batch)
            teacher = None if teacher_logits is None else teacher_logits[rows]
            loss = _loss(logits, labels[rows], teacher, recipe)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            step += 1
            now = time.perf_counter()
            if seconds is not None and (step in (8, 40, 200) or step % 1000 == 0):
                n_steps = _steps_that_fit(step, now - started, seconds, n_planned)
            if progress is not None and now - told > 1.0:
                told = now
                progress(step / n_steps)
            if step >= n_steps:
                break
    return replace(recipe, epochs=step / steps_per_epoch)


def _steps_that_fit(step: int, elapsed: float, seconds: float, planned: int) -> int:
    return max(step, min(planned, int(seconds / (elapsed / step))))


def schedule(done: float, warmup_fraction: float) -> float:
    """The learning rate's share of its peak after a fraction of the steps: rise, then half a cosine."""
    if done < warmup_fraction:
        return (done + 0.01) / (warmup_fraction + 0.01)
    share = (done - warmup_fraction) / (1 - warmup_fraction)
    return 0.5 * (1 + math.cos(share * math.pi))


def optimiser_of(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser; biases and normalisations do not decay."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    kept = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]
    if recipe.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.learning_rate * _ADAMW_SHARE)
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=0.9, nesterov=True)


def _loss(
    logits: torch.Tensor, labels: torch.Tensor, teacher: torch.Tensor | None, recipe: Recipe
) -> torch.Tensor:
    share = recipe.distillation_weight if teacher is not None else 0.0
    hard = functional.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    if share == 0.0 or teacher is None:
        return hard
    soft = functional.kl_div(
        functional.log_softmax(logits / recipe.temperature, dim=1),
        functional.log_softmax(teacher / recipe.temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return (1 - share) * hard + share * recipe.temperature**2 * soft


@torch.no_grad()
def logits_of(network: nn.Module, images: torch.Tensor, batch_size: int = 500) -> torch.Tensor:
    """Logits in evaluation mode, ``[N, classes]``; the network's mode is as before afterwards."""
    was_training = network.training
    network.eval()
    logits = torch.cat([network(images[i : i + batch_size]) for i in range(0, len(images), batch_size)])
    network.train(was_training)
    return logits


def accuracy(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Fraction of the images whose largest logit is their label's."""
    return float((logits_of(network, images).argmax(dim=1) == labels).float().mean())
