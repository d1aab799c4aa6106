"""Attention: why models say so, frame by frame, and whether the attention is to be believed."""

from dataclasses import replace

import numpy as np
import streamlit as st

from audioset_demo.charts.player import Curve
from audioset_demo.embeddings.frames import FRAME_S
from audioset_demo.evaluation import rank_correlation
from audioset_demo.models import experiments
from audioset_demo.tagging import Tagging
from audioset_demo.views import cache, clips, player, session
from audioset_demo.views.widgets import errors_shown, escape, notes, provenance, title

MAX_BESIDE = 3
MEANING = {
    "average": "Every frame counts alike: the score is the mean of the frames' scores.",
    "frame_baseline": "Every frame counts alike: the score is the mean of the frames' scores.",
    "max": "The whole score belongs to the one frame that scores highest.",
    "single_attention": "The model learned, class by class, how much each frame counts.",
    "multi_attention": "Weights are learned class by class at two depths; shown is their mean.",
    "feature_attention": "Attention is over hidden features, not classes: shown is the mean weight "
    "of the features that the class reads.",
}


READINGS = {
    "attention": "Attention weight",
    "contributions": "Contribution",
    "frame_scores": "Score of the frame alone",
}


def agreement_cell(row: dict, reading: str) -> str:
    """A model's rank correlation and share of first places, from the record of all clips."""
    rho, first = row["rank_correlation"][reading], row["first_place"][reading]
    return "the same for all frames" if rho is None else f"{rho:.2f}, {first:.0%} first"


def identity(tagging: Tagging, k: int) -> str:
    """In words and numbers, how contributions add up to the score of class `k`."""
    parts, constant = float(tagging.contributions[:, k].sum()), float(tagging.constants[k])
    score = float(tagging.scores[k])
    total = f"contributions {parts:.4f} + constant {constant:.4f} = "
    if tagging.adds_up_to == "score":
        return total + f"score {score:.4f}"
    return total + f"logit {parts + constant:.4f}, which is a score of {score:.4f}"


def on_one_scale(
    name: str, taggings: list[Tagging], parts: list[np.ndarray], line: float | None = None
) -> list[Curve]:
    """The curves of models that can be compared, from the least value, or zero, to the greatest."""
    low = min(0.0, *(float(part.min()) for part in parts))
    high = max(low + 1e-6, *(float(part.max()) for part in parts))
    return [
        Curve(name, tagging.model.title, part, low, high, line)
        for tagging, part in zip(taggings, parts, strict=True)
    ]


def curves_of(taggings: list[Tagging], k: int) -> list[Curve]:
    """What models say of the frames for one class, one model below the other."""
    scores = [t.frame_scores[:, k] for t in taggings]
    weights = [t.attention[:, k] for t in taggings]
    curves = on_one_scale("Score of the frame", taggings, scores)
    curves += on_one_scale("Attention weight", taggings, weights, line=1 / len(weights[0]))
    for unit in dict.fromkeys(t.adds_up_to for t in taggings):
        alike = [t for t in taggings if t.adds_up_to == unit]
        parts = [t.contributions[:, k] for t in alike]
        curves += on_one_scale(f"Contribution to {unit}", alike, parts)
    return curves


def agreement(of: str, values: np.ndarray, fall: np.ndarray) -> str:
    """In words, whether a reading of the frames agrees with what silencing them does."""
    rho = rank_correlation(values, fall)
    return f"{of}: " + ("the same for all frames" if rho is None else f"{rho:+.2f}")


title("Attention", "Which moments speak for a class, and how much each adds to its score.")
clip, choice = clips.current(), session.choice()
hidden = "if left out" if clip.is_features else "if silenced"
with errors_shown():
    provenance(clip, choice)
    models = session.models()
    tagging = cache.tagging(clip, choice)

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
others = [
    name
    for name, model in models.items()
    if model.card.labels == tagging.model.labels and name != choice.model
]
# Models of another kind first, the better ones before: what differs is what one learns from.
others.sort(
    key=lambda name: (
        models[name].card.settings.pooling == tagging.model.settings.pooling,
        -models[name].card.metrics.get("eval", {}).get("mAP", 0.0),
    )
)
beside = right.multiselect(
    "Models beside it",
    others,
    default=others[:1],
    max_selections=MAX_BESIDE,
    format_func=lambda name: models[name].card.title,
    key="beside",
    bind="query-params",
    placeholder="None",
)
n_frames = len(tagging.times_s)
occluded = st.toggle(
    "Leave out one frame after the other" if clip.is_features else "Silence one frame at a time",
    key="occlusion",
    bind="query-params",
    help="A check that does not rest on what the model says of itself: each frame in turn is "
    + ("left out" if clip.is_features else "replaced by what the encoder makes of silence")
    + ", and the score is taken again. A frame that matters makes it fall.",
)
if occluded and clip.is_features and n_frames == 1:
    st.caption("The clip has one frame: nothing would be left without it.")
    occluded = False
with errors_shown():
    by_model = [choice, *(replace(choice, model=name) for name in beside)]
    taggings = [cache.tagging(clip, one) for one in by_model]
    falls = [cache.occlusion(clip, one) for one in by_model] if occluded else []

for i, (column, t) in enumerate(
    zip(st.columns(len(taggings), gap="medium"), taggings, strict=True)
):
    with column:
        st.subheader(escape(t.model.title), anchor=False)
        st.caption(MEANING[t.model.settings.pooling])
        st.markdown(f"**{t.scores[k]:.3f}** · {escape(identity(t, k))}")
        if occluded:
            fall = falls[i][:, k]
            st.markdown(
                f"Rank correlation with the fall of the score {hidden}: "
                + escape(agreement("attention", t.attention[:, k], fall))
                + ", "
                + escape(agreement("contribution", t.contributions[:, k], fall)),
                help="1: the frames come in the same order by both; 0: in no common order. Where "
                "attention does not agree with the fall, it does not tell which frames matter.",
            )

frame = 0
key = f"frame of {hash((clip.identity(), choice.model, k, n_frames))}"
pictures = st.container()  # filled once the slider below it has been read
if n_frames > 1:
    st.session_state.setdefault(key, int(np.argmax(tagging.contributions[:, k])))
    frame = st.select_slider(
        "Frame that starts at",
        range(n_frames),
        format_func=lambda frame: f"{tagging.times_s[frame]:.2f} s",
        key=key,
        persist_state="session",
        help="Framed in the pictures; its numbers stand in the table below. A click on a frame "
        "chooses it too.",
    )
with pictures:
    curves = curves_of(taggings, k)
    if occluded:
        curves += on_one_scale(f"Fall {hidden}", taggings, [fall[:, k] for fall in falls])
    player.show_curves(
        clip,
        tagging,
        curves,
        frame,
        f"score, attention weight and contribution of each frame for {tagging.labels[k].name} by "
        + ", ".join(t.model.title for t in taggings),
        on_frame=lambda frame: st.session_state.update({key: frame}),
    )
    st.caption("Dotted: the weight that each frame would have if all counted alike.")

start = float(tagging.times_s[frame])
st.subheader(f"Frame {frame}: {start:.2f} to {start + FRAME_S:.2f} s", anchor=False)
rows = {
    "Model": [t.model.title for t in taggings],
    "Score of the frame alone": [f"{t.frame_scores[frame, k]:.4f}" for t in taggings],
    "Attention weight": [f"{t.attention[frame, k]:.4f}" for t in taggings],
    "Contribution": [f"{t.contributions[frame, k]:+.4f} to the {t.adds_up_to}" for t in taggings],
}
if occluded:
    rows[f"Fall of the score {hidden}"] = [f"{fall[frame, k]:+.4f}" for fall in falls]
st.table(rows, hide_index=True)

with st.expander("Is attention to be believed?"):
    record = experiments.occlusion()
    st.markdown(
        "The same check over many clips: how well the order of the frames by each reading agrees "
        "with the fall of the score when they are left out (rank correlation, 1 at best), and how "
        "often the frame that is highest is the one that costs most. Attention alone says little; "
        "contributions, which count what a frame brings as well as its weight, say much."
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
