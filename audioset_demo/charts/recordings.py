"""Figures of what was found in a folder of recordings: arrays in, a Plotly figure out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from audioset_demo.charts.style import (
    BLUE,
    GREEN,
    GREY,
    SOUND_COLOURS,
    VERMILION,
    all_plain,
    finish,
    look,
    name_rows,
    with_legend,
)
from audioset_demo.names import shortened
from audioset_demo.recordings.precision import Line, PrecisionCurve

LARGEST, LEAST = 12, 3  # pixels of the mark of the most finds, and of a single one
ROW = 22  # pixels between classes
LONGEST_NAME = 26  # characters beside a row
MOST_NAMES = 20  # below the map, where a phone has no room for more
CHARACTER = 7  # pixels along a name that stands on its end
BAND = "rgba(58, 126, 191, 0.22)"
# Points of the plane are of the chosen class, by what a person said of them, or of another class.
SAID = {"other": GREY, "": GREEN, "yes": BLUE, "no": VERMILION, "skip": "rgba(128, 128, 128, 0.9)"}


def find_map(
    names: Sequence[str], columns: Sequence[str], counts: np.ndarray, across: str, chosen: int
) -> go.Figure:
    """Numbers of finds (A, B) of classes in hours or recordings; the area of a mark shows each.

    Parameters
    ----------
    across : what the columns are.
    chosen : the row of the chosen class; -1: none of these.

    A mark's `customdata` is its row and its column.
    """
    rows, places = np.nonzero(counts)
    found = counts[rows, places]
    marks = {
        "type": "scatter",
        "x": places,
        "y": rows,
        "mode": "markers",
        "customdata": np.stack([rows, places], axis=1),
        "text": all_plain(
            f"{names[int(a)]}, {columns[int(b)]}: {n:,} found"
            for a, b, n in zip(rows, places, found, strict=True)
        ),
        "marker": {
            "symbol": "square",
            "size": np.maximum(LARGEST * np.sqrt(found / counts.max(initial=1)), LEAST),
            "color": np.where(rows == chosen, VERMILION, BLUE),
            "opacity": 0.9,
            "line": {"width": 0},
        },
        "hovertemplate": "%{text}<extra></extra>",
    }
    each = -(-len(columns) // MOST_NAMES)
    below = [shortened(column, LONGEST_NAME) for column in columns[::each]]
    longest = max(map(len, below), default=0)
    upright = longest > len("24")
    height = ROW * len(names) + 90 + upright * CHARACTER * longest
    figure = go.Figure(marks, look(height) | {"clickmode": "event+select"})
    figure.update_xaxes(
        title=across,
        tickvals=np.arange(len(columns))[::each],
        ticktext=all_plain(below),
        tickangle=-90 if upright else 0,
        automargin=True,
        range=[-0.7, len(columns) - 0.3],
        showgrid=False,
        zeroline=False,
    )
    name_rows(figure, all_plain(shortened(name, LONGEST_NAME) for name in names))
    figure.update_layout(dragmode=False)
    return figure.update_xaxes(fixedrange=True).update_yaxes(fixedrange=True)


def cut_picture(
    log_mel: np.ndarray, start_s: float, end_s: float, find: tuple[float, float]
) -> go.Figure:
    """The log-mel spectrogram (m, 64) of a cut, with lines where its find begins and ends."""
    picture = {
        "type": "heatmap",
        "x": np.linspace(start_s, end_s, len(log_mel) + 1),
        "z": log_mel.T,
        "colorscale": SOUND_COLOURS,
        "showscale": False,
        "hoverinfo": "skip",
    }
    lines = [
        {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1,
         "line": {"color": VERMILION, "width": 2}}
        for x in find if start_s < x < end_s
    ]  # fmt: skip
    layout = look(150) | {
        "xaxis": {"title": "Seconds of the recording", "showgrid": False, "fixedrange": True},
        "yaxis": {"visible": False, "fixedrange": True},
        "shapes": lines,
        "dragmode": False,
    }
    return go.Figure(picture, layout)


def precision_by_threshold(
    curve: PrecisionCurve,
    line: Line,
    scores: np.ndarray,
    answers: np.ndarray,
    wanted: float,
    at: int | None,
) -> go.Figure:
    """Precision with its interval over the threshold, and the probability of each score.

    Parameters
    ----------
    scores, answers : (n,) of the finds that were heard: 1 right, 0 wrong.
    at : the place of the threshold for the wanted precision; None: there is none.
    """
    x = curve.thresholds
    figure = go.Figure()
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]), y=np.concatenate([curve.high, curve.low[::-1]]),
        fill="toself", fillcolor=BAND, line={"width": 0}, hoverinfo="skip", name="95 % interval",
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=curve.precision, mode="lines", line={"color": BLUE, "width": 2},
        customdata=np.stack([curve.low, curve.high, curve.n_finds], axis=1),
        name="precision of all from this score on",
        hovertemplate="from %{x:.3f} on: %{y:.1%} (%{customdata[0]:.1%} to %{customdata[1]:.1%}) "
        "of %{customdata[2]:,}<extra></extra>",
    )  # fmt: skip
    grid = np.linspace(max(x[-1], 1e-4), min(x[0], 1 - 1e-4), 100)
    figure.add_scatter(
        x=grid, y=line.probabilities(grid), mode="lines",
        line={"color": GREEN, "width": 2, "dash": "dot"}, name="probability at this score",
        hovertemplate="at %{x:.3f}: %{y:.1%}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=scores, y=answers, mode="markers", hoverinfo="skip", name="answers",
        marker={"symbol": "line-ns-open", "size": 9,
                "color": np.where(answers > 0, BLUE, VERMILION)},
        cliponaxis=False,
    )  # fmt: skip
    if at is not None:
        figure.add_scatter(
            x=[x[at]], y=[curve.precision[at]], mode="markers", showlegend=False,
            marker={"size": 12, "color": VERMILION}, hoverinfo="skip",
        )  # fmt: skip
    figure.add_hline(wanted, line={"color": GREY, "width": 1})
    figure.update_xaxes(title="Score")
    figure.update_yaxes(title="Share that is right", range=[-0.04, 1.04], tickformat=".0%")
    return with_legend(finish(figure, 360, fixed=True))


def plane(
    points: np.ndarray, places: np.ndarray, texts: Sequence[str], said: Sequence[str],
    explained: np.ndarray,
) -> go.Figure:  # fmt: skip
    """Finds (n, 2) in a plane; those of the chosen class are drawn last. `customdata` is a place.

    Parameters
    ----------
    places : (n,) of each among all finds.
    texts, said : words on each point, and a name of `SAID`.
    """
    answers = np.array(said)
    words = {"other": "other classes", "": "not answered", "yes": "right", "no": "wrong",
             "skip": "skipped"}  # fmt: skip
    traces = []
    for what, colour in SAID.items():
        own = np.flatnonzero(answers == what)
        if len(own):
            traces.append({
                "type": "scatter",
                "x": points[own, 0],
                "y": points[own, 1],
                "mode": "markers",
                "name": words[what],
                "customdata": places[own],
                "text": all_plain(texts[int(n)] for n in own),
                "marker": {"size": 6 if what == "other" else 9, "color": colour,
                           "line": {"width": 0}},
                "hovertemplate": "%{text}<extra></extra>",
            })  # fmt: skip
    axes = {
        f"{axis}axis": {
            "title": f"Axis {number}: {share:.0%} of the variance",
            "zeroline": False,
            "showticklabels": False,
        }
        for axis, number, share in zip("xy", "12", explained, strict=True)
    }
    return with_legend(go.Figure(traces, look(520) | axes | {"dragmode": "pan"}))
