"""Count the candidates of a conditional space exactly, without listing them.

The choices and their conditions form a graph. Parts of it that no condition
connects are independent, so their counts multiply; inside a connected part
the count is the sum over the values of a choice that depends on nothing.
Values that make the same conditions true count alike and are counted once.
"""

from penjing.space.choice import Choice, Condition


def count_candidates(choices: tuple[Choice, ...]) -> int:
    """Count the canonical assignments of ``choices``.

    Notes:
        Exponential only in the depth of nested conditions inside one connected part.

    Example:
        >>> depth = Choice("depth", (1, 2))
        >>> second = Choice("second", ("a", "b", "c"), conditions=(Condition("depth", (2,)),))
        >>> count_candidates((depth, second))
        4
    """
    product = 1
    for component in _components(choices):
        product *= _count_component(component)
    return product


def _components(choices: tuple[Choice, ...]) -> list[tuple[Choice, ...]]:
    parent = {choice.name: choice.name for choice in choices}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for choice in choices:
        for condition in choice.conditions:
            parent[root(choice.name)] = root(condition.choice)
    groups: dict[str, list[Choice]] = {}
    for choice in choices:
        groups.setdefault(root(choice.name), []).append(choice)
    return [tuple(group) for group in groups.values()]


def _count_component(choices: tuple[Choice, ...]) -> int:
    if len(choices) == 1:
        return len(choices[0].values)
    parents = {condition.choice for choice in choices for condition in choice.conditions}
    # What most others depend on falls into the most parts.
    first = max(
        (choice for choice in choices if not choice.conditions and choice.name in parents),
        key=lambda choice: sum(
            condition.choice == choice.name for other in choices for condition in other.conditions
        ),
    )
    rest = tuple(choice for choice in choices if choice.name != first.name)
    counted: dict[tuple[bool, ...], int] = {}
    total = 0
    for value in first.values:
        signature = tuple(
            value in condition.values
            for choice in rest
            for condition in choice.conditions
            if condition.choice == first.name
        )
        if signature not in counted:
            counted[signature] = count_candidates(_under(rest, Condition(first.name, (value,))))
        total += counted[signature]
    return total


def _under(choices: tuple[Choice, ...], known: Condition) -> tuple[Choice, ...]:
    """Drop what cannot exist once ``known`` holds, and forget the conditions that are met."""
    absent: set[str] = set()
    left: list[Choice] = []
    for choice in choices:
        conditions: list[Condition] = []
        possible = True
        for condition in choice.conditions:
            if condition.choice == known.choice:
                possible = possible and known.values[0] in condition.values
            elif condition.choice in absent:
                possible = False
            else:
                conditions.append(condition)
        if possible:
            left.append(Choice(choice.name, choice.values, choice.part, choice.ordered, tuple(conditions)))
        else:
            absent.add(choice.name)
    return tuple(left)
