"""How far signals of frames can be trusted: to find the sound, and to show what a model does."""

from __future__ import annotations

import streamlit as st

from audioset_demo.charts.explanation import SIGNALS
from audioset_demo.charts.results import results_dots
from audioset_demo.labels import audioset_labels
from audioset_demo.models import experiments, localisation
from audioset_demo.tagging import Tagging
from audioset_demo.views.names import escape
from audioset_demo.views.widgets import chart, percent

IN_WORDS = {signal: name.lower() for signal, name in SIGNALS.items()}
HELP = (
    "0.5 is chance. Measured on AudioSet's strong labels and the released embeddings, in clips of "
    "10 s with frames of 0.96 s; a frame counts as inside where at least half of it is covered."
)


def in_clips(tagging: Tagging, k: int) -> str:
    """How far each signal of a model can be trusted to find class `k`; empty if not measured.

    Where the class has no times, the means over those that have.
    """
    name = tagging.labels[k].name
    located = localisation.located_classes(tagging.model.name).get(tagging.labels[k].index)
    if located:
        found = {signal: located.auc[signal][0] for signal in IN_WORDS}
        start, ranked = f"In {located.clips:,} clips with known times", f"a frame with {name}"
    else:
        found = localisation.mean_auc(tagging.model.name)
        n = localisation.summary()["classes_counted"]
        start = f"No times of {name} are known; over {n} other classes"
        ranked = "a frame with the class"
    if not found:
        return ""
    (best, first), *others = sorted(
        ((found[s], name) for s, name in IN_WORDS.items()), reverse=True
    )
    return (
        f"{start}, {first} ranks {ranked} above one without it in {best:.2f} of the pairs, "
        + ", ".join(f"{name} in {share:.2f}" for share, name in others)
        + "."
    )


def of_model(model: str) -> str:
    """In one line, what the record of many clips says of a model's signals; empty if unknown."""
    rows = [row for row in experiments.occlusion()["rows"] if row["name"] == model]
    found = rows[0]["rank_correlation"] if rows else {}
    if found.get("attention") is None or found.get("contributions") is None:
        return ""
    return (
        "Over many clips, contributions rank the frames as leaving them out does (rank correlation "
        f"{found['contributions']:.2f}), attention weights less so ({found['attention']:.2f})."
    )


def class_by_class(model: str) -> None:
    """How well a model's best signal finds each class of which times are known, beside attention
    weights and what can be reached.
    """
    summary, best = localisation.summary(), localisation.best_signal(model)
    found = [
        (index, of_class)
        for index, of_class in localisation.located_classes(model).items()
        if of_class.clips >= summary["least_clips"]
    ]
    found.sort(key=lambda row: -row[1].auc[best][0])
    names = [label.name for label in audioset_labels()]
    signals = {
        SIGNALS[best]: best,
        SIGNALS["attention"]: "attention",
        "Classifier trained on the times": localisation.CEILING,
    }
    st.markdown(
        "In clips of the evaluation set of which it is known when each class is heard: how often a "
        "frame with the class is ranked above one without it. 0.5 is chance."
    )
    chart(
        results_dots(
            [f"{names[index]} ({of_class.clips:,})" for index, of_class in found],
            {
                name: [of_class.auc[signal][0] for _, of_class in found]
                for name, signal in signals.items()
            },
            "AUC within clips",
            row_px=20,
        ),
        "By class, the AUC within clips of the best signal, of attention weights, and of a "
        "classifier of frames that was trained on the times",
        key="found by class",
        bar=False,
    )
    st.caption(f"In brackets: the number of clips. `{summary['command']}`")


def agreement_cell(row: dict, reading: str) -> str:
    """A model's rank correlation and share of first places, from the record of all clips."""
    rho, first = row["rank_correlation"][reading], row["first_place"][reading]
    return "the same for all frames" if rho is None else f"{rho:.2f}, {percent(first)} first"


def faithfulness() -> None:
    with st.expander("Faithfulness of attention"):
        record = experiments.occlusion()
        st.markdown(
            "The same check over many clips: how well each value ranks the frames by the score "
            "drop when they are left out (rank correlation, 1 at best), and how often the frame "
            "that ranks first has the largest drop. Attention weights alone are a poor guide; "
            "contributions, which combine a frame's score with its weight, are a good one."
        )
        st.table(
            {"Model": [row["title"] for row in record["rows"]]}
            | {
                SIGNALS[reading]: [agreement_cell(row, reading) for row in record["rows"]]
                for reading in record["rows"][0]["rank_correlation"]
            },
            hide_index=True,
        )
        st.caption(
            f'{record["clips"]:,} clips of "{escape(record["set"])}" and their '
            f"{record['rows'][0]['pairs']:,} labels: `{record['command']}`"
        )
