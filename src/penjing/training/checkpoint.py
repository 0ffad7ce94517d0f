"""A training that can be killed: its whole state in one file, from which it goes on bit by bit the same."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import nn

from penjing.store import write_atomically
from penjing.store.format_version import check_format_version

CHECKPOINT_FORMAT_VERSION = 1


def _no_rows() -> torch.Tensor:
    return torch.empty(0, dtype=torch.long)


@dataclass(frozen=True)
class Reached:
    """How far a training has come.

    Attributes:
        n_steps: Its length, as far as it is known.
        step: Steps that were taken.
        elapsed_s: Seconds that they took.
        order: Rows of the current epoch that are still to come, ``[n]`` int64.
    """

    n_steps: int
    step: int = 0
    elapsed_s: float = 0.0
    order: torch.Tensor = field(default_factory=_no_rows)


class Checkpoint:
    """The file of one training.

    Everything that the next step depends on is in it, so when it was written changes nothing in the
    result. It is whole or absent, whenever the process is killed.

    Args:
        path: Where.
        interval_s: Seconds of training from one writing to the next.
        recipe: What else decides the training: a state of another recipe is none.
    """

    def __init__(self, path: Path, interval_s: float = 30.0, recipe: str = "") -> None:
        self.path = path
        self.recipe = recipe
        self.interval_s = interval_s
        self._kept_s = 0.0

    def is_due(self, elapsed_s: float) -> bool:
        """Whether it is time to write, after so many seconds of training."""
        return elapsed_s - self._kept_s >= self.interval_s

    def keep(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        generator: torch.Generator,
        reached: Reached,
    ) -> None:
        """Write the state between two steps."""
        tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
        for index, state in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in state.items()}
        tensors |= {"generator": generator.get_state(), "order": reached.order}
        facts = {
            "format_version": str(CHECKPOINT_FORMAT_VERSION),
            "n_steps": str(reached.n_steps),
            "step": str(reached.step),
            "elapsed_s": repr(reached.elapsed_s),
            "recipe": self.recipe,
        }
        on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        write_atomically(self.path, save(on_cpu, facts))
        self._kept_s = reached.elapsed_s

    def restore_(
        self, network: nn.Module, optimiser: torch.optim.Optimizer, generator: torch.Generator
    ) -> Reached | None:
        """Bring all three to the state that was kept, in place.

        Returns:
            How far that is; None if nothing was kept, or of another recipe.

        Raises:
            FormatVersionError: If another version of Penjing wrote the file.
        """
        if not self.path.exists():
            return None
        with safe_open(self.path, "pt") as file:
            facts = file.metadata() or {}
        check_format_version(self.path, int(facts.get("format_version", 0)), CHECKPOINT_FORMAT_VERSION)
        if facts.get("recipe", "") != self.recipe:
            return None
        tensors = load_file(self.path)
        order = tensors.pop("order")
        generator.set_state(tensors.pop("generator"))
        weights: dict[str, torch.Tensor] = {}
        states: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            owner, _, key = name.partition(".")
            if owner == "network":
                weights[key] = tensor
            else:
                index, _, key = key.partition(".")
                states.setdefault(int(index), {})[key] = tensor
        network.load_state_dict(weights)
        optimiser.load_state_dict({**optimiser.state_dict(), "state": states})
        self._kept_s = float(facts["elapsed_s"])
        return Reached(int(facts["n_steps"]), int(facts["step"]), self._kept_s, order)

    def remove(self) -> None:
        """Delete the file: the training is done."""
        self.path.unlink(missing_ok=True)
