"""One candidate of a family, put together choice by choice."""

from collections.abc import Callable, Sequence

from penjing.space import Candidate, Choice, Value


def picked(choices: Sequence[Choice], pick: Callable[[Choice], Value]) -> Candidate:
    """The candidate for which every choice that exists has the value that ``pick`` takes of it.

    Args:
        choices: In building order.
        pick: From a choice to one of its values.

    Example:
        >>> picked([Choice("depth", (1, 2)), Choice("width", (4, 8, 16))], middle).as_dict()
        {'depth': 2, 'width': 8}
    """
    assignment: dict[str, Value] = {}
    for choice in choices:
        if choice.exists(assignment):
            assignment[choice.name] = pick(choice)
    return Candidate(assignment)


def middle_of(choices: Sequence[Choice]) -> Candidate:
    """The middle of every architecture choice; see :func:`middle`."""
    return picked([choice for choice in choices if choice.part == "architecture"], middle)


def middle(choice: Choice) -> Value:
    """The middle value; of two the second, of names the first."""
    return choice.values[0 if isinstance(choice.values[0], str) else len(choice.values) // 2]


def largest(choice: Choice) -> Value:
    """The largest value; where not all are numbers, the last."""
    are_numbers = all(isinstance(value, int | float) for value in choice.values)
    return max(choice.values, key=float) if are_numbers else choice.values[-1]
