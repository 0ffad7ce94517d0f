"""Fronts and measurements as lines of text."""

from collections.abc import Mapping, Sequence
from typing import Any


def front_lines(document: Mapping[str, Any], broken: Sequence[str] = ()) -> list[str]:
    """One line per design, under a heading.

    Args:
        document: The front.
        broken: What no finished design meets, as sentences without an end.
    """
    front = document["front"]
    if not front and broken:
        return [f"The front is empty: no finished design meets {'; '.join(broken)}."]
    if not front:
        return [
            "The front is empty: no design that meets the constraints was finished. If the run was stopped, "
            "penjing resume goes on with it; if it had ended, it needs more budget."
        ]
    lines = [
        f"{'design':<10}{'test accuracy [95 %]':>24}{'validation':>12}{'bytes':>10}{'parameters':>12}"
        f"{'latency ms [95 %]':>28}{'predictions/s':>14}"
    ]
    for entry in front:
        test, latency = entry["accuracy"], entry["latency_ms"]
        accuracy = f"{test['value']:.2%} [{test['low']:.1%}, {test['high']:.1%}]"
        milliseconds = f"{latency['value']:.4f} [{latency['low']:.4f}, {latency['high']:.4f}]"
        lines.append(
            f"{entry['id']:<10}"
            f"{accuracy:>24}{entry['validation']['value']:>12.2%}"
            f"{entry['size_bytes']:>10,}{entry['parameters']:>12,}"
            f"{milliseconds:>28}{entry['throughput_per_s']:>14,.0f}"
        )
    return lines


def measurement_lines(measured: Mapping[str, Any]) -> list[str]:
    """One line per value that there is, nested ones indented; warnings are left to standard error."""
    lines: list[str] = []
    for name, value in measured.items():
        if name == "warnings" or value is None:
            continue
        if isinstance(value, Mapping):
            lines.append(f"{name}:")
            lines.extend(f"  {line}" for line in measurement_lines(value))
        else:
            lines.append(f"{name}: {f'{value:.6g}' if isinstance(value, float) else value}")
    return lines
