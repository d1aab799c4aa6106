"""Figures of one class: curves, histograms of scores, and all models over one another."""

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
from audioset_demo.odds import logit

HEIGHT = 300
TICKS = (0.001, 0.01, 0.1, 0.5, 0.9)  # scores


def precision_recall(
    recall: np.ndarray, precision: np.ndarray, at: int, prevalence: float
) -> go.Figure:
    """Precision over recall (P,); a point at threshold `at`, and what chance would give."""
    figure = go.Figure()
    figure.add_hline(prevalence, line={"color": GREY, "dash": "dot", "width": 1})
    _curve(figure, recall, precision, at, "recall %{x:.3f}, precision %{y:.3f}")
    figure.update_xaxes(title="Recall", range=[0, 1.02])
    figure.update_yaxes(title="Precision", range=[0, 1.04])
    return finish(figure, HEIGHT, fixed=True)


def roc(false_rate: np.ndarray, recall: np.ndarray, at: int) -> go.Figure:
    """Recall over the false-positive rate (P,), from none of the clips to all of them."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dot", "width": 1},
        hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=[0.0, false_rate[0], None, false_rate[-1], 1.0],
        y=[0.0, recall[0], None, recall[-1], 1.0],
        mode="lines",
        line={"color": BLUE, "width": 2},
        hoverinfo="skip",
    )
    _curve(figure, false_rate, recall, at, "false-positive rate %{x:.4f}, recall %{y:.3f}")
    figure.update_xaxes(title="False-positive rate", range=[-0.01, 1.02])
    figure.update_yaxes(title="Recall", range=[0, 1.04])
    return finish(figure, HEIGHT, fixed=True)


def score_histograms(
    logit_edges: np.ndarray, without: np.ndarray, with_label: np.ndarray, threshold: float
) -> go.Figure:
    """Shares of the clips without and with the label by score, on an axis even in the logit."""
    centres, width = (logit_edges[:-1] + logit_edges[1:]) / 2, logit_edges[1] - logit_edges[0]
    figure = go.Figure()
    groups = (("without the label", without, GREY), ("with the label", with_label, BLUE))
    for what, counts, colour in groups:
        figure.add_bar(
            x=centres,
            y=counts / max(counts.sum(), 1),
            width=width,
            customdata=counts,
            name=f"{int(counts.sum()):,} clips {what}",
            marker={"color": colour, "opacity": 0.65, "line": {"width": 0}},
            hovertemplate="%{customdata:,} clips, %{y:.1%}<extra>%{fullData.name}</extra>",
        )
    inside = np.clip(threshold, 1e-4, 0.9999)
    figure.add_vline(logit(inside), line={"color": VERMILION, "width": 2})
    figure.update_xaxes(
        title="Score",
        tickvals=logit(np.array(TICKS)),
        ticktext=[f"{tick:g}" for tick in TICKS],
        tickangle=0,
    )
    figure.update_yaxes(title="Share of clips", tickformat=".0%")
    figure.update_layout(barmode="overlay")
    return with_legend(finish(figure, HEIGHT + 40, fixed=True))


def model_intervals(
    titles: Sequence[str],
    ap: Sequence[float],
    intervals: Sequence[tuple[float, float] | None],
    ours: int,
) -> go.Figure:
    """AP of one class by each model, a row each: the first `ours` of this project, then others'.

    A model without an interval has a point alone.
    """
    figure = go.Figure()
    for k, interval in enumerate(intervals):
        if interval:
            figure.add_scatter(
                x=list(interval), y=[k, k], mode="lines", line={"color": GREY, "width": 4},
                hoverinfo="skip",
            )  # fmt: skip
    for part, colour, symbol in (
        (slice(0, ours), BLUE, "circle"),
        (slice(ours, None), VERMILION, "diamond"),
    ):
        figure.add_scatter(
            x=list(ap[part]),
            y=np.arange(len(titles))[part],
            mode="markers",
            text=all_plain(titles[part]),
            marker={"size": 11, "color": colour, "symbol": symbol},
            cliponaxis=False,
            hovertemplate="%{text}: AP %{x:.3f}<extra></extra>",
        )
    figure.update_xaxes(title="Average precision", rangemode="tozero")
    name_rows(figure, all_plain(titles))
    return finish(figure, 30 * len(titles) + 80, fixed=True)


def ap_over_training(lines: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> go.Figure:
    """AP of one class at the checkpoints: (C,) iterations and AP by the models' titles."""
    figure = go.Figure()
    for (title, (iterations, ap)), (colour, symbol) in zip(lines.items(), cycle(MARKS)):
        figure.add_scatter(
            x=iterations,
            y=ap,
            mode="lines+markers",
            name=plain(title),
            line={"color": colour, "width": 2},
            marker={"symbol": symbol, "size": 9},
            hovertemplate="iteration %{x:,}: AP %{y:.3f}<extra>%{fullData.name}</extra>",
        )
    figure.update_xaxes(title="Iteration", rangemode="tozero", tickformat=",")
    figure.update_yaxes(title="Average precision", rangemode="tozero")
    return with_legend_below(finish(figure, HEIGHT, fixed=True))


def _curve(figure: go.Figure, x: np.ndarray, y: np.ndarray, at: int, words: str) -> None:
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": BLUE, "width": 2},
        hovertemplate=f"{words}<extra></extra>",
    )
    figure.add_scatter(
        x=x[[at]],
        y=y[[at]],
        mode="markers",
        marker={"size": 12, "color": VERMILION},
        hovertemplate=f"{words}<extra></extra>",
    )
