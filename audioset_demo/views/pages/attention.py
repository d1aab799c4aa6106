"""Attention: the frames that a score comes from, and whether attention weights are faithful."""

from dataclasses import replace

import numpy as np
import streamlit as st

from audioset_demo.charts.player import Curve
from audioset_demo.embeddings.frames import FRAME_S
from audioset_demo.evaluation import rank_correlation
from audioset_demo.models import experiments
from audioset_demo.tagging import Tagging
from audioset_demo.views import cache, clips, player, session
from audioset_demo.views.names import cell, escape, unique_names
from audioset_demo.views.widgets import class_select, errors_shown, notes, provenance, title

MAX_COMPARED = 3
MEANING = {
    "average": "All frames have the same weight: the score is the mean of the frame scores.",
    "frame_baseline": "All frames have the same weight: the score is the mean of the frame scores.",
    "max": "The score is that of the highest-scoring frame alone.",
    "single_attention": "The model weights the frames for each class.",
    "multi_attention": "The model weights the frames for each class at two depths; the mean of the "
    "two weights is shown.",
    "feature_attention": "The model weights the frames for each hidden feature, not for each "
    "class; the mean weight of the features that the class reads is shown.",
}

READINGS = {
    "attention": "Attention weight",
    "contributions": "Contribution",
    "frame_scores": "Frame score",
}


def agreement_cell(row: dict, reading: str) -> str:
    """A model's rank correlation and share of first places, from the record of all clips."""
    rho, first = row["rank_correlation"][reading], row["first_place"][reading]
    return "the same for all frames" if rho is None else f"{rho:.2f}, {first:.0%} first"


def identity(tagging: Tagging, k: int) -> str:
    """How contributions add up to the score of class `k`, in numbers."""
    parts, constant = float(tagging.contributions[:, k].sum()), float(tagging.constants[k])
    score = float(tagging.scores[k])
    total = f"contributions {parts:.4f} + constant {constant:.4f} = "
    if tagging.adds_up_to == "score":
        return total + f"score {score:.4f}"
    return total + f"logit {parts + constant:.4f}, which is a score of {score:.4f}"


def on_one_scale(
    name: str, models: list[str], values: list[np.ndarray], line: float | None = None
) -> list[Curve]:
    """One curve per model, all on a scale from the lowest value, or zero, to the highest."""
    low = min(0.0, *(float(part.min()) for part in values))
    high = max(low + 1e-6, *(float(part.max()) for part in values))
    return [
        Curve(name, model, part, low, high, line)
        for model, part in zip(models, values, strict=True)
    ]


def curves_of(taggings: dict[str, Tagging], k: int) -> list[Curve]:
    """Frame scores, attention weights and contributions of one class, by each model."""
    names = list(taggings)
    scores = [t.frame_scores[:, k] for t in taggings.values()]
    weights = [t.attention[:, k] for t in taggings.values()]
    curves = on_one_scale("Frame score", names, scores)
    curves += on_one_scale("Attention weight", names, weights, line=1 / len(weights[0]))
    for unit in dict.fromkeys(t.adds_up_to for t in taggings.values()):
        parts = {name: t for name, t in taggings.items() if t.adds_up_to == unit}
        contributions = [t.contributions[:, k] for t in parts.values()]
        curves += on_one_scale(f"Contribution to {unit}", list(parts), contributions)
    return curves


def agreement(of: str, values: np.ndarray, drop: np.ndarray) -> str:
    """The rank correlation of values of the frames with the score drop when they are silenced."""
    rho = rank_correlation(values, drop)
    return f"{of}: " + ("the same for all frames" if rho is None else f"{rho:+.2f}")


title("Attention", "The frames that a score comes from, and how much each contributes.")
clip, choice = clips.current(), session.choice()
hidden = "if left out" if clip.is_features else "if silenced"
with errors_shown():
    provenance(clip, choice)
    models, titles = session.models(), session.model_titles()
    tagging = cache.tagging(clip, choice)

st.subheader(escape(tagging.name), anchor=False)
notes(tagging.notes)
ranked = tagging.top(len(tagging.labels))
left, right = st.columns(2)
with left:
    k = class_select(
        "Class, highest score first (type to search)", tagging.labels, ranked, ranked[0]
    )
# Only models with the same classes can be compared.
others = [
    name
    for name, model in models.items()
    if model.card.labels == tagging.model.labels and name != choice.model
]
# Models of another kind first, as they differ most; among them, the better ones first.
others.sort(
    key=lambda name: (
        models[name].card.settings.pooling == tagging.model.settings.pooling,
        -models[name].card.metrics.get("eval", {}).get("mAP", 0.0),
    )
)
compared = right.multiselect(
    "Models beside it",
    others,
    default=others[:1],
    max_selections=MAX_COMPARED,
    format_func=titles.__getitem__,
    filter_mode="contains",
    select_all=False,
    key="beside",
    bind="query-params",
    placeholder="None",
)
n_frames = len(tagging.times_s)
occluded = st.toggle(
    "Leave out one frame at a time" if clip.is_features else "Silence one frame at a time",
    key="occlusion",
    bind="query-params",
    help="Occlusion, a check that does not rely on the model's own weights: each frame in turn is "
    + ("left out" if clip.is_features else "replaced by the encoder's output for silence")
    + ", and the score is computed again. Where a frame matters, the score drops.",
)
if occluded and clip.is_features and n_frames == 1:
    st.caption("The clip has only one frame, which cannot be left out.")
    occluded = False
with errors_shown():
    choices = {titles[name]: replace(choice, model=name) for name in (choice.model, *compared)}
    taggings = {name: cache.tagging(clip, one) for name, one in choices.items()}
    drops = [
        cache.occlusion(clip, one, lambda: st.session_state.update(occlusion=False))[:, k]
        for one in (choices.values() if occluded else ())
    ]

for i, (column, (name, t)) in enumerate(
    zip(st.columns(len(taggings), gap="medium"), taggings.items(), strict=True)
):
    with column:
        st.subheader(escape(name), anchor=False)
        st.caption(MEANING[t.model.settings.pooling])
        st.markdown(f"**{t.scores[k]:.3f}** · {escape(identity(t, k))}")
        if occluded:
            st.markdown(
                f"Rank correlation with the score drop {hidden}: "
                + escape(agreement("attention", t.attention[:, k], drops[i]))
                + ", "
                + escape(agreement("contribution", t.contributions[:, k], drops[i])),
                help="1: both rank the frames in the same order; 0: the orders are unrelated. If "
                "attention does not agree with the score drop, it does not show which frames "
                "matter.",
            )

frame = 0
key = f"frame of {clip.key} {choice.model} {k} {n_frames}"
pictures = st.container()  # filled once the slider below it has been read
if n_frames > 1:
    starts = unique_names([f"{time:.2f} s" for time in tagging.times_s])
    st.session_state.setdefault(key, int(np.argmax(tagging.contributions[:, k])))
    frame = st.select_slider(
        "Frame that starts at",
        range(n_frames),
        format_func=starts.__getitem__,
        key=key,
        persist_state="session",
        help="It is outlined in the pictures, and its numbers are in the table below. A click on a "
        "frame in the pictures selects it too.",
    )
with pictures:
    curves = curves_of(taggings, k)
    if occluded:
        curves += on_one_scale(f"Score drop {hidden}", list(taggings), drops)
    player.show_curves(
        clip,
        tagging,
        curves,
        frame,
        f"score, attention weight and contribution of each frame for {tagging.labels[k].name} by "
        + ", ".join(taggings),
        on_frame=lambda frame: st.session_state.update({key: frame}),
    )
    st.caption("Dotted: the weight of each frame if all had the same.")

start = float(tagging.times_s[frame])
end = min(start + FRAME_S, tagging.duration_s)
st.subheader(f"Frame {frame}: {start:.2f} to {end:.2f} s", anchor=False)
shown = taggings.values()
rows = {
    "Model": [cell(name) for name in taggings],
    "Frame score": [f"{t.frame_scores[frame, k]:.4f}" for t in shown],
    "Attention weight": [f"{t.attention[frame, k]:.4f}" for t in shown],
    "Contribution": [f"{t.contributions[frame, k]:+.4f} to the {t.adds_up_to}" for t in shown],
}
if occluded:
    rows[f"Score drop {hidden}"] = [f"{drop[frame]:+.4f}" for drop in drops]
st.table(rows, hide_index=True)

with st.expander("Faithfulness of attention"):
    record = experiments.occlusion()
    st.markdown(
        "The same check over many clips: how well each value ranks the frames by the score drop "
        "when they are left out (rank correlation, 1 at best), and how often the frame that ranks "
        "first has the largest drop. Attention weights alone are a poor guide; contributions, "
        "which combine a frame's score with its weight, are a good one."
    )
    st.table(
        {"Model": [row["title"] for row in record["rows"]]}
        | {
            name: [agreement_cell(row, reading) for row in record["rows"]]
            for reading, name in READINGS.items()
        },
        hide_index=True,
    )
    st.caption(
        f'{record["clips"]:,} clips of "{escape(record["set"])}" and their '
        f"{record['rows'][0]['pairs']:,} labels: `{record['command']}`"
    )
