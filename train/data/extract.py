"""Features of your own labelled sounds, in the layout that training reads."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from audioset_demo.encoders import require_quantising
from audioset_demo.errors import DataError
from audioset_demo.folder.work import default_jobs
from audioset_demo.storage import check_output, held_output, remove_leftovers, write_atomically
from train.data.annotations import (
    LabelledClip,
    clips_of_folders,
    clips_of_table,
    label_set,
)
from train.data.ray_engine import encode_on_ray, require_ray
from train.data.shards import Shard, encode_shards, read_part, shards_of
from train.data.writing import PackedClip, append, columns_of

PARTS = ".parts"


def extract(
    audio_dir: Path,
    labels_csv: Path | None,
    output: Path,
    encoder: str = "auto",
    jobs: int | None = None,
    engine: str = "local",
    *,
    group_by: str = "name",
) -> list[str]:
    """Encode labelled sounds into one HDF5 file; messages about files that could not be read.

    Until it is finished, its parts are beside it in OUT.h5.parts: the same call goes on with them.

    Parameters
    ----------
    labels_csv : a table as of `clips_of_table`, of files below `audio_dir`; None: its folders are
        named after the classes. The label set is all labels, sorted.
    jobs : number of processes; None: as `default_jobs`, and for "ray" all cores of the cluster
    engine : "local", processes of this machine, or "ray", tasks of Ray
    group_by : how the recording of a file is found, as in `recording_of`

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
    check_output(output, [labels_csv] if labels_csv else [], make_folder=True)
    if not os.path.isdir(audio_dir):
        raise DataError(f"There is no folder of sounds {audio_dir}. Check the path.")
    clips = _clips(audio_dir, labels_csv, group_by)
    name = require_quantising(encoder)
    with held_output(output):
        extent = _extract(audio_dir, clips, output, name, jobs, engine)
    if not extent.n_clips:
        n_files = len({clip.excerpt.file for clip in clips})
        raise DataError(
            f"None of the {n_files} files that {labels_csv or audio_dir} names could be read. The "
            f"first error: {extent.failures[0]}"
        )
    return extent.failures


def _extract(
    audio_dir: Path,
    clips: list[LabelledClip],
    output: Path,
    encoder: str,
    jobs: int | None,
    engine: str,
) -> _Extent:
    parts = output.with_name(output.name + PARTS)
    parts.mkdir(exist_ok=True)
    remove_leftovers(parts)
    shards = shards_of(audio_dir, [clip.excerpt.name for clip in clips], parts, encoder)
    if engine == "ray":
        encode_on_ray(shards, encoder, jobs)
    else:
        encode_shards(shards, encoder, jobs or default_jobs())
    extent = _extent(shards)
    if extent.n_clips:
        write_atomically(output, lambda part: _join(shards, extent, clips, part, encoder))
    shutil.rmtree(parts)
    return extent


def _clips(audio_dir: Path, labels_csv: Path | None, group_by: str) -> list[LabelledClip]:
    if labels_csv is None:
        return clips_of_folders(audio_dir, group_by)
    clips = clips_of_table(labels_csv, group_by)
    if not any(os.path.isfile(audio_dir / clip.excerpt.file) for clip in clips):
        raise DataError(
            f"{audio_dir} holds none of the files that {labels_csv} names, the first of which is "
            f"{clips[0].excerpt.file}. Write paths relative to the folder of sounds into the "
            "column `file`."
        )
    return clips


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
    clips: list[LabelledClip],
    output: Path,
    encoder: str,
) -> None:
    """Write all parts into one file, one at a time."""
    named = {clip.excerpt.name: clip for clip in clips}
    labels = label_set(clips)
    places = {label: place for place, label in enumerate(labels)}
    read: list[LabelledClip] = []
    with h5py.File(output, "w") as packed:
        for shard in shards:
            part = read_part(shard)
            of_part = [named[name] for name in part.files]
            rows = [
                PackedClip(
                    video_id=clip.excerpt.name.encode(),
                    embeddings=embeddings,
                    labels=[places[label] for label in clip.labels],
                    segment_times=clip.excerpt.times_s(duration_s),
                )
                for clip, embeddings, duration_s in zip(
                    of_part, part.embeddings, part.durations_s, strict=True
                )
            ]
            if rows:
                columns = columns_of(rows, extent.n_frames, extent.id_bytes, len(labels))
                append(packed, columns, len(read), extent.n_clips)
            read += of_part
        packed.create_dataset("labels", data=labels, dtype=h5py.string_dtype())
        packed["group_list"] = np.array([clip.group.encode() for clip in read])
        if any(clip.fold for clip in read):
            packed["fold_list"] = np.array([clip.fold.encode() for clip in read])
        packed.attrs["encoder"] = encoder


def show_left_out(failures: list[str]) -> None:
    """Name on standard error the sounds that `extract` left out."""
    for failure in failures:
        print(f"left out: {failure}", file=sys.stderr)
