"""Train a supernet: the largest, the smallest and some random networks in every step.

The sandwich rule with in-place distillation: the largest network learns from
the labels, all others from its outputs of the same step (Yu and Huang,
"Universally Slimmable Networks", ICCV 2019).
"""

import time
from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional

from penjing.blueprint import Blueprint
from penjing.training.augment import Augmentation
from penjing.training.loop import Recipe, optimiser_of, schedule

Draw = Callable[[torch.Generator], Sequence[Blueprint]]
ImagesOf = Callable[[Blueprint], torch.Tensor]


def train_supernet_(
    supernet: nn.Module,
    draw: Draw,
    images_of: ImagesOf,
    labels: torch.Tensor,
    recipe: Recipe,
    generator: torch.Generator,
    augmentation: Augmentation | None = None,
    seconds: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> Recipe:
    """Train shared weights in place.

    Args:
        supernet: Called with images and a blueprint, gives logits.
        draw: The networks of one step, the largest first.
        images_of: All training images in the resolution that a blueprint reads.
        labels: ``[N]``.
        recipe: Length in epochs, counted once per step however many networks it trains.
        generator: All randomness comes from it.
        augmentation: None leaves the images as they are.
        seconds: As many steps as fit; the recipe's epochs are then the most.
        progress: Called with the finished fraction about once a second.

    Returns:
        The recipe with the epochs that were really taken.
    """
    per_epoch = max(1, len(labels) // recipe.batch_size)
    n_steps = max(1, round(recipe.epochs * per_epoch))
    optimiser = optimiser_of(supernet, recipe)
    supernet.train()
    started = told = time.perf_counter()
    order = torch.empty(0, dtype=torch.long)
    step = 0
    while step < n_steps:
        if len(order) < recipe.batch_size:
            order = torch.randperm(len(labels), generator=generator)
        rows, order = order[: recipe.batch_size], order[recipe.batch_size :]
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * schedule(step / n_steps, recipe.warmup_fraction)
        optimiser.zero_grad(set_to_none=True)
        teacher: torch.Tensor | None = None
        for blueprint in draw(generator):
            batch = images_of(blueprint)[rows]
            if augmentation is not None:
                batch = augmentation(batch, generator)
            logits = supernet(batch, blueprint)
            if teacher is None:
                loss = functional.cross_entropy(logits, labels[rows])
                teacher = logits.detach()
            else:
                loss = functional.kl_div(
                    functional.log_softmax(logits, dim=1),
                    functional.log_softmax(teacher, dim=1),
                    reduction="batchmean",
                    log_target=True,
                )
            loss.backward()
        nn.utils.clip_grad_norm_(supernet.parameters(), 5.0)
        optimiser.step()
        step += 1
        now = time.perf_counter()
        if seconds is not None and step % 20 == 0:
            n_steps = max(step, min(n_steps, int(seconds / ((now - started) / step))))
        if progress is not None and now - told > 1.0:
            told = now
            progress(step / n_steps)
    return Recipe(**{**vars(recipe), "epochs": step / per_epoch})
