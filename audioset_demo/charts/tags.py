"""The top tags of a clip as bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from audioset_demo.charts.style import BLUE, all_plain, look


def tag_bars(names: Sequence[str], scores: np.ndarray, details: Sequence[str]) -> go.Figure:
    """Scores (N,) from 0 to 1 as bars between names and smaller details, the first on top."""
    names, details = all_plain(names), all_plain(details)
    rows = np.arange(len(names))
    bar = {"type": "bar", "y": rows, "orientation": "h", "width": 0.16}
    whole = {
        "x": np.ones(len(rows)),
        "hoverinfo": "skip",
        "marker": {"color": "rgba(128, 128, 128, 0.15)"},
    }
    part = {
        "x": scores,
        "marker": {"color": BLUE},
        "customdata": names,
        "hovertemplate": "%{customdata}: %{x:.4f}<extra></extra>",
    }
    texts: tuple[tuple[Sequence[str], int, str, float, dict[str, object]], ...] = (
        (names, 0, "left", -0.32, {}),
        ([f"{s:.2f}" for s in scores], 1, "right", -0.32, {}),
        (details, 0, "left", 0.29, {"font": {"size": 11}, "opacity": 0.75}),
    )
    annotations = [
        {
            "x": x,
            "y": row + above,
            "text": text,
            "showarrow": False,
            "xanchor": anchor,
            "borderpad": 0,
            "xshift": -3 if x == 0 else 3,
            **style,
        }
        for lines, x, anchor, above, style in texts
        for row, text in zip(rows, lines, strict=True)
    ]
    layout = look(50 * len(rows)) | {
        "margin": {"l": 8, "r": 8, "t": 0, "b": 8},
        # A drag that starts on a phone is meant to scroll the page.
        "dragmode": False,
        "barmode": "overlay",
        "annotations": annotations,
        "xaxis": {"range": [0, 1], "visible": False, "fixedrange": True},
        "yaxis": {"range": [len(rows) - 0.5, -0.65], "visible": False, "fixedrange": True},
    }
    return go.Figure([bar | whole, bar | part], layout)
