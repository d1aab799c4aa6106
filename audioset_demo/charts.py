"""Figures of a clip and its tags: arrays in, a Plotly figure out.

Colours: viridis and cividis are perceptually even and safe for colour-blind readers; the marks use
blue and vermilion, which such readers tell apart, in tones that stand out on white and on black.
Backgrounds are transparent and text has no colour of its own, so that the page's theme decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from audioset_demo.encoders.embeddings import FRAME_S
from audioset_demo.encoders.logmel import MEL_MAX_HZ, MEL_MIN_HZ, N_MELS
from audioset_demo.reduction import frame_edges, shrink

BLUE = "#3A7EBF"
VERMILION = "#D2622A"
GREY = "rgba(128, 128, 128, 0.5)"
SCORE_COLOURS = "Viridis"
SOUND_COLOURS = "Cividis"
TRANSPARENT = "rgba(0, 0, 0, 0)"

ROW_PX = 25  # height of one class
MAX_GAPPED = 60  # frames that still stand apart on a narrow screen
WRAP_AT = 26  # characters of a class name on one line


def timeline(
    duration_s: float,
    names: Sequence[str],
    scores: np.ndarray,
    times_s: np.ndarray,
    outline: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
    log_mel: np.ndarray | None = None,
) -> go.Figure:
    """Waveform, log-mel spectrogram and classes by time, one under the other on one time axis.

    Parameters
    ----------
    names : N classes, the first on top
    scores : (T, N) of each frame alone
    times_s : (T,) start of each frame
    outline : as `envelope` gives; None where there is no sound
    log_mel : (frames, 64) over the whole duration; None where there is no sound
    """
    heights = [ROW_PX * len(names) + 12]
    if log_mel is not None:
        heights.insert(0, 150)
    if outline is not None:
        heights.insert(0, 80)
    figure = make_subplots(
        rows=len(heights),
        cols=1,
        shared_xaxes=True,
        row_heights=heights,
        vertical_spacing=10 / sum(heights),
    )
    row = 0
    if outline is not None:
        row += 1
        _add_outline(figure, row, outline)
    if log_mel is not None:
        row += 1
        _add_log_mel(figure, row, log_mel, duration_s)
    shown = shrink(scores)
    figure.add_heatmap(
        row=row + 1,
        col=1,
        x=frame_edges(times_s, len(shown)),
        y=[_wrap(name) for name in names],
        z=shown.T,
        zmin=0,
        zmax=max(0.25, float(scores.max())),
        colorscale=SCORE_COLOURS,
        ygap=2,
        # A gap between cells of a pixel or two would be all that is left of them.
        xgap=1 if len(shown) <= MAX_GAPPED else 0,
        colorbar={
            "title": {"text": "Score", "side": "right"},
            "thickness": 10,
            "nticks": 5,
            "outlinewidth": 0,
            "y": heights[-1] / sum(heights) / 2,
            "len": heights[-1] / sum(heights),
            "x": 1.01,
        },
        hovertemplate="%{y}<br>%{x:.2f} s: %{z:.3f}<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", row=row + 1, col=1)
    figure.update_xaxes(range=[0, max(duration_s, FRAME_S)], showgrid=False, zeroline=False)
    figure.update_xaxes(title="Seconds", row=row + 1, col=1)
    return finish(figure, sum(heights) + 60)


def _add_outline(figure: go.Figure, row: int, outline: tuple) -> None:
    times, low, high = outline
    figure.add_scatter(
        row=row,
        col=1,
        x=np.concatenate([times, times[::-1]]),
        mode="lines",
        fill="toself",
        y=np.concatenate([high, low[::-1]]),
        line={"width": 1, "color": BLUE},
        fillcolor=BLUE,
        hoverinfo="skip",
    )
    # A quiet sound stays visibly quiet, a silent one is a line.
    peak = max(0.05, float(np.abs([low, high]).max()) * 1.05)
    figure.update_yaxes(range=[-peak, peak], nticks=3, showgrid=False, title="Wave", row=row, col=1)


def _add_log_mel(figure: go.Figure, row: int, log_mel: np.ndarray, duration_s: float) -> None:
    shown = shrink(log_mel)
    low, high = float(shown.min()), float(np.percentile(shown, 99.8))
    # One byte a cell: a fourth of the size, and finer than the eye.
    levels = np.clip((shown - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    figure.add_heatmap(
        row=row,
        col=1,
        x=np.linspace(0, duration_s, len(shown) + 1),
        z=levels.T,
        colorscale=SOUND_COLOURS,
        zmin=0,
        zmax=255,
        showscale=False,
        hoverinfo="skip",
    )
    hertz = (250, 1000, 2000, 4000)
    figure.update_yaxes(
        tickvals=[mel_band(value) for value in hertz],
        ticktext=[f"{v:,} Hz" for v in hertz],
        showgrid=False,
        zeroline=False,
        row=row,
        col=1,
    )


def mel_band(hertz: float) -> float:
    """Which of the 64 mel bands a frequency is the centre of, as a fraction."""
    low, high, mel = (math.log1p(value / 700) for value in (MEL_MIN_HZ, MEL_MAX_HZ, hertz))
    return (mel - low) / (high - low) * (N_MELS + 1) - 1


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


def _wrap(name: str) -> str:
    """A long class name in two lines, broken at the space nearest its middle."""
    if len(name) <= WRAP_AT or " " not in name:
        return name
    spaces = [k for k, letter in enumerate(name) if letter == " "]
    middle = min(spaces, key=lambda k: abs(k - len(name) / 2))
    return f"{name[:middle]}<br>{name[middle + 1 :]}"


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
