"""How far signals of frames can be trusted: to find the sound, and to show what a model does."""

from __future__ import annotations

import streamlit as st

from audioset_demo.charts.explanation import SIGNALS
from audioset_demo.models import experiments, localisation
from audioset_demo.tagging import Tagging
from audioset_demo.views.names import escape
from audioset_demo.views.widgets import percent

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
                name: [agreement_cell(row, reading) for row in record["rows"]]
                for reading, name in SIGNALS.items()
                if reading != "occlusion"
            },
            hide_index=True,
        )
        st.caption(
            f'{record["clips"]:,} clips of "{escape(record["set"])}" and their '
            f"{record['rows'][0]['pairs']:,} labels: `{record['command']}`"
        )
