"""Embeddings as files: CSV, NPZ, HDF5, and TSV for the Embedding Projector."""

from __future__ import annotations

import io
from collections.abc import Sequence

import h5py
import numpy as np

from audioset_demo.embeddings.frames import ENCODER_TITLES, Embeddings
from audioset_demo.names import one_line
from audioset_demo.storage import csv_text


def embeddings_csv(embeddings: Embeddings) -> str:
    """A row a frame: its time, then the 128 quantised numbers.

    Raises
    ------
    WeightsError
        If there are none, because VGGish's PCA parameters are missing.
    """
    quantised = embeddings.require_quantised()
    columns = ("time_s", *(f"q{d}" for d in range(quantised.shape[1])), "encoder")
    title = ENCODER_TITLES[embeddings.encoder]
    rows = (
        (f"{time:.2f}", *frame.tolist(), title)
        for time, frame in zip(embeddings.times_s, quantised, strict=True)
    )
    return csv_text(columns, rows)


def projector_tsv(clips: Sequence[Embeddings], classes: tuple[str, str]) -> tuple[str, str]:
    """Vectors and their metadata for the Embedding Projector, which loads two TSV files.

    Rows are the quantised frames of clips, then those of `projector_classes`.
    """
    vectors, metadata = [], [("what", "name", "seconds")]
    for clip in clips:
        name = one_line(" ".join(clip.name.split()))
        for time, frame in zip(clip.times_s, clip.require_quantised(), strict=True):
            vectors.append([str(value) for value in frame.tolist()])
            metadata.append(("frame", name, f"{time:.2f}"))
    of_classes, their_metadata = classes
    return _tsv(vectors) + of_classes, _tsv(metadata) + their_metadata


def projector_classes(centroids: np.ndarray, names: Sequence[str]) -> tuple[str, str]:
    """The rows of class centroids (K, 128) in both TSV files, the same for all clips."""
    vectors = [[f"{value:.3f}" for value in centroid.tolist()] for centroid in centroids]
    metadata = [("class", one_line(" ".join(name.split())), "") for name in names]
    return _tsv(vectors), _tsv(metadata)


def _tsv(rows: Sequence[Sequence[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def embedding_arrays(embeddings: Embeddings) -> dict[str, np.ndarray]:
    """The arrays of one clip in an embeddings file; those that the encoder lacks are absent."""
    arrays = {
        "embedding": embeddings.embedding,
        "pca": embeddings.pca,
        "quantised": embeddings.quantised,
        "times_s": embeddings.times_s,
        "encoder": np.array(embeddings.encoder),
        "duration_s": np.array(embeddings.duration_s),
    }
    return {key: values for key, values in arrays.items() if values is not None}


def embeddings_npz(clips: Sequence[Embeddings]) -> bytes:
    """An NPZ file. One clip: its arrays; several: each array's name after "CLIP/"."""
    arrays = {
        prefix + key: values
        for prefix, clip in _prefixed(clips)
        for key, values in embedding_arrays(clip).items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def embeddings_hdf5(clips: Sequence[Embeddings]) -> bytes:
    """An HDF5 file. One clip: its datasets; several: a group for each clip."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for prefix, clip in _prefixed(clips):
            for key, values in embedding_arrays(clip).items():
                # HDF5 has no type for numpy's text.
                stored = values.astype(bytes) if values.dtype.kind == "U" else values
                file.create_dataset(prefix + key, data=stored)
    return buffer.getvalue()


def _prefixed(clips: Sequence[Embeddings]) -> list[tuple[str, Embeddings]]:
    """Each clip with the prefix of its keys: none for a single clip, else a unique name."""
    if len(clips) == 1:
        return [("", clips[0])]
    names: list[str] = []
    for clip in clips:
        name = one_line(clip.name).replace("/", "_")
        while name in names:
            name += "_"
        names.append(name)
    return [(f"{name}/", clip) for name, clip in zip(names, clips, strict=True)]
