"""Shared training learns, and a killed one goes on as if nothing had happened."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.unit.networks import Pipeline, generator, structured_pixels

from penjing.blueprint import Blueprint, macs
from penjing.errors import FormatVersionError
from penjing.families.elastic import Supernet, largest_shapes
from penjing.training import Augmentation, Checkpoint, Recipe, sandwich_of, train_supernet_
from penjing.training.checkpoint import Reached
from penjing.training.loop import loss_of

PIPELINE = Pipeline()
COVERING = [PIPELINE.plain(candidate) for candidate in PIPELINE.family.covering(PIPELINE.architecture)]
POOL = [PIPELINE.plain(candidate) for candidate in PIPELINE.samples(8)]
PIXELS = structured_pixels(72, (1, 8, 8))
IMAGES = {8: PIXELS, 6: torch.nn.functional.interpolate(PIXELS.float(), 6).to(torch.uint8)}
BRIGHTNESS = PIXELS.float().mean(dim=(1, 2, 3))
LABELS = torch.gt(BRIGHTNESS, BRIGHTNESS.median()).long()
# Four steps of an epoch of 72 images, of which 8 are left out.
RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=0.05)


def images_of(blueprint: Blueprint) -> torch.Tensor:
    return IMAGES[int(blueprint.layers[0].output_shape[1])]


class Killed(BaseException):
    """Stands for a process that is gone."""


class Dying(Checkpoint):
    """Writes after every step, and kills the training after some of them."""

    def __init__(self, path: Path, steps: int) -> None:
        super().__init__(path, interval_s=0.0)
        self.steps = steps

    def keep(
        self,
        network: torch.nn.Module,
        optimiser: torch.optim.Optimizer,
        generator: torch.Generator,
        reached: Reached,
    ) -> None:
        super().keep(network, optimiser, generator, reached)
        if reached.step >= self.steps:
            raise Killed


@dataclass
class Training:
    supernet: Supernet
    generator: torch.Generator
    steps: int = 0

    def run(self, recipe: Recipe = RECIPE, checkpoint: Checkpoint | None = None) -> Recipe:
        return train_supernet_(
            self.supernet,
            self.drawn,
            images_of,
            LABELS,
            recipe,
            self.generator,
            Augmentation(),
            checkpoint=checkpoint,
        )

    def drawn(self, generator: torch.Generator) -> list[Blueprint]:
        self.steps += 1
        return [COVERING[0], *(POOL[int(torch.randint(8, (1,), generator=generator))] for _ in range(2))]


@pytest.fixture
def training() -> Callable[[], Training]:
    return lambda: Training(Supernet(largest_shapes(COVERING + POOL), generator()), generator(1))


def test_every_network_of_a_step_learns(training: Callable[[], Training]) -> None:
    made = training()
    assert made.run(replace(RECIPE, epochs=25)).epochs == 25
    assert made.steps == 100
    for blueprint in (COVERING[0], *POOL):
        found = made.supernet(images_of(blueprint), blueprint).argmax(dim=1)
        assert float((found == LABELS).float().mean()) > 0.65


def test_a_step_happens_where_the_supernet_is(training: Callable[[], Training]) -> None:
    """Tensors without content stand for those of a GPU: the two devices do not mix."""
    made = training()
    made.supernet.to("meta")
    assert made.run() == RECIPE
    assert {weight.device.type for weight in made.supernet.parameters()} == {"meta"}


def test_passes_in_bfloat16_leave_weights_as_they_are_kept(training: Callable[[], Training]) -> None:
    rounded, exact = training(), training()
    rounded.run(replace(RECIPE, precision="bf16"))
    exact.run()
    weights, others = rounded.supernet.state_dict(), exact.supernet.state_dict()
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    assert not all(torch.equal(weight, others[name]) for name, weight in weights.items())


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("kills", [[1], [4], [2, 5, 7]], ids=str)
def test_a_killed_training_ends_bit_by_bit_as_one_that_was_not(
    training: Callable[[], Training], tmp_path: Path, kills: list[int], optimiser: str
) -> None:
    recipe = replace(RECIPE, optimiser=optimiser)
    undisturbed = training()
    undisturbed.run(recipe)
    path = tmp_path / "shared.safetensors"
    for steps in kills:
        with pytest.raises(Killed):
            training().run(recipe, Dying(path, steps))
    last = training()
    assert last.run(recipe, Checkpoint(path)) == recipe
    assert last.steps == 8 - kills[-1]
    expected = undisturbed.supernet.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in last.supernet.state_dict().items())
    assert torch.equal(last.generator.get_state(), undisturbed.generator.get_state())


def test_a_checkpoint_that_is_not_due_is_not_written(
    training: Callable[[], Training], tmp_path: Path
) -> None:
    checkpoint = Checkpoint(tmp_path / "shared.safetensors", interval_s=3600.0)
    training().run(checkpoint=checkpoint)
    assert not checkpoint.path.exists()
    assert [checkpoint.is_due(elapsed_s) for elapsed_s in (3599.0, 3600.0)] == [False, True]
    checkpoint.remove()


def test_the_interval_counts_from_the_last_writing_of_any_session(
    training: Callable[[], Training], tmp_path: Path
) -> None:
    made = training()
    optimiser = torch.optim.SGD(made.supernet.parameters(), lr=0.1, momentum=0.9)
    order = torch.tensor([3, 1])
    first = Checkpoint(tmp_path / "shared.safetensors")
    first.keep(made.supernet, optimiser, made.generator, Reached(100, 7, 42.5, order))
    again = Checkpoint(first.path)
    reached = again.restore_(made.supernet, optimiser, made.generator)
    assert reached is not None
    assert (reached.n_steps, reached.step, reached.elapsed_s) == (100, 7, 42.5)
    assert torch.equal(reached.order, order)
    for checkpoint in (first, again):
        assert [checkpoint.is_due(elapsed_s) for elapsed_s in (72.0, 72.5)] == [False, True]
    again.remove()
    assert again.restore_(made.supernet, optimiser, made.generator) is None


@pytest.mark.parametrize(
    ("version", "match"), [("2", "format_version 2, from a newer"), ("", "format_version 0")]
)
def test_a_checkpoint_of_another_version_is_refused(
    training: Callable[[], Training], tmp_path: Path, version: str, match: str
) -> None:
    path = tmp_path / "shared.safetensors"
    save_file({"order": torch.zeros(1)}, path, {"format_version": version} if version else None)
    with pytest.raises(FormatVersionError, match=match):
        training().run(checkpoint=Checkpoint(path))


def test_a_step_has_the_largest_a_small_one_and_two_of_any_size() -> None:
    pool = sorted(POOL * 6, key=macs)
    drawn = [sandwich_of(pool)(generator(seed)) for seed in range(50)]
    assert {len(networks) for networks in drawn} == {4}
    assert all(networks[0] is pool[-1] for networks in drawn)
    small, others = {id(made[1]) for made in drawn}, {id(one) for made in drawn for one in made[2:]}
    assert small <= {id(one) for one in pool[:40]}
    assert id(pool[-1]) in others


def test_the_largest_learns_from_labels_and_teaches_the_others(
    training: Callable[[], Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[torch.Tensor, torch.Tensor | None]] = []

    def observed(logits: torch.Tensor, labels: torch.Tensor, teacher: torch.Tensor | None, recipe: Recipe):
        seen.append((logits.detach(), teacher))
        return loss_of(logits, labels, teacher, recipe)

    monkeypatch.setattr("penjing.training.sandwich.loss_of", observed)
    training().run(replace(RECIPE, distillation_weight=0.5))
    steps = [seen[at : at + 3] for at in range(0, len(seen), 3)]
    assert len(steps) == 8
    for (of_largest, its_teacher), *others in steps:
        assert its_teacher is None
        for _, teacher in others:
            assert teacher is not None
            assert torch.equal(teacher, of_largest)
            assert not teacher.requires_grad


def test_a_state_of_another_recipe_is_not_gone_on_from(
    training: Callable[[], Training], tmp_path: Path
) -> None:
    path = tmp_path / "shared.safetensors"
    with pytest.raises(Killed):
        training().run(checkpoint=Dying(path, 4))
    undisturbed, other = training(), training()
    undisturbed.run()
    other.run(checkpoint=Checkpoint(path, recipe="another"))
    assert other.steps == undisturbed.steps
    expected = undisturbed.supernet.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in other.supernet.state_dict().items())
