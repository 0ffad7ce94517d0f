"""What training computes on, and how: the device, its number format, the number of threads."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn

from penjing.errors import ConfigError

CPU = torch.device("cpu")
TRAINING_PRECISIONS = ("fp32", "bf16")


def training_device(wanted: str) -> torch.device:
    """What ``auto``, ``cpu`` or ``cuda`` means on this machine; ``auto`` takes a GPU where there is one.

    Where it is a GPU, cuDNN is told to use deterministic algorithms only, in this whole process: equal
    seeds give equal bits there as well.

    Raises:
        ConfigError: If ``cuda`` is wanted and there is none.
    """
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return CPU
    if not torch.cuda.is_available():
        raise ConfigError(
            f"training.device is {wanted!r}, but torch {torch.__version__} finds no CUDA device here. "
            "Say 'auto' or 'cpu', or install a torch that is built for your GPU.",
            wanted=wanted,
        )
    torch.backends.cudnn.deterministic = True
    return torch.device("cuda")


def device_of(network: nn.Module) -> torch.device:
    """Where a network's weights are; without weights, the processor."""
    return next((weight.device for weight in network.parameters()), CPU)


def on_device(network: nn.Module, device: torch.device) -> nn.Module:
    """The network itself, brought to a device, in the layout that convolutions like best."""
    return network.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def wait_for(device: torch.device) -> None:
    """Let a device finish what it was asked, so that a clock that is read next tells the truth."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Compute a forward pass in a training precision; weights and gradients stay 32-bit floats."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Let torch compute with ``n`` threads, and with as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
