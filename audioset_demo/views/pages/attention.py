"""Attention: which frames a score comes from, as a map, and how far each signal can be trusted."""

from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from audioset_demo import export
from audioset_demo.charts.explanation import (
    SIGNALS,
    class_map,
    curves_of,
    in_multiples,
    strand_map,
    waterfall,
)
from audioset_demo.clock import stamp, stamp_range
from audioset_demo.embeddings.frames import FRAME_S
from audioset_demo.evaluation import rank_correlation
from audioset_demo.models import localisation
from audioset_demo.names import file_stem
from audioset_demo.storage import json_text
from audioset_demo.tagging import Tagging
from audioset_demo.views import cache, clips, difference, player, session, trust
from audioset_demo.views.downloads import File, downloads
from audioset_demo.views.drawn_once import draw_once, draw_when_opened
from audioset_demo.views.names import cell, escape, unique_names
from audioset_demo.views.widgets import (
    chart,
    class_select,
    errors_shown,
    notes,
    provenance,
    title,
)

MAX_COMPARED = 3
N_CLASSES = 10  # of the map, beside the chosen one
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
STRANDS = {
    "multi_attention": "Each of the two hidden layers has its own attention. Beside its name: what "
    "it adds to the logit.",
    "feature_attention": "The hidden units that carry the class, most first, each with its own "
    "attention. Beside a unit's number: what it adds to the logit over the whole clip.",
}


def identity(tagging: Tagging, k: int) -> str:
    """How contributions add up to the score of class `k`, in numbers."""
    parts, constant = float(tagging.contributions[:, k].sum()), float(tagging.constants[k])
    score = float(tagging.scores[k])
    total = f"contributions {parts:.4f} + constant {constant:.4f} = "
    if tagging.adds_up_to == "score":
        return total + f"score {score:.4f}"
    return total + f"logit {parts + constant:.4f}, which is a score of {score:.4f}"


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
    max_selections=MAX_COMPARED,
    format_func=titles.__getitem__,
    filter_mode="contains",
    select_all=False,
    key="beside",
    bind="query-params",
    placeholder="None",
)
other = difference.choose(clip, clips.kept(), choice, {name: titles[name] for name in others})
n_frames = len(tagging.times_s)
best = localisation.best_signal(tagging.model.name)  # shown first, and the frame it points at
signals = [best, *(signal for signal in SIGNALS if signal != best)]
if clip.is_features and n_frames == 1:  # which cannot be left out
    signals.remove("occlusion")
signal = st.segmented_control(
    "Map of",
    signals,
    default=signals[0],
    required=True,
    format_func=SIGNALS.__getitem__,
    key="signal",
    bind="query-params",
    help="Combined: when the class is heard, from frame scores and contributions, smoothed over "
    "time; how far a frame is above the clip's mean, times the clip's score. Contribution: what a "
    "frame adds to the score. Attention weight: how much a frame counts, "
    "as a multiple of its mean over the clip. Frame score: that of the frame as a clip of its own. "
    "Score drop, a check that does not rely on the model's own weights: each frame in turn is "
    + ("left out" if clip.is_features else "replaced by the encoder's output for silence")
    + ", and the score is computed again.",
)
if line := trust.of_model(choice.model):
    st.caption(line)
with errors_shown():
    choices = {titles[name]: replace(choice, model=name) for name in (choice.model, *compared)}
    taggings = {name: cache.tagging(clip, one) for name, one in choices.items()}
    drops = {
        name: cache.occlusion(clip, one, lambda: st.session_state.update(signal=signals[0]))
        for name, one in (choices.items() if signal == "occlusion" else ())
    }
own = next(iter(taggings))
drops_of_class = {name: of_model[:, k] for name, of_model in drops.items()}

for column, (name, t) in zip(
    st.columns(len(taggings), gap="medium"), taggings.items(), strict=True
):
    with column:
        st.subheader(escape(name), anchor=False)
        st.caption(MEANING[t.model.settings.pooling])
        st.markdown(f"**{t.scores[k]:.3f}** · {escape(identity(t, k))}")
        if trusted := trust.in_clips(t, k):
            st.caption(escape(trusted), help=trust.HELP)
        if name in drops:
            st.markdown(
                f"Rank correlation with the score drop {hidden}: "
                + escape(agreement("attention", t.attention[:, k], drops_of_class[name]))
                + ", "
                + escape(agreement("contribution", t.contributions[:, k], drops_of_class[name])),
                help="1: both rank the frames in the same order; 0: the orders are unrelated. If "
                "attention does not agree with the score drop, it does not show which frames "
                "matter.",
            )

frame = 0
key = f"frame of {clip.key} {choice.model} {k} {n_frames}"
pictures = st.container()  # filled once the slider below it has been read
if n_frames > 1:
    starts = unique_names([stamp(time) for time in tagging.times_s])
    st.session_state.setdefault(key, int(np.argmax(class_map(tagging, best, [k]).values)))
    frame = st.select_slider(
        "Frame that starts at",
        range(n_frames),
        format_func=starts.__getitem__,
        key=key,
        persist_state="session",
        help="It is outlined in the pictures, and its numbers are in the table below. A click on a "
        "frame in the pictures selects it too.",
    )
mapped = ranked[:N_CLASSES] if k in ranked[:N_CLASSES] else [*ranked[:N_CLASSES], k]
with pictures:
    shown_map = class_map(tagging, signal, mapped, drops.get(own))
    if other:
        with errors_shown():
            shown_map = difference.show(other, tagging, shown_map, signal)
    player.show_curves(
        clip,
        tagging,
        shown_map,
        curves_of(taggings, k, drops_of_class),
        k,
        frame,
        f"a map of the {SIGNALS[signal].lower()} of the top classes, and score, attention weight "
        f"and contribution of each frame for {tagging.labels[k].name} by " + ", ".join(taggings),
        on_frame=lambda frame: st.session_state.update({key: frame}),
    )
    of = f"{escape(own)}, and the difference to it" if other else escape(own)
    st.caption(
        f"Map: {of}; click a class's name to see why it scores as it does. Dotted: the weight of "
        "each frame if all had the same."
    )

start = float(tagging.times_s[frame])
end = min(start + FRAME_S, tagging.duration_s)
st.subheader(f"Frame {frame}: {stamp_range(start, end)}", anchor=False)
shown = taggings.values()
rows = {
    "Model": [cell(name) for name in taggings],
    "Frame score": [f"{t.frame_scores[frame, k]:.4f}" for t in shown],
    "Attention weight / mean": [f"{in_multiples(t.attention)[frame, k]:.2f}" for t in shown],
    "Contribution": [f"{t.contributions[frame, k]:+.4f} to the {t.adds_up_to}" for t in shown],
}
if drops:
    rows[f"Score drop {hidden}"] = [f"{drop[frame]:+.4f}" for drop in drops_of_class.values()]
st.table(rows, hide_index=True)

st.subheader(escape(f"From frames to the score of {tagging.labels[k].name}"), anchor=False)
st.caption(f"{escape(own)}: {escape(identity(tagging, k))}")
chart(
    waterfall(tagging, k),
    f"What the constant and each frame add to the {tagging.adds_up_to}",
    key="waterfall",
    bar=False,
)
with errors_shown():
    strands = cache.strands(clip, choice, k)
if strands.names:
    carried = float(strands.contributions.sum())
    st.caption(
        f"{STRANDS[tagging.model.settings.pooling]} Together they add {carried:+.2f} of the "
        f"{tagging.contributions[:, k].sum():+.2f} that all frames contribute."
    )
    chart(
        strand_map(strands, tagging),
        "The attention over time of " + ", ".join(strands.names),
        key="strands",
        bar=False,
    )

stem = file_stem(tagging.name)


def records(classes: list[int]) -> list[dict]:
    """Of all models shown."""
    parts = ((t, drops.get(name)) for name, t in taggings.items())
    return [record for t, drop in parts for record in export.explanation_records(t, classes, drop)]


downloads(
    "explanation",
    (clip.identity(), choice, tuple(compared), tuple(mapped), signal == "occlusion"),
    File(
        "CSV",
        f"{stem}_explanation.csv",
        "text/csv",
        lambda: export.explanation_csv(records(mapped)),
    ),
    File(
        "JSON",
        f"{stem}_explanation.json",
        "application/json",
        lambda: json_text(records(mapped)),
    ),
    align="right",
)


draw_once("faithfulness of attention", None, trust.faithfulness)
if localisation.located_classes(tagging.model.name):
    draw_when_opened(
        "Sounds found in time, by class",
        tagging.model.name,
        partial(trust.class_by_class, tagging.model.name),
    )
