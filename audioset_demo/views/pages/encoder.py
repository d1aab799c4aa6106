"""Compact encoder: what it is, what it was trained on, its accuracy and its limits."""

import streamlit as st

from audioset_demo.charts import results as charts
from audioset_demo.encoders.compact import BUNDLED, SOUNDS_FILE, compact_card
from audioset_demo.models.published import PublishedModel
from audioset_demo.views import clips, session
from audioset_demo.views.downloads import File, downloads
from audioset_demo.views.drawn_once import draw_once, draw_when_opened
from audioset_demo.views.names import escape
from audioset_demo.views.widgets import chart, errors_shown, percent, provenance, title

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
by_default, *_, by_teacher = figures
categories = figures[by_default]["all"]["categories"]
made = ("espeak", "flite", "fluidr3")  # by programs
counts = {name: found["recordings"] for name, found in card["trained_on"].items()}
recordings = sum(n for name, n in counts.items() if name not in made)
readings = counts.get("espeak", 0) + counts.get("flite", 0)
teacher = escape(card["teacher"])
n_models = len(card["trained_through"][0]["models"])


def from_vggish(model: PublishedModel) -> str:
    """The model's mAP, with what it was trained and scored on."""
    evaluated = model.card.metrics.get("eval", {})
    if "mAP" not in evaluated:
        return ""
    return (
        f" {escape(model.card.title)}, trained on {escape(model.card.training_set)}, reaches an "
        f'mAP of {evaluated["mAP"]:.3f} on "{escape(evaluated.get("set", "an unnamed set"))}", '
        f"{escape(model.card.encoder)}."
    )


def excerpts(judged: dict, kind: str) -> float | None:
    """The share of all excerpts of speech, or music, with that class in the top 3."""
    groups = [group for name, group in judged["excerpts"].items() if name.startswith(kind)]
    total = sum(group["excerpts"] for group in groups)
    return sum(group["top3"] * group["excerpts"] for group in groups) / total if total else None


def by_category(name: str, top: str) -> list[float]:
    return [row[top] for row in figures[name]["all"]["categories"].values()]


def training() -> None:
    st.markdown(
        f"""
    1. It has {card["parameters"] / 1e6:.1f} million parameters (VGGish: 72 million): separable
       convolutions on the log-mel examples of VGGish, 0.96 s each. Before the training:
       {escape(card["start"])}.
    2. Its output is in the space of VGGish's embeddings after PCA. It was trained so that the
       tagging models, which were trained on Google's released features and frozen here, tag the
       sound.
    3. Training data: {recordings:,} recordings under free licences, {readings:,} readings of
       synthesised speech, {counts.get("fluidr3", 0):,} pieces of music played by a program, and
       signals, noises and imitations made by arithmetic.
    4. Augmentation: cuts, mixtures, layers, filters, room reverberation, codecs, changes of speed.
    5. Targets: {teacher}, for each window; the label of a recording takes precedence where it is
       certain.
    6. The output was kept close to real frames of AudioSet with the same kinds of sound.
    7. It was trained through {n_models} tagging models in turn, so that it is not fitted to one.
    8. A fifth of the recordings, split by source, was held out: the figures are on those.
    """
    )


def accuracy() -> None:
    """The table of collections, and beside it how sure the encoder is where it is right."""
    st.markdown(
        f"On {held_out['recordings']} held-out clips of {len(categories)} categories: how often an "
        "expected class is the top tag, or among the top 5. Everyday sounds are up to three of "
        "each kind that people try first. Where accuracy matters, install VGGish: "
        "`audioset-demo weights get` (277 MB)."
    )
    left, right = st.columns([11, 9], gap="medium")
    with left, st.container(key="encoder_table"):  # its styles: entry/first_paint.css
        by_collection()
    with right:
        sureness()


def by_collection() -> None:
    sets = {
        "everyday": "Everyday sounds",
        "esc50": "ESC-50",
        "fsdkaggle2018": "FSDKaggle2018",
        "wide": "28 other collections",
    }
    rows = {sets.get(name, name): name for name in figures[by_default]["sets"]}
    st.table(
        {
            "Clips": list(map(escape, rows)) + ["All collections"],
            "Number": [
                f"{judged['clips']:,}"
                for judged in (*figures[by_default]["sets"].values(), figures[by_default]["all"])
            ],
        }
        | {
            f"{who}: top 1 / 5": [
                f"{percent(judged['top1'], 1)} / {percent(judged['top5'], 1)}"
                for judged in (*figures[name]["sets"].values(), figures[name]["all"])
            ]
            for who, name in (("Compact encoder", by_default), ("Its teacher", by_teacher))
        },
        hide_index=True,
    )


def category_by_category() -> None:
    st.markdown(
        "Of a category that is an AudioSet class, the class, its parents and its children are "
        "expected."
    )
    never = [name for name, row in categories.items() if row["top5"] == 0]
    if never:
        st.markdown(
            f"**Never among its top 5** in these clips, {len(never)} of {len(categories)} "
            f"categories: {escape('; '.join(never))}."
        )
    chart(
        charts.results_dots(
            [f"{name.replace('_', ' ')} ({row['clips']})" for name, row in categories.items()],
            {
                "Compact encoder": by_category(by_default, "top5"),
                "Its teacher": by_category(by_teacher, "top5"),
            },
            "Share of held-out clips with an expected class in the top 5",
            row_px=20,
        ),
        "By category, the share of held-out clips with an expected class in the top 5: the compact "
        "encoder and its teacher",
        key="by category",
        bar=False,
    )
    st.caption("In brackets: the number of clips.")
    columns = {"Category": [escape(name) for name in categories]}
    columns["Clips"] = [str(row["clips"]) for row in categories.values()]
    for name in figures:
        columns[f"{escape(name)}: top 1 / 5"] = [
            f"{one:.2f} / {five:.2f}"
            for one, five in zip(by_category(name, "top1"), by_category(name, "top5"), strict=True)
        ]
    st.table(columns, hide_index=True)


def sureness() -> None:
    judged = figures[by_default]["sureness"]
    unknown = judged["unknown"]
    chart(
        charts.risk_by_coverage(
            {
                "Compact encoder": judged["coverage"],
                "Its teacher": figures[by_teacher]["sureness"]["coverage"],
            }
        ),
        "Share of wrong top tags among the clips with the highest top scores: the compact encoder "
        "and its teacher",
        key="sureness",
    )
    st.caption(
        f"Below a score of {judged['half_wrong_below']:.2f} half of the top tags are wrong, and "
        'the app says "Not sure". '
        f"Of {unknown['clips']} clips of categories that were not trained on, {unknown['wrong']} "
        f"have a wrong top tag, {unknown['wrong_and_sure']} of them above that score."
    )


def by_model() -> None:
    st.table(
        {
            "Tagged by": [escape(name) for name in figures],
            "Top 1": [percent(judged["all"]["top1"], 1) for judged in figures.values()],
            "Top 5": [percent(judged["all"]["top5"], 1) for judged in figures.values()],
            "Top 10": [percent(judged["all"]["top10"], 1) for judged in figures.values()],
            "Top 5, mean over categories": [
                percent(judged["all"]["by_category_mean"]["top5"], 1) for judged in figures.values()
            ],
            "Speech in top 3": [
                percent(excerpts(judged, "speech"), 1) for judged in figures.values()
            ],
            "Music in top 3": [
                percent(excerpts(judged, "music"), 1) for judged in figures.values()
            ],
            "Highest other score in silence or noise": [
                f"{judged['calm']['greatest_other_score']:.2f}" for judged in figures.values()
            ],
            "Highest in its own part": [
                percent(judged["in_time"]["in_own_part"], 1) for judged in figures.values()
            ],
            "Distance to real frames": [
                f"{judged['distance']['to_nearest_real_frame']:.3f}"
                if "distance" in judged
                else "–"
                for judged in figures.values()
            ],
        },
        hide_index=True,
    )
    distance = figures[by_default].get("distance")
    if distance:
        st.caption(
            "Distance: from each of the encoder's frames to the nearest of 20,000 real ones, root "
            "mean square over the 128 numbers; other real frames lie "
            f"{distance['of_real_frames']:.3f} away."
        )
    st.caption(
        f"{escape(held_out['rule'])} The teacher was scored on the same clips. It was not "
        "trained on labels of these categories, whereas the encoder was, on those of other clips. "
        "VGGish was not scored, as its weights are not part of this project. Nor was the compact "
        "encoder scored on AudioSet's evaluation set, as its sounds are not available."
        f"{from_vggish(model)}"
    )


def training_recordings() -> None:
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


def card_in_full() -> None:
    st.json(card, expanded=1)


def command() -> None:
    st.code(card["command"], language="bash", wrap_lines=True)


DETAILS = {
    "How it was trained": training,
    "Category by category": category_by_category,
    "Through each tagging model": by_model,
    "Training recordings": training_recordings,
    "Training command": command,
    "Encoder card": card_in_full,
}

model = session.models()[choice.model]
draw_once("accuracy of the encoder", model, accuracy)
for part, draw in DETAILS.items():
    draw_when_opened(part, model, draw)
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
