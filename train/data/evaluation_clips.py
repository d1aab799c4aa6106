"""The tables on AudioSet's evaluation set that the package ships: its clips, and others' AP."""

from pathlib import Path

import numpy as np

from audioset_demo.embeddings.packed import open_packed
from audioset_demo.errors import DataError
from audioset_demo.evidence.clips import with_ancestors
from audioset_demo.labels import Label
from train.data.tables import read_table

STRONG_FILE = Path("strong") / "audioset_strong_eval_top110classes_downloaded.tsv"
PUBLISHED_FILE = "published_per_class_ap.csv"
PUBLISHED_COLUMNS = ("index", "averaging_instances", "cnn14")


def evaluation_clips(eval_set: Path, strong: Path, labels: tuple[Label, ...]) -> dict:
    """The arrays of `ScoredClips`.

    Parameters
    ----------
    eval_set : packed features with labels and times
    strong : table of `filename` (VIDEO_START with the start in milliseconds) and `event_label`

    Raises
    ------
    DataError
        If a row of `strong` is of a clip that `eval_set` lacks.
    FeaturesError
        If `eval_set` is damaged or lacks an array.
    """
    with open_packed(eval_set, needed=("y", "segment_times")) as packed:
        targets = packed.rows("y", slice(None)).astype(bool)
        starts_s = packed.rows("segment_times", slice(None))[:, 0].astype(np.float32)
    names = [
        f"{video_id.decode()}_{round(float(start_s) * 1000)}"
        for video_id, start_s in zip(packed.video_ids, starts_s, strict=True)
    ]
    covered, complete, heard = _strong(strong, names, labels)
    return {
        "video_ids": packed.video_ids,
        "starts_s": starts_s,
        "n_labels": targets.sum(axis=1).astype(np.uint8),
        "labels": np.nonzero(targets)[1].astype(np.uint16),
        "covered": covered,
        "complete": complete,
        "heard": np.packbits(heard[covered], axis=1),
    }


def _strong(
    path: Path, names: list[str], labels: tuple[Label, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clips (N,) with strong labels, classes (K,) marked in all of them, and which where (N, K)."""
    place = {name: k for k, name in enumerate(names)}
    index = {label.mid: label.index for label in labels}
    covered, heard = np.zeros(len(names), bool), np.zeros((len(names), len(labels)), bool)
    for row in read_table(path, needed=("filename", "event_label")):
        if row["filename"] not in place:
            raise row.error(f"is of {row['filename']}, which is no clip of the evaluation set.")
        clip = place[row["filename"]]
        covered[clip] = True
        if row["event_label"] in index:
            heard[clip, index[row["event_label"]]] = True
    complete = heard.any(axis=0)
    with_parents = heard.astype(np.uint8) @ with_ancestors(labels).astype(np.uint8)
    return covered, np.asarray(complete), with_parents > 0


def published_rows(path: Path, labels: tuple[Label, ...]) -> list[tuple[int, str, str]]:
    """Rows of `PUBLISHED_COLUMNS`.

    Raises
    ------
    DataError
        If the table is not of these classes.
    """
    rows = read_table(path, needed=("class_index", "ap_avg_instances_vggish", "ap_panns_cnn14"))
    if [int(row["class_index"]) for row in rows] != [label.index for label in labels]:
        raise DataError(
            f"{path} is not a table of the {len(labels)} classes in their order. Give a row for "
            f"each class_index from 0 to {len(labels) - 1}, in that order."
        )
    return [
        (int(row["class_index"]), row["ap_avg_instances_vggish"], row["ap_panns_cnn14"])
        for row in rows
    ]
