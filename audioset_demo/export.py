"""Results as text and files that other programs read."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Sequence

import h5py
import numpy as np

from audioset_demo.encoders.embeddings import ENCODER_TITLES, Embeddings
from audioset_demo.events import Event, find_events
from audioset_demo.tagging import Tagging


def tagging_record(tagging: Tagging, top: int = 10, occlusion: np.ndarray | None = None) -> dict:
    """The result of one clip as plain JSON: its top tags, and their frames.

    `encoder` says which encoder spoke, in full.

    Parameters
    ----------
    occlusion : (T, K), how far each score falls without each frame (`Tagger.occlude`), added to
        the frames
    """
    classes = tagging.top(top)

    def by_label(values: np.ndarray) -> dict[str, list[float]]:
        return {tagging.labels[k].name: _rounded(values[:, k]) for k in classes}

    return {
        "file": tagging.name,
        "duration_s": round(tagging.duration_s, 6),
        "model": tagging.model.name,
        "encoder": ENCODER_TITLES[tagging.encoder],
        "tags": [
            {
                "label": tagging.labels[k].name,
                "mid": tagging.labels[k].mid,
                "index": k,
                "score": float(f"{tagging.scores[k]:.6g}"),
            }
            for k in classes
        ],
        "frames": {
            "times_s": _rounded(tagging.times_s),
            "scores": by_label(tagging.frame_scores),
            "attention": by_label(tagging.attention),
            "contributions": by_label(tagging.contributions),
            **({} if occlusion is None else {"occlusion": by_label(occlusion)}),
        },
        "notes": list(tagging.notes),
    }


def tagging_json(tagging: Tagging, top: int = 10) -> str:
    """`tagging_record` on one line."""
    return json.dumps(tagging_record(tagging, top), ensure_ascii=False)


TAG_COLUMNS = ("file", "rank", "label", "mid", "index", "score", "model", "encoder")


def tagging_csv(taggings: Sequence[Tagging], top: int = 10) -> str:
    """The top tags of each clip, a row a tag."""
    rows = (
        (
            tagging.name,
            rank,
            tagging.labels[k].name,
            tagging.labels[k].mid,
            k,
            f"{tagging.scores[k]:.6g}",
            tagging.model.name,
            ENCODER_TITLES[tagging.encoder],
        )
        for tagging in taggings
        for rank, k in enumerate(tagging.top(top), start=1)
    )
    return _csv(TAG_COLUMNS, rows)


def audacity_labels(events: Sequence[Event]) -> str:
    """Label track for Audacity."""
    return "".join(f"{e.start_s:.6f}\t{e.end_s:.6f}\t{e.label.name}\n" for e in events)


def rttm(events: Sequence[Event], tagging: Tagging) -> str:
    """Events of one clip as lines of RTTM, the format of diarisation tools; no spaces in names.

    A comment before them says who spoke.
    """
    clip = _without_spaces(tagging.name)
    speakers = f"{tagging.model.name}, {ENCODER_TITLES[tagging.encoder]}"
    lines = [
        f"SPEAKER {clip} 1 {e.start_s:.3f} {e.end_s - e.start_s:.3f} <NA> <NA> "
        f"{_without_spaces(e.label.name)} {e.score:.4f} <NA>"
        for e in events
    ]
    return "\n".join([f";; {speakers}", *lines]) + "\n"


EVENT_COLUMNS = ("file", "start_s", "end_s", "label", "mid", "score", "model", "encoder")


def events_csv(events: Sequence[Event], tagging: Tagging) -> str:
    """Events of one clip, a row an event."""
    return _csv(EVENT_COLUMNS, (_event_record(event, tagging).values() for event in events))


def events_json(events: Sequence[Event], tagging: Tagging) -> str:
    """Events of one clip as a list of objects."""
    return json.dumps([_event_record(event, tagging) for event in events], ensure_ascii=False)


def _event_record(event: Event, tagging: Tagging) -> dict:
    values = (
        tagging.name,
        round(event.start_s, 6),
        round(event.end_s, 6),
        event.label.name,
        event.label.mid,
        float(f"{event.score:.6g}"),
        tagging.model.name,
        ENCODER_TITLES[tagging.encoder],
    )
    return dict(zip(EVENT_COLUMNS, values, strict=True))


def _without_spaces(text: str) -> str:
    return "_".join(text.split())


def results_zip(clips: Sequence[tuple[Tagging, Embeddings]], top: int, threshold: float) -> bytes:
    """Everything about several clips in a ZIP archive: a folder for each, and a table of all tags.

    Parameters
    ----------
    top : tags a clip; their events are in it too, each of a class that reaches the threshold
    threshold : frame score at which an event begins
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tags.csv", tagging_csv([tagging for tagging, _ in clips], top))
        for number, (tagging, embeddings) in enumerate(clips, start=1):
            events = find_events(tagging, tagging.top(top), threshold)
            folder = f"{number:02}_{file_stem(tagging.name)}"
            for name, content in {
                "tags.json": tagging_json(tagging, top),
                "events.csv": events_csv(events, tagging),
                "events.json": events_json(events, tagging),
                "audacity.txt": audacity_labels(events),
                "events.rttm": rttm(events, tagging),
                "embeddings.npz": embeddings_npz([embeddings]),
            }.items():
                archive.writestr(f"{folder}/{name}", content)
    return buffer.getvalue()


def file_stem(name: str) -> str:
    """A clip's name without its ending, fit for a file name."""
    return re.sub(r"[^\w-]+", "_", name.rsplit(".", 1)[0]).strip("_") or "clip"


def embeddings_csv(embeddings: Embeddings) -> str:
    """A row a frame: its time, then the 128 quantised numbers.

    Raises
    ------
    WeightsError
        If there are none, for want of VGGish's PCA parameters.
    """
    quantised = embeddings.require_quantised()
    columns = ("time_s", *(f"q{d}" for d in range(quantised.shape[1])), "encoder")
    title = ENCODER_TITLES[embeddings.encoder]
    rows = (
        (f"{time:.2f}", *frame.tolist(), title)
        for time, frame in zip(embeddings.times_s, quantised, strict=True)
    )
    return _csv(columns, rows)


def projector_tsv(
    clips: Sequence[Embeddings], centroids: np.ndarray, names: Sequence[str]
) -> tuple[str, str]:
    """Vectors and their metadata for the Embedding Projector, which loads two TSV files.

    Rows are the quantised frames of clips, then class centroids (K, 128) with their names.
    """
    vectors, metadata = [], [("what", "name", "seconds")]
    for clip in clips:
        for time, frame in zip(clip.times_s, clip.require_quantised(), strict=True):
            vectors.append([str(value) for value in frame])
            metadata.append(("frame", " ".join(clip.name.split()), f"{time:.2f}"))
    for name, centroid in zip(names, centroids, strict=True):
        vectors.append([f"{value:.3f}" for value in centroid])
        metadata.append(("class", name, ""))
    return _tsv(vectors), _tsv(metadata)


def _tsv(rows: Sequence[Sequence[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def embedding_arrays(embeddings: Embeddings) -> dict[str, np.ndarray]:
    """What an embeddings file holds of one clip; what the encoder does not give is absent."""
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
    """An NPZ file. One clip: its arrays; several: each array's name behind "CLIP/"."""
    arrays = {
        prefix + key: values
        for prefix, clip in _prefixed(clips)
        for key, values in embedding_arrays(clip).items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
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
    """Each clip behind the start of its keys: nothing for a single clip, else a name of its own."""
    if len(clips) == 1:
        return [("", clips[0])]
    names: list[str] = []
    for clip in clips:
        name = clip.name.replace("/", "_")
        while name in names:
            name += "_"
        names.append(name)
    return [(f"{name}/", clip) for name, clip in zip(names, clips, strict=True)]


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def _csv(columns: Sequence[str], rows) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue()
