from dataclasses import replace
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from tests.unit.networks import Pipeline, generator
from torch import nn

from penjing.errors import DataError, InvalidValueError, UnknownNameError
from penjing.families.convolutional import ConvolutionalSettings
from penjing.families.plain import build_network
from penjing.training import Augmentation, Recipe, accuracy, logits_of, train_

QUICK = Recipe(epochs=6, batch_size=64)


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = load_digits(return_X_y=True)
    pixels = torch.tensor(images * 15).reshape(-1, 1, 8, 8).to(torch.uint8)
    return pixels, torch.tensor(labels)


SETTINGS = ConvolutionalSettings(
    resolutions=(8,),
    stem_widths=(12,),
    stage_widths=((16,), (32,)),
    stage_depths=((1,), (1,)),
    stage_strides=((1,), (2,)),
    kernels=(3,),
)


def network() -> nn.Module:
    pipeline = Pipeline(SETTINGS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_network(
            pipeline.plain(pipeline.family.covering(pipeline.architecture)[0]), trainable=True
        )


def weights(made: nn.Module) -> torch.Tensor:
    return torch.cat([value.reshape(-1).float() for value in made.state_dict().values()])


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adamw"])
def test_the_digits_are_learnt(digits: tuple[torch.Tensor, torch.Tensor], optimiser: str) -> None:
    images, labels = digits
    made = network()
    # The peak for AdamW is far above the default: a hundredth of that is too slow for a few epochs.
    recipe = replace(QUICK, optimiser=optimiser, learning_rate=0.1 if optimiser == "sgd" else 1.0)
    held_out = torch.arange(len(images)) % 5 == 0
    train_(made, images[~held_out], labels[~held_out], recipe, generator(), Augmentation(mirror=False))
    assert accuracy(made, images[held_out], labels[held_out]) > 0.9


def test_equal_seeds_give_equal_bits(digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    made = []
    for seed in (1, 1, 2):
        made.append(network())
        train_(
            made[-1],
            digits[0][:256],
            digits[1][:256],
            replace(QUICK, epochs=2),
            generator(seed),
            Augmentation(),
        )
    first, again, other = map(weights, made)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_teacher_of_no_weight_changes_nothing(digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = digits[0][:256], digits[1][:256]
    teacher = torch.randn((256, 10), generator=generator())
    made = []
    for share, logits in ((0.0, None), (0.0, teacher), (0.7, teacher), (0.7, None)):
        made.append(network())
        recipe = replace(QUICK, epochs=1, distillation_weight=share)
        train_(made[-1], images, labels, recipe, generator(), teacher_logits=logits)
    plain, ignored, distilled, absent = map(weights, made)
    assert torch.equal(plain, ignored)
    assert torch.equal(plain, absent)
    assert not torch.equal(plain, distilled)


def test_distillation_alone_follows_the_teacher(digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = digits
    wrong = (labels + 1) % 10
    teacher = 8.0 * nn.functional.one_hot(wrong, 10).float()
    made = network()
    recipe = replace(QUICK, distillation_weight=1.0)
    train_(made, images, labels, recipe, generator(), teacher_logits=teacher)
    assert accuracy(made, images, wrong) > 0.9


def test_seconds_shorten_the_schedule(digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    taken = train_(network(), *digits, replace(QUICK, epochs=500.0), generator(), seconds=0.3)
    assert 0 < taken.epochs < 500
    assert replace(taken, epochs=500.0) == replace(QUICK, epochs=500.0)


def test_plenty_of_seconds_take_the_epochs_that_were_asked(digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = digits[0][:640], digits[1][:640]
    assert (
        train_(network(), images, labels, replace(QUICK, epochs=1.5), generator(), seconds=1e6).epochs == 1.5
    )


def test_fewer_images_than_a_batch_are_one_step_each_epoch(digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    taken = train_(network(), digits[0][:20], digits[1][:20], replace(QUICK, epochs=3), generator())
    assert taken.epochs == 3


def test_logits_leave_the_network_as_it_was(digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    made = network().train()
    whole = logits_of(made, digits[0][:30])
    assert made.training
    assert whole.shape == (30, 10)
    torch.testing.assert_close(logits_of(made, digits[0][:30], batch_size=7), whole, atol=1e-5, rtol=1e-5)
    assert not logits_of(made.eval(), digits[0][:3]).requires_grad
    assert not made.training


def test_biases_and_normalisations_do_not_decay() -> None:
    images = torch.zeros((8, 1, 8, 8), dtype=torch.uint8)

    class Silent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.matrix, self.vector = nn.Parameter(torch.ones(10, 10)), nn.Parameter(torch.ones(10))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 0.0 * (self.matrix.sum() + self.vector.sum()) + torch.zeros(len(x), 10)

    made = Silent()
    train_(made, images, torch.zeros(8, dtype=torch.int64), Recipe(weight_decay=0.1), generator())
    assert bool((made.matrix < 1).all())
    assert bool((made.vector == 1).all())


def test_shifts_move_in_black_and_mirrors_swap() -> None:
    x = torch.full((64, 1, 4, 4), 9, dtype=torch.uint8)
    x[..., 0] = 5
    shifted = Augmentation(shift_pixels=1, mirror=False)
    made = torch.stack([shifted(x, generator(seed)) for seed in range(40)])
    assert made.shape[1:] == x.shape
    assert made.dtype == torch.uint8
    assert set(made.unique().tolist()) == {0, 5, 9}
    mirrored = Augmentation(shift_pixels=0)(x, generator())
    assert 0 < int((mirrored[:, 0, 0, 3] == 5).sum()) < 64
    assert torch.equal(Augmentation(shift_pixels=0, mirror=False)(x, generator()), x)


@pytest.mark.parametrize(
    ("kind", "settings", "match"),
    [
        (UnknownNameError, {"optimiser": "sdg"}, "'sdg'. Did you mean 'sgd'"),
        (InvalidValueError, {"epochs": 0}, "epochs must be positive, got 0"),
        (InvalidValueError, {"epochs": float("nan")}, "epochs must be positive, got nan"),
        (InvalidValueError, {"learning_rate": -0.1}, "learning_rate must be positive, got -0.1"),
        (InvalidValueError, {"temperature": 0.0}, "temperature must be positive, got 0.0"),
        (InvalidValueError, {"batch_size": 0}, "batch_size must be positive, got 0"),
        (InvalidValueError, {"weight_decay": -1.0}, "weight_decay must not be negative, got -1.0"),
        (
            InvalidValueError,
            {"distillation_weight": 1.5},
            r"distillation_weight must be in \[0, 1\], got 1.5",
        ),
        (InvalidValueError, {"label_smoothing": -0.5}, r"label_smoothing must be in \[0, 1\], got -0.5"),
        (InvalidValueError, {"warmup_fraction": 2}, r"warmup_fraction must be in \[0, 1\], got 2"),
    ],
)
def test_recipes_that_cannot_be_followed_are_refused(
    kind: type[Exception], settings: dict[str, Any], match: str
) -> None:
    with pytest.raises(kind, match=match):
        Recipe(**settings)


def test_no_images_are_an_error() -> None:
    empty = torch.zeros((0, 1, 8, 8), dtype=torch.uint8)
    with pytest.raises(DataError, match="at least one example, got none"):
        train_(network(), empty, torch.zeros(0, dtype=torch.int64), QUICK, generator())
