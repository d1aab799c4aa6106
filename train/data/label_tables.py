"""The tables that the package ships: the label set, mean embeddings, the evaluation set."""

from importlib.resources import files
from pathlib import Path

import numpy as np

from audioset_demo.errors import CheckpointError, DataError
from audioset_demo.evidence.clips import CLIPS_FILE
from audioset_demo.evidence.published import PUBLISHED_AP_FILE
from audioset_demo.labels import audioset_labels
from audioset_demo.models.fields import check_values, shown
from audioset_demo.storage import check_output, parse_json, write_atomically, write_csv
from train.data.evaluation_clips import (
    PUBLISHED_COLUMNS,
    PUBLISHED_FILE,
    STRONG_FILE,
    evaluation_clips,
    published_rows,
)
from train.data.features import TRAINING_FILE, FeatureSet, load_features
from train.data.tables import read_table

COUNTS_FILE = "class_counts_and_quality.csv"
ONTOLOGY_FILE = "ontology.json"
EVAL_FILE = "eval.h5"
SOURCES = (COUNTS_FILE, ONTOLOGY_FILE, TRAINING_FILE, EVAL_FILE, STRONG_FILE, PUBLISHED_FILE)
LABELS_FILE, CENTROIDS_FILE = "labels.csv", "centroids.npz"
LABEL_COLUMNS = (
    "index",
    "mid",
    "name",
    "paths",
    "n_bal_train",
    "n_unbal_train",
    "n_eval",
    "quality",
    "n_rated",
    "n_true",
)


def build_assets(data: Path) -> None:
    """Write the tables of the label set, of mean embeddings and of the evaluation set.

    Parameters
    ----------
    data : folder with class_counts_and_quality.csv, ontology.json, bal_train.h5, eval.h5, the
        strong labels of eval.h5 and the AP that others published
    """
    for name in SOURCES:
        if not (data / name).is_file():
            raise DataError(f"{data} has no {name}. Give the folder of AudioSet's released lists.")
    assets = Path(str(files("audioset_demo"))) / "assets"
    evidence = assets / "evidence"
    for output in (assets / LABELS_FILE, assets / CENTROIDS_FILE, evidence / CLIPS_FILE):
        check_output(output, make_folder=True)
    rows = label_rows(data / COUNTS_FILE, data / ONTOLOGY_FILE)
    write_csv(assets / LABELS_FILE, LABEL_COLUMNS, [list(row.values()) for row in rows])
    centroids = class_centroids(load_features(data / TRAINING_FILE))
    write_atomically(
        assets / CENTROIDS_FILE, lambda part: np.savez_compressed(part, centroids=centroids)
    )
    labels = audioset_labels()
    clips = evaluation_clips(data / EVAL_FILE, data / STRONG_FILE, labels)
    write_atomically(evidence / CLIPS_FILE, lambda part: np.savez_compressed(part, **clips))
    published = published_rows(data / PUBLISHED_FILE, labels)
    write_csv(evidence / PUBLISHED_AP_FILE, PUBLISHED_COLUMNS, published)


def label_rows(counts: Path, ontology: Path) -> list[dict]:
    """A row for each class: its counts, and its paths through the ontology."""
    paths = _paths_in(ontology)
    rows = read_table(counts, needed=("index", "mid", "display_name"))
    for row in rows:
        if row["mid"] not in paths:
            raise row.error(f"names {row['mid']}, which {ontology} lacks. Take both from AudioSet.")
    return [
        {
            "index": row["index"],
            "mid": row["mid"],
            "name": row["display_name"],
            "paths": " | ".join(" > ".join(path) for path in paths[row["mid"]]),
            "n_bal_train": row["n_bal_train"],
            "n_unbal_train": row["n_unbal_train"],
            "n_eval": row["n_eval"],
            "quality": row["quality"] if row["num_rated"] not in ("", "0") else "",
            "n_rated": row["num_rated"] or "0",
            "n_true": row["num_true"] or "0",
        }
        for row in rows
    ]


def _paths_in(ontology: Path) -> dict[str, list[tuple[str, ...]]]:
    """`ontology_paths` of a file."""
    nothing = dict.fromkeys(("id", "name", "child_ids"))
    try:
        entries = parse_json(ontology.read_text(encoding="utf-8"))
        for entry in entries:
            check_values(nothing | entry, {"id": str, "name": str, "child_ids": list})
        return ontology_paths(entries)
    # LookupError: a child is missing; RecursionError: a class is below itself.
    except (OSError, ValueError, TypeError, LookupError, RecursionError, CheckpointError) as error:
        raise DataError(
            f"{ontology} is not AudioSet's ontology ({shown(str(error))}). Download it again."
        ) from None


def ontology_paths(ontology: list[dict]) -> dict[str, list[tuple[str, ...]]]:
    """Every path from a root to each class, as names; a class with two parents has two."""
    by_id = {entry["id"]: entry for entry in ontology}
    children = {child for entry in ontology for child in entry["child_ids"]}
    paths: dict[str, list[tuple[str, ...]]] = {mid: [] for mid in by_id}

    def descend(mid: str, above: tuple[str, ...]) -> None:
        path = (*above, by_id[mid]["name"])
        paths[mid].append(path)
        for child in by_id[mid]["child_ids"]:
            descend(child, path)

    for mid in by_id:
        if mid not in children:
            descend(mid, ())
    return paths


def class_centroids(features: FeatureSet) -> np.ndarray:
    """Mean quantised embedding (K, 128) float32 of each class: over frames, then over clips."""
    mask = np.arange(features.x.shape[1]) < features.n_frames[:, None]
    clip_means = (features.x * mask[..., None]).sum(axis=1) / features.n_frames[:, None]
    targets = features.y.astype(np.float64)
    return (targets.T @ clip_means / targets.sum(axis=0)[:, None]).astype(np.float32)
