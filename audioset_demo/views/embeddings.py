"""Embeddings: what the models read of a clip, and where it lies among the classes."""

import numpy as np
import streamlit as st

from audioset_demo import embedding_charts as charts
from audioset_demo import export
from audioset_demo.labels import audioset_labels
from audioset_demo.projection import class_space
from audioset_demo.reduction import thinned
from audioset_demo.views import clips, results
from audioset_demo.views.parts import (
    chart,
    count,
    download,
    errors_shown,
    escape,
    notes,
    title,
    who_speaks,
)

N_NEAREST = 8
CAUTION = {
    "compact": "The compact encoder is a small network of this project. Its 128 numbers are made "
    "to land where VGGish's would, but they are not VGGish's.",
    "vggish": "Google does not promise that the public VGGish reproduces AudioSet's released "
    "features bit for bit: frames and class centroids may lie slightly apart.",
}
FORMS = {
    "quantised": "Quantised, 8 bits",
    "pca": "Float, after PCA",
    "embedding": "Float, before PCA",
}

title("Embeddings", "The 128 numbers for each 0.96 s of the clip: all that a model sees.")
clip = clips.current()
with errors_shown():
    who_speaks()
    embeddings = results.features(clip, results.encoder_key(clip))

st.subheader(escape(embeddings.name), anchor=False)
st.caption(f"{embeddings.duration_s:,.2f} s · {count(len(embeddings.times_s), 'frame')} × 128")
if clip.is_features:
    st.info(
        "Read from an embeddings file: there is no sound to play or draw.", icon=":material/info:"
    )
if embeddings.encoder in CAUTION:
    st.info(CAUTION[embeddings.encoder], icon=":material/info:")
notes(embeddings.notes)

forms = [form for form in FORMS if getattr(embeddings, form) is not None]
left, right = st.columns(2, gap="medium")
with left:
    form = st.segmented_control(
        "Numbers",
        forms,
        default=forms[0],
        format_func=FORMS.get,
        required=True,
        key="numbers",
        bind="query-params",
    )
    chart(
        charts.embedding_picture(getattr(embeddings, form), embeddings.times_s, FORMS[form]),
        f"The {len(embeddings.times_s)} frames by 128 dimensions as colours",
        key="picture",
        bar=False,
    )
with errors_shown():
    frames = embeddings.require_quantised()
space, labels = class_space(), audioset_labels()
kept = thinned(len(frames))
names = [label.name for label in labels]
with right:
    st.markdown(
        "How alike the frames are",
        help="Cosine between frames, seen from the mean of the "
        "class centroids. Blocks are stretches that sound the same.",
    )
    st.space("small")
    chart(
        charts.similarity_picture(space.self_similarity(frames[kept]), embeddings.times_s),
        "Similarity of every frame with every other",
        key="similarity",
        bar=False,
    )

st.subheader("Among the classes", anchor=False)
similarity = space.similarity(frames)
whole = space.similarity(frames.mean(axis=0, keepdims=True))[0]
nearest = np.argsort(-whole)[:N_NEAREST]
chart(
    charts.class_map(
        space.project(space.centroids),
        names,
        space.project(frames[kept]),
        embeddings.times_s[kept],
        nearest,
        space.explained,
    ),
    "Centroids of the 527 classes in a plane, with the clip's frames among them. Nearest: "
    + ", ".join(names[j] for j in nearest[:3]),
    key="map",
)
st.caption(
    "Grey: class centroids, means of the balanced training set's released features. Diamonds: the "
    "clip's frames in order of time. Ringed: the classes nearest to the whole clip by cosine in "
    "128 dimensions, which may lie apart in two."
)
left, right = st.columns(2, gap="medium")
winners = similarity.argmax(axis=1)
with left:
    st.markdown("Classes nearest to the whole clip")
    st.dataframe(
        {
            "Class": [names[j] for j in nearest],
            "Cosine": whole[nearest],
            "Frames nearest to it": [int((winners == j).sum()) for j in nearest],
        },
        hide_index=True,
        column_config={"Cosine": st.column_config.NumberColumn(format="%.3f")},
        alt="Classes nearest to the whole clip",
    )
with right:
    st.markdown("Class nearest to each frame")
    st.dataframe(
        {
            "Seconds": embeddings.times_s,
            "Class": [names[j] for j in winners],
            "Cosine": similarity[np.arange(len(winners)), winners],
        },
        hide_index=True,
        height=318,
        column_config={
            "Seconds": st.column_config.NumberColumn(format="%.2f"),
            "Cosine": st.column_config.NumberColumn(format="%.3f"),
        },
        alt="The class nearest to each frame",
    )

name = export.file_stem(embeddings.name)
with st.container(horizontal=True):
    download(
        "NPZ",
        lambda: export.embeddings_npz([embeddings]),
        f"{name}.npz",
        "application/octet-stream",
    )
    download("CSV", lambda: export.embeddings_csv(embeddings), f"{name}.csv", "text/csv")
    download(
        "HDF5", lambda: export.embeddings_hdf5([embeddings]), f"{name}.h5", "application/x-hdf5"
    )
