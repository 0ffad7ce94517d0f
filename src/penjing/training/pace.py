"""How long a training is: the steps that were planned, or as many of them as fit into its seconds."""

import time
from collections.abc import Callable

import torch

from penjing.training.device import CPU, wait_for

_FIRST_LOOK = 8


class Pace:
    """Judges now and then, from the steps so far, how many will fit.

    The first step of a session also loads and compiles; it counts as time that was spent, but not as
    what a step takes.

    Args:
        planned: Steps that are taken if there is time.
        seconds: May be spent in all; None for no limit.
        device: Computes the steps.
        step: Steps that earlier sessions took.
        elapsed_s: What they spent.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        planned: int,
        seconds: float | None,
        device: torch.device = CPU,
        step: int = 0,
        elapsed_s: float = 0.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._planned = planned
        self._seconds = seconds
        self._device = device
        self._clock = clock
        self._began = clock() - elapsed_s
        self._first = step + 1
        self._first_ended_s = elapsed_s
        self._next_look = self._first + _FIRST_LOOK - 1

    @property
    def elapsed_s(self) -> float:
        """Seconds spent so far, those of earlier sessions included."""
        return self._clock() - self._began

    def judged(self, step: int, n_steps: int) -> int:
        """The length in steps, after ``step`` of what was thought to be ``n_steps``."""
        if self._seconds is None:
            return n_steps
        if step == self._first:
            wait_for(self._device)
            self._first_ended_s = self.elapsed_s
        if step < self._next_look:
            return n_steps
        self._next_look = step + max(_FIRST_LOOK, step // 8)
        wait_for(self._device)
        elapsed_s = self.elapsed_s
        step_s = max(1e-9, elapsed_s - self._first_ended_s) / (step - self._first)
        left = int((self._seconds - elapsed_s) / step_s)
        return max(step, min(self._planned, step + left))
