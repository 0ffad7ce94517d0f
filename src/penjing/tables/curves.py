"""Curves of searches, drawn: one page that opens offline."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import plotly.graph_objects as go

from penjing.tables.scoring import Scores

_COLOURS = ("#3a86c8", "#d62839", "#4f8f3f", "#8a63c7", "#d97a00", "#1f9e89", "#a07178", "#606c76", "#c2185b")
_LEAST_REGRET = 1e-3


def write_curves(path: Path, scores: Mapping[str, Scores], title: str, is_single: bool) -> None:
    """Draw the mean of every algorithm's searches, and half of them around it, against queries."""
    figure = go.Figure()
    for at, score in enumerate(scores.values()):
        colour = _COLOURS[at % len(_COLOURS)]
        queries = np.arange(1, score.curves.shape[1] + 1)
        # A logarithmic axis has no place for nothing.
        values = np.maximum(score.curves, _LEAST_REGRET) if is_single else score.curves
        low, high = np.quantile(values, [0.25, 0.75], axis=0)
        figure.add_scatter(
            x=[*queries, *queries[::-1]],
            y=[*high, *low[::-1]],
            fill="toself",
            fillcolor=colour,
            opacity=0.15,
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            legendgroup=score.algorithm,
        )
        figure.add_scatter(
            x=queries,
            y=values.mean(axis=0),
            name=f"{score.algorithm} ({len(values)})",
            line={"color": colour, "width": 2},
            legendgroup=score.algorithm,
        )
    figure.update_layout(
        title=title,
        template="plotly_white",
        xaxis_title="queries",
        yaxis_title="regret" if is_single else "share of the table's hypervolume",
        yaxis_type="log" if is_single else "linear",
        font_family="system-ui, sans-serif",
    )
    figure.write_html(path, include_plotlyjs=True)
