"""Attention: why a model says so, frame by frame, two models side by side."""

import numpy as np
import streamlit as st

from audioset_demo import charts
from audioset_demo.encoders import FRAME_S
from audioset_demo.tagging import Tagging
from audioset_demo.views import clips, results
from audioset_demo.views.parts import chart, errors_shown, escape, notes, title, who_speaks

MAX_MODELS = 4
MEANING = {
    "average": "Every frame counts alike: the score is the mean of the frames' scores.",
    "frame_baseline": "Every frame counts alike: the score is the mean of the frames' scores.",
    "max": "The whole score belongs to the one frame that scores highest.",
    "single_attention": "The model learned, class by class, how much each frame counts.",
    "multi_attention": "Weights are learned class by class at two depths; shown is their mean.",
    "feature_attention": "Attention is over hidden features, not classes: shown is the mean weight "
    "of the features that the class reads.",
}


def identity(tagging: Tagging, k: int) -> str:
    """In words and numbers, how contributions add up to the score of class `k`."""
    parts, constant = float(tagging.contributions[:, k].sum()), float(tagging.constants[k])
    score = float(tagging.scores[k])
    total = f"contributions {parts:.4f} + constant {constant:.4f} = "
    if tagging.adds_up_to == "score":
        return total + f"score {score:.4f}"
    return total + f"logit {parts + constant:.4f}, which is a score of {score:.4f}"


title("Attention", "Which moments speak for a class, and how much each adds to its score.")
clip = clips.current()
with errors_shown():
    who_speaks()
    models = results.models()
    encoder = results.encoder_key(clip)
    chosen = results.chosen_model().name
    tagging = results.tagging(clip, encoder, chosen)

st.subheader(escape(tagging.name), anchor=False)
notes(tagging.notes)
index_of = {tagging.labels[k].name: k for k in tagging.top(len(tagging.labels))}
left, right = st.columns(2)
# Another clip is looked at from its own top tag; the first one from the class in the address.
if st.session_state.get("explained", clip.identity()) != clip.identity():
    st.session_state["class"] = next(iter(index_of))
st.session_state.explained = clip.identity()
k = index_of[
    left.selectbox(
        "Class, the likeliest first (type to search)",
        list(index_of),
        key="class",
        bind="query-params",
    )
]
# Only models with the same classes can be compared.
comparable = [name for name, model in models.items() if model.card.labels == tagging.model.labels]
others = [name for name in comparable if name != chosen]
others.sort(key=lambda name: -models[name].card.metrics.get("eval", {}).get("mAP", 0.0))
compared = right.multiselect(
    "Models side by side",
    comparable,
    default=[chosen, *others[:1]],
    max_selections=MAX_MODELS,
    format_func=lambda name: models[name].card.title,
    key=f"models beside {chosen}",
    persist_state="session",
) or [chosen]
with errors_shown():
    taggings = [results.tagging(clip, encoder, name) for name in compared]

n_frames = len(tagging.times_s)
frame = 0
if n_frames > 1:
    frame = st.select_slider(
        "Frame that starts at",
        range(n_frames),
        int(np.argmax(tagging.contributions[:, k])),
        format_func=lambda frame: f"{tagging.times_s[frame]:.2f} s",
        key=f"frame of {hash((clip.identity(), chosen, k))}",
        persist_state="session",
        help="Shaded in the pictures; its numbers stand in the table below.",
    )
ceilings = tuple(
    max(float(values(t)[:, k].max()) for t in taggings) or 1.0
    for values in (lambda t: t.frame_scores, lambda t: t.attention)
)
for column, result in zip(st.columns(len(taggings), gap="medium"), taggings, strict=True):
    with column:
        st.subheader(escape(result.model.title), anchor=False)
        st.caption(MEANING[result.model.settings.pooling])
        st.markdown(f"**{result.scores[k]:.3f}** · {escape(identity(result, k))}")
        chart(
            charts.explanation(
                result.times_s,
                result.frame_scores[:, k],
                result.attention[:, k],
                result.contributions[:, k],
                result.adds_up_to,
                frame,
                ceilings,
            ),
            f"{result.model.title}, {result.labels[k].name}: frame scores, attention weights and "
            f"contributions over time; {identity(result, k)}",
            key=f"explanation {result.model.name}",
            bar=False,
        )
st.caption("Dotted: the weight that each frame would have if all counted alike.")

start = float(tagging.times_s[frame])
st.subheader(f"Frame {frame}: {start:.2f} to {start + FRAME_S:.2f} s", anchor=False)
if not clip.is_features and start < tagging.duration_s:
    st.audio(
        results.playable(clip, start, start + FRAME_S), format="audio/wav", alt="The chosen frame"
    )
st.table(
    {
        "Model": [result.model.title for result in taggings],
        "Score of the frame alone": [f"{t.frame_scores[frame, k]:.4f}" for t in taggings],
        "Attention weight": [f"{t.attention[frame, k]:.4f}" for t in taggings],
        "Contribution": [
            f"{t.contributions[frame, k]:+.4f} to the {t.adds_up_to}" for t in taggings
        ],
    },
    hide_index=True,
)
