"""How long a study may take: in time or in evaluations, and how a time is divided."""

import re
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace

from penjing.errors import ConfigError

_SECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
}
_PATTERN = re.compile(r"\s*\+?\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*")


@dataclass(frozen=True)
class Budget:
    """Either seconds or a number of evaluations.

    An *evaluation* is one candidate evaluated with weights, inherited or final.
    """

    seconds: float | None = None
    evaluations: int | None = None

    def plus(self, other: "Budget") -> "Budget":
        """Both together; they must be of one kind.

        Raises:
            ConfigError: If one is a time and the other a number.
        """
        if self.seconds is not None and other.seconds is not None:
            return Budget(seconds=self.seconds + other.seconds)
        if self.evaluations is not None and other.evaluations is not None:
            return Budget(evaluations=self.evaluations + other.evaluations)
        raise ConfigError(
            f"A budget of {self} cannot be extended by {other}: give more of the same kind, "
            "time to time or evaluations to evaluations."
        )

    def __str__(self) -> str:
        if self.seconds is not None:
            # To the last digit: the journal keeps it as text and reads it again.
            is_round = self.seconds >= 60 and self.seconds % 6 == 0
            return f"{self.seconds / 60:.15g} min" if is_round else f"{self.seconds:.15g} s"
        return f"{self.evaluations} evaluations"


def parse_budget(text: str, least_evaluations: int = 2) -> Budget:
    """Read ``10 min``, ``90 s``, ``1.5 h`` or ``200 evaluations``; a leading ``+`` is allowed.

    Args:
        text: What the user wrote.
        least_evaluations: One that is searched and one that finishes a design; a run goes on with fewer.

    Raises:
        ConfigError: If it is neither.

    Example:
        >>> parse_budget("1.5 h").seconds
        5400.0
        >>> parse_budget("40 evaluations").evaluations
        40
    """
    match = _PATTERN.fullmatch(str(text))
    if match:
        number, unit = float(match[1]), match[2].lower()
        if unit in _SECONDS and number > 0:
            return Budget(seconds=number * _SECONDS[unit])
        if (
            unit in ("evaluations", "evaluation", "evals")
            and number >= least_evaluations
            and number.is_integer()
        ):
            return Budget(evaluations=int(number))
    raise ConfigError(
        f"budget must be a time such as '10 min' or a number such as '200 evaluations' (at least "
        f"{least_evaluations}), got {text!r}."
    )


@dataclass(frozen=True)
class Span:
    """One stretch of a run: what it was given first, or an extension.

    Attributes:
        seconds: It may spend; None without a time budget.
        evaluations: It may spend; None with a time budget.
        first_number: Number of its first trial.
    """

    seconds: float | None
    evaluations: int | None
    first_number: int


def span_key(extension: int) -> str:
    """Under which the journal keeps the span of a stretch: 0 for what was given first."""
    return f"span {extension}"


@dataclass(frozen=True)
class Plan:
    """Seconds for every part of a run with a time budget.

    The shares were measured, see ``docs/explanation/budget.md``.
    """

    latency_model_s: float
    search_s: float
    finalists_s: float
    reserve_s: float

    def keeping(self, reserve_s: float) -> "Plan":
        """The same with so much in reserve, a quarter of all at most; search and finalists share the rest."""
        reserve_s = max(self.reserve_s, min(reserve_s, 0.25 * sum(astuple(self))))
        left = (self.search_s + self.finalists_s - (reserve_s - self.reserve_s)) / (
            self.search_s + self.finalists_s
        )
        return replace(
            self, search_s=left * self.search_s, finalists_s=left * self.finalists_s, reserve_s=reserve_s
        )


def plan_for(seconds: float) -> Plan:
    """Divide a time budget.

    Example:
        >>> plan = plan_for(900)
        >>> round(plan.latency_model_s + plan.search_s + plan.finalists_s + plan.reserve_s)
        900
    """
    latency_model_s = min(60.0, 0.12 * seconds)
    reserve_s = 6.0 + 0.04 * seconds
    left = max(1.0, seconds - latency_model_s - reserve_s)
    return Plan(latency_model_s, 0.27 * left, 0.73 * left, reserve_s)


class Stopwatch:
    """Seconds that a study has used, over all its sessions.

    Args:
        used_s: What earlier sessions of the same run took.
        clock: Monotonic seconds.
    """

    def __init__(self, used_s: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock() - used_s

    @property
    def elapsed_s(self) -> float:
        """Seconds used so far."""
        return self._clock() - self._began
