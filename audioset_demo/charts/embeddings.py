"""Figures of embeddings: arrays in, a Plotly figure out. For colours see `style`."""

from __future__ import annotations

import textwrap
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
    drawn,
    look,
    time_axis,
)
from audioset_demo.charts.thinning import joined_edges, shrink
from audioset_demo.embeddings.frames import Embeddings

NAME_WIDTH = 20  # characters of a line of a name beside the map


def embedding_picture(
    values: np.ndarray, times_s: np.ndarray, duration_s: float, title: str
) -> go.Figure:
    """Embeddings (T, 128) with time across.

    Colours span the 1st to 99th percentile of all dimensions but the last: the last one of
    VGGish's PCA mostly sits at the ends of its range.
    """
    low, high = np.percentile(values[:, :-1], (1, 99))
    shown = shrink(values.astype(np.float32))
    heatmap = {
        "type": "heatmap",
        "x": joined_edges(times_s, duration_s, len(shown)),
        "z": shown.T,
        "zmin": float(low),
        "zmax": float(high),
        "colorscale": SCORE_COLOURS,
        "colorbar": _colour_bar(title),
        "hovertemplate": "%{x:.2f} s, dimension %{y}: %{z:.4g}<extra></extra>",
    }
    layout = look(430) | {
        "xaxis": time_axis(duration_s) | {"showgrid": False},
        "yaxis": {
            "title": {"text": "Dimension"},
            "tickvals": [0, 32, 64, 96, 127],
            "showgrid": False,
        },
    }
    return drawn(heatmap, layout)


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
    heatmap = {
        "type": "heatmap",
        "x": joined_edges(clip.times_s, clip.duration_s, shown.shape[1]),
        "y": joined_edges(below.times_s, below.duration_s, shown.shape[0]),
        "z": shown,
        "zmin": min(0.0, float(shown.min())),
        "zmax": 1,
        "colorscale": SCORE_COLOURS,
        "colorbar": _colour_bar("Cosine") | {"len": 0.75},
        "hovertemplate": "%{x:.2f} s and %{y:.2f} s: %{z:.3f}<extra></extra>",
    }
    axis = {"showgrid": False, "constrain": "domain"}
    layout = look(430) | {
        "xaxis": axis | time_axis(clip.duration_s),
        "yaxis": axis
        | time_axis(below.duration_s, other.name if other else "")
        | {"autorange": "reversed"}
        | ({} if other else {"scaleanchor": "x"}),
    }
    return drawn(heatmap, layout)


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
    centroids = {
        "x": class_points[:, 0],
        "y": class_points[:, 1],
        "mode": "markers",
        "text": names,
        "marker": {"size": 6, "color": GREY},
        "hovertemplate": "%{text}<extra></extra>",
    }
    rings = {
        "x": class_points[nearest, 0],
        "y": class_points[nearest, 1],
        "mode": "markers",
        "hoverinfo": "skip",
        "marker": {"size": 11, "color": TRANSPARENT, "line": {"width": 2, "color": VERMILION}},
    }
    traces = [centroids, rings]
    everything = [class_points, points]
    if other_points is not None:
        everything.append(other_points)
        traces.append(
            _path(other_points, GREEN)
            | {
                "marker": {"size": 9, "color": GREEN, "symbol": "circle"},
                "hovertemplate": "the other clip, frame %{pointNumber}<extra></extra>",
            }
        )
    traces.append(
        _path(points, GREY)
        | {
            "customdata": times_s,
            "marker": {
                "size": 10,
                "color": times_s,
                "colorscale": SCORE_COLOURS,
                "showscale": True,
                "symbol": "diamond",
                # Above the map: beside it, a phone would have no room for the names.
                "colorbar": _colour_bar("Seconds")
                | {"orientation": "h", "x": 1, "xanchor": "right", "len": 0.5}
                | {"y": 1, "yanchor": "bottom", "title": {"text": "Seconds", "side": "top"}},
            },
            "hovertemplate": "frame at %{customdata:.2f} s<extra></extra>",
        }
    )
    low, high = np.concatenate(everything).min(axis=0), np.concatenate(everything).max(axis=0)
    width = high[0] - low[0]
    xaxis, yaxis = (
        {
            "title": {"text": f"Axis {axis}: {share:.0%} of the variance between classes"},
            "zeroline": False,
        }
        for axis, share in zip("12", explained, strict=True)
    )
    layout = look(590) | {
        "xaxis": xaxis | {"range": [low[0] - 0.04 * width, high[0] + 0.34 * width]},
        "yaxis": yaxis,
        "annotations": _names_beside(
            class_points[nearest],
            [names[k] for k in nearest],
            x=high[0] + 0.34 * width,
            step=max(high[1] - low[1], 1e-6) * 0.07,
        ),
    }
    return drawn([{"type": "scatter"} | trace for trace in traces], layout)


def _colour_bar(title: str) -> dict:
    return {"title": {"text": title, "side": "right"}, "thickness": 10, "outlinewidth": 0}


def _path(points: np.ndarray, colour: str) -> dict:
    """Points (T, 2) joined in order, the first and the last one named."""
    return {
        "x": points[:, 0],
        "y": points[:, 1],
        "mode": "lines+markers+text",
        "text": ["start", *[""] * (len(points) - 2), "end"] if len(points) > 1 else [""],
        "textposition": "top center",
        "line": {"width": 1, "color": colour, "dash": "dot"},
    }


def _names_beside(places: np.ndarray, names: Sequence[str], x: float, step: float) -> list[dict]:
    """Names that end at `x`, `step` apart at least, each with a line to its place (n, 2)."""
    level = -np.inf
    heights = np.empty(len(places))
    for k in np.argsort(places[:, 1]):
        heights[k] = level = max(places[k, 1], level + step)
    # The column is centred on its places, as far as the spacing allows.
    heights -= (heights - places[:, 1]).mean()
    return [
        {
            "x": place[0],
            "y": place[1],
            "ax": x,
            "ay": height,
            "axref": "x",
            "ayref": "y",
            "text": "<br>".join(textwrap.wrap(name, NAME_WIDTH, break_long_words=False)),
            "align": "right",
            "xanchor": "right",
            "arrowhead": 0,
            "arrowwidth": 1,
            "arrowcolor": GREY,
            "standoff": 5,
        }
        for place, height, name in zip(places, heights, names, strict=True)
    ]
