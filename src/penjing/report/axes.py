"""What all figures share: the empty figure, ticks with units, intervals, lines that mark a value."""

from collections.abc import Sequence
from html import escape
from math import log10
from typing import Any

import plotly.graph_objects as go

from penjing.objectives import metric_named
from penjing.report.page import Interval


def empty_figure(height: int, **layout: Any) -> go.Figure:
    """A figure without data; page.js sets the colours that follow light or dark."""
    margin = {"l": 58, "r": 14, "t": 30, "b": 48}
    legend = {
        "orientation": "h",
        "yref": "container",
        "y": 0,
        "yanchor": "bottom",
        "x": 0,
        "font": {"size": 12},
    }
    figure = go.Figure(layout={"template": go.layout.Template()})
    figure.update_layout(height=height, margin=margin, legend=legend, hovermode="closest", **layout)
    return figure


def axis_title(words: str) -> dict[str, Any]:
    """The name of an axis, close to it."""
    return {"text": words, "standoff": 8, "font": {"size": 12.5}}


def ticks(values: Sequence[float], metric: str) -> dict[str, Any]:
    """At least three round ticks with units, as few as that allows."""
    low, high = min(values, default=1.0), max(values, default=1.0)
    shown: list[float] = []
    for digits in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), range(1, 10)):
        candidates = [digit * 10.0**power for power in range(-6, 12) for digit in digits]
        shown = [float(f"{tick:.3g}") for tick in candidates if 0.7 * low <= tick <= 1.5 * high]
        if sum(low <= tick <= high for tick in shown) >= 3:
            break
    write = metric_named(metric).text
    return {"tickvals": shown, "ticktext": [write(tick).replace(" us", " μs") for tick in shown]}


def bars(intervals: Sequence[Interval], scale: float, colour: str) -> dict[str, Any]:
    """Intervals around values, as error bars."""
    up = [scale * max(0.0, i.high - i.value) for i in intervals]
    down = [scale * max(0.0, i.value - i.low) for i in intervals]
    look = {"color": colour, "thickness": 1, "width": 3}
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, **look}


def add_line(figure: go.Figure, axis: str, value: float, text: str, colour: str, dash: str, end: str) -> None:
    """Mark a value of an axis by a line with a label; an x axis is logarithmic."""
    across = "y" if axis == "x" else "x"
    shape = {f"{axis}0": value, f"{axis}1": value, f"{across}0": 0, f"{across}1": 1, f"{across}ref": "paper"}
    figure.add_shape(type="line", line={"dash": dash, "width": 1.5, "color": colour}, layer="below", **shape)
    place: dict[str, Any] = {"y": value, "x": 0.0, "xref": "paper", "xanchor": "left", "yanchor": "bottom"}
    if axis == "x":
        # On a logarithmic axis Plotly places shapes at the value, but annotations at its logarithm.
        place = {"x": log10(value), "xanchor": "right", "textangle": -90}
        place |= {"y": 1.0 if end == "top" else 0.0, "yref": "paper", "yanchor": end}
    figure.add_annotation(text=escape(text), showarrow=False, font={"size": 11, "color": colour}, **place)
