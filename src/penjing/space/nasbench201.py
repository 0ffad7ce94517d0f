"""The choices of NAS-Bench-201's cell: what its table and its networks have in common."""

from penjing.space.choice import Choice

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


def edge_name(source: int, node: int) -> str:
    """Name of the choice for one edge of the cell.

    Example:
        >>> edge_name(0, 2)
        'node2.from0'
    """
    return f"node{node}.from{source}"


def cell_choices() -> list[Choice]:
    """One of five operations on each of six edges."""
    return [Choice(edge_name(*edge), OPERATIONS, ordered=False) for edge in EDGES]
