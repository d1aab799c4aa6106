"""Embeddings: what the models read of a clip, and where it lies among the classes."""

import numpy as np
import streamlit as st

from audioset_demo import export
from audioset_demo.charts import embeddings as charts
from audioset_demo.charts.thinning import thinned
from audioset_demo.embeddings import similar_clips, writing
from audioset_demo.embeddings.class_space import class_space
from audioset_demo.labels import audioset_labels
from audioset_demo.views import cache, clips
from audioset_demo.views.widgets import (
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
    embeddings = cache.features(clip, cache.encoder_key(clip))

others = [other for other in clips.kept() if other.identity() != clip.identity()]
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
        charts.embedding_picture(
            getattr(embeddings, form), embeddings.times_s, embeddings.duration_s, FORMS[form]
        ),
        f"The {len(embeddings.times_s)} frames by 128 dimensions as colours",
        key="picture",
        bar=False,
    )
with right:
    other_clip = st.selectbox(
        "Compare with",
        others,
        None,
        format_func=lambda other: other.name,
        key="compared",
        persist_state="session",
        placeholder="Itself" if others else "Itself; open another clip to compare with it",
        disabled=not others,
    )
with errors_shown():
    frames = embeddings.require_quantised()
    other = embeddings
    if other_clip:
        other = cache.features(other_clip, cache.encoder_key(other_clip))
    other_frames = other.require_quantised()
space, labels = class_space(), audioset_labels()
kept, other_kept = thinned(len(frames)), thinned(len(other_frames))
likeness = space.likeness(frames[kept], other_frames[other_kept])
names = [label.name for label in labels]
with right:
    chart(
        charts.similarity_picture(likeness, embeddings, other if other_clip else None),
        f"Cosine of every frame with every frame of {other.name}, seen from the mean of the class "
        "centroids",
        key="similarity",
        bar=False,
    )
    if other_clip:
        means = frames.mean(axis=0, keepdims=True), other_frames.mean(axis=0, keepdims=True)
        t, u = np.unravel_index(likeness.argmax(), likeness.shape)
        st.caption(
            f"Cosine of the clips as wholes: {space.likeness(*means)[0, 0]:.3f}. Most alike: "
            f"{embeddings.times_s[kept[t]]:.2f} s here and {other.times_s[other_kept[u]]:.2f} s "
            f"there, {likeness[t, u]:.3f}."
        )
    else:
        st.caption("Blocks are stretches that sound the same.")

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
        space.project(other_frames[other_kept]) if other_clip else None,
    ),
    "Centroids of the 527 classes in a plane, with the clip's frames among them. Nearest: "
    + ", ".join(names[j] for j in nearest[:3]),
    key="map",
)
st.caption(
    "Grey: class centroids, means of the balanced training set's released features. Diamonds: the "
    "clip's path, a frame each, in order of time"
    + ("; circles: the path of the clip that it is compared with. " if other_clip else ". ")
    + "Ringed: the classes nearest to the whole clip by cosine in "
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

st.subheader("Like it in AudioSet", anchor=False)
path = similar_clips.released_file()
if path is None:
    st.info(
        "Where AudioSet's released evaluation features are on this machine, the clips most like "
        "this one are listed here, with links to their videos. Name their folder in "
        f"{similar_clips.DATA_VARIABLE}; the file in it is {similar_clips.FEATURES_FILE}, as "
        "`python -m train pack` writes it.",
        icon=":material/info:",
    )
else:
    with errors_shown():
        released = cache.released_clips(path)
    found = released.nearest(frames.mean(axis=0), space.origin, N_NEAREST)
    st.dataframe(
        {
            "Clip": [n.video_id for n in found],
            "Cosine": [n.cosine for n in found],
            "Labelled": [", ".join(names[k] for k in n.classes) for n in found],
            "Video": [n.address for n in found],
        },
        hide_index=True,
        column_config={
            "Cosine": st.column_config.NumberColumn(format="%.3f", width="small"),
            "Video": st.column_config.LinkColumn(
                display_text=r"t=(\d+s)", help="Opens the video at the second most like this clip"
            ),
        },
        alt="Clips of AudioSet's evaluation set most like this one",
    )
    st.caption(
        f"Of {len(released.video_ids):,} clips of AudioSet's evaluation set, those whose mean "
        "embeddings point most nearly the same way. Labels are the raters'; videos may be gone."
    )

st.subheader("Keep the embeddings", anchor=False)
name = export.file_stem(embeddings.name)
with st.container(horizontal=True):
    download(
        "NPZ",
        lambda: writing.embeddings_npz([embeddings]),
        f"{name}.npz",
        "application/octet-stream",
    )
    download("CSV", lambda: writing.embeddings_csv(embeddings), f"{name}.csv", "text/csv")
    download(
        "HDF5", lambda: writing.embeddings_hdf5([embeddings]), f"{name}.h5", "application/x-hdf5"
    )
    compared = [embeddings, *([other] if other_clip else [])]
    for number, part in enumerate(("vectors", "metadata")):
        download(
            f"Projector {part}",
            lambda number=number: writing.projector_tsv(compared, space.centroids, names)[number],
            f"{name}_{part}.tsv",
            "text/tab-separated-values",
        )
st.caption(
    "The Embedding Projector (projector.tensorflow.org) loads the two TSV files: frames, and the "
    "class centroids among them."
)
