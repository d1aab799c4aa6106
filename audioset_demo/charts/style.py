"""What all figures share: colours, escaped text, sizes.

Colours: viridis and cividis are perceptually even and safe for colour-blind readers; the marks use
blue and vermilion, which such readers can distinguish, in tones that contrast with white and black.
Backgrounds are transparent and text has no colour set, so that the page's theme decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import plotly.graph_objects as go

from audioset_demo.clock import whole

BLUE = "#3A7EBF"
VERMILION = "#D2622A"
GREEN = "#2C9C79"
GREY = "rgba(128, 128, 128, 0.5)"
# Of lines and dots that stand for things side by side, in turn.
MARKS = (
    (BLUE, "circle"), (VERMILION, "diamond"), (GREEN, "square"), (BLUE, "cross"),
    (VERMILION, "triangle-up"), (GREEN, "x"), (BLUE, "star"), (VERMILION, "hexagon"),
    (GREEN, "triangle-down"),
)  # fmt: skip
SCORE_COLOURS = "Viridis"
SOUND_COLOURS = "Cividis"
# From vermilion below zero to blue above it.
SIGNED_COLOURS = ("rgb(178, 68, 20)", "rgb(240, 240, 240)", "rgb(30, 96, 165)")
MINUTE_STEPS_S = (10, 15, 30, 60, 120, 300, 600, 900, 1800)
TRANSPARENT = "rgba(0, 0, 0, 0)"


def plain(text: str) -> str:
    """Text escaped so that Plotly, which reads text as HTML, draws it as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def all_plain(texts: Iterable[str]) -> list[str]:
    """Each of the texts, escaped by `plain`."""
    return [plain(text) for text in texts]


def look(height: int) -> dict:
    """The layout that every figure shares: its height in pixels, small margins, no background."""
    return {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 24, "b": 8},
        "paper_bgcolor": TRANSPARENT,
        "plot_bgcolor": TRANSPARENT,
        "showlegend": False,
        # Else long names are cut, even in the middle of an escape.
        "hoverlabel": {"namelength": -1},
        "uirevision": "keep",
        "dragmode": "zoom",
    }


def time_axis(end_s: float, of: str = "") -> dict:
    """An axis of seconds, or of minutes and seconds from one minute on; `of` says of what."""
    whose = f" of {plain(of)}" if of else ""
    if end_s < 60:
        return {"title": {"text": f"Seconds{whose}"}}
    step = next((step for step in MINUTE_STEPS_S if end_s / step <= 8), MINUTE_STEPS_S[-1])
    ticks = np.arange(0, end_s + 1e-9, step).tolist()
    return {
        "title": {"text": f"Minutes and seconds{whose}"},
        "tickvals": ticks,
        "ticktext": [whole(tick) for tick in ticks],
    }


def drawn(traces: dict | list[dict], layout: dict) -> go.Figure:
    """A figure of what a visitor's clip decides, in the form in which it is sent.

    Plotly does not check it, which takes several times as long as all else; the tests do.
    """
    return go.Figure(traces, layout, _validate=False)


def finish(figure: go.Figure, height: int, fixed: bool = False) -> go.Figure:
    """Give a figure the layout that all share; a fixed one cannot be zoomed.

    For what is drawn once: Plotly checks all again at each change of a figure.
    """
    figure.update_layout(look(height))
    if fixed:  # a drag that starts on a phone is meant to scroll the page
        figure.update_layout(dragmode=False)
        figure.update_xaxes(fixedrange=True)
        figure.update_yaxes(fixedrange=True)
    return figure


def name_rows(figure: go.Figure, names: Sequence[str]) -> None:
    """Names beside rows 0, 1, ..., the first on top; rows with equal names stay separate."""
    figure.update_yaxes(
        tickvals=np.arange(len(names)),
        ticktext=names,
        range=[len(names) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
        automargin=True,
    )


def with_legend(figure: go.Figure) -> go.Figure:
    """The figure with its legend in a row above it."""
    return figure.update_layout(
        showlegend=True,
        margin_t=44,
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "xanchor": "left",
            "yanchor": "bottom",
            "title": "",
        },
    )


def with_legend_below(figure: go.Figure) -> go.Figure:
    """The figure with its legend as a list below it, for more names than fit into a row.

    The figure grows by the list, so that as much is left for what it shows.
    """
    list_px = 19 * sum(trace.showlegend is not False for trace in figure.data)
    return figure.update_layout(
        height=figure.layout.height + list_px,
        showlegend=True,
        margin_b=64 + list_px,
        legend={
            "orientation": "h",  # a vertical one would push the figure to the right
            "entrywidth": 1,
            "entrywidthmode": "fraction",
            "x": 0,
            "y": 0,
            "xanchor": "left",
            "yanchor": "bottom",
            "xref": "container",
            "yref": "container",
            "font": {"size": 11},
            "title": "",
        },
    )
