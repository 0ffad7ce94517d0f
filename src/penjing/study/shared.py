"""Shared training: one supernet for all candidates of a run, when that is the way that pays."""

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save

from penjing.blueprint import Blueprint
from penjing.families.elastic import Supernet
from penjing.space import Candidate
from penjing.store import write_atomically
from penjing.study.draws import Draw, stream
from penjing.study.jobs import SUPERNET
from penjing.study.kept_data import KeptData
from penjing.study.training_precision import kept_training_precision
from penjing.study.workshop import new_supernet
from penjing.training import (
    SHARED_RECIPE,
    Augmentation,
    Checkpoint,
    Recipe,
    sandwich_of,
    train_supernet_,
    training_device,
)
from penjing.training.device import threads

if TYPE_CHECKING:
    from penjing.study.study import Study

_POOL = 1500
# With fewer steps most of what is shared was hardly trained: of the digits, 150 passes (ADR 14).
_USUAL_EPOCHS, _FEWEST_STEPS = 12.0, 2_500


def train_shared(study: "Study") -> None:
    """Train the supernet and keep its weights, unless an earlier session did; go on where one was killed."""
    path = study.run_folder.weights_path / f"{SUPERNET}.safetensors"
    recipe = shared_recipe(study)
    kept = study.run_folder.path / "cache" / "shared_training.safetensors"
    checkpoint = Checkpoint(kept, recipe=json.dumps(asdict(recipe)))
    if not path.exists():
        most = "" if study.plan is None else "at most "
        study.begin("shared training", 1, f"{most}{recipe.epochs:g} passes, for all networks")
        with threads(study.workers):
            supernet = _trained(study, recipe, checkpoint)
        write_atomically(path, save({k: v.cpu().contiguous() for k, v in supernet.state_dict().items()}))
    checkpoint.remove()


def shared_recipe(study: "Study") -> Recipe:
    """How long and how a study's supernet is trained: in smaller steps than one network, and in many."""
    config = study.config
    recipe = replace(SHARED_RECIPE, batch_size=max(1, config.training.batch_size // 2))
    least = float(-(-_FEWEST_STEPS // recipe.steps_of_a_pass(study.facts.n_train)))
    return replace(
        recipe,
        epochs=config.search.supernet_epochs or max(_USUAL_EPOCHS, least),
        precision=kept_training_precision(study.journal),
    )


def _trained(study: "Study", recipe: Recipe, checkpoint: Checkpoint) -> Supernet:
    device = training_device(study.config.training.device)
    data = KeptData(study.run_folder.path, device)
    generator = torch.Generator().manual_seed(study.config.seed)
    supernet = new_supernet(study.pipeline, generator).to(device)
    offered = study.config.training
    done = train_supernet_(
        supernet,
        sandwich_of(_pool(study)),
        lambda blueprint: data.placed("train", blueprint),
        data.labels("train"),
        recipe,
        generator,
        Augmentation(offered.shift_pixels, offered.mirror),
        None if study.plan is None else 0.5 * study.plan.search_s,
        lambda fraction: study.tell(f"shared training {fraction:.0%}"),
        checkpoint,
    )
    study.journal.put("shared training", {"epochs": done.epochs})
    return supernet


def _pool(study: "Study") -> list[Blueprint]:
    """Feasible networks, by operations."""
    problem = study.problem(study.pipeline.space)
    rng = stream(study.config.seed, Draw.SANDWICH)
    drawn: list[Candidate] = [problem.sample_feasible(rng) for _ in range(_POOL)]
    drawn.sort(key=lambda candidate: problem.costs(candidate)["macs"])
    # The very largest would take most of the time and are rarely chosen.
    return [study.pipeline.float_blueprint(candidate) for candidate in drawn[: int(0.95 * len(drawn))]]
