"""What a design must keep to: limits, absolute or relative to a reference design.

A limit is written as people say it and read once::

    size_bytes <= 60 kB                 1 kB = 1000 bytes, 1 KiB = 1024 bytes
    latency_ms <= 50 us
    accuracy >= 90 %                    the same as accuracy >= 0.9
    latency_ms <= 0.4 * reference
    accuracy >= reference - 1 %         percentage points

A relative constraint becomes absolute with :meth:`Constraint.resolved`, as soon
as the reference design has been measured.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from penjing.errors import InfeasibleError, InvalidValueError
from penjing.objectives.objective import metric_named

# A limit computed in floats may miss the value it stands for by the last bits
# (0.9 * reference, say); an excess this small, relative to the limit, is none.
_ROUNDING = 1e-12
# In base units: less than anything has.
_NEXT_TO_NOTHING = 1e-9

_NUMBER = r"(?P<number>[+-]?(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)"
_QUANTITY = rf"{_NUMBER}\s*(?P<unit>%|[A-Za-z/]*)"
_RELATION = re.compile(r"\s*(?P<metric>\w+)\s*(?P<sign><=|>=)\s*(?P<limit>.*?)\s*")
_ABSOLUTE = re.compile(_QUANTITY)
_FACTOR = re.compile(rf"{_NUMBER}\s*\*\s*reference")
_OFFSET = re.compile(rf"reference(?:\s*(?P<plus>[+-])\s*{_QUANTITY})?")


@dataclass(frozen=True)
class Constraint:
    """An upper or lower limit on one metric.

    Exactly one of ``limit``, ``reference_factor`` and ``reference_offset`` is set.

    Args:
        metric: A name in :data:`~penjing.objectives.METRICS`.
        upper: True for ``<=``. Must bound the metric on its bad side.
        limit: An absolute limit in the metric's base unit: positive for an upper
            limit, at least 0 for a lower one, at most 1 for a fraction.
        reference_factor: The limit is this (positive) times the reference's value.
        reference_offset: The limit is the reference's value plus this, in base units.

    Raises:
        UnknownNameError: If the metric is not known.
        InvalidValueError: If the direction or a number is not allowed.

    Example:
        >>> size = parse_constraint("size_bytes <= 60 kB")
        >>> size.limit, size.violation(90_000), str(size)
        (60000.0, 0.5, 'size_bytes <= 60 kB')
    """

    metric: str
    upper: bool
    limit: float | None = None
    reference_factor: float | None = None
    reference_offset: float | None = None

    def __post_init__(self) -> None:
        metric = metric_named(self.metric)
        if self.upper == metric.maximise:
            asked, right, better = ("<=", ">=", "more") if self.upper else (">=", "<=", "less")
            raise InvalidValueError(
                f"'{self.metric} {asked} …' limits the good side: {better} {self.metric} is better. "
                f"Write '{self.metric} {right} …'.",
                metric=self.metric,
                upper=self.upper,
            )
        given = [self.limit, self.reference_factor, self.reference_offset]
        numbers = [number for number in given if number is not None]
        if len(numbers) != 1 or not math.isfinite(numbers[0]):
            raise InvalidValueError(
                "A constraint has one finite limit, reference_factor or reference_offset, "
                f"got limit={self.limit!r}, reference_factor={self.reference_factor!r}, "
                f"reference_offset={self.reference_offset!r}. Leave the other two out.",
                metric=self.metric,
            )
        self._check_range()

    def _check_range(self) -> None:
        metric = metric_named(self.metric)
        if self.reference_factor is not None and self.reference_factor <= 0:
            raise InvalidValueError(
                f"The factor of the reference must be positive, got {self.reference_factor!r} "
                f"for {self.metric}. For a tenth of it write '0.1 * reference'.",
                metric=self.metric,
            )
        if self.limit is None:
            return
        if metric.is_fraction and not 0 <= self.limit <= 1:
            raise InvalidValueError(
                f"{self.metric} is a fraction in [0, 1], got the limit {self.limit!r}. "
                f"Write per cent with the sign, as '{self.metric} >= 90 %'.",
                metric=self.metric,
                limit=self.limit,
            )
        if self.limit < 0 or (self.upper and self.limit == 0):
            raise InvalidValueError(
                f"The limit of {self.metric} must be {'positive' if self.upper else 'at least 0'}, "
                f"got {self.limit!r}. To leave it free, leave the constraint out.",
                metric=self.metric,
                limit=self.limit,
            )

    def __str__(self) -> str:
        """Write the constraint so that :func:`parse_constraint` gives an equal one."""
        metric = metric_named(self.metric)
        if self.reference_factor is not None:
            limit = f"{float(self.reference_factor)!r} * reference"
        elif self.reference_offset is not None:
            sign = "-" if self.reference_offset < 0 else "+"
            offset = f" {sign} {metric.text(abs(self.reference_offset))}"
            limit = "reference" + (offset if self.reference_offset else "")
        else:
            limit = metric.text(self._absolute_limit())
        return f"{self.metric} {'<=' if self.upper else '>='} {limit}"

    @property
    def needs_reference(self) -> bool:
        """Whether the limit is known only with the reference's measurement."""
        return self.limit is None

    def resolved(self, reference: Mapping[str, float], or_nearest: bool = False) -> "Constraint":
        """Make the limit absolute; an absolute constraint is returned as it is.

        A lower limit that falls below 0 becomes 0: every design meets it.

        Args:
            reference: Values of the reference design by metric, in base units.
            or_nearest: Whether a limit that no design reaches becomes the nearest that can be written: next
                to 0, or 1 for a fraction.

        Raises:
            InvalidValueError: If the reference lacks a finite value of the metric.
            InfeasibleError: If no design could meet the resulting limit, unless ``or_nearest``.

        Example:
            >>> str(parse_constraint("accuracy >= reference - 1 %").resolved({"accuracy": 0.97}))
            'accuracy >= 96 %'
        """
        if not self.needs_reference:
            return self
        value = float(reference.get(self.metric, math.nan))
        if not math.isfinite(value):
            raise InvalidValueError(
                f"'{self}' needs the reference's {self.metric}, got {value!r}. "
                "Measure the reference design first.",
                metric=self.metric,
            )
        if self.reference_factor is not None:
            limit = self.reference_factor * value
        else:
            # Added in decimal: 1.1 + 2.2 is meant to be 3.3, not 3.3000000000000003.
            limit = float(Decimal(repr(value)) + Decimal(repr(float(self.reference_offset or 0.0))))
        most = 1.0 if metric_named(self.metric).is_fraction else math.inf
        is_beyond = (limit <= 0) if self.upper else (limit > most)
        if is_beyond and or_nearest:
            limit = _NEXT_TO_NOTHING if self.upper else most
        elif is_beyond:
            raise InfeasibleError(
                f"With the reference's {self.metric} of {value!r}, '{self}' asks for {limit!r}, "
                "which no design reaches. Loosen it.",
                metric=self.metric,
                limit=limit,
            )
        return Constraint(self.metric, self.upper, limit=max(limit, 0.0))

    def violation(self, value: float) -> float:
        """Say by how much a value misses the limit.

        Args:
            value: In the metric's base unit.

        Returns:
            0 when the limit is met, else the excess divided by the limit (by 1
            where the limit is 0). Infinite for NaN: what failed to be measured
            does not meet a constraint.

        Raises:
            InvalidValueError: If the constraint is still relative to the reference.
        """
        limit = self._absolute_limit()
        if math.isnan(value):
            return math.inf
        excess = (value - limit if self.upper else limit - value) / (limit or 1.0)
        return excess if excess > _ROUNDING else 0.0

    def is_met(self, value: float) -> bool:
        """Whether ``value`` keeps to the limit; False for NaN."""
        return self.violation(value) == 0.0

    def _absolute_limit(self) -> float:
        if self.limit is None:
            raise InvalidValueError(
                f"'{self}' has no limit before the reference is measured. "
                "Call resolved(reference) and use what it returns.",
                metric=self.metric,
            )
        return self.limit


def parse_constraint(text: str) -> Constraint:
    """Read a constraint in one of the forms that the module's docstring shows.

    Raises:
        UnknownNameError: If the metric is not known.
        InvalidValueError: If the form, the unit, the direction or the limit is not allowed.

    Example:
        >>> parse_constraint("latency_ms <= 50 us").limit
        0.05
        >>> parse_constraint("accuracy >= reference - 1 %").reference_offset
        -0.01
    """
    relation = _RELATION.fullmatch(text)
    if relation is None:
        raise _not_a_constraint(text)
    metric = metric_named(relation["metric"])
    upper = relation["sign"] == "<="
    if found := _ABSOLUTE.fullmatch(relation["limit"]):
        return Constraint(metric.name, upper, limit=metric.value(found["number"], found["unit"]))
    if found := _FACTOR.fullmatch(relation["limit"]):
        return Constraint(metric.name, upper, reference_factor=float(found["number"]))
    if found := _OFFSET.fullmatch(relation["limit"]):
        offset = metric.value(found["number"], found["unit"]) if found["number"] else 0.0
        return Constraint(metric.name, upper, reference_offset=-offset if found["plus"] == "-" else offset)
    raise _not_a_constraint(text)


def _not_a_constraint(text: str) -> InvalidValueError:
    return InvalidValueError(
        f"{text!r} is not a constraint. Write a metric, <= or >=, and a limit: 'size_bytes <= 60 kB', "
        "'latency_ms <= 0.4 * reference' or 'accuracy >= reference - 1 %'.",
        text=text,
    )
