"""Embeddings: the input of the models, and how close a clip is to each class."""

from dataclasses import replace
from functools import cache as once
from functools import partial

import numpy as np
import streamlit as st

from audioset_demo.charts import embeddings as charts
from audioset_demo.charts.thinning import thinned
from audioset_demo.clock import stamp
from audioset_demo.embeddings import similar_clips, writing
from audioset_demo.embeddings.class_space import class_space
from audioset_demo.labels import audioset_labels
from audioset_demo.names import file_stem
from audioset_demo.views import cache, clips, session
from audioset_demo.views.downloads import File, downloads
from audioset_demo.views.names import escape
from audioset_demo.views.widgets import chart, count, errors_shown, notes, provenance, title

N_NEAREST = 8
CAUTION = {
    "compact": "The compact encoder is a small network of this project. It is trained to "
    "approximate VGGish's embeddings, but its 128 numbers are not VGGish's.",
    "vggish": "The public VGGish does not reproduce AudioSet's released features bit for bit, so "
    "frames and class centroids may be slightly offset.",
}
FORMS = {
    "quantised": "Quantised, 8 bits",
    "pca": "Float, after PCA",
    "embedding": "Float, before PCA",
}


title("Embeddings", "128 numbers for each 0.96 s of the clip: the whole input of a model.")
clip, choice = clips.current(), session.choice()
with errors_shown():
    provenance(clip, choice)
    embeddings = cache.features(clip, choice)
    clip_names = cache.clip_names(clips.kept())

others = {other.identity(): other for other in clips.kept() if other.identity() != clip.identity()}
st.subheader(escape(embeddings.name), anchor=False)
st.caption(f"{stamp(embeddings.duration_s)} · {count(len(embeddings.times_s), 'frame')} × 128")
if clip.is_features:
    st.info(
        "An embeddings file holds no sound: there is nothing to play or draw.",
        icon=":material/info:",
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
        format_func=FORMS.__getitem__,
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
    compared = st.session_state.get("compared")
    # Set on every run: the labels of the options may have changed since the last one.
    st.session_state["compare with"] = compared if compared in others else None
    compared = st.selectbox(
        "Compare with",
        list(others),
        None,
        format_func=clip_names.__getitem__,
        filter_mode="contains",
        key="compare with",
        on_change=lambda: st.session_state.update(compared=st.session_state["compare with"]),
        placeholder="Itself" if others else "Itself; open another clip to compare",
        disabled=not others,
    )
with errors_shown():
    frames = embeddings.require_quantised()
    other = embeddings
    if compared:
        other = replace(cache.features(others[compared], choice), name=clip_names[compared])
    other_frames = other.require_quantised()
space, labels = class_space(), audioset_labels()
kept, other_kept = thinned(len(frames)), thinned(len(other_frames))
cosine = space.cosine(frames[kept], other_frames[other_kept])
names = [label.name for label in labels]
with right:
    chart(
        charts.similarity_picture(cosine, embeddings, other if compared else None),
        f"Cosine similarity of every frame with every frame of {other.name}, from the mean of the "
        "class centroids",
        key="similarity",
        bar=False,
    )
    if compared:
        means = frames.mean(axis=0, keepdims=True), other_frames.mean(axis=0, keepdims=True)
        t, u = np.unravel_index(cosine.argmax(), cosine.shape)
        st.caption(
            f"Cosine of the clips as wholes: {space.cosine(*means)[0, 0]:.3f}. Most similar "
            f"frames: {stamp(embeddings.times_s[kept[t]])} in this clip and "
            f"{stamp(other.times_s[other_kept[u]])} in the other, {cosine[t, u]:.3f}."
        )
    else:
        st.caption("Blocks are passages with similar sound.")

st.subheader("Among the classes", anchor=False)
similarity = space.similarity(frames)
whole = space.similarity(frames.mean(axis=0, keepdims=True))[0]
nearest = np.argsort(-whole)[:N_NEAREST].tolist()
chart(
    charts.class_map(
        space.project(space.centroids),
        names,
        space.project(frames[kept]),
        embeddings.times_s[kept],
        nearest,
        space.explained,
        space.project(other_frames[other_kept]) if compared else None,
    ),
    "Centroids of the 527 classes in a plane, with the clip's frames among them. Nearest: "
    + ", ".join(names[j] for j in nearest[:3]),
    key="map",
)
st.caption(
    "Grey: class centroids, the means of the balanced training set's released features. Diamonds: "
    "the clip's frames in order of time"
    + ("; circles: those of the compared clip. " if compared else ". ")
    + "Ringed: the classes with the highest cosine similarity to the whole clip in 128 dimensions; "
    "in two dimensions they may not look nearest."
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
        height=35 * (min(len(winners), N_NEAREST) + 1) + 3,
        column_config={
            "Seconds": st.column_config.NumberColumn(format="%.2f"),
            "Cosine": st.column_config.NumberColumn(format="%.3f"),
        },
        alt="The class nearest to each frame",
    )

st.subheader("Similar clips in AudioSet", anchor=False)
path = similar_clips.released_file()
if path is None:
    st.info(
        "Clips that are similar to this one can be listed here, with links to their videos, if "
        "AudioSet's released evaluation features are on this machine. Set "
        f"{similar_clips.DATA_VARIABLE} to the folder that holds {similar_clips.FEATURES_FILE}, "
        "which `python -m train pack` writes.",
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
                display_text=r"t=(\d+s)",
                help="Opens the video at the second that is most similar to this clip",
            ),
        },
        alt="Clips of AudioSet's evaluation set that are most similar to this one",
    )
    st.caption(
        f"Of {len(released.video_ids):,} clips of AudioSet's evaluation set, those whose mean "
        "embeddings have the highest cosine similarity to this clip's. Labels are from AudioSet's "
        "raters; videos may no longer be online."
    )

st.subheader("Download", anchor=False)
# Clips with the same name get different names in files too.
exported = replace(embeddings, name=clip_names[clip.identity()])
name = f"{file_stem(exported.name)}_embeddings"
both = [exported, *([other] if compared else [])]


@once
def projector() -> tuple[str, str]:
    return writing.projector_tsv(both, cache.projector_classes())


downloads(
    "embeddings",
    (clip.identity(), exported.name, compared, other.name, choice),
    File(
        "NPZ",
        f"{name}.npz",
        "application/octet-stream",
        partial(writing.embeddings_npz, [exported]),
    ),
    File("CSV", f"{name}.csv", "text/csv", partial(writing.embeddings_csv, exported)),
    File("HDF5", f"{name}.h5", "application/x-hdf5", partial(writing.embeddings_hdf5, [exported])),
    File(
        "Projector vectors",
        f"{name}_vectors.tsv",
        "text/tab-separated-values",
        lambda: projector()[0],
    ),
    File(
        "Projector metadata",
        f"{name}_metadata.tsv",
        "text/tab-separated-values",
        lambda: projector()[1],
    ),
)
st.caption(
    "The Embedding Projector (projector.tensorflow.org) loads the two TSV files, which hold the "
    "frames and the class centroids."
)
