"""Packing features into HDF5 for training, from whatever form they are shared in.

The work is kept in a folder beside the output, OUT.h5.parts, until it is finished: a process that
was killed goes on where the last part ends.
"""

import os
import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from tqdm import tqdm

from audioset_demo.embeddings.packed import open_packed
from audioset_demo.errors import DataError, StorageError
from audioset_demo.storage import (
    check_output,
    held_output,
    parse_json,
    write_atomically,
    write_json,
)
from train.data.sources import OFFICIAL_CLIPS, FeatureSource, Piece, sets_of
from train.data.writing import append, make_room

PARTS = ".parts"
STATE_FILE = "state.json"
PART_BYTES = 64 * 2**20
Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class PackedSet:
    """A set that was packed.

    Attributes
    ----------
    notes : where it differs from the released set, and which clips stand in another set too
    """

    path: Path
    n_clips: int
    notes: tuple[str, ...]


def pack(source: Path, output: Path) -> list[PackedSet]:
    """Pack an archive or a folder of TFRecords, or HDF5 files of another layout.

    Clips are written uncompressed and each in one piece, so that training can read single clips
    of a file that is larger than memory.

    Parameters
    ----------
    output : a file, or a folder for a file of each set; where the source holds several sets, the
        name of a file says which of them it is to hold

    Raises
    ------
    DataError, FeaturesError
        If there is nothing to pack, or the source is damaged or holds something else.
    StorageError
        If `output` can't be written.
    """
    to_folder = os.path.isdir(output) or not output.suffix
    if not to_folder:
        check_output(output, [source], make_folder=True)
    sets = sets_of(source)
    targets = _files_in(output, source, sets) if to_folder else _file(output, source, sets)
    for path, _ in targets:
        check_output(path, [source, source / path.name], make_folder=True)
    packed = []
    with ExitStack() as stack:
        for path, _ in targets:
            stack.enter_context(held_output(path))
        for path, name in targets:
            n_clips = _pack_set(sets[name], path)
            packed.append(PackedSet(path, n_clips, tuple(_notes(path, name, n_clips))))
        for path, _ in targets:
            shutil.rmtree(_parts_of(path))
    return packed


def _file(output: Path, source: Path, sets: dict[str, FeatureSource]) -> list[tuple[Path, str]]:
    if len(sets) == 1:
        return [(output, next(iter(sets)))]
    if output.stem in sets:
        return [(output, output.stem)]
    raise DataError(
        f"{source} holds the sets {', '.join(sets)}, and the name {output.name} says none of "
        f"them. Call the output {next(iter(sets))}.h5 or the like to pack that set, or give a "
        "folder to pack each."
    )


def _files_in(folder: Path, source: Path, sets: dict[str, FeatureSource]) -> list[tuple[Path, str]]:
    if "" in sets:
        raise DataError(
            f"{source} is not in a folder of one of the sets {', '.join(OFFICIAL_CLIPS)}, so the "
            f"file has no name of its own. {folder} is a folder. Give the name of a file."
        )
    return [(folder / f"{name}.h5", name) for name in sets]


def _pack_set(source: FeatureSource, output: Path) -> int:
    """Pack one set, or go on with it; the number of clips."""
    parts = _parts_of(output)
    state = _state(parts)
    if state.get("version") != source.version:
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir()
        state = {"version": source.version}
        write_json(parts / STATE_FILE, state)
    if "n_clips" in state and output.is_file():
        return state["n_clips"]
    try:
        _write_parts(source, parts)
        n_clips = _join(source, _finished(parts), output)
    except Exception as error:
        # After a full disk the same command goes on; after a fault of the source it can't.
        if not isinstance(error, StorageError) or not _finished(parts):
            shutil.rmtree(parts, ignore_errors=True)
        raise
    write_json(parts / STATE_FILE, state | {"n_clips": n_clips})
    for part, _ in _finished(parts):
        part.unlink()
    return n_clips


def _parts_of(output: Path) -> Path:
    return output.with_name(output.name + PARTS)


def _state(parts: Path) -> dict[str, Any]:
    """Which source the parts are of, and the number of clips once the set is packed."""
    try:
        return parse_json((parts / STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _write_parts(source: FeatureSource, parts: Path) -> None:
    """Write the parts that are missing."""
    finished = _finished(parts)
    n_parts, first = len(finished), finished[-1][1] if finished else 0
    waiting: list[Columns] = []
    waiting_bytes = 0
    with tqdm(initial=first, total=source.n_pieces, unit="file", desc="packing") as progress:
        for done, columns in enumerate(_in_parallel(source.pieces(first)), first + 1):
            progress.update()
            waiting.append(columns)
            waiting_bytes += sum(values.nbytes for values in columns.values())
            if waiting_bytes >= PART_BYTES or done == source.n_pieces:
                _write_part(parts / f"{n_parts:05d}.h5", waiting, done)
                n_parts, waiting, waiting_bytes = n_parts + 1, [], 0


def _in_parallel(pieces: Iterator[Piece]) -> Iterator[Columns]:
    """What the pieces give, in their order, each worked on while those before it are written."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers, "pieces") as pool:
        waiting: deque[Future[Columns]] = deque()
        try:
            for piece in pieces:
                waiting.append(pool.submit(piece))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _write_part(path: Path, waiting: list[Columns], done: int) -> None:
    columns = {name: np.concatenate([c[name] for c in waiting]) for name in waiting[0]}

    def write(part: Path) -> None:
        with h5py.File(part, "w") as file:
            make_room(file, sum(values.nbytes for values in columns.values()))
            for name, values in columns.items():
                # A plain type: an enumeration may have names that cannot be written again.
                file[name] = values.view(values.dtype.str)
            file.attrs["pieces"] = done

    write_atomically(path, write)


def _finished(parts: Path) -> list[tuple[Path, int]]:
    """The parts there are, in order, and the number of pieces up to the end of each."""
    finished = []
    for path in sorted(parts.glob("*.h5")):
        with h5py.File(path) as file:
            finished.append((path, int(file.attrs["pieces"])))
    return finished


def _join(source: FeatureSource, parts: list[tuple[Path, int]], output: Path) -> int:
    """Write the parts into one file; the number of clips."""
    n_clips = 0
    for path, _ in parts:
        with h5py.File(path) as file:
            n_clips += len(file["x"])

    def write(part: Path) -> None:
        with h5py.File(part, "w") as file:
            start = 0
            for path, _ in tqdm(parts, unit="part", desc="joining"):
                with h5py.File(path) as columns:
                    start = append(file, columns, start, n_clips)
            if source.labels:
                file.create_dataset("labels", data=source.labels, dtype=h5py.string_dtype())
            if source.encoder:
                file.attrs["encoder"] = source.encoder

    write_atomically(output, write)
    return n_clips


def _notes(path: Path, name: str, n_clips: int) -> Iterator[str]:
    """What is to be said of a packed set."""
    official = OFFICIAL_CLIPS.get(name)
    if official and n_clips != official:
        yield f"{name} was released with {official:,} clips; here are {n_clips:,}."
    ids = _video_ids(path)
    unique, times = np.unique(ids, return_counts=True)
    if (times > 1).any():
        yield _clips_named(unique[times > 1], f"stand more than once in {path}")
    for other in OFFICIAL_CLIPS:
        beside = path.with_name(f"{other}.h5")
        if beside.is_file() and beside != path:
            common = np.intersect1d(unique, _video_ids(beside))
            if len(common):
                yield _clips_named(common, f"stand in both {path} and {beside}")


def _video_ids(path: Path) -> np.ndarray:
    with open_packed(path) as packed:
        return packed.video_ids


def _clips_named(ids: np.ndarray, what: str) -> str:
    first = ", ".join(video_id.decode("utf-8", "replace") for video_id in ids[:5])
    return f"{len(ids):,} clips {what}: {first}{', ...' if len(ids) > 5 else '.'}"
