"""Short trainings, and designs that are shipped without further training, made for real from the digits."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.study.small_study import small_study
from torch import nn

from penjing.space import Candidate
from penjing.study.jobs import FinalJob, InheritedJob, Outcome
from penjing.study.workshop import Workshop
from penjing.training import Recipe

Made = tuple[Workshop, FinalJob]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A workshop, and the first training of a design with weights of four bits."""
    space = {"precisions": ["w4"], "family": {"stage_widths": [[8], [8]], "stage_depths": [[1], [1]]}}
    folder = tmp_path_factory.mktemp("workshop") / "run"
    with small_study(folder, space=space) as study:
        candidate = study.pipeline.space.sample(np.random.default_rng(0))
        whole = Candidate({**candidate, **study.pipeline.default_training()})
        job = FinalJob("design", whole.as_dict(), "weights", "", "", 10.0, 0.0, None, False, 7)
        workshop = Workshop(folder, study.config, study.facts)
        told(workshop, job)
        yield workshop, job


def told(workshop: Workshop, job: InheritedJob | FinalJob) -> Outcome:
    outcome = workshop.do(job)
    assert not outcome.error
    return outcome


@pytest.mark.parametrize(
    ("seconds", "tuning_epochs", "is_tuned"), [(20.0, 3.0, True), (0.0, 3.0, False), (None, 0.0, False)]
)
def test_a_design_without_further_training_is_tuned_only_if_it_has_time(
    trained: Made,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float | None,
    tuning_epochs: float,
    is_tuned: bool,
) -> None:
    monkeypatch.setattr("penjing.study.workshop.TOLERATED_LOSS", -1.0)
    workshop, first = trained
    job = replace(
        first, start_key="weights", epochs=0.0, tuning_epochs=tuning_epochs, seconds=seconds, is_last=True
    )
    facts = told(workshop, job).facts
    assert facts["float_validation_accuracy"] > 0.5
    assert ("quantization_aware_recipe" in facts) is is_tuned
    assert facts["recipe"]["epochs"] == 10.0


def test_steps_take_what_the_cache_has_room_for(trained: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop, first = trained
    seen: list[Recipe] = []

    def watched(network: nn.Module, images: Any, labels: Any, recipe: Recipe, *_: Any) -> Recipe:
        seen.append(recipe)
        return recipe

    monkeypatch.setattr("penjing.study.workshop.train_", watched)
    for key, room in (("much", 1e9), ("little", 1)):
        monkeypatch.setattr("penjing.study.steps._IN_THE_CACHE", room)
        told(workshop, InheritedJob(first.candidate, key, "", 2.0, None, 7))
    much, little = seen
    assert much.batch_size == workshop.config.training.batch_size == 128
    assert little.batch_size == 64
    assert little.learning_rate == much.learning_rate / 2


def test_a_short_training_sees_its_part_of_the_images_the_more_often(
    trained: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop, first = trained
    seen: list[tuple[list[int], float]] = []

    def watched(
        network: nn.Module, images: torch.Tensor, labels: torch.Tensor, recipe: Recipe, *_: Any
    ) -> Recipe:
        assert len(images) == len(labels)
        seen.append((torch.bincount(labels).tolist(), recipe.epochs))
        return recipe

    monkeypatch.setattr("penjing.study.workshop.train_", watched)
    for key, part in (("whole", 1.0), ("part", 0.25)):
        job = InheritedJob(first.candidate, key, "", 2.0, None, 7, part)
        assert told(workshop, job).facts["epochs"] == 2.0
    (whole, of_whole), (part_of_it, of_part) = seen
    assert part_of_it == [-(-n // 4) for n in whole]
    batch = workshop.config.training.batch_size
    steps = of_whole * (sum(whole) // batch)
    assert of_part * (sum(part_of_it) // batch) == steps > 0
