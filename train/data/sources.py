"""What can be packed: sets of features in the forms in which they are shared.

A set is a sequence of pieces: released TFRecord files in a folder or in an archive, or blocks of
rows of an HDF5 file. A piece gives the datasets of a packed file for its clips.
"""

import hashlib
import os
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Any, Protocol

import numpy as np

from audioset_demo.embeddings.packed import count_frames, open_packed
from audioset_demo.errors import DataError
from audioset_demo.names import one_line
from audioset_demo.storage import json_text
from train.data.tfrecords import (
    MAX_FILE_BYTES,
    check_tensorflow,
    load_tensorflow,
    parse_tfrecord,
)

# The number of clips of the released sets.
OFFICIAL_CLIPS = {"bal_train": 22_160, "unbal_train": 2_041_789, "eval": 20_371}
RECORDS_END = ".tfrecord"
Piece = Callable[[], dict[str, np.ndarray]]


class FeatureSource(Protocol):
    """One set.

    Attributes
    ----------
    version : changes with the source; the work on another version is not gone on with
    n_pieces : how many pieces it has
    encoder, labels : as in `PackedClips`; an encoder of None is not stated in the packed file
    """

    @property
    def version(self) -> str: ...

    @property
    def n_pieces(self) -> int: ...

    @property
    def encoder(self) -> str | None: ...

    @property
    def labels(self) -> tuple[str, ...] | None: ...

    def pieces(self, first: int) -> Iterator[Piece]:
        """The pieces from the one of that number on, in their order, to be called in any thread."""


@dataclass(frozen=True)
class RecordsInFolder:
    """Released files, sorted by name."""

    paths: tuple[Path, ...]
    encoder: str | None = None
    labels: tuple[str, ...] | None = None

    @property
    def version(self) -> str:
        return _version([(str(path), *_stat(path)) for path in self.paths])

    @property
    def n_pieces(self) -> int:
        return len(self.paths)

    def pieces(self, first: int) -> Iterator[Piece]:
        load_tensorflow()
        return (partial(_read_file, path) for path in self.paths[first:])


@dataclass(frozen=True)
class RecordsInArchive:
    """Released files as they follow one another in the archive, which is read as a stream."""

    archive: Path
    members: tuple[str, ...]
    encoder: str | None = None
    labels: tuple[str, ...] | None = None

    @property
    def version(self) -> str:
        return _version([str(self.archive), _stat(self.archive), self.members])

    @property
    def n_pieces(self) -> int:
        return len(self.members)

    def pieces(self, first: int) -> Iterator[Piece]:
        load_tensorflow()
        wanted = set(self.members[first:])
        for member, tar in _members(self.archive):
            if member.name in wanted:
                content = tar.extractfile(member).read()  # type: ignore[union-attr]
                yield partial(parse_tfrecord, content, f"{member.name} in {self.archive}")


@dataclass(frozen=True)
class PackedFile:
    """An HDF5 file of another layout, a block of rows at a time."""

    path: Path
    n_pieces: int
    encoder: str | None
    labels: tuple[str, ...] | None

    @property
    def version(self) -> str:
        return _version([str(self.path), _stat(self.path)])

    def pieces(self, first: int) -> Iterator[Piece]:
        with open_packed(self.path, needed=("y",)) as packed:
            for block in list(packed.blocks("x"))[first:]:
                texts = {
                    "video_id_list": packed.video_ids,
                    "group_list": packed.groups,
                    "fold_list": packed.folds,
                }
                columns = {
                    name: packed.rows(name, block)
                    for name in packed.datasets
                    if name != "labels" and name not in texts
                }
                columns |= {
                    name: values[block] for name, values in texts.items() if values is not None
                }
                if packed.n_frames is None:
                    columns["n_frames"] = np.maximum(count_frames(columns["x"]), 1).astype(np.int32)
                yield partial(dict, columns)


def sets_of(source: Path) -> dict[str, FeatureSource]:
    """The sets of a source by name; a single one that has none is called "".

    Raises
    ------
    DataError, FeaturesError
        If there is nothing to pack, or the source is damaged or holds something else.
    """
    if os.path.isdir(source):  # not Path.is_dir: a name may be too long
        return _sets_in_folder(source)
    if not os.path.isfile(source):
        raise DataError(
            f"There is no {source}. Give features.tar.gz, a folder of .tfrecord files, or an HDF5 "
            "file."
        )
    if _is_archive(source):
        check_tensorflow()
        records = [m.name for m, _ in _members(source) if m.name.endswith(RECORDS_END)]
        return {
            name: RecordsInArchive(source, tuple(members))
            for name, members in _by_set(source, records).items()
        }
    return {source.stem if source.stem in OFFICIAL_CLIPS else "": _packed_file(source)}


def _is_archive(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except (OSError, EOFError):  # of a damaged compression
        return path.name.endswith((".tar.gz", ".tgz", ".tar"))


def _sets_in_folder(folder: Path) -> dict[str, FeatureSource]:
    records = sorted(folder.rglob(f"*{RECORDS_END}"))
    packed = {name: folder / f"{name}.h5" for name in OFFICIAL_CLIPS}
    packed = {name: path for name, path in packed.items() if path.is_file()}
    if records and packed:
        raise DataError(
            f"{folder} holds both .tfrecord files and {next(iter(packed.values())).name}. Give the "
            "folder or the file that is to be packed."
        )
    if packed:
        return {name: _packed_file(path) for name, path in packed.items()}
    if records:
        check_tensorflow()
    named = {str(path): path for path in records}
    return {
        name: RecordsInFolder(tuple(named[member] for member in members))
        for name, members in _by_set(folder, list(named)).items()
    }


def _packed_file(path: Path) -> PackedFile:
    with open_packed(path, needed=("y",)) as packed:
        return PackedFile(path, len(list(packed.blocks("x"))), packed.encoder, packed.labels)


def _by_set(source: Path, records: list[str]) -> dict[str, list[str]]:
    """Names of released files by the set whose folder they are in."""
    if not records:
        raise DataError(
            f"There is no .tfrecord file in {source}. Give Google's features.tar.gz, the folder "
            "into which it was unpacked, or an HDF5 file."
        )
    sets: dict[str, list[str]] = {}
    for record in records:
        folders = [part for part in PurePath(record).parts[:-1] if part in OFFICIAL_CLIPS]
        sets.setdefault(folders[-1] if folders else "", []).append(record)
    if len(sets) > 1 and "" in sets:
        raise DataError(
            f"{source} holds .tfrecord files in folders of sets and {sets[''][0]} outside of them. "
            f"Put each into a folder named {', '.join(OFFICIAL_CLIPS)}."
        )
    return sets


def _members(archive: Path) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    """The regular files of an archive, in its order; each can be read until the next is asked for.

    Raises
    ------
    DataError
        If it is damaged, cut off or holds a file that is too large.
    """
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isfile():
                    if member.size > MAX_FILE_BYTES:
                        raise DataError(
                            f"{member.name} in {archive} has {member.size / 1e6:,.0f} MB, and a "
                            f"released file at most {MAX_FILE_BYTES / 1e6:,.0f} MB. Give Google's "
                            "features.tar.gz."
                        )
                    yield member, tar
            while tar.fileobj.read(2**20):  # type: ignore[union-attr]
                pass  # the checksum of a compression stands at its end
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise DataError(
            f"{archive} is damaged or cut off ({one_line(str(error))}). Download it again."
        ) from None


def _read_file(path: Path) -> dict[str, np.ndarray]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise DataError(
                f"{path} has more than the {MAX_FILE_BYTES / 1e6:,.0f} MB of a released file. "
                "Download it again."
            )
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Check the path.") from None
    return parse_tfrecord(content, str(path))


def _stat(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _version(facts: Any) -> str:
    return hashlib.sha256(json_text(facts).encode()).hexdigest()
