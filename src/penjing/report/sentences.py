"""One sentence per design that says when to take it, computed from the front."""

from collections.abc import Sequence
from dataclasses import dataclass

from penjing.report.page import Interval
from penjing.report.wording import factor, listed, size, time


@dataclass(frozen=True)
class Standing:
    """What a design is compared by.

    Attributes:
        id: Of the design.
        accuracy: On validation, which decides, with its interval.
        size_bytes: Of the file.
        latency_ms: Measured.
    """

    id: str
    accuracy: Interval
    size_bytes: float
    latency_ms: float


def front_sentence(design: Standing, front: Sequence[Standing]) -> str:
    """Say when to take a design of the front.

    Args:
        design: The one in question.
        front: All designs on the front, this one included.

    Example:
        >>> small = Standing("a", Interval(0.90, 0.89, 0.91), 8_000, 0.02)
        >>> large = Standing("b", Interval(0.95, 0.94, 0.96), 40_000, 0.08)
        >>> front_sentence(small, [small, large])  # doctest: +ELLIPSIS
        'Take it when size and speed matter most...'
        >>> front_sentence(large, [small, large])
        'Take it when accuracy matters most: the most accurate, for 40.0 kB and 80 μs per prediction.'
    """
    others = [other for other in front if other.id != design.id]
    if not others:
        return "The only design on the front: nothing else that was finished is better in any objective."
    best = max(front, key=lambda d: (d.accuracy.value, -d.size_bytes))
    titles = _titles(design, others)
    verb = "matters" if len(titles) == 1 else "matter"
    when = f"Take it when {listed(list(titles))} {verb} most: the {listed(list(titles.values()))}"
    if design.id == best.id:
        return f"{when}, for {size(design.size_bytes)} and {time(design.latency_ms)} per prediction."
    compared = f"{_loss(design, best)}{_gains(design, best)}"
    return f"{when if titles else _limits(design, others)}; {compared}."


def other_sentence(
    design: Standing, broken: Sequence[str], front: Sequence[Standing], better: Sequence[Standing]
) -> str:
    """Say why a finished design is not on the front.

    Args:
        design: The one in question.
        broken: Constraints that it does not meet, as written.
        front: All designs on the front.
        better: Those of them that are at least as good in every objective.
    """
    if broken:
        return f"Not on the front: it does not meet {listed(list(broken))}."
    if not better:
        return "Not on the front." if front else "The front could not be decided."
    other = min(better, key=lambda d: (-d.accuracy.value, d.size_bytes))
    gain = 100 * (other.accuracy.value - design.accuracy.value)
    accurate = f"{gain:.1f} points more accurate" if gain >= 0.05 else "as accurate"
    return f"Not on the front: take {other.id} instead, which is {accurate}{_gains(other, design, ' at')}."


def _titles(design: Standing, others: Sequence[Standing]) -> dict[str, str]:
    """What the design is best in: quality to superlative."""
    is_best = {
        ("accuracy", "most accurate"): all(design.accuracy.value >= o.accuracy.value for o in others),
        ("size", "smallest"): all(design.size_bytes <= o.size_bytes for o in others),
        ("speed", "fastest"): all(design.latency_ms <= o.latency_ms for o in others),
    }
    return dict(names for names, is_true in is_best.items() if is_true)


def _loss(design: Standing, best: Standing) -> str:
    points = 100 * (best.accuracy.value - design.accuracy.value)
    if points < 0.05:
        return "as accurate as the best"
    overlap = ", within what the validation examples can tell" if _overlap(design, best) else ""
    return f"{points:.1f} points less accurate than the best{overlap}"


def _overlap(one: Standing, other: Standing) -> bool:
    return one.accuracy.high >= other.accuracy.low and other.accuracy.high >= one.accuracy.low


def _gains(design: Standing, best: Standing, otherwise: str = "") -> str:
    parts = []
    for word, against, mine, theirs in (
        ("smaller", "larger", design.size_bytes, best.size_bytes),
        ("faster", "slower", design.latency_ms, best.latency_ms),
    ):
        if mine <= 0 or theirs <= 0 or max(mine / theirs, theirs / mine) < 1.005:
            continue
        ratio = theirs / mine
        parts.append(f"{factor(ratio)} {word}" if ratio > 1 else f"{factor(1 / ratio)} {against}")
    if parts:
        return f", {listed(parts)}"
    return f"{otherwise} the same size and speed" if otherwise else ""


def _limits(design: Standing, others: Sequence[Standing]) -> str:
    """The range of budgets within which nothing on the front is more accurate."""
    better = [other for other in others if other.accuracy.value > design.accuracy.value]
    larger = min((other.size_bytes for other in better), default=None)
    slower = min((other.latency_ms for other in better), default=None)
    if larger is not None and larger > design.size_bytes:
        between = f"{size(design.size_bytes)} to {size(larger)}"
        return f"Take it when the file may have {between}: nothing as small is more accurate"
    if slower is not None and slower > design.latency_ms:
        between = f"{time(design.latency_ms)} to {time(slower)}"
        return f"Take it when a prediction may take {between}: nothing as fast is more accurate"
    return (
        f"Take it when the file must stay under {size(_next(design.size_bytes))} and a prediction under "
        f"{time(_next(design.latency_ms))}: nothing that keeps to both is more accurate"
    )


def _next(value: float) -> float:
    """A little more, so that three digits do not round the limit below the design itself."""
    return value * 1.01
