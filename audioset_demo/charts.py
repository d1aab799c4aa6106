"""Figures of a clip and its tags: arrays in, a Plotly figure out.

Colours: viridis and cividis are perceptually even and safe for colour-blind readers; the marks use
blue and vermilion, which such readers tell apart, in tones that stand out on white and on black.
Backgrounds are transparent and text has no colour of its own, so that the page's theme decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from audioset_demo.reduction import frame_edges

BLUE = "#3A7EBF"
VERMILION = "#D2622A"
GREY = "rgba(128, 128, 128, 0.5)"
SCORE_COLOURS = "Viridis"
SOUND_COLOURS = "Cividis"
TRANSPARENT = "rgba(0, 0, 0, 0)"


def tag_bars(names: Sequence[str], scores: np.ndarray) -> go.Figure:
    """Scores (N,) from 0 to 1 as bars under the names, the first on top."""
    rows = np.arange(len(names))
    figure = go.Figure()
    figure.add_bar(
        x=np.ones(len(rows)),
        y=rows,
        orientation="h",
        width=0.22,
        hoverinfo="skip",
        marker_color="rgba(128, 128, 128, 0.15)",
    )
    figure.add_bar(
        x=scores,
        y=rows,
        orientation="h",
        width=0.22,
        marker_color=BLUE,
        customdata=names,
        hovertemplate="%{customdata}: %{x:.4f}<extra></extra>",
    )
    for text, x, anchor in ((names, 0, "left"), ([f"{s:.2f}" for s in scores], 1, "right")):
        for row, label in zip(rows, text, strict=True):
            figure.add_annotation(
                x=x,
                y=row - 0.4,
                text=label,
                showarrow=False,
                xanchor=anchor,
                borderpad=0,
                xshift=-3 if x == 0 else 3,
            )
    figure.update_xaxes(range=[0, 1], visible=False)
    figure.update_yaxes(range=[len(rows) - 0.7, -0.8], visible=False)
    figure.update_layout(barmode="overlay")
    return finish(figure, 36 * len(rows), fixed=True).update_layout(margin_t=0)


def explanation(
    times_s: np.ndarray,
    scores: np.ndarray,
    attention: np.ndarray,
    contributions: np.ndarray,
    unit: str,
    marked: int | None = None,
    ceilings: tuple[float, float] = (1.0, 1.0),
) -> go.Figure:
    """One class over time: its frame scores, attention weights and contributions, each (T,).

    Parameters
    ----------
    unit : what the contributions add up to
    marked : a frame to point at
    ceilings : top of the first two axes, the same for models that are compared
    """
    edges = frame_edges(times_s)
    figure = make_subplots(
        rows=3,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.09,
        subplot_titles=(
            "Score of each frame alone",
            "Attention weight",
            f"Contribution to the {unit}",
        ),
    )
    parts = (
        (1, scores, BLUE, "score"),
        (2, attention, BLUE, "weight"),
        (3, np.maximum(contributions, 0), BLUE, "contribution"),
        (3, np.minimum(contributions, 0), VERMILION, "contribution"),
    )
    for row, values, colour, what in parts:
        figure.add_scatter(
            row=row,
            col=1,
            x=edges,
            y=np.append(values, values[-1]),
            mode="lines",
            fill="tozeroy",
            line={"shape": "hv", "width": 1.5, "color": colour},
            hovertemplate=f"from %{{x:.2f}} s: {what} %{{y:.4f}}<extra></extra>",
        )
    figure.add_hline(
        y=1 / len(times_s), line={"dash": "dot", "width": 1, "color": GREY}, row=2, col=1
    )
    if marked is not None:
        figure.add_vrect(
            x0=edges[marked],
            x1=edges[marked + 1],
            fillcolor=GREY,
            opacity=0.35,
            line_width=0,
            row="all",
            col=1,
        )
    for row, ceiling in enumerate(ceilings, start=1):
        figure.update_yaxes(range=[0, ceiling * 1.05], nticks=4, row=row, col=1)
    # The line for equal weights is part of the scale; an all-zero row still has an axis.
    span = max(float(np.abs(contributions).max()), 1e-3) * 1.1
    below = -span if contributions.min() < 0 else 0
    figure.update_yaxes(range=[below, span], nticks=5, row=3, col=1)
    figure.update_xaxes(range=[0, edges[-1]], showgrid=False)
    figure.update_xaxes(title="Seconds", row=3, col=1)
    figure.update_annotations(x=0, xanchor="left", font_size=13)
    return finish(figure, 460)


def finish(figure: go.Figure, height: int, fixed: bool = False) -> go.Figure:
    """What every figure shares: its height in pixels, small margins, no background."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        paper_bgcolor=TRANSPARENT,
        plot_bgcolor=TRANSPARENT,
        showlegend=False,
        uirevision="keep",
        # A drag that starts on a phone is meant to scroll the page.
        dragmode=False if fixed else "zoom",
    )
    if fixed:
        figure.update_xaxes(fixedrange=True)
        figure.update_yaxes(fixedrange=True)
    return figure
