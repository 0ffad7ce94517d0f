import re

import pytest
import torch
from tests.unit.networks import Pipeline, generator, structured_pixels
from torch import nn

from penjing.errors import ConfigError
from penjing.families.plain import build_network, initialise_
from penjing.training import Augmentation, Recipe, accuracy, logits_of, train_, training_device
from penjing.training.device import CPU, autocast, device_of, threads

needs_gpu = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="torch finds no CUDA device on this machine"
)
IMAGES = structured_pixels(96, (1, 8, 8))
BRIGHTNESS = IMAGES.float().mean(dim=(1, 2, 3))
LABELS = torch.gt(BRIGHTNESS, BRIGHTNESS.median()).long()


def network(seed: int = 0) -> nn.Module:
    pipeline = Pipeline()
    made = build_network(pipeline.plain(pipeline.samples(1)[0]), trainable=True)
    return initialise_(made, generator(seed))


@pytest.fixture
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("pretended_gpu")
def test_auto_takes_the_gpu_where_there_is_one_and_makes_it_deterministic() -> None:
    assert training_device("cpu") == CPU
    assert not torch.backends.cudnn.deterministic
    assert training_device("auto") == training_device("cuda") == torch.device("cuda")
    assert torch.backends.cudnn.deterministic


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_auto_is_the_processor_and_cuda_is_refused() -> None:
    assert training_device("auto") == training_device("cpu") == CPU
    message = f"training.device is 'cuda', but torch {re.escape(torch.__version__)} finds no CUDA device"
    with pytest.raises(ConfigError, match=message):
        training_device("cuda")


def test_a_network_without_weights_is_on_the_processor() -> None:
    assert device_of(nn.Flatten()) == CPU


def test_the_number_of_threads_is_as_before_even_after_an_error() -> None:
    before = torch.get_num_threads()

    def fail() -> None:
        assert torch.get_num_threads() == before + 1
        raise KeyError

    with pytest.raises(KeyError), threads(before + 1):
        fail()
    assert torch.get_num_threads() == before


def test_a_training_happens_where_the_network_is() -> None:
    """Tensors without content stand for those of a GPU: the two devices do not mix."""
    made = network().to("meta")
    teacher = torch.zeros(96, 10)
    # The fused update of SGD knows real devices only.
    recipe = Recipe(epochs=2, batch_size=32, distillation_weight=0.5, optimiser="adamw")
    assert train_(made, IMAGES, LABELS, recipe, generator(), Augmentation(), teacher) == recipe
    assert {weight.device.type for weight in made.parameters()} == {"meta"}


def test_bfloat16_is_for_passes_and_not_for_weights() -> None:
    made = network()
    with autocast(CPU, "bf16"):
        assert made(IMAGES[:2]).dtype == torch.bfloat16
    with autocast(CPU, "fp32"):
        assert made(IMAGES[:2]).dtype == torch.float32
    rounded, exact = network(), network()
    for precision, trained in (("bf16", rounded), ("fp32", exact)):
        recipe = Recipe(epochs=2, batch_size=32, precision=precision)
        assert train_(trained, IMAGES, LABELS, recipe, generator()).precision == precision
    assert {weight.dtype for weight in rounded.parameters()} == {torch.float32}
    assert not torch.equal(logits_of(rounded, IMAGES), logits_of(exact, IMAGES))
    assert logits_of(rounded, IMAGES).dtype == torch.float32


@needs_gpu
def test_equal_seeds_give_equal_bits_on_a_gpu() -> None:
    made: list[torch.Tensor] = []
    for _ in range(2):
        trained = network().to(training_device("cuda"))
        train_(trained, IMAGES, LABELS, Recipe(epochs=3, batch_size=32), generator(), Augmentation())
        made.append(torch.cat([weight.detach().cpu().reshape(-1) for weight in trained.parameters()]))
    assert torch.equal(*made)


@needs_gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_gpu_learns_what_the_processor_learns(precision: str) -> None:
    recipe = Recipe(epochs=20, batch_size=32, precision=precision)
    teacher = 4.0 * nn.functional.one_hot(LABELS, 10).float()
    made = network().to(training_device("cuda"))
    train_(made, IMAGES, LABELS, recipe, generator(), Augmentation(), teacher)
    on_gpu = logits_of(made, IMAGES)
    assert on_gpu.device == CPU
    assert accuracy(made, IMAGES, LABELS) > 0.7
    torch.testing.assert_close(logits_of(made.cpu(), IMAGES), on_gpu, atol=0.05, rtol=0.01)
