"""Figures of models: numbers in, a Plotly figure out. For colours see `style`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import plotly.graph_objects as go

from audioset_demo.charts.style import (
    BLUE,
    GREY,
    MARKS,
    VERMILION,
    all_plain,
    finish,
    name_rows,
    plain,
    with_legend,
    with_legend_below,
)


def results_dots(
    titles: Sequence[str],
    figures: Mapping[str, Sequence[float | None]],
    axis: str,
    row_px: int = 44,
) -> go.Figure:
    """One row for each title, one dot for each kind of figure, joined by a line.

    Parameters
    ----------
    titles : N rows, the first on top
    axis : what the figures are
    row_px : height of a row
    figures : by what the figures are, N of them each; None where there is none
    """
    titles, rows = all_plain(titles), np.arange(len(titles))
    figure = go.Figure()
    for k in range(len(titles)):
        values = [column[k] for column in figures.values() if column[k] is not None]
        figure.add_scatter(
            x=values,
            y=[k] * len(values),
            mode="lines",
            hoverinfo="skip",
            line={"color": GREY, "width": 2},
            showlegend=False,
        )
    for (what, column), (colour, symbol) in zip(figures.items(), cycle(MARKS), strict=False):
        figure.add_scatter(
            x=column,
            y=rows,
            mode="markers",
            name=plain(what),
            text=titles,
            marker={"size": min(12, row_px // 2), "color": colour, "symbol": symbol},
            hovertemplate="%{text}: %{x:.3f}<extra></extra>",
        )
    figure.update_xaxes(title=axis, rangemode="tozero")
    name_rows(figure, titles)
    return with_legend(finish(figure, row_px * len(titles) + 110))


def risk_by_coverage(curves: Mapping[str, Sequence[Mapping[str, float]]]) -> go.Figure:
    """A line for each system: the share of wrong top tags among the clips that it is surest of.

    Each point has `coverage`, the share of the clips, `score`, the least top score among them, and
    `wrong`.
    """
    figure = go.Figure()
    styles = zip(curves.items(), (BLUE, VERMILION), ("circle", "diamond"), strict=False)
    for (what, points), colour, symbol in styles:
        figure.add_scatter(
            x=[point["coverage"] for point in points],
            y=[point["wrong"] for point in points],
            customdata=[point["score"] for point in points],
            mode="lines+markers",
            name=what,
            line={"color": colour},
            marker={"symbol": symbol, "size": 8},
            hovertemplate="%{x:.0%} of the clips, with a top score from %{customdata:.2f}: "
            "%{y:.0%} wrong<extra></extra>",
        )
    figure.update_xaxes(title="Share of the clips, highest top scores first", tickformat=".0%")
    figure.update_yaxes(title="Wrong top tags", tickformat=".0%", rangemode="tozero")
    return with_legend(finish(figure, 320))


def gains(settings: Sequence[str], values: Sequence[float], noise: float) -> go.Figure:
    """A bar for each changed setting, best first; the band is the spread over seeds.

    Parameters
    ----------
    values : difference of each setting to the base
    noise : standard deviation of the base over seeds; the band is two of them to either side
    """
    order = np.argsort(values)[::-1]
    figure = go.Figure()
    figure.add_vrect(-2 * noise, 2 * noise, fillcolor=GREY, opacity=0.25, line_width=0)
    names = all_plain(settings[k] for k in order)
    figure.add_bar(
        x=[values[k] for k in order],
        y=np.arange(len(names)),
        orientation="h",
        marker={"color": [BLUE if values[k] > 0 else VERMILION for k in order]},
        text=names,
        textposition="none",
        hovertemplate="%{text}: %{x:+.4f}<extra></extra>",
    )
    figure.update_xaxes(title="Gain in mAP (grey: 2 × spread)")
    name_rows(figure, names)
    return finish(figure, 26 * len(settings) + 90)


def learning_curves(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], title: str
) -> go.Figure:
    """A line for each model: iterations, and a figure at each.

    The first tenth of a line does not set the scale: early losses are ten times the later ones and
    would flatten all that follows.
    """
    dashes = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
    figure = go.Figure()
    for (name, (iterations, values)), (colour, _), dash in zip(
        curves.items(), cycle(MARKS), cycle(dashes), strict=False
    ):
        figure.add_scatter(
            x=list(iterations),
            y=list(values),
            name=plain(name),
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate="iteration %{x:,}: %{y:.4f}<extra>%{fullData.name}</extra>",
        )
    settled = np.concatenate([np.asarray(v[len(v) // 10 :]) for _, v in curves.values()])
    margin = 0.05 * float(np.ptp(settled))
    figure.update_xaxes(title="Iterations", rangemode="tozero", tickformat=",")
    figure.update_yaxes(title=title, range=[settled.min() - margin, settled.max() + margin])
    return with_legend_below(finish(figure, 285))
