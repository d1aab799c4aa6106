"""Figures of embeddings: arrays in, a Plotly figure out. For colours see `style`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from audioset_demo.charts.style import (
    GREEN,
    GREY,
    SCORE_COLOURS,
    TRANSPARENT,
    VERMILION,
    all_plain,
    finish,
    plain,
)
from audioset_demo.charts.thinning import joined_edges, shrink
from audioset_demo.embeddings.frames import Embeddings


def embedding_picture(
    values: np.ndarray, times_s: np.ndarray, duration_s: float, title: str
) -> go.Figure:
    """Embeddings (T, 128) with time across.

    Colours span the 1st to 99th percentile of all dimensions but the last: the last one of
    VGGish's PCA mostly sits at the ends of its range.
    """
    low, high = np.percentile(values[:, :-1], (1, 99))
    shown = shrink(values.astype(np.float32))
    figure = go.Figure(
        go.Heatmap(
            x=joined_edges(times_s, duration_s, len(shown)),
            z=shown.T,
            zmin=float(low),
            zmax=float(high),
            colorscale=SCORE_COLOURS,
            colorbar={
                "title": {"text": title, "side": "right"},
                "thickness": 10,
                "outlinewidth": 0,
            },
            hovertemplate="%{x:.2f} s, dimension %{y}: %{z:.4g}<extra></extra>",
        )
    )
    figure.update_xaxes(title="Seconds", showgrid=False)
    figure.update_yaxes(title="Dimension", tickvals=[0, 32, 64, 96, 127], showgrid=False)
    return finish(figure, 430)


def similarity_picture(
    similarity: np.ndarray, clip: Embeddings, other: Embeddings | None = None
) -> go.Figure:
    """Similarity (n, m) of a clip's frames, from left to right, with those of another or itself.

    Parameters
    ----------
    clip, other : the clips; n and m may be fewer than their frames. None: the clip itself
    """
    below = other or clip
    shown = similarity.T.astype(np.float32)
    figure = go.Figure(
        go.Heatmap(
            x=joined_edges(clip.times_s, clip.duration_s, shown.shape[1]),
            y=joined_edges(below.times_s, below.duration_s, shown.shape[0]),
            z=shown,
            zmin=min(0.0, float(shown.min())),
            zmax=1,
            colorscale=SCORE_COLOURS,
            colorbar={
                "title": {"text": "Cosine", "side": "right"},
                "thickness": 10,
                "len": 0.75,
                "outlinewidth": 0,
            },
            hovertemplate="%{x:.2f} s and %{y:.2f} s: %{z:.3f}<extra></extra>",
        )
    )
    figure.update_xaxes(title="Seconds", showgrid=False, constrain="domain")
    figure.update_yaxes(
        title=f"Seconds of {plain(other.name)}" if other else "Seconds",
        showgrid=False,
        autorange="reversed",
        constrain="domain",
    )
    if not other:
        figure.update_yaxes(scaleanchor="x")
    return finish(figure, 430)


def class_map(
    class_points: np.ndarray,
    names: Sequence[str],
    points: np.ndarray,
    times_s: np.ndarray,
    nearest: Sequence[int],
    explained: np.ndarray,
    other_points: np.ndarray | None = None,
) -> go.Figure:
    """The path of a clip's frames among the class centroids.

    Parameters
    ----------
    class_points, points : (K, 2) and (T, 2) in the plane
    nearest : classes to name
    explained : (2,) share of the variance along each axis
    other_points : (U, 2), the path of another clip
    """
    names = all_plain(names)
    figure = go.Figure()
    figure.add_scatter(
        x=class_points[:, 0],
        y=class_points[:, 1],
        mode="markers",
        text=names,
        marker={"size": 6, "color": GREY},
        hovertemplate="%{text}<extra></extra>",
    )
    figure.add_scatter(
        x=class_points[nearest, 0],
        y=class_points[nearest, 1],
        mode="markers",
        hoverinfo="skip",
        marker={"size": 11, "color": TRANSPARENT, "line": {"width": 2, "color": VERMILION}},
    )
    if other_points is not None:
        figure.add_scatter(
            x=other_points[:, 0],
            y=other_points[:, 1],
            mode="lines+markers+text",
            text=_ends(len(other_points)),
            textposition="top center",
            line={"width": 1, "color": GREEN, "dash": "dot"},
            marker={"size": 9, "color": GREEN, "symbol": "circle"},
            hovertemplate="the other clip, frame %{pointNumber}<extra></extra>",
        )
    figure.add_scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="lines+markers+text",
        text=_ends(len(points)),
        textposition="top center",
        customdata=times_s,
        line={"width": 1, "color": GREY, "dash": "dot"},
        marker={
            "size": 10,
            "color": times_s,
            "colorscale": SCORE_COLOURS,
            "showscale": True,
            "symbol": "diamond",
            "colorbar": {
                "title": {"text": "Seconds", "side": "right"},
                "thickness": 10,
                "outlinewidth": 0,
            },
        },
        hovertemplate="frame at %{customdata:.2f} s<extra></extra>",
    )
    _name_beside(
        figure,
        class_points[nearest],
        [names[k] for k in nearest],
        np.concatenate([class_points, points, *([] if other_points is None else [other_points])]),
    )
    for axis, share, update in zip(
        "12", explained, (figure.update_xaxes, figure.update_yaxes), strict=True
    ):
        update(title=f"Axis {axis}: {share:.0%} of the variance between classes", zeroline=False)
    return finish(figure, 520)


def _ends(n: int) -> list[str]:
    """Words at the ends of a path of n points."""
    return ["start", *[""] * (n - 2), "end"] if n > 1 else [""]


def _name_beside(
    figure: go.Figure, places: np.ndarray, names: Sequence[str], everything: np.ndarray
) -> None:
    """Names in a column on the right, each with a line to its point, so that none overlap."""
    low, high = everything.min(axis=0), everything.max(axis=0)
    width, height = high - low
    step = max(height, 1e-6) * 0.07
    order = np.argsort(places[:, 1])
    level = -np.inf
    heights = np.empty(len(places))
    for k in order:
        heights[k] = level = max(places[k, 1], level + step)
    # The column is centred on its places, as far as the spacing allows.
    heights -= (heights - places[:, 1]).mean()
    for (x, y), text_y, name in zip(places, heights, names, strict=True):
        figure.add_annotation(
            x=x,
            y=y,
            ax=high[0] + 0.04 * width,
            ay=text_y,
            axref="x",
            ayref="y",
            text=name,
            xanchor="left",
            arrowhead=0,
            arrowwidth=1,
            arrowcolor=GREY,
            standoff=5,
        )
    figure.update_xaxes(range=[low[0] - 0.04 * width, high[0] + 0.34 * width])
