"""When parts of a network exist."""

from collections.abc import Sequence

from penjing.space import Condition


def at_least(choice: str, least: int, values: Sequence[int]) -> tuple[Condition, ...]:
    """What must hold for a choice of numbers to be ``least`` or more: nothing, where it always is.

    Args:
        choice: Its name.
        least: How many there must be.
        values: What it offers.

    Example:
        >>> at_least("depth", 2, (1, 2, 3))
        (Condition(choice='depth', values=(2, 3)),)
        >>> at_least("depth", 1, (1, 2, 3))
        ()
    """
    allowed = tuple(value for value in values if value >= least)
    return () if len(allowed) == len(values) else (Condition(choice, allowed),)
