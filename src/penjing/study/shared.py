"""Shared training: one supernet for all candidates of a run, when that is the way that pays."""

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
from penjing.training import Augmentation, Checkpoint, Recipe, train_supernet_, training_device
from penjing.training.device import threads

if TYPE_CHECKING:
    from penjing.study.study import Study

_POOL, _EXTREMES = 1500, 40


def train_shared(study: "Study") -> None:
    """Train the supernet and keep its weights, unless an earlier session did; go on where one was killed."""
    path = study.run_folder.weights_path / f"{SUPERNET}.safetensors"
    checkpoint = Checkpoint(study.run_folder.path / "cache" / "shared_training.safetensors")
    if not path.exists():
        study.begin("shared training", 1)
        with threads(study.workers):
            supernet = _trained(study, checkpoint)
        write_atomically(path, save({k: v.cpu().contiguous() for k, v in supernet.state_dict().items()}))
    checkpoint.remove()


def _trained(study: "Study", checkpoint: Checkpoint) -> Supernet:
    device = training_device(study.config.training.device)
    data = KeptData(study.run_folder.path, device)
    generator = torch.Generator().manual_seed(study.config.seed)
    supernet = new_supernet(study.pipeline, generator).to(device)
    large, small, pool = _sandwich(study)

    def draw(generator: torch.Generator) -> list[Blueprint]:
        def one(among: list[Blueprint]) -> Blueprint:
            return among[int(torch.randint(len(among), (1,), generator=generator))]

        return [one(large), one(small), one(pool), one(pool)]

    offered = study.config.training
    recipe = Recipe(
        epochs=study.config.search.supernet_epochs,
        learning_rate=0.05,
        batch_size=offered.batch_size,
        precision=kept_training_precision(study.journal),
    )
    done = train_supernet_(
        supernet,
        draw,
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


def _sandwich(study: "Study") -> tuple[list[Blueprint], list[Blueprint], list[Blueprint]]:
    """Feasible networks: the largest, the smallest, and all of them, by operations."""
    problem = study.problem(study.pipeline.space)
    rng = stream(study.config.seed, Draw.SANDWICH)
    drawn: list[Candidate] = [problem.sample_feasible(rng) for _ in range(_POOL)]
    drawn.sort(key=lambda candidate: problem.costs(candidate)["macs"])
    # The very largest would take most of the time and are rarely chosen.
    drawn = drawn[: int(0.95 * len(drawn))]
    pool = [study.pipeline.float_blueprint(candidate) for candidate in drawn]
    return pool[-_EXTREMES:], pool[:_EXTREMES], pool
