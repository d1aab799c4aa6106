"""Sounds encoded shard by shard: the unit of work that is given to a process.

What is made of a shard is a part, a file renamed into place under a name that changes with the
sounds and the encoder: work that was done twice, or in part, does no harm.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from audioset_demo.audio.decoding import open_sound
from audioset_demo.embeddings.frames import Embeddings
from audioset_demo.errors import AudioError, AudioSetDemoError
from audioset_demo.folder.sources import encoder_in_short
from audioset_demo.folder.work import Died, Work, end_if_orphaned, run
from audioset_demo.storage import json_text, parse_json, write_atomically
from train.data.excerpts import Excerpt, cut

SHARD_FILES = 64


@dataclass(frozen=True)
class Shard:
    """Some of the sounds.

    Attributes
    ----------
    files : the names of excerpts of files below `folder`; those of one file stand together.
    part : where what is made of them is kept.
    skipped : (file, reason) of those that are not to be opened again.
    """

    folder: Path
    files: tuple[str, ...]
    part: Path
    skipped: tuple[tuple[str, str], ...] = ()

    @property
    def is_done(self) -> bool:
        return self.part.exists()


@dataclass(frozen=True)
class Part:
    """What was made of a shard.

    Attributes
    ----------
    files : names of the n excerpts that could be read.
    embeddings : of each, (T, 128) uint8.
    durations_s : (n,) seconds.
    failures : messages about the others.
    """

    files: list[str]
    embeddings: list[np.ndarray]
    durations_s: np.ndarray
    failures: list[str]


def shards_of(folder: Path, files: Sequence[str], parts: Path, encoder: str) -> list[Shard]:
    """Cut files into shards, in their order."""
    weights = encoder_in_short(encoder)
    shards = []
    for start in range(0, len(files), SHARD_FILES):
        names = tuple(files[start : start + SHARD_FILES])
        facts = [weights, [[name, *_version(folder, name)] for name in names]]
        digest = hashlib.sha256(json_text(facts).encode()).hexdigest()[:16]
        shards.append(Shard(folder, names, parts / f"{digest}.npz"))
    return shards


def encode_shards(shards: Sequence[Shard], encoder: str, jobs: int) -> None:
    """Make the parts that are missing, by several processes.

    A sound that brings a process down is left out of its shard, which is begun again.

    Raises
    ------
    AudioSetDemoError
        If the encoder cannot be loaded, or a part not be written.
    """
    waiting = deque(shard for shard in shards if not shard.is_done)
    n_files = sum(len(shard.files) for shard in shards)
    n_left = sum(len(shard.files) for shard in waiting)
    task = Encoding(encoder)
    with (
        tqdm(total=n_files, initial=n_files - n_left, unit="file", desc="extracting") as bar,
        closing(run(task.load, waiting, jobs)) as results,
    ):
        for shard, result in results:
            if isinstance(result, Died):
                culprits = [result.at] if isinstance(result.at, str) else []
                skipped = tuple((file, result.reason) for file in culprits)
                waiting.append(replace(shard, skipped=shard.skipped + skipped))
            else:
                bar.update(len(shard.files))


def read_part(shard: Shard) -> Part:
    with np.load(shard.part, allow_pickle=False) as arrays:
        ends = np.cumsum(arrays["n_frames"])[:-1]
        n = len(arrays["n_frames"])
        return Part(
            files=[shard.files[index] for index in arrays["indices"]],
            embeddings=np.split(arrays["embeddings"], ends) if n else [],
            durations_s=arrays["durations_s"],
            failures=parse_json(str(arrays["failures"])),
        )


@dataclass(frozen=True)
class Encoding:
    """What each process loads: the encoder."""

    encoder: str

    def load(self) -> Work:
        import torch

        from audioset_demo.encoders import load_quantising_encoder

        torch.set_num_threads(1)
        return partial(encode_shard, load_quantising_encoder(self.encoder).encode)


def encode_shard(encode: Callable[..., Embeddings], shard: Shard, tell: Callable) -> None:
    """Make the part of a shard; `tell` is called with each file before it is opened."""
    found: dict[str, Embeddings] = {}
    failures: list[str] = []
    skipped = dict(shard.skipped)
    excerpts = map(Excerpt.named, shard.files)
    for file, of_file in groupby(excerpts, key=attrgetter("file")):
        if file in skipped:
            failures.append(f"{file}: {skipped[file]}")
            continue
        tell(file)
        try:
            for excerpt, embeddings in _encoded(encode, shard.folder, list(of_file)):
                embeddings.require_quantised()
                found[excerpt.name] = embeddings
        except AudioSetDemoError as error:
            failures.append(str(error))
    in_order = [(index, found[name]) for index, name in enumerate(shard.files) if name in found]
    write_atomically(shard.part, lambda part: np.savez(part, **_arrays(in_order, failures)))


def _encoded(
    encode: Callable[..., Embeddings], folder: Path, excerpts: list[Excerpt]
) -> Iterator[tuple[Excerpt, Embeddings]]:
    """Excerpts of one file, which is read once for all parts, and once where it is meant whole."""
    file = excerpts[0].file
    parts = [excerpt for excerpt in excerpts if not excerpt.is_whole]
    if len(parts) < len(excerpts):
        with open_sound(folder / file, name=file) as sound:
            yield Excerpt(file), encode(sound, progress=end_if_orphaned)
    if not parts:
        return
    with open_sound(folder / file, name=file) as sound:
        for excerpt, waveform in cut(sound, parts):
            yield excerpt, encode(waveform, progress=end_if_orphaned)
            parts.remove(excerpt)
        if parts:
            raise AudioError(
                f"{file} lasts {sound.duration_s:.2f} s, and a part of it is to end later: "
                f"{'; '.join(map(str, parts))}. Correct the columns onset and offset."
            )


def _arrays(found: list[tuple[int, Embeddings]], failures: list[str]) -> dict[str, Any]:
    frames = [embeddings.require_quantised() for _, embeddings in found]
    return {
        "indices": np.array([index for index, _ in found], np.int64),
        "embeddings": np.concatenate(frames) if frames else np.empty((0, 0), np.uint8),
        "n_frames": np.array([len(quantised) for quantised in frames], np.int64),
        "durations_s": np.array([embeddings.duration_s for _, embeddings in found], np.float64),
        "failures": np.array(json_text(failures)),
    }


def _version(folder: Path, name: str) -> Iterator[int]:
    """Size and time of change of an excerpt's file; nothing of a file that is not there."""
    try:
        status = (folder / Excerpt.named(name).file).stat()
    except OSError:
        return
    yield from (status.st_size, status.st_mtime_ns)
