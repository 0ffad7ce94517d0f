"""Train a supernet: the largest, the smallest and some random networks in every step.

The sandwich rule with in-place distillation: the largest network learns from the labels, all others from
its outputs of the same step (Yu and Huang, "Universally Slimmable Networks", ICCV 2019). Where we depart:
the others learn from the labels as well, as the largest knows little at first (ADR 14).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import nn

from penjing.blueprint import Blueprint
from penjing.training.augment import Augmentation
from penjing.training.checkpoint import Checkpoint, Reached
from penjing.training.device import autocast, device_of
from penjing.training.loop import Recipe, loss_of, optimiser_of, schedule
from penjing.training.pace import Pace

Draw = Callable[[torch.Generator], Sequence[Blueprint]]
ImagesOf = Callable[[Blueprint], torch.Tensor]
# Digits and Fashion-MNIST, ADR 14.
SHARED_RECIPE = Recipe(learning_rate=0.2, batch_size=64, distillation_weight=0.5, temperature=1.0)
_SMALLEST, _OTHERS = 40, 2
_LARGEST_GRADIENT = 2.0


def sandwich_of(pool: Sequence[Blueprint]) -> Draw:
    """What draws the networks of a step: the largest of a pool, one of its smallest, and two of any size.

    The largest is always the same: it teaches the others, and one of several would know less.

    Args:
        pool: In 32-bit floats, the smallest first; at least one.

    Returns:
        What takes a generator and gives four networks, the largest first.
    """

    def draw(generator: torch.Generator) -> list[Blueprint]:
        def one(among: Sequence[Blueprint]) -> Blueprint:
            return among[int(torch.randint(len(among), (1,), generator=generator))]

        return [pool[-1], one(pool[:_SMALLEST]), *(one(pool) for _ in range(_OTHERS))]

    return draw


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
    checkpoint: Checkpoint | None = None,
) -> Recipe:
    """Train shared weights in place, on the device that they are on.

    With a checkpoint that holds the state of a training that was killed, that one goes on: the weights
    become those that it would have had, bit by bit, unless ``seconds`` decide its length.

    Args:
        supernet: Called with images and a blueprint, gives logits.
        draw: The networks of one step, the largest first.
        images_of: All training images in the resolution that a blueprint reads, uint8
            ``[N, C, H, W]``; quickest where they are on the supernet's device.
        labels: ``[N]``.
        recipe: Length in epochs, counted once per step however many networks it trains. Its distillation
            weight is for all but the largest.
        generator: All randomness comes from it; on the processor.
        augmentation: None leaves the images as they are.
        seconds: As many steps as fit, those before a kill included; the recipe's epochs are then the most.
        progress: Called with the finished fraction about once a second.
        checkpoint: Where to keep the state now and then; it is the caller who removes it.

    Returns:
        The recipe with the epochs that were really taken.
    """
    device = device_of(supernet)
    labels = labels.to(device)
    per_epoch = recipe.steps_of_a_pass(len(labels))
    n_planned = max(1, round(recipe.epochs * per_epoch))
    optimiser = optimiser_of(supernet, recipe, fused=False)
    supernet.train()
    kept = None if checkpoint is None else checkpoint.restore_(supernet, optimiser, generator)
    reached = kept or Reached(n_planned)
    step, n_steps, order = reached.step, reached.n_steps, reached.order
    pace = Pace(n_planned, seconds, device, step, reached.elapsed_s)
    told_s = reached.elapsed_s
    while step < n_steps:
        if len(order) < recipe.batch_size:
            order = torch.randperm(len(labels), generator=generator)
        rows, order = order[: recipe.batch_size], order[recipe.batch_size :]
        for group in optimiser.param_groups:
            group["lr"] = recipe.peak_rate * schedule(step / n_steps, recipe.warmup_fraction)
        optimiser.zero_grad(set_to_none=True)
        teacher: torch.Tensor | None = None
        for blueprint in draw(generator):
            batch = images_of(blueprint)[rows].to(device)
            if augmentation is not None:
                batch = augmentation(batch, generator)
            with autocast(device, recipe.precision):
                made = supernet(batch, blueprint)
            logits = made.float()
            loss = loss_of(logits, labels[rows], teacher, recipe)
            teacher = logits.detach() if teacher is None else teacher
            loss.backward()
        nn.utils.clip_grad_norm_(supernet.parameters(), _LARGEST_GRADIENT)
        optimiser.step()
        step += 1
        n_steps = pace.judged(step, n_steps)
        if checkpoint is not None and step < n_steps and checkpoint.is_due(pace.elapsed_s):
            reached = Reached(n_steps, step, pace.elapsed_s, order)
            checkpoint.keep(supernet, optimiser, generator, reached)
        if progress is not None and pace.elapsed_s - told_s > 1.0:
            told_s = pace.elapsed_s
            progress(step / n_steps)
    return replace(recipe, epochs=step / per_epoch)
