"""Shared training: one supernet for all candidates of a run, when that is the way that pays."""

import logging
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import save

from penjing.blueprint import Blueprint
from penjing.space import Candidate
from penjing.store import write_atomically
from penjing.study.workshop import SUPERNET, Workshop, new_supernet
from penjing.training import Augmentation, Recipe, train_supernet_

if TYPE_CHECKING:
    from penjing.study.study import Study

log = logging.getLogger(__name__)
_POOL, _EXTREMES = 1500, 40


def train_shared(study: "Study") -> None:
    """Train the supernet and keep its weights, unless an earlier session did."""
    path = study.run_folder.weights_path / f"{SUPERNET}.safetensors"
    if path.exists():
        return
    study.begin("shared training", 1)
    workshop = Workshop(study.run_folder.path, study.config, study.facts)
    torch.set_num_threads(study.workers)
    generator = torch.Generator().manual_seed(study.config.seed)
    supernet = new_supernet(study.pipeline, generator)
    large, small, pool = _sandwich(study)

    def draw(generator: torch.Generator) -> list[Blueprint]:
        def one(among: list[Blueprint]) -> Blueprint:
            return among[int(torch.randint(len(among), (1,), generator=generator))]

        return [one(large), one(small), one(pool), one(pool)]

    recipe = Recipe(
        epochs=study.config.search.supernet_epochs,
        learning_rate=0.05,
        batch_size=study.config.training.batch_size,
    )
    offered = study.config.training
    done = train_supernet_(
        supernet,
        draw,
        lambda blueprint: workshop.images("train", blueprint),
        workshop.labels("train"),
        recipe,
        generator,
        Augmentation(offered.shift_pixels, offered.mirror),
        None if study.plan is None else 0.5 * study.plan.search_s,
        lambda fraction: study.tell(f"shared training {fraction:.0%}"),
    )
    write_atomically(path, save({k: v.contiguous() for k, v in supernet.state_dict().items()}))
    study.journal.put("shared training", {"epochs": done.epochs})


def _sandwich(study: "Study") -> tuple[list[Blueprint], list[Blueprint], list[Blueprint]]:
    """Feasible networks: the largest, the smallest, and all of them, by operations."""
    problem = study.problem(study.pipeline.space)
    rng = np.random.default_rng([study.config.seed, 5])
    drawn: list[Candidate] = [problem.sample_feasible(rng) for _ in range(_POOL)]
    drawn.sort(key=lambda candidate: problem.costs(candidate)["macs"])
    # The very largest would take most of the time and are rarely chosen.
    drawn = drawn[: int(0.95 * len(drawn))]
    pool = [study.pipeline.float_blueprint(candidate) for candidate in drawn]
    return pool[-_EXTREMES:], pool[:_EXTREMES], pool
