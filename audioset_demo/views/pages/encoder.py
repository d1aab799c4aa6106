"""Compact encoder: what it is, what it was made from, what it can't do, and how well it does."""

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
    "What hears a sound until VGGish is installed. It is not VGGish, and its 128 numbers are not "
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

st.subheader("How it was made", anchor=False)
st.markdown(
    f"""
1. It has {card["parameters"] / 1e6:.1f} million parameters (VGGish: 72 million): convolutions on
   VGGish's own log-mel examples, 0.96 s each.
2. It was trained to land where VGGish's embeddings lie after PCA, so that the tagging models, which
   learned from Google's released features, name the sound; they were frozen meanwhile.
3. It learned from {recordings:,} recordings (Freesound by way of ESC-50 and FSDKaggle2018, Sonic Pi
   and others; all CC0, CC BY or public domain) and {readings:,} synthesised readings.
4. They were cut, mixed, filtered, put into rooms and through codecs, slowed and sped up;
   synthesised tones, noises and signals came between them.
5. {teacher} said what is in each window; where a recording has a label, the label overruled it.
6. Its output was kept close to real frames of AudioSet with the same kinds of sound.
7. It was trained through {n_models} tagging models in turns, so that it leans on none of them.
8. A fifth of the recordings, whole sources at a time, was held out: the figures are of those.
9. Beyond the {len(categories)} kinds of sound with labels it guesses: rare classes, genres of
   music, styles of singing, crowded scenes.
10. Where it matters, install VGGish: `audioset-demo weights get` (277 MB).
"""
)

st.subheader("How often it is right", anchor=False)
st.markdown(
    f"On {held_out['recordings']} held-out clips of {len(categories)} categories: how often a "
    "class expected for the category is among the top tags. On held-out speech and music: how "
    "often it is called so. In silence and noise: the highest score of anything else. Of sounds "
    "set one after another: how often each scores highest in its own time."
)


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def from_vggish(model: PublishedModel) -> str:
    """What the model reaches on AudioSet's evaluation set from VGGish's released features."""
    if "eval" not in model.card.metrics:
        return ""
    return (
        f" There, from VGGish's released features, {escape(model.card.title)} reaches mAP "
        f"{model.card.metrics['eval']['mAP']:.3f}."
    )


def excerpts(judged: dict, kind: str) -> float | None:
    """The share of all excerpts of speech, or music, that have it in the top 3."""
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
        "Highest guess in silence or noise": [
            f"{judged['calm']['greatest_other_score']:.2f}" for judged in figures.values()
        ],
        "In its own time": [
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
    f"{escape(held_out['rule'])} The teacher was scored on the same clips; it did not know their "
    "labels, and the encoder knew those of other clips of the categories. VGGish's figures can't "
    "be given here without its weights, nor the compact encoder's on AudioSet's evaluation set "
    f"without its sounds.{from_vggish(session.models()[choice.model])}"
)


def top1(name: str) -> list[float]:
    return [row["top1"] for row in figures[name]["categories"].values()]


by_default, *_, by_teacher = figures
counts = [row["clips"] for row in categories.values()]
chart(
    charts.results_dots(
        [f"{name.replace('_', ' ')} ({n})" for name, n in zip(categories, counts, strict=True)],
        {"Compact encoder": top1(by_default), "Its teacher": top1(by_teacher)},
        "Share of held-out clips with an expected class on top",
        row_px=20,
    ),
    "By category, the share of held-out clips with an expected class on top: the compact encoder "
    "beside its teacher",
    key="by category",
    bar=False,
)
st.caption("In brackets: how many clips. Below, every figure of each category.")
with st.expander("By category, in numbers"):
    columns = {"Category": list(categories), "Clips": [str(n) for n in counts]}
    for name, judged in figures.items():
        columns[f"{escape(name)}: top 1 / 5"] = [
            f"{row['top1']:.2f} / {row['top5']:.2f}" for row in judged["categories"].values()
        ]
    st.table(columns, hide_index=True)

st.subheader("Whose sounds", anchor=False)
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
    File(
        "Every recording, its author and licence (CSV)",
        "sounds.csv",
        "text/csv",
        (BUNDLED / SOUNDS_FILE).read_bytes,
    )
)

st.subheader("Making it again", anchor=False)
st.code(card["command"], language="bash", wrap_lines=True)
with st.expander("The whole card"):
    st.json(card, expanded=1)
