"""Train one network: schedule, distillation from kept outputs, a length in passes or in seconds."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn import functional

from penjing.errors import DataError, InvalidValueError, unknown_name
from penjing.protocols import OPTIMISERS
from penjing.training.augment import Augmentation
from penjing.training.depthwise import quick_depthwise
from penjing.training.device import CPU, TRAINING_PRECISIONS, autocast, device_of
from penjing.training.pace import Pace

_ADAM = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
_ADAM_SHARE = 0.01
_BATCHES_AT_A_TIME = 32
_MOST_BYTES = 64_000_000


@dataclass(frozen=True)
class Recipe:
    """How to train a network.

    Attributes:
        epochs: Length in passes over the data; with ``seconds`` the length
            that was reached, to be read from what :func:`train_` returns.
        learning_rate: Peak on the scale of SGD, after a linear warm-up; falls to
            zero as a cosine. Adam and AdamW take a hundredth of it.
        weight_decay: Not applied to biases and normalisations.
        distillation_weight: Share of the loss that compares with the teacher's
            outputs, 0 to 1; without outputs it is ignored by the loop and
            must be 0 in a candidate.
        temperature: Softens both outputs (Hinton, Vinyals and Dean, arXiv:1503.02531).
        optimiser: ``sgd`` (Nesterov), ``adam``, or ``adamw``, which decouples the weight decay.
        batch_size: Examples per step.
        label_smoothing: 0 to 1.
        warmup_fraction: Share of the steps with rising learning rate.
        precision: ``fp32``, or ``bf16`` for passes in bfloat16; weights are 32-bit floats in both.
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
    precision: str = "fp32"

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS:
            raise unknown_name("optimiser", self.optimiser, OPTIMISERS)
        if self.precision not in TRAINING_PRECISIONS:
            raise unknown_name("training precision", self.precision, TRAINING_PRECISIONS)
        for name in ("epochs", "learning_rate", "temperature", "batch_size"):
            if not getattr(self, name) > 0:
                raise InvalidValueError(f"{name} must be positive, got {getattr(self, name)!r}.")
        if not self.weight_decay >= 0:
            raise InvalidValueError(f"weight_decay must not be negative, got {self.weight_decay!r}.")
        for name in ("distillation_weight", "label_smoothing", "warmup_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidValueError(f"{name} must be in [0, 1], got {getattr(self, name)!r}.")

    @property
    def peak_rate(self) -> float:
        """The learning rate after the warm-up, on the scale of the optimiser."""
        return self.learning_rate * (_ADAM_SHARE if self.optimiser in _ADAM else 1.0)

    def steps_of_a_pass(self, n_examples: int) -> int:
        """Of so many examples; what no batch is full of is left out, each time others."""
        return max(1, n_examples // self.batch_size)


def train_(
    network: nn.Module,
    examples: torch.Tensor,
    labels: torch.Tensor,
    recipe: Recipe,
    generator: torch.Generator,
    augmentation: Augmentation | None = None,
    teacher_logits: torch.Tensor | None = None,
    seconds: float | None = None,
) -> Recipe:
    """Train in place, on the device that the network is on; data come there once.

    Args:
        network: Takes examples as they come, gives logits.
        examples: Pixels, ``[N, C, H, W]`` uint8, or features, ``[N, F]`` float32.
        labels: ``[N]`` int64.
        recipe: Length and settings.
        generator: All randomness comes from it; on the processor.
        augmentation: None leaves the examples as they are.
        teacher_logits: ``[N, classes]``, the teacher's outputs on the unchanged
            examples: keeping them costs nothing per step, recomputing them does.
        seconds: Take as many steps as fit, measured over the first steps;
            the recipe's epochs are then the most that is taken.

    Returns:
        The recipe with the epochs that were really taken.

    Raises:
        DataError: If there are no examples.
    """
    if len(examples) == 0:
        raise DataError("Training needs at least one example, got none.")
    device = device_of(network)
    steps_per_epoch = recipe.steps_of_a_pass(len(examples))
    n_steps = max(1, round(recipe.epochs * steps_per_epoch))
    pace = Pace(n_steps, seconds, device)
    examples, labels = examples.to(device), labels.to(device)
    teacher_logits = None if teacher_logits is None else teacher_logits.to(device)
    optimiser = optimiser_of(network, recipe)
    network.train()
    step = 0
    with quick_depthwise(network):
        while step < n_steps:
            order = torch.randperm(examples.shape[0], generator=generator).to(device)
            order = order[: steps_per_epoch * recipe.batch_size]
            for batch, rows in _batches(examples, order, recipe.batch_size, augmentation, generator):
                for group in optimiser.param_groups:
                    group["lr"] = recipe.peak_rate * schedule(step / n_steps, recipe.warmup_fraction)
                with autocast(device, recipe.precision):
                    logits = network(batch)
                teacher = None if teacher_logits is None else teacher_logits[rows]
                loss = loss_of(logits.float(), labels[rows], teacher, recipe)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                step += 1
                n_steps = pace.judged(step, n_steps)
                if step >= n_steps:
                    break
    return replace(recipe, epochs=step / steps_per_epoch)


def _batches(
    examples: torch.Tensor,
    order: torch.Tensor,
    batch_size: int,
    augmentation: Augmentation | None,
    generator: torch.Generator,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of augmented examples and their rows; many are augmented at a time, which takes a fraction."""
    at_a_time = max(1, min(_BATCHES_AT_A_TIME, _MOST_BYTES // (batch_size * examples[0].numel())))
    for rows in order.split(at_a_time * batch_size):
        chunk = examples[rows]
        if augmentation is not None:
            chunk = augmentation(chunk, generator)
        yield from zip(chunk.split(batch_size), rows.split(batch_size), strict=True)


def schedule(done: float, warmup_fraction: float) -> float:
    """The learning rate's share of its peak after a fraction of the steps: rise, then half a cosine."""
    if done < warmup_fraction:
        return (done + 0.01) / (warmup_fraction + 0.01)
    share = (done - warmup_fraction) / (1 - warmup_fraction)
    return 0.5 * (1 + math.cos(share * math.pi))


def optimiser_of(network: nn.Module, recipe: Recipe, fused: bool = True) -> torch.optim.Optimizer:
    """The recipe's optimiser; biases and normalisations do not decay.

    Args:
        network: Whose weights.
        recipe: Which, and how fast.
        fused: Update all weights of SGD at once: quicker, but every weight must be in every step.
    """
    decayed = [p for p in network.parameters() if p.ndim > 1]
    kept = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]
    if recipe.optimiser in _ADAM:
        return _ADAM[recipe.optimiser](groups, lr=recipe.peak_rate)
    return torch.optim.SGD(groups, lr=recipe.peak_rate, momentum=0.9, nesterov=True, fused=fused)


def loss_of(
    logits: torch.Tensor, labels: torch.Tensor, teacher: torch.Tensor | None, recipe: Recipe
) -> torch.Tensor:
    """Cross-entropy with the labels, and with a teacher's outputs by the recipe's weight.

    Args:
        logits: ``[N, classes]``.
        labels: ``[N]`` int64.
        teacher: Its logits, ``[N, classes]``; None for labels alone.
        recipe: Weight, temperature, label smoothing.

    Returns:
        The mean over the examples, a scalar.
    """
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
def logits_of(network: nn.Module, examples: torch.Tensor, batch_size: int = 250) -> torch.Tensor:
    """Logits in evaluation mode and 32-bit floats; the network's mode is as before afterwards.

    Args:
        network: On any device.
        examples: Pixels, ``[N, C, H, W]`` uint8, or features, ``[N, F]`` float32, on any device.
        batch_size: Examples at a time; of 500 the activations of larger networks leave the processor's cache.

    Returns:
        ``[N, classes]``, on the processor.
    """
    device = device_of(network)
    was_training = network.training
    network.eval()
    batches = examples.split(batch_size)
    logits = torch.cat([network(batch.to(device)) for batch in batches]).to(CPU)
    network.train(was_training)
    return logits


def accuracy(network: nn.Module, examples: torch.Tensor, labels: torch.Tensor) -> float:
    """Fraction of the examples whose largest logit is their label's."""
    return float((logits_of(network, examples).argmax(dim=1) == labels.to(CPU)).float().mean())
