"""What a study wants: the metrics that Penjing knows, and objectives on them.

Inside Penjing a metric is a plain float in its base unit (a fraction for the
accuracy, milliseconds, bytes, a count). Units are read and written here, at the
door, and nowhere else; they are kept as decimal text so that ``90 %`` is the
float ``0.9`` to the last bit, and so that what is written reads back the same.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from penjing.errors import InvalidValueError, unknown_name

_BYTES = {"B": "1", "kB": "1000", "MB": "1000000", "GB": "1000000000", "KiB": "1024", "MiB": "1048576"}
_TIME = {"us": "0.001", "ms": "1", "s": "1000"}
_COUNT = {"k": "1000", "M": "1000000", "G": "1000000000"}
_FRACTION = {"%": "0.01"}
_RATE = {"/s": "1"}


@dataclass(frozen=True)
class Metric:
    """One quantity of a design.

    Args:
        name: As in configuration files; carries the unit.
        unit: Of the float inside Penjing and of a number written without unit.
        units: Units that may be written, and what one of each is in ``unit``.
        maximise: True where more is better.
    """

    name: str
    unit: str
    units: Mapping[str, str]
    maximise: bool

    @property
    def is_fraction(self) -> bool:
        """Whether values lie in [0, 1] and are shown in per cent."""
        return "%" in self.units

    def value(self, number: str, unit: str = "") -> float:
        """Read a written quantity.

        Args:
            number: A decimal number, ``"60"`` or ``"1.5e3"``.
            unit: One of ``units``, or empty for the base unit.

        Returns:
            The value in the base unit, correctly rounded.

        Raises:
            InvalidValueError: If the unit does not fit this metric.

        Example:
            >>> METRICS["size_bytes"].value("60", "kB"), METRICS["accuracy"].value("90", "%")
            (60000.0, 0.9)
        """
        if unit and unit not in self.units:
            share = f" For a share of the reference write '0.9 * reference' after {self.name}."
            raise InvalidValueError(
                f"{self.name} cannot be given in {unit!r}. Allowed: {', '.join(self.units)}, "
                f"or a plain number ({self.unit}).{share if unit == '%' else ''}",
                metric=self.name,
                unit=unit,
                allowed=list(self.units),
            )
        return float(Decimal(number) * Decimal(self.units[unit] if unit else 1))

    def text(self, value: float, digits: int | None = None) -> str:
        """Write a value with the unit that suits its magnitude.

        Args:
            value: In the base unit.
            digits: Significant digits; ``None`` writes the exact value, which
                :meth:`value` reads back to the last bit.

        Example:
            >>> METRICS["size_bytes"].text(60_000), METRICS["accuracy"].text(0.91234, digits=3)
            ('60 kB', '91.2 %')
        """
        if not math.isfinite(value):
            return str(float(value))
        exact = Decimal(repr(float(value)))
        unit, scale = self._unit_for(abs(exact))
        # Powers of ten only move the point, so this division loses nothing.
        number = exact / scale
        number = number.normalize() if digits is None else Decimal(f"{number:.{digits}g}")
        plain = -20 < number.adjusted() < 20
        return f"{format(number, 'f') if plain else number} {unit}".rstrip()

    def _unit_for(self, size: Decimal) -> tuple[str, Decimal]:
        """Choose the largest decimal unit not above ``size``; binary units are only read."""
        scales = sorted((Decimal(s), u) for u, s in self.units.items() if u not in {"KiB", "MiB"})
        fitting = [pair for pair in scales if pair[0] <= size]
        if not fitting and scales[0][0] > 1:
            return "", Decimal(1)
        scale, unit = (fitting or scales[:1])[-1]
        return unit, scale


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "fraction", _FRACTION, maximise=True),
        Metric("latency_ms", "ms", _TIME, maximise=False),
        Metric("size_bytes", "bytes", _BYTES, maximise=False),
        Metric("parameters", "count", _COUNT, maximise=False),
        Metric("macs", "count", _COUNT, maximise=False),
        Metric("peak_memory_bytes", "bytes", _BYTES, maximise=False),
        Metric("throughput_per_s", "per second", _RATE, maximise=True),
    )
}
"""Every metric that objectives and constraints may name."""


def metric_named(name: str) -> Metric:
    """Look a metric up.

    Raises:
        UnknownNameError: If there is none of that name.
    """
    if name not in METRICS:
        raise unknown_name("metric", name, METRICS)
    return METRICS[name]


@dataclass(frozen=True)
class Objective:
    """A metric to push in its good direction.

    Args:
        metric: A name in :data:`METRICS`.
        maximise: Must be the metric's own good direction; written out so that a
            configuration that asks for the worst is refused instead of obeyed.

    Raises:
        UnknownNameError: If the metric is not known.
        InvalidValueError: If the direction is the wrong one.

    Example:
        >>> Objective("accuracy", maximise=True).cost(0.9)
        -0.9
    """

    metric: str
    maximise: bool

    def __post_init__(self) -> None:
        right = metric_named(self.metric).maximise
        if self.maximise != right:
            better = "more" if right else "less"
            raise InvalidValueError(
                f"'{self}' asks for the worst: {better} {self.metric} is better. "
                f"Write '{_verb(right)} {self.metric}'.",
                metric=self.metric,
                maximise=self.maximise,
            )

    def __str__(self) -> str:
        return f"{_verb(self.maximise)} {self.metric}"

    def cost(self, value: float) -> float:
        """Turn a value into a cost, for which lower is better.

        A maximised metric is negated, a minimised one is its own cost. The map is
        its own inverse: ``objective.cost(objective.cost(v)) == v``. NaN stays NaN.
        """
        return -value if self.maximise else value


def parse_objective(text: str) -> Objective:
    """Read an objective.

    Args:
        text: A metric alone (its good direction is meant), or with ``minimise``
            or ``maximise`` (also spelt with z) before it.

    Raises:
        UnknownNameError: If the metric or the direction is not known.
        InvalidValueError: If the text has another form or asks for the worst.

    Example:
        >>> parse_objective("latency_ms")
        Objective(metric='latency_ms', maximise=False)
        >>> str(parse_objective("maximize accuracy"))
        'maximise accuracy'
    """
    words = text.split()
    if len(words) == 1:
        return Objective(words[0], metric_named(words[0]).maximise)
    if len(words) != 2:
        raise InvalidValueError(
            f"{text!r} is not an objective. Write a metric, as 'accuracy', "
            "or a direction and a metric, as 'minimise latency_ms'.",
            text=text,
        )
    verb = words[0].replace("mize", "mise")
    if verb not in {"minimise", "maximise"}:
        raise unknown_name("direction", words[0], ["maximise", "minimise"])
    return Objective(words[1], verb == "maximise")


def _verb(maximise: bool) -> str:
    return "maximise" if maximise else "minimise"
