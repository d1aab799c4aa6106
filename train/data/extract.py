"""Features of your own labelled sounds, in the layout that training reads."""

import os
from collections.abc import Iterable
from pathlib import Path

import h5py
from tqdm import tqdm

from audioset_demo.audio.decoding import open_sound
from audioset_demo.encoders import load_quantising_encoder
from audioset_demo.errors import AudioSetDemoError, DataError
from audioset_demo.storage import check_output, write_atomically
from train.data.tables import read_table, tidy_name
from train.data.writing import PackedClip, write_clips


def extract(audio_dir: Path, labels_csv: Path, output: Path, encoder: str = "auto") -> list[str]:
    """Encode labelled sounds into one HDF5 file; messages about files that could not be read.

    Parameters
    ----------
    labels_csv : columns `file` (below `audio_dir`) and `label`; a file with several labels has a
        row for each. The label set is all labels, sorted.

    Raises
    ------
    DataError
        If the table cannot be read, or none of the files could be.
    StorageError
        If `output` can't be written.
    WeightsError
        If the encoder is not installed, or VGGish without its PCA parameters.
    """
    check_output(output, [labels_csv], make_folder=True)
    labels_of_file = read_labels(labels_csv)
    _check_sounds(audio_dir, labels_csv, labels_of_file)
    label_set = sorted({label for labels in labels_of_file.values() for label in labels})
    encode = load_quantising_encoder(encoder).encode
    clips, failures = [], []
    for file, labels in tqdm(labels_of_file.items(), unit="file", desc="extracting"):
        try:
            with open_sound(audio_dir / file, name=file) as sound:
                embeddings = encode(sound)
        except AudioSetDemoError as error:
            failures.append(str(error))
            continue
        clips.append(
            PackedClip(
                video_id=file.encode(),
                embeddings=embeddings.require_quantised(),
                labels=[label_set.index(label) for label in labels],
                segment_times=(0.0, embeddings.duration_s),
            )
        )
    if not clips:
        raise DataError(
            f"None of the {len(labels_of_file)} files that {labels_csv} names could be read. The "
            f"first error: {failures[0]}"
        )
    write_atomically(output, lambda part: _write(part, clips, label_set, embeddings.encoder))
    return failures


def read_labels(path: Path) -> dict[str, list[str]]:
    """Labels of each file, each once, from a table with the columns `file` and `label`."""
    labels: dict[str, list[str]] = {}
    for row in read_table(path, needed=("file", "label")):
        of_file = labels.setdefault(row["file"], [])
        label = tidy_name(row["label"])
        if label not in of_file:
            of_file.append(label)
    return labels


def _check_sounds(audio_dir: Path, labels_csv: Path, files: Iterable[str]) -> None:
    if not os.path.isdir(audio_dir):
        raise DataError(f"There is no folder of sounds {audio_dir}. Check the path.")
    if not any(os.path.isfile(audio_dir / file) for file in files):
        raise DataError(
            f"{audio_dir} holds none of the files that {labels_csv} names, the first of which is "
            f"{next(iter(files))}. Write paths relative to the folder of sounds into the column "
            "`file`."
        )


def _write(path: Path, clips: list[PackedClip], label_set: list[str], encoder: str) -> None:
    with h5py.File(path, "w") as file:
        write_clips(file, clips, len(label_set))
        file.create_dataset("labels", data=label_set, dtype=h5py.string_dtype())
        file.attrs["encoder"] = encoder
