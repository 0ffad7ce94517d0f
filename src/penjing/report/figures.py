"""The interactive figures, as Plotly's JSON; colours follow the page's light or dark style in page.js."""

import json
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from penjing.report.axes import add_line, axis_title, bars, empty_figure, ticks
from penjing.report.page import DesignView, Page, Point
from penjing.report.wording import factor, per_cent, size, time

_LOOK: dict[str, dict[str, Any]] = {
    "inherited": {"symbol": "circle", "size": 6, "color": "#8d99ae", "opacity": 0.55},
    "rung": {"symbol": "triangle-up", "size": 8, "color": "#3a86c8", "opacity": 0.65},
    "estimated": {"symbol": "circle-open", "size": 11, "color": "#d97a00", "line": {"width": 1.5}},
}
_NAMES = {
    "inherited": "inherited",
    "rung": "partly trained",
    "estimated": "estimated",
    "other": "final, not on the front",
    "front": "final, on the front",
}
_FRONT, _OTHER, _REFERENCE, _LIMIT = "#d62839", "#a07178", "#8a63c7", "#4f8f3f"
_BAR = "#8d99ae"
_WRITE: dict[str, Callable[[float | None], str]] = {"size_bytes": size, "latency_ms": time}
_AXES = {"size_bytes": "size of the file", "latency_ms": "latency of one prediction"}


def figures_of(page: Page) -> dict[str, Any]:
    """All figures that the page has something for: name to plain data."""
    made: dict[str, go.Figure] = {}
    if page.designs or page.points:
        made["front-size"] = _front(page, "size_bytes")
        made["front-latency"] = _front(page, "latency_ms")
    if page.progress:
        made["hypervolume"] = _hypervolume(page)
    if page.worth.choices:
        made["worth"] = _worth(page)
    for name, metric in (("predicted-latency", "latency_ms"), ("predicted-size", "size_bytes")):
        if any(_predicted(design, metric) for design in page.designs):
            made[name] = _predicted_against_measured(page, metric)
    return {
        name: json.loads(json.dumps(figure.to_plotly_json(), default=_plain)) for name, figure in made.items()
    }


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else list(value)


def _value(item: Point | DesignView, metric: str) -> float | None:
    found = getattr(item, metric)
    return found if found is None or isinstance(found, float | int) else found.value


def _front(page: Page, metric: str) -> go.Figure:
    figure = empty_figure(460)
    for fidelity in ("inherited", "rung", "estimated"):
        points = [p for p in page.points if p.fidelity == fidelity and _value(p, metric)]
        if points:
            figure.add_scatter(
                x=[_value(p, metric) for p in points],
                y=[100 * p.accuracy for p in points],
                mode="markers",
                name=_NAMES[fidelity],
                marker=_LOOK[fidelity],
                text=[_point_text(p) for p in points],
                hovertemplate="%{text}<extra></extra>",
            )
    others = [design for design in page.designs if not design.is_on_front]
    for name, designs, colour in (("other", others, _OTHER), ("front", page.front, _FRONT)):
        if designs:
            _add_final(figure, _NAMES[name], designs, metric, colour)
    _add_limits(figure, page, metric)
    figure.update_xaxes(
        title=axis_title(_AXES[metric]), type="log", **ticks(_front_values(page, metric), metric)
    )
    figure.update_yaxes(title=axis_title("validation accuracy (%)"))
    return figure


def _front_values(page: Page, metric: str) -> list[float]:
    values = [value for item in (*page.points, *page.designs) if (value := _value(item, metric))]
    return [*values, float(page.reference[metric])] if page.reference.get(metric) else values


def _add_final(figure: go.Figure, name: str, designs: Sequence[DesignView], metric: str, colour: str) -> None:
    designs = sorted(designs, key=lambda design: _value(design, metric) or 0.0)
    spread = None
    if metric == "latency_ms":
        spread = bars([design.latency_ms for design in designs], 1.0, colour)
    figure.add_scatter(
        x=[_value(design, metric) for design in designs],
        y=[100 * design.validation.value for design in designs],
        error_y=bars([design.validation for design in designs], 100.0, colour),
        error_x=spread,
        mode="markers",
        name=name,
        marker={"symbol": "diamond", "size": 11, "color": colour, "line": {"width": 1, "color": "#fff"}},
        text=[_design_text(design) for design in designs],
        customdata=[design.id for design in designs],
        hovertemplate="%{text}<extra></extra>",
    )


def _add_limits(figure: go.Figure, page: Page, metric: str) -> None:
    for constraint in page.constraints:
        if constraint.limit is not None and constraint.metric in (metric, "accuracy"):
            is_cost = constraint.metric == metric
            value = constraint.limit if is_cost else 100 * constraint.limit
            add_line(figure, "x" if is_cost else "y", value, str(constraint), _LIMIT, "dash", "bottom")
    if page.reference.get(metric):
        value = float(page.reference[metric])
        add_line(figure, "x", value, f"reference {_WRITE[metric](value)}", _REFERENCE, "dot", "top")


def _point_text(point: Point) -> str:
    costs = f"{size(point.size_bytes)}, predicted {time(point.latency_ms)}"
    return f"<b>{escape(point.label)}</b><br>{per_cent(point.accuracy)} {point.fidelity}<br>{costs}"


def _design_text(design: DesignView) -> str:
    test = f"<br>test {per_cent(design.test.value)}" if design.test else ""
    ratio = f" ({factor(design.ratio_to_reference)} reference)" if design.ratio_to_reference else ""
    return (
        f"<b>{escape(design.id)}</b><br>validation {per_cent(design.validation.value)}{test}<br>"
        f"{size(design.size_bytes)}<br>{time(design.latency_ms.value)}{ratio}"
    )


def _hypervolume(page: Page) -> go.Figure:
    figure = empty_figure(320)
    for fidelity, colour in (("inherited", "#3a86c8"), ("final", _FRONT)):
        points = [point for point in page.progress if point.fidelity == fidelity]
        if points:
            figure.add_scatter(
                x=[point.elapsed_s for point in points],
                y=[point.hypervolume for point in points],
                mode="lines+markers",
                line={"shape": "hv", "color": colour, "width": 2},
                marker={"size": 4},
                name=f"of {fidelity} points",
                text=[f"{escape(p.phase)}<br>{p.evaluations} evaluations" for p in points],
                hovertemplate="%{text}<br>%{x:.0f} s: %{y:.4f}<extra></extra>",
            )
    figure.update_xaxes(title=axis_title("seconds since the start"), rangemode="tozero")
    figure.update_yaxes(title=axis_title("hypervolume, share of the box"))
    return figure


def _worth(page: Page) -> go.Figure:
    choices = page.worth.choices[:14]
    figure = empty_figure(120 + 26 * len(choices))
    for part, colour in (("architecture", "#3a86c8"), ("training", "#4c9f70"), ("compression", "#d97a00")):
        mine = [choice for choice in choices if choice.part == part]
        if mine:
            figure.add_scatter(
                x=[choice.points.value for choice in mine],
                y=[choice.name for choice in mine],
                error_x=bars([choice.points for choice in mine], 1.0, colour),
                mode="markers",
                name=part,
                marker={"size": 10, "color": colour},
                text=[f"{escape(c.worst)} → {escape(c.best)}" for c in mine],
                hovertemplate="<b>%{y}</b><br>%{text}<br>%{x:.2f} points<extra></extra>",
            )
    figure.update_xaxes(title=axis_title("accuracy points between worst and best value"), rangemode="tozero")
    # Plotly fills categories from below.
    figure.update_yaxes(categoryorder="array", categoryarray=[choice.name for choice in choices[::-1]])
    return figure


def _predicted(design: DesignView, metric: str) -> float | None:
    return getattr(design, f"predicted_{metric}")


def _predicted_against_measured(page: Page, metric: str) -> go.Figure:
    designs = [design for design in page.designs if _predicted(design, metric)]
    measured = [float(_value(design, metric) or 0.0) for design in designs]
    predicted = [float(_predicted(design, metric) or 0.0) for design in designs]
    ends = [0.9 * min(*measured, *predicted), 1.1 * max(*measured, *predicted)]
    figure = empty_figure(360, showlegend=False)
    line = {"dash": "dot", "width": 1, "color": "#8d99ae"}
    figure.add_scatter(x=ends, y=ends, mode="lines", line=line, hoverinfo="skip", name="equal")
    figure.add_scatter(
        x=predicted,
        y=measured,
        error_y=bars([d.latency_ms for d in designs], 1.0, _BAR) if metric == "latency_ms" else None,
        mode="markers",
        marker={"size": 9, "color": [_FRONT if d.is_on_front else _OTHER for d in designs]},
        text=[
            f"<b>{escape(design.id)}</b><br>predicted {_WRITE[metric](p)}<br>measured {_WRITE[metric](m)}"
            for design, p, m in zip(designs, predicted, measured, strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
    )
    name = _AXES[metric]
    figure.update_xaxes(
        title=axis_title(f"predicted {name}"), type="log", **ticks([*predicted, *measured], metric)
    )
    figure.update_yaxes(title=axis_title("measured"), type="log", **ticks([*predicted, *measured], metric))
    return figure
