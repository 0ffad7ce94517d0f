"""The timing protocol: blocks of calls, interleaved with a reference, medians with intervals.

One measurement proceeds in rounds. In each round every network runs one block
of calls that together take at least a millisecond, in an order drawn anew. What
disturbs the machine for longer than a round disturbs all of them, so that
the ratio to the reference survives where the times do not.
"""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from penjing.errors import InvalidValueError, unknown_name
from penjing.objectives import median_interval

BLOCK_SECONDS = 1e-3
_WARM_UP_SECONDS = 2e-3
_MAX_CALLS_PER_BLOCK = 4096
_FEWEST_BLOCKS = 6


class Timed(Protocol):
    """What can be timed: a loaded network that takes one prepared input."""

    threads: int

    def random_input(self, batch: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Draw an input for a call with ``batch`` examples."""
        ...

    def run(self, given: Mapping[str, NDArray[Any]]) -> list[Any]:
        """Compute; this call is timed."""
        ...


@dataclass(frozen=True)
class Latency:
    """How long one call takes, wall time.

    Attributes:
        value: Median of the block means, milliseconds per call.
        low: Lower end of the distribution-free 95 % interval of that median, milliseconds.
        high: Upper end.
        calls: Timed calls, warm-up not counted.
        threads: Threads that the runtime was given.
        batch: Examples per call.
        spread: Interquartile range of the block means over their median; above 0.1 the machine was busy.
        undisturbed: 10th percentile of the block means, milliseconds: nearer to what the network takes alone
            where something else runs beside it.
        ratio_to_reference: Median of the ratios within a round; None without a reference.
    """

    value: float
    low: float
    high: float
    calls: int
    threads: int
    batch: int
    spread: float
    undisturbed: float
    ratio_to_reference: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON data, with units in the names."""
        data = asdict(self)
        return {
            f"{key}_ms" if key in ("value", "low", "high", "undisturbed") else key: value
            for key, value in data.items()
        }


def measure_latency(
    sessions: Mapping[str, Timed],
    reference: str | None = None,
    batch: int = 1,
    seconds_each: float = 0.3,
    min_blocks: int = 20,
    rng: np.random.Generator | None = None,
) -> dict[str, Latency]:
    """Time networks against each other; call it while nothing else of ours runs.

    Args:
        sessions: Loaded networks by name.
        reference: Name of the one that the others are compared with.
        batch: Examples per call, for networks whose batch axis is free.
        seconds_each: Time to spend per network, seconds.
        min_blocks: Blocks per network even if they take longer than that.
        rng: Draws inputs and the order within a round; None is a fixed stream.

    Returns:
        One latency per session, in the order given.

    Raises:
        UnknownNameError: If ``reference`` is not among the sessions.
        InvalidValueError: If a number is out of range.
    """
    _check(sessions, reference, batch, seconds_each, min_blocks)
    rng = rng or np.random.default_rng(0)
    given = {name: session.random_input(batch, rng) for name, session in sessions.items()}
    names = list(sessions)
    with _no_garbage_collection():
        n_calls = {name: _calls_per_block(sessions[name], given[name]) for name in names}
        rounds: list[dict[str, float]] = []
        end = perf_counter() + seconds_each * len(names)
        while len(rounds) < min_blocks or perf_counter() < end:
            order = [names[int(index)] for index in rng.permutation(len(names))]
            taken = {name: _block_seconds(sessions[name], given[name], n_calls[name]) for name in order}
            rounds.append(taken)
    made: dict[str, Latency] = {}
    for name in names:
        ms = np.array([taken[name] for taken in rounds]) * 1e3
        base = None if reference is None else np.array([taken[reference] for taken in rounds]) * 1e3
        made[name] = _summary(ms, base, n_calls[name], sessions[name].threads, batch)
    return made


def _summary(
    ms: NDArray[np.float64], base: NDArray[np.float64] | None, n_calls: int, threads: int, batch: int
) -> Latency:
    median = float(np.median(ms))
    low, high = median_interval(ms)
    quartiles = np.percentile(ms, (25, 75))
    return Latency(
        value=median,
        low=float(low),
        high=float(high),
        calls=n_calls * ms.size,
        threads=threads,
        batch=batch,
        spread=float(quartiles[1] - quartiles[0]) / median,
        ratio_to_reference=None if base is None else float(np.median(ms / base)),
        undisturbed=float(np.percentile(ms, 10)),
    )


def _block_seconds(session: Timed, given: Mapping[str, NDArray[Any]], n_calls: int) -> float:
    session.run(given)  # brings the network's weights back into the caches that the last one used
    run = session.run
    start = perf_counter()
    for _ in range(n_calls):
        run(given)
    return (perf_counter() - start) / n_calls


def _calls_per_block(session: Timed, given: Mapping[str, NDArray[Any]]) -> int:
    """Warm up, and count the calls that fill a block."""
    start = perf_counter()
    n_calls, fastest = 0, float("inf")
    while n_calls < 3 or perf_counter() - start < _WARM_UP_SECONDS:
        before = perf_counter()
        session.run(given)
        fastest = min(fastest, perf_counter() - before)
        n_calls += 1
    return int(np.clip(np.ceil(BLOCK_SECONDS / max(fastest, 1e-9)), 1, _MAX_CALLS_PER_BLOCK))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _check(
    sessions: Mapping[str, Timed], reference: str | None, batch: int, seconds_each: float, min_blocks: int
) -> None:
    if not sessions:
        raise InvalidValueError("There is nothing to time: sessions is empty. Give at least one network.")
    if reference is not None and reference not in sessions:
        raise unknown_name("session", reference, sessions)
    if batch < 1:
        raise InvalidValueError(f"batch must be at least 1, got {batch!r}.", batch=batch)
    if not 0 <= seconds_each < float("inf"):
        raise InvalidValueError(
            f"seconds_each must be 0 or more, got {seconds_each!r}.", seconds_each=seconds_each
        )
    if min_blocks < _FEWEST_BLOCKS:
        raise InvalidValueError(
            f"min_blocks must be at least {_FEWEST_BLOCKS}, got {min_blocks!r}. "
            "The interval of a median needs that many.",
            min_blocks=min_blocks,
        )
