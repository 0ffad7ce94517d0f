"""In which precision a device trains fastest, found by timing a few steps."""

import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from penjing.blueprint import InputSpec
from penjing.training.device import on_device, wait_for
from penjing.training.loop import Recipe, train_

# bfloat16 rounds every product; a gain below a tenth is not worth that.
_WORTHWHILE_SHARE = 0.9
_STEPS_AT_A_TIME = 2
_FEWEST_ROUNDS, _MOST_ROUNDS = 3, 30
_CPU_CLAIMS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")


def precisions_of(device: torch.device) -> tuple[str, ...]:
    """The training precisions that a device claims to compute in hardware, ``fp32`` first."""
    if device.type == "cuda":
        claims = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # Older versions of torch cannot be asked.
        capabilities = getattr(torch.cpu, "get_capabilities", dict[str, object])()
        claims = any(capabilities.get(name) for name in _CPU_CLAIMS)
    return ("fp32", "bf16") if claims else ("fp32",)


def step_ms(
    build: Callable[[], nn.Module],
    given: InputSpec,
    n_classes: int,
    batch_size: int,
    device: torch.device,
    precisions: Sequence[str],
    seconds: float = 1.5,
) -> dict[str, float]:
    """Time a training step in each precision.

    They take turns, so that a slow moment of the machine hits all of them, and the fastest round counts: a
    machine that does something else besides only adds to it.

    Args:
        build: Makes a trainable network, which gives logits.
        given: What it takes.
        n_classes: Logits of the network.
        batch_size: Examples per step.
        device: Where to train.
        precisions: To compare.
        seconds: After which no further round begins; three rounds there are in any case.

    Returns:
        Milliseconds per step, by precision.
    """
    generator = torch.Generator().manual_seed(0)
    n_examples = _STEPS_AT_A_TIME * batch_size
    examples = _drawn(given, n_examples, generator).to(device)
    labels = torch.randint(n_classes, (n_examples,), generator=generator).to(device)
    networks = {precision: on_device(build(), device) for precision in precisions}

    def timed_ms(precision: str) -> float:
        recipe = Recipe(epochs=1.0, batch_size=batch_size, precision=precision)
        wait_for(device)
        began = time.perf_counter()
        train_(networks[precision], examples, labels, recipe, generator)
        wait_for(device)
        return 1e3 * (time.perf_counter() - began) / _STEPS_AT_A_TIME

    for precision in precisions:
        timed_ms(precision)
    began = time.perf_counter()
    rounds: list[list[float]] = []
    while len(rounds) < _FEWEST_ROUNDS or (
        len(rounds) < _MOST_ROUNDS and time.perf_counter() - began < seconds
    ):
        rounds.append([timed_ms(precision) for precision in precisions])
    return {
        precision: min(times) for precision, times in zip(precisions, zip(*rounds, strict=True), strict=True)
    }


def _drawn(given: InputSpec, n: int, generator: torch.Generator) -> torch.Tensor:
    """Examples as an input takes them, ``[n, …]``; what is in them does not change the time."""
    shape = (n, *given.shape)
    if given.storage == "uint8":
        return torch.randint(256, shape, dtype=torch.uint8, generator=generator)
    return torch.randn(shape, generator=generator)


def fastest(times_ms: Mapping[str, float]) -> str:
    """The precision to train in: ``fp32``, unless another takes a tenth less time.

    Example:
        >>> fastest({"fp32": 10.0, "bf16": 9.5})
        'fp32'
        >>> fastest({"fp32": 10.0, "bf16": 6.0})
        'bf16'
    """
    best = min(times_ms, key=lambda precision: times_ms[precision])
    return best if times_ms[best] <= _WORTHWHILE_SHARE * times_ms["fp32"] else "fp32"
