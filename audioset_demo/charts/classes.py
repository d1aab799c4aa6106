"""Figures of all classes. A point's or bar's `customdata` is its class, or a name of the ontology.

The chosen class is drawn last and larger, with its name, in every figure.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from audioset_demo.charts.style import (
    BLUE,
    GREY,
    SCORE_COLOURS,
    VERMILION,
    all_plain,
    finish,
    plain,
    with_legend,
)
from audioset_demo.evidence.ontology import Node

HEIGHT = 460
MAX_NAMED = 60  # classes along an axis that still have room for their names
RUNNING = 25  # classes in a running mean
DARK_BELOW = 0.6  # on the colour scale, where white text can be read
AP = "Average precision"


def precision_scatter(
    names: Sequence[str], counts: np.ndarray, precision: np.ndarray, chosen: int, title: str
) -> go.Figure:
    """Average precision (K,) against clip counts (K,) on a logarithmic axis.

    Classes without clips, which cannot be drawn on that axis, and those without AP are left out.
    """
    kept = np.flatnonzero((counts > 0) & np.isfinite(precision))
    figure = go.Figure()
    _points(figure, names, kept, counts, precision, "%{x:,} clips, AP %{y:.3f}")
    _mark(figure, names, kept, counts, precision, chosen, "%{x:,} clips, AP %{y:.3f}")
    figure.update_xaxes(type="log", title=title, dtick=1, minor={"ticks": "outside", "dtick": "D1"})
    figure.update_yaxes(title=AP, range=[0, 1.04])
    return finish(figure, HEIGHT).update_layout(dragmode="select")


def precision_by_rank(
    names: Sequence[str], counts: np.ndarray, precision: np.ndarray, chosen: int, title: str
) -> go.Figure:
    """Classes from most to fewest clips: AP as points on an axis of their own, over count bars."""
    order = np.argsort(-counts, kind="stable")
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    figure = make_subplots(
        rows=2, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.04
    )
    kept = np.flatnonzero(np.isfinite(precision))
    _points(figure, names, kept, ranks, precision, "rank %{x:,}, AP %{y:.3f}", size=6)
    measured = order[np.isfinite(precision[order])]
    if len(measured) > 2 * RUNNING:
        mean = np.convolve(precision[measured], np.ones(RUNNING) / RUNNING, "valid")
        figure.add_scatter(
            x=ranks[measured][RUNNING // 2 : RUNNING // 2 + len(mean)],
            y=mean,
            mode="lines",
            line={"color": BLUE, "width": 2},
            hovertemplate=f"mean AP of {RUNNING} classes: %{{y:.3f}}<extra></extra>",
        )
    figure.add_bar(
        x=ranks[order],
        y=counts[order],
        customdata=order,
        text=all_plain(names[k] for k in order),
        textposition="none",
        marker={"color": GREY, "line": {"width": 0}},
        hovertemplate="%{text}<br>%{y:,} clips<extra></extra>",
        row=2,
        col=1,
    )
    _mark(figure, names, kept, ranks, precision, chosen, "rank %{x:,}, AP %{y:.3f}")
    figure.update_yaxes(title=AP, range=[0, 1.04], row=1, col=1)
    figure.update_yaxes(type="log", title="Clips", dtick=1, row=2, col=1)
    figure.update_xaxes(showgrid=False, range=[0.3, len(order) + 0.7])
    if len(order) <= MAX_NAMED:
        figure.update_xaxes(
            tickvals=ranks[order],
            ticktext=all_plain(names[k] for k in order),
            tickangle=-60,
            automargin=True,
            row=2,
            col=1,
        )
    else:
        figure.update_xaxes(title=f"Classes by {title[0].lower()}{title[1:]}", row=2, col=1)
    figure.update_layout(bargap=0.15 if len(order) <= MAX_NAMED else 0)
    return finish(figure, HEIGHT + 120 if len(order) <= MAX_NAMED else HEIGHT)


def precision_by_quality(
    names: Sequence[str],
    quality: np.ndarray,
    interval: tuple[np.ndarray, np.ndarray],
    precision: np.ndarray,
    chosen: int,
) -> go.Figure:
    """AP (K,) against the share of labels that raters confirmed (K,), with that share's interval.

    Classes that were not rated have NaN, and are left out.
    """
    kept = np.flatnonzero(np.isfinite(quality) & np.isfinite(precision))
    low, high = interval
    figure = go.Figure()
    lines = np.full((len(kept), 3), np.nan)
    lines[:, 0], lines[:, 1] = low[kept], high[kept]
    figure.add_scatter(
        x=lines.ravel(),
        y=np.repeat(precision[kept], 3),
        mode="lines",
        line={"color": GREY, "width": 1},
        opacity=0.35,
        hoverinfo="skip",
    )
    words = "label quality %{x:.0%}, AP %{y:.3f}"
    _points(figure, names, kept, quality, precision, words)
    if chosen in kept:
        figure.add_scatter(
            x=[low[chosen], high[chosen]],
            y=[precision[chosen]] * 2,
            mode="lines",
            line={"color": VERMILION, "width": 3},
            hoverinfo="skip",
        )
    _mark(figure, names, kept, quality, precision, chosen, words)
    figure.update_xaxes(title="Label quality", range=[-0.02, 1.02], tickformat=".0%")
    figure.update_yaxes(title=AP, range=[0, 1.04])
    return finish(figure, HEIGHT)


def differences(
    names: Sequence[str],
    kept: np.ndarray,
    values: np.ndarray,
    interval: tuple[np.ndarray, np.ndarray],
    beyond: np.ndarray,
    chosen: int,
) -> go.Figure:
    """Differences of AP (K,) from most positive to most negative, each with its interval.

    Parameters
    ----------
    kept : the classes to draw
    beyond : (K,) bool, differences beyond chance, which are coloured
    """
    order = kept[np.argsort(-values[kept], kind="stable")]
    ranks = np.zeros(len(values), np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    low, high = interval
    figure = go.Figure()
    groups = (
        ("Within chance", order[~beyond[order]], GREY),
        ("Better", order[beyond[order] & (values[order] > 0)], BLUE),
        ("Worse", order[beyond[order] & (values[order] < 0)], VERMILION),
    )
    for what, members, colour in groups:
        if not len(members):
            continue
        figure.add_scatter(
            x=ranks[members],
            y=values[members],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": high[members] - values[members],
                "arrayminus": values[members] - low[members],
                "thickness": 1,
                "width": 0,
            },
            mode="markers",
            name=f"{what} ({len(members):,})",
            customdata=members,
            text=all_plain(names[k] for k in members),
            marker={"size": 6, "color": colour},
            hovertemplate="%{text}<br>%{y:+.3f}<extra></extra>",
        )
    _mark(figure, names, order, ranks, values, chosen, "%{y:+.3f}")
    figure.update_xaxes(title="Classes by difference", showgrid=False)
    figure.update_yaxes(title="Difference of AP", zeroline=True)
    return with_legend(finish(figure, HEIGHT))


def ontology(nodes: Sequence[Node], chosen: str) -> go.Figure:
    """The ontology as an icicle coloured by mean AP: bars from left to right, level by level."""
    ap = np.array([node.ap for node in nodes])
    known = np.isfinite(ap)
    colours = np.array([GREY] * len(nodes), dtype=object)
    colours[known] = sample_colorscale(SCORE_COLOURS, ap[known]) if known.any() else []
    figure = go.Figure()
    figure.add_bar(
        orientation="h",
        base=[node.level for node in nodes],
        x=[1.0] * len(nodes),
        y=[node.start + node.size / 2 for node in nodes],
        width=[node.size for node in nodes],
        customdata=[node.name for node in nodes],
        text=all_plain(node.name for node in nodes),
        hovertext=[
            f"{plain(node.name)}<br>{node.n_classes:,} classes, mean AP "
            + (f"{node.ap:.3f}" if np.isfinite(node.ap) else "not measured")
            for node in nodes
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        textposition="inside",
        insidetextanchor="start",
        insidetextfont={
            "color": ["white" if not ok or a < DARK_BELOW else "black"
                      for a, ok in zip(ap, known, strict=True)]
        },
        marker={
            "color": list(colours),
            "line": {
                "width": [3 if node.name == chosen else 0.5 for node in nodes],
                "color": [VERMILION if node.name == chosen else "rgba(255,255,255,0.6)"
                          for node in nodes],
            },
        },
    )  # fmt: skip
    # An invisible point brings the colour scale.
    figure.add_scatter(
        x=[None],
        y=[None],
        mode="markers",
        hoverinfo="skip",
        marker={
            "color": [0.0],
            "cmin": 0,
            "cmax": 1,
            "colorscale": SCORE_COLOURS,
            "showscale": True,
            "colorbar": {"title": "AP", "thickness": 10, "len": 0.9},
        },
    )
    levels = max((node.level for node in nodes), default=0) + 1
    figure.update_xaxes(visible=False, range=[0, levels])
    figure.update_yaxes(visible=False, autorange="reversed")
    figure.update_layout(bargap=0, uniformtext={"minsize": 9, "mode": "hide"})
    return finish(figure, HEIGHT + 160)


def _points(
    figure: go.Figure,
    names: Sequence[str],
    kept: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    words: str,
    size: int = 7,
) -> None:
    figure.add_scatter(
        x=x[kept],
        y=y[kept],
        mode="markers",
        customdata=kept,
        text=all_plain(names[k] for k in kept),
        marker={"size": size, "color": BLUE, "opacity": 0.55},
        hovertemplate=f"%{{text}}<br>{words}<extra></extra>",
    )


def _mark(
    figure: go.Figure,
    names: Sequence[str],
    kept: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    chosen: int,
    words: str,
) -> None:
    """The chosen class over all others, its name beside it where there is more room."""
    if chosen not in kept:
        return
    name = plain(names[chosen])
    middle = np.median(x[kept])
    figure.add_scatter(
        x=x[[chosen]],
        y=y[[chosen]],
        mode="markers+text",
        customdata=[chosen],
        text=[name],
        textposition="top right" if x[chosen] <= middle else "top left",
        textfont={"size": 15, "color": VERMILION},
        cliponaxis=False,
        marker={"size": 13, "color": VERMILION, "line": {"width": 1, "color": "white"}},
        hovertemplate=f"%{{text}}<br>{words}<extra></extra>",
        showlegend=False,
    )
