"""Features of your own labelled sounds, in the layout that training reads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py

from audioset_demo.encoders import require_quantising
from audioset_demo.errors import DataError
from audioset_demo.folder.work import default_jobs
from audioset_demo.storage import check_output, held_output, remove_leftovers, write_atomically
from train.data.ray_engine import encode_on_ray, require_ray
from train.data.shards import Shard, encode_shards, read_part, shards_of
from train.data.tables import read_table, tidy_name
from train.data.writing import PackedClip, append, columns_of

PARTS = ".parts"


def extract(
    audio_dir: Path,
    labels_csv: Path,
    output: Path,
    encoder: str = "auto",
    jobs: int | None = None,
    engine: str = "local",
) -> list[str]:
    """Encode labelled sounds into one HDF5 file; messages about files that could not be read.

    Until it is finished, its parts are beside it in OUT.h5.parts: the same call goes on with them.

    Parameters
    ----------
    labels_csv : columns `file` (below `audio_dir`) and `label`; a file with several labels has a
        row for each. The label set is all labels, sorted.
    jobs : number of processes; None: as `default_jobs`, and for "ray" all cores of the cluster
    engine : "local", processes of this machine, or "ray", tasks of Ray

    Raises
    ------
    DataError
        If the table cannot be read, or none of the files could be, or if Ray is asked for and not
        installed.
    StorageError
        If `output` can't be written.
    WeightsError
        If the encoder is not installed, or VGGish without its PCA parameters.
    """
    if engine == "ray":
        require_ray()
    check_output(output, [labels_csv], make_folder=True)
    labels_of_file = read_labels(labels_csv)
    _check_sounds(audio_dir, labels_csv, labels_of_file)
    name = require_quantising(encoder)
    with held_output(output):
        extent = _extract(audio_dir, labels_of_file, output, name, jobs, engine)
    if not extent.n_clips:
        raise DataError(
            f"None of the {len(labels_of_file)} files that {labels_csv} names could be read. The "
            f"first error: {extent.failures[0]}"
        )
    return extent.failures


def _extract(
    audio_dir: Path,
    labels_of_file: dict[str, list[str]],
    output: Path,
    encoder: str,
    jobs: int | None,
    engine: str,
) -> _Extent:
    parts = output.with_name(output.name + PARTS)
    parts.mkdir(exist_ok=True)
    remove_leftovers(parts)
    shards = shards_of(audio_dir, list(labels_of_file), parts, encoder)
    if engine == "ray":
        encode_on_ray(shards, encoder, jobs)
    else:
        encode_shards(shards, encoder, jobs or default_jobs())
    extent = _extent(shards)
    if extent.n_clips:
        write_atomically(output, lambda part: _join(shards, extent, labels_of_file, part, encoder))
    shutil.rmtree(parts)
    return extent


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


@dataclass(frozen=True)
class _Extent:
    """How many sounds could be read, and the longest of them, in frames and bytes of name."""

    n_clips: int
    n_frames: int
    id_bytes: int
    failures: list[str]


def _extent(shards: Sequence[Shard]) -> _Extent:
    lengths, names, failures = [], [], []
    for shard in shards:
        part = read_part(shard)
        lengths += [len(frames) for frames in part.embeddings]
        names += [len(file.encode()) for file in part.files]
        failures += part.failures
    return _Extent(len(names), max(lengths, default=0), max(names, default=0), failures)


def _join(
    shards: Sequence[Shard],
    extent: _Extent,
    labels_of_file: dict[str, list[str]],
    output: Path,
    encoder: str,
) -> None:
    """Write all parts into one file, one at a time."""
    label_set = sorted({label for labels in labels_of_file.values() for label in labels})
    places = {label: place for place, label in enumerate(label_set)}
    with h5py.File(output, "w") as packed:
        start = 0
        for shard in shards:
            part = read_part(shard)
            clips = [
                PackedClip(
                    video_id=file.encode(),
                    embeddings=embeddings,
                    labels=[places[label] for label in labels_of_file[file]],
                    segment_times=(0.0, duration_s),
                )
                for file, embeddings, duration_s in zip(
                    part.files, part.embeddings, part.durations_s, strict=True
                )
            ]
            if clips:
                columns = columns_of(clips, extent.n_frames, extent.id_bytes, len(label_set))
                start = append(packed, columns, start, extent.n_clips)
        packed.create_dataset("labels", data=label_set, dtype=h5py.string_dtype())
        packed.attrs["encoder"] = encoder
