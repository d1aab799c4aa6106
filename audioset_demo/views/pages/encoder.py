"""Compact encoder: what it is, what it was trained on, its accuracy and its limits."""

import streamlit as st

from audioset_demo.charts import results as charts
from audioset_demo.encoders.compact import BUNDLED, SOUNDS_FILE, compact_card
from audioset_demo.models.published import PublishedModel
from audioset_demo.views import clips, session
from audioset_demo.views.downloads import File, downloads
from audioset_demo.views.names import escape
from audioset_demo.views.widgets import chart, errors_shown, provenance, title

title(
    "Compact encoder",
    "The encoder in use until VGGish is installed. It is not VGGish, and its 128 numbers are not "
    "VGGish's.",
)
with errors_shown():
    choice = session.choice()
    provenance(clips.current(), choice)
    card = compact_card()
held_out = card["held_out"]
figures = held_out["figures"]
categories = next(iter(figures.values()))["categories"]
readings = card["trained_on"].get("espeak", {}).get("recordings", 0)
recordings = sum(found["recordings"] for found in card["trained_on"].values()) - readings
teacher = escape(card["teacher"].split(";")[0])
n_models = len(card["trained_through"][0]["models"])

st.subheader("How it was trained", anchor=False)
st.markdown(
    f"""
1. It has {card["parameters"] / 1e6:.1f} million parameters (VGGish: 72 million): convolutions on
   the log-mel examples of VGGish, 0.96 s each.
2. Its output is in the space of VGGish's embeddings after PCA. It was trained so that the tagging
   models, which were trained on Google's released features and frozen here, tag the sound.
3. Training data: {recordings:,} recordings (Freesound by way of ESC-50 and FSDKaggle2018, Sonic Pi
   and others; all CC0, CC BY or public domain) and {readings:,} readings of synthesised speech.
4. Augmentation: cuts, mixtures, filters, room reverberation, codecs, changes of speed; and
   synthesised tones, noises and signals.
5. Targets: {teacher}, for each window; the label of a recording takes precedence.
6. The output was kept close to real frames of AudioSet with the same kinds of sound.
7. It was trained through {n_models} tagging models in turn, so that it is not fitted to one.
8. A fifth of the recordings, split by source, was held out: the figures are on those.
9. Outside the {len(categories)} labelled categories it is unreliable: rare classes, genres of
   music, styles of singing, crowded scenes.
10. Where accuracy matters, install VGGish: `audioset-demo weights get` (277 MB).
"""
)

st.subheader("Accuracy", anchor=False)
st.markdown(
    f"On {held_out['recordings']} held-out clips of {len(categories)} categories: how often a "
    "class expected for the category is among the top tags. On held-out speech and music: how "
    "often that class is among the top 3. On silence and noise: the highest score of any other "
    "class. On sequences of sounds: how often each sound scores highest in its own part."
)


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def from_vggish(model: PublishedModel) -> str:
    """The model's mAP on AudioSet's evaluation set, from VGGish's released features."""
    evaluated = model.card.metrics.get("eval", {})
    if "mAP" not in evaluated:
        return ""
    return (
        f" There, on VGGish's released features, {escape(model.card.title)} reaches an mAP of "
        f"{evaluated['mAP']:.3f}."
    )


def excerpts(judged: dict, kind: str) -> float | None:
    """The share of all excerpts of speech, or music, with that class in the top 3."""
    groups = [group for name, group in judged["excerpts"].items() if name.startswith(kind)]
    total = sum(group["excerpts"] for group in groups)
    return sum(group["top3"] * group["excerpts"] for group in groups) / total if total else None


st.table(
    {
        "Tagged by": [escape(name) for name in figures],
        "Top 1": [percent(judged["top1"]) for judged in figures.values()],
        "Top 5": [percent(judged["top5"]) for judged in figures.values()],
        "Top 10": [percent(judged["top10"]) for judged in figures.values()],
        "Top 5, mean over categories": [
            percent(judged["by_category_mean"]["top5"]) for judged in figures.values()
        ],
        "Speech in top 3": [percent(excerpts(judged, "speech")) for judged in figures.values()],
        "Music in top 3": [percent(excerpts(judged, "music")) for judged in figures.values()],
        "Highest other score in silence or noise": [
            f"{judged['calm']['greatest_other_score']:.2f}" for judged in figures.values()
        ],
        "Highest in its own part": [
            percent(judged["in_time"]["in_own_part"]) for judged in figures.values()
        ],
        "Distance to real frames": [
            f"{judged['distance']['to_nearest_real_frame']:.3f}" if "distance" in judged else "–"
            for judged in figures.values()
        ],
    },
    hide_index=True,
)
distance = next(iter(figures.values())).get("distance")
if distance:
    st.caption(
        "Distance: from each of the encoder's frames to the nearest of 20,000 real ones, root mean "
        f"square over the 128 numbers; other real frames lie {distance['of_real_frames']:.3f} away."
    )
st.caption(
    f"{escape(held_out['rule'])} The teacher was scored on the same clips. It was not trained on "
    "labels of these categories, whereas the encoder was, on those of other clips. VGGish was not "
    "scored, as its weights are not part of this project. Nor was the compact encoder scored on "
    "AudioSet's evaluation set, as its sounds are not available."
    f"{from_vggish(session.models()[choice.model])}"
)


def top1(name: str) -> list[float]:
    return [row["top1"] for row in figures[name]["categories"].values()]


by_default, *_, by_teacher = figures
counts = [row["clips"] for row in categories.values()]
chart(
    charts.results_dots(
        [f"{name.replace('_', ' ')} ({n})" for name, n in zip(categories, counts, strict=True)],
        {"Compact encoder": top1(by_default), "Its teacher": top1(by_teacher)},
        "Share of held-out clips whose top tag is an expected class",
        row_px=20,
    ),
    "By category, the share of held-out clips whose top tag is an expected class: the compact "
    "encoder and its teacher",
    key="by category",
    bar=False,
)
st.caption("In brackets: the number of clips.")
with st.expander("By category, as a table"):
    columns = {"Category": list(categories), "Clips": [str(n) for n in counts]}
    for name, judged in figures.items():
        columns[f"{escape(name)}: top 1 / 5"] = [
            f"{row['top1']:.2f} / {row['top5']:.2f}" for row in judged["categories"].values()
        ]
    st.table(columns, hide_index=True)

st.subheader("Training recordings", anchor=False)
st.table(
    {
        "Collection": [escape(name) for name in card["trained_on"]],
        "Recordings": [f"{found['recordings']:,}" for found in card["trained_on"].values()],
        "Licences": [
            escape(", ".join(f"{name}: {n}" for name, n in found["licences"].items()))
            for found in card["trained_on"].values()
        ],
    },
    hide_index=True,
)
downloads(
    "sounds",
    card["command"],
    File(
        "Every recording, its author and licence (CSV)",
        "sounds.csv",
        "text/csv",
        (BUNDLED / SOUNDS_FILE).read_bytes,
    ),
)

st.subheader("Training command", anchor=False)
st.code(card["command"], language="bash", wrap_lines=True)
with st.expander("Encoder card"):
    st.json(card, expanded=1)
