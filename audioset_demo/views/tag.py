"""Tag a sound: what is in it, and when."""

import streamlit as st

from audioset_demo import charts, export
from audioset_demo.views import chooser, clips, player, results
from audioset_demo.views.parts import (
    chart,
    count,
    download,
    errors_shown,
    escape,
    notes,
    stem,
    title,
    who_speaks,
)

MAX_TAGS = 50
MAX_BARS = 10

title("Tag a sound", "Drop a sound below and read what is in it, and when.")
line = st.container()
left, right = st.columns([4, 5], gap="large")
with left:
    chooser.show("page")

clip = clips.current()
with errors_shown():
    with line:
        who_speaks()
    tagging = results.tagging(clip, results.encoder_key(clip), results.chosen_model().name)

n_tags = min(st.session_state.get("n_tags", 10), len(tagging.labels))
top = tagging.top(n_tags)
names = [tagging.labels[k].name for k in top]
with right:
    st.subheader(escape(tagging.name), anchor=False)
    st.caption(f"{tagging.duration_s:,.2f} s · {count(len(tagging.times_s), 'frame')} of 0.96 s")
    notes(tagging.notes)
    shown = min(MAX_BARS, n_tags)
    chart(
        charts.tag_bars(names[:shown], tagging.scores[top[:shown]]),
        "Top tags with their scores: "
        + ", ".join(f"{tagging.labels[k].name} {tagging.scores[k]:.2f}" for k in top[:shown]),
        key="tag bars",
        bar=False,
    )

st.subheader("What, and when", anchor=False)
if clip.is_features:
    st.info(
        "An embeddings file holds no sound: there is nothing to play, and no waveform or "
        "spectrogram to draw.",
        icon=":material/info:",
    )
player.show(clip, tagging, top)

columns = st.columns([2, 3], vertical_alignment="bottom")
columns[0].slider(
    "Number of tags",
    1,
    min(MAX_TAGS, len(tagging.labels)),
    10,
    key="n_tags",
    persist_state="session",
)
with columns[1].container(horizontal=True, horizontal_alignment="right"):
    name = stem(tagging.name)
    download(
        "JSON", lambda: export.tagging_json(tagging, n_tags), f"{name}.json", "application/json"
    )
    download("CSV", lambda: export.tagging_csv([tagging], n_tags), f"{name}.csv", "text/csv")
    download(
        "Audacity labels",
        lambda: export.audacity_labels(tagging, n_tags),
        f"{name}.txt",
        "text/plain",
    )
with st.expander("Scores as a table"):
    st.dataframe(
        {
            "Class": names,
            "Score": tagging.scores[top],
            "Where it stands": [
                " > ".join(tagging.labels[k].paths[0][:-1]) if tagging.labels[k].paths else ""
                for k in top
            ],
        },
        hide_index=True,
        column_config={
            "Score": st.column_config.ProgressColumn(min_value=0.0, max_value=1.0, format="%.4f")
        },
        alt="The top tags with their scores and their place in the ontology",
    )
