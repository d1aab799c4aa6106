"""Why a class scores as it does: maps of classes and frames, and the way from frames to a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from audioset_demo.charts.player import ClassMap, Curve
from audioset_demo.charts.style import (
    BLUE,
    GREY,
    SCORE_COLOURS,
    VERMILION,
    drawn,
    look,
    plain,
    time_axis,
)
from audioset_demo.clock import stamp
from audioset_demo.embeddings.frames import frame_edges
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.tagging import Strands, Tagging

# What a map can show, by the names of `localisation.MEASURED`.
SIGNALS = {
    "combined": "Combined",
    "contributions": "Contribution",
    "attention": "Attention weight",
    "frame_scores": "Frame score",
    "occlusion": "Score drop",
}
LEAST_SCALE = 0.05  # end of the scale of a signed map at least: tiny values stay pale
LEAST_WEIGHT = 2.0  # of attention, in multiples of the mean weight
MAX_STEPS = 14  # of a waterfall: what a phone has room for


def class_map(
    tagging: Tagging,
    signal: str,
    classes: Sequence[int],
    drops: np.ndarray | None = None,
) -> ClassMap:
    """The map of one signal, a key of `SIGNALS`.

    Attention weights are multiples of their mean, 1 where all frames count the same.

    Parameters
    ----------
    classes : indices, the first on top
    drops : (T, K) score drops, for the signal "occlusion"
    """
    if signal == "frame_scores":
        values = tagging.frame_scores[:, classes]
        return ClassMap("Frame score", classes, values, 0.0, 1.0)
    if signal == "attention":
        values = in_multiples(tagging.attention[:, classes])
        most = max(LEAST_WEIGHT, float(values.max()))
        return ClassMap("Attention weight / mean", classes, values, 0.0, most)
    if signal == "occlusion":
        assert drops is not None
        name, values = "Score drop", drops[:, classes]
    elif signal == "combined":
        name, values = "Combined", tagging.combined(classes)
    else:
        name, values = f"Contribution to {tagging.adds_up_to}", tagging.contributions[:, classes]
    most = max(LEAST_SCALE, float(np.abs(values).max()))
    return ClassMap(name, classes, values, -most, most)


def difference_map(shown: ClassMap, other: ClassMap) -> ClassMap:
    """What `other` has more than `shown`, of the same classes and frames, on a signed scale.

    Raises
    ------
    AudioSetDemoError : their values have different units.
    """
    if shown.name != other.name:
        raise AudioSetDemoError(
            f"{shown.name} and {other.name.lower()} have different units, and no difference. "
            "Choose another signal to compare."
        )
    values = other.values - shown.values
    most = max(LEAST_SCALE, float(np.abs(values).max()))
    return ClassMap(f"Difference of {shown.name.lower()}", shown.classes, values, -most, most)


def score_differences(shown: Tagging, other: Tagging, classes: Sequence[int]) -> go.Figure:
    """By how much the scores of the other clip are above those of the shown one, by class."""
    rows = list(range(len(classes)))
    parts = other.scores[list(classes)] - shown.scores[list(classes)]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": parts,
        "y": rows,
        "marker": {"color": _colours(parts)},
        "customdata": [plain(shown.labels[k].name) for k in classes],
        "hovertemplate": "%{customdata}: %{x:+.3f}<extra></extra>",
    }
    names = {
        "autorange": "reversed",
        "tickvals": rows,
        "ticktext": bars["customdata"],
        "fixedrange": True,
        "automargin": True,
    }
    scale = {"title": {"text": "Difference of scores"}, "range": [-1, 1], "fixedrange": True}
    layout = {"dragmode": False, "xaxis": scale, "yaxis": names}
    return drawn(bars, look(80 + 24 * len(rows)) | layout)


def in_multiples(attention: np.ndarray) -> np.ndarray:
    """Attention weights (T, ...) that sum to 1 over frames, as multiples of their mean."""
    return attention * len(attention)


def curves_of(
    taggings: Mapping[str, Tagging], k: int, drops: Mapping[str, np.ndarray]
) -> list[Curve]:
    """The lanes of one class, at most four a model, model by model.

    What is read alike is on one scale for all models.

    Parameters
    ----------
    taggings : by the model's title
    drops : (T,) score drops of some of the models, by the same titles
    """
    lanes: dict[str, list[Curve]] = {model: [] for model in taggings}

    def add(name: str, values: dict[str, np.ndarray], line: float | None = None) -> None:
        low = min(0.0, *(float(part.min()) for part in values.values()))
        high = max(low + 1e-6, *(float(part.max()) for part in values.values()))
        for model, part in values.items():
            lanes[model].append(Curve(name, model, part, low, high, line))

    add("Frame score", {model: t.frame_scores[:, k] for model, t in taggings.items()})
    weights = {model: in_multiples(t.attention[:, k]) for model, t in taggings.items()}
    add("Attention weight / mean", weights, line=1.0)
    for unit in dict.fromkeys(t.adds_up_to for t in taggings.values()):
        of_unit = {m: t.contributions[:, k] for m, t in taggings.items() if t.adds_up_to == unit}
        add(f"Contribution to {unit}", of_unit)
    if drops:
        add("Score drop", dict(drops))
    return [curve for of_model in lanes.values() for curve in of_model]


def strand_map(strands: Strands, tagging: Tagging) -> go.Figure:
    """The attention of each strand over time, as multiples of its mean, the first on top.

    Beside its name stands what it adds to the logit over the whole clip.
    """
    weights, parts = in_multiples(strands.attention).T, strands.contributions.T
    totals = parts.sum(axis=1)
    names = [
        f"{plain(name)}: {part:+.2f}" for name, part in zip(strands.names, totals, strict=True)
    ]
    bars = {"title": {"text": "Weight<br>/ mean"}, "thickness": 10}
    cells = {
        "type": "heatmap",
        "z": weights,
        "x": frame_edges(tagging.times_s, tagging.duration_s),
        "y": list(range(len(names))),
        "customdata": np.stack([np.broadcast_to(tagging.times_s, parts.shape), parts], axis=2),
        "zmin": 0,
        "zmax": max(LEAST_WEIGHT, float(weights.max())),
        "colorscale": SCORE_COLOURS,
        "ygap": 2,
        "colorbar": bars,
        "hovertemplate": "from %{customdata[0]:.2f} s<br>weight / mean %{z:.2f}<br>"
        "contribution %{customdata[1]:+.4f}<extra></extra>",
    }
    rows = {
        "autorange": "reversed",
        "tickvals": list(range(len(names))),
        "ticktext": names,
        "fixedrange": True,
    }
    axis = time_axis(tagging.duration_s) | {"fixedrange": True}
    layout = {"xaxis": axis, "yaxis": rows}
    height = 80 + 30 * len(names)
    return drawn(cells, look(height) | {"dragmode": False} | layout)


def waterfall(tagging: Tagging, k: int) -> go.Figure:
    """From the constant through the frames to the sum, for one class.

    Of a long clip the frames that contribute most, in their order in time, and the sum of all
    others.
    """
    names, parts = _steps(tagging, k)
    ends = np.cumsum(parts)
    total = float(ends[-1])
    places = list(range(len(names) + 1))
    bars = {
        "type": "bar",
        "x": places,
        "y": np.append(parts, total),
        "base": [*(ends - parts).tolist(), 0.0],
        "marker": {"color": [GREY, *_colours(parts[1:]), BLUE if total >= 0 else VERMILION]},
        "customdata": [*names, f"sum: {tagging.adds_up_to}"],
        "hovertemplate": "%{customdata}: %{y:+.4f}<extra></extra>",
    }
    ticks = {"tickvals": places, "ticktext": [*names, tagging.adds_up_to], "fixedrange": True}
    sums = {
        "title": {"text": f"Sum, in the unit of the {tagging.adds_up_to}"},
        "fixedrange": True,
    }
    layout = {"dragmode": False, "xaxis": ticks, "yaxis": sums}
    return drawn(bars, look(280) | layout)


def _steps(tagging: Tagging, k: int) -> tuple[list[str], np.ndarray]:
    """Names and sizes of the steps: the constant, frames, and the others together."""
    contributions = tagging.contributions[:, k]
    kept = np.argsort(-np.abs(contributions), kind="stable")[:MAX_STEPS]
    if len(kept) < len(contributions):
        kept = kept[:-1]
    kept = np.sort(kept)
    names = ["constant", *(stamp(tagging.times_s[t]) for t in kept)]
    parts = [float(tagging.constants[k]), *contributions[kept].tolist()]
    if others := len(contributions) - len(kept):
        names.append(f"{others:,} others")
        parts.append(float(contributions.sum() - contributions[kept].sum()))
    return names, np.array(parts)


def _colours(parts: np.ndarray) -> list[str]:
    return [BLUE if part >= 0 else VERMILION for part in parts]
