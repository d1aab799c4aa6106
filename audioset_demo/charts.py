"""Figures of a clip and its tags: arrays in, a Plotly figure out.

Colours: viridis and cividis are perceptually even and safe for colour-blind readers; the marks use
blue and vermilion, which such readers tell apart, in tones that stand out on white and on black.
Backgrounds are transparent and text has no colour of its own, so that the page's theme decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

BLUE = "#3A7EBF"
VERMILION = "#D2622A"
GREEN = "#2C9C79"
GREY = "rgba(128, 128, 128, 0.5)"
SCORE_COLOURS = "Viridis"
SOUND_COLOURS = "Cividis"
TRANSPARENT = "rgba(0, 0, 0, 0)"


def tag_bars(names: Sequence[str], scores: np.ndarray, details: Sequence[str]) -> go.Figure:
    """Scores (N,) from 0 to 1 as bars between names and smaller details, the first on top."""
    rows = np.arange(len(names))
    figure = go.Figure()
    figure.add_bar(
        x=np.ones(len(rows)),
        y=rows,
        orientation="h",
        width=0.16,
        hoverinfo="skip",
        marker_color="rgba(128, 128, 128, 0.15)",
    )
    figure.add_bar(
        x=scores,
        y=rows,
        orientation="h",
        width=0.16,
        marker_color=BLUE,
        customdata=names,
        hovertemplate="%{customdata}: %{x:.4f}<extra></extra>",
    )
    texts = (
        (names, 0, "left", -0.32, {}),
        ([f"{s:.2f}" for s in scores], 1, "right", -0.32, {}),
        (details, 0, "left", 0.29, {"font_size": 11, "opacity": 0.75}),
    )
    for lines, x, anchor, above, style in texts:
        for row, text in zip(rows, lines, strict=True):
            figure.add_annotation(
                x=x,
                y=row + above,
                text=text,
                showarrow=False,
                xanchor=anchor,
                borderpad=0,
                xshift=-3 if x == 0 else 3,
                **style,
            )
    figure.update_xaxes(range=[0, 1], visible=False)
    figure.update_yaxes(range=[len(rows) - 0.5, -0.65], visible=False)
    figure.update_layout(barmode="overlay")
    return finish(figure, 50 * len(rows), fixed=True).update_layout(margin_t=0)


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
