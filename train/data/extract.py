"""Features of one's own labelled sounds, in the layout that training reads."""

import csv
from pathlib import Path

import h5py
from tqdm import tqdm

from audioset_demo.audio.decoding import open_sound
from audioset_demo.encoders import load_encoder
from audioset_demo.errors import AudioSetDemoError, DataError, WeightsError
from audioset_demo.storage import write_atomically
from train.data.pack import FeatureWriter, PackedClip


def extract(audio_dir: Path, labels_csv: Path, output: Path, encoder: str = "auto") -> list[str]:
    """Encode labelled sounds into one HDF5 file; messages about files that could not be read.

    Parameters
    ----------
    labels_csv : columns `file` (below `audio_dir`) and `label`; several labels of a file stand in
        several rows. The label set is all labels, sorted.

    Raises
    ------
    DataError
        If the table is not one, or none of its files could be read.
    """
    labels_of_file = read_labels(labels_csv)
    label_set = sorted({label for labels in labels_of_file.values() for label in labels})
    encode = load_encoder(encoder).encode
    clips, failures = [], []
    for file, labels in tqdm(labels_of_file.items(), unit="file", desc="extracting"):
        try:
            with open_sound(audio_dir / file, name=file) as sound:
                embeddings = encode(sound)
        except WeightsError:
            raise
        except AudioSetDemoError as error:
            failures.append(str(error))
            continue
        clips.append(
            PackedClip(
                video_id=file.encode(),
                embeddings=embeddings.quantised,
                labels=[label_set.index(label) for label in labels],
                segment_times=(0.0, embeddings.duration_s),
            )
        )
    if not clips:
        raise DataError(
            f"None of the {len(labels_of_file)} files of {labels_csv} could be read below "
            f"{audio_dir}. First: {failures[0]}"
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(output, lambda part: _write(part, clips, label_set, embeddings.encoder))
    return failures


def read_labels(path: Path) -> dict[str, list[str]]:
    """Labels of each file, from a table with the columns `file` and `label`."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"Cannot read the labels {path} ({error}). Give a CSV file in UTF-8."
        ) from None
    if not rows or not {"file", "label"} <= rows[0].keys():
        raise DataError(
            f"{path} must have the columns `file` and `label` and at least one row; it has "
            f"{list(rows[0]) if rows else 'no rows'}."
        )
    labels: dict[str, list[str]] = {}
    for row in rows:
        labels.setdefault(row["file"], []).append(row["label"])
    return labels


def _write(path: Path, clips: list[PackedClip], label_set: list[str], encoder: str) -> None:
    with h5py.File(path, "w") as file:
        writer = FeatureWriter(
            file,
            n_classes=len(label_set),
            n_frames=max(len(clip.embeddings) for clip in clips),
            id_bytes=max(len(clip.video_id) for clip in clips),
        )
        for clip in clips:
            writer.add(clip)
        writer.flush()
        file.create_dataset("labels", data=label_set, dtype=h5py.string_dtype())
        file.attrs["encoder"] = encoder
