"""The process in which embeddings files of strangers are read.

libhdf5 is large and old: of files with a single changed byte, some end the process that reads them
and others keep it busy for ever. So this process imports what reads them, once, and then forks for
each file. The fork reads one clip, or checks a packed file, under limits that the kernel keeps,
answers and is gone, with all that the file did to it. `isolation` is the other side.
"""

from __future__ import annotations

import codecs
import io
import os
import signal
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import h5py
import numpy as np

from audioset_demo.embeddings.arrays import FeaturesLimits
from audioset_demo.embeddings.frames import Embeddings
from audioset_demo.embeddings.packed import REMEDY as PACK_AGAIN
from audioset_demo.embeddings.packed import PackedClips
from audioset_demo.embeddings.reading import read_features, reading
from audioset_demo.embeddings.writing import embedding_arrays, embeddings_hdf5, embeddings_npz
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.labels import audioset_labels
from audioset_demo.storage import json_text, parse_json

CPU_S = 2  # of work on one file; a large one takes 0.15
CHECKED_BYTES_A_S = 64 * 2**20  # of a packed file, at least, beyond that
WALL_S = 10  # a busy machine works on several
MAX_MEMORY_BYTES = 512 * 2**20
MAX_MESSAGE_BYTES = 256 * 2**20


def main() -> None:
    """Fork for each socket that comes through standard input, until the server has gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks that have ended leave nothing behind
    _import_all()
    with socket.socket(fileno=sys.stdin.fileno()) as server:
        server.send(b" ")  # ready
        while True:
            _, files, _, _ = socket.recv_fds(server, 1, 2)
            if not files:
                return
            if os.fork() == 0:
                server.close()
                _serve(*files)
                os._exit(0)
            for file in files:
                os.close(file)


def _import_all() -> None:
    """Read a file of each kind: what is imported or read when first used needs open files."""
    audioset_labels()
    frame = np.zeros((1, 128), np.uint8)
    clip = Embeddings("released", np.zeros(1), frame, None, None, 0.96, "clip")
    for content in (embeddings_npz([clip]), embeddings_hdf5([clip]), b"PK"):
        with suppress(AudioSetDemoError), closing(read_features(content)) as file:
            file.read(0)
    for codec in ("cp437", "unicode_escape"):  # of names in old ZIP files, and in messages
        codecs.lookup(codec)
    warnings.simplefilter("ignore")  # they quote lines of source files


def _serve(connection: int, packed: int | None = None) -> None:
    """Answer what is asked: of the file that comes with the question, or of one that is open."""
    _keep_limits(0 if packed is None else seconds_more(os.fstat(packed).st_size))
    with socket.socket(fileno=connection) as peer, peer.makefile("rwb") as pipe:
        asked = decoded(receive(pipe))
        if packed is not None:
            send(pipe, encoded(_checked(asked, packed)))
            return
        for message in _answer(asked, receive(pipe)):
            send(pipe, message)


def seconds_more(n_bytes: int) -> int:
    """What a large packed file may take beyond the limits."""
    return n_bytes // CHECKED_BYTES_A_S


def _keep_limits(more_s: int) -> None:
    import resource  # not on Windows, where `isolation` refuses all files

    limits = {
        resource.RLIMIT_CPU: CPU_S + more_s,
        resource.RLIMIT_AS: MAX_MEMORY_BYTES,
        resource.RLIMIT_NOFILE: 0,  # no file is opened,
        resource.RLIMIT_FSIZE: 0,  # and none written
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in limits.items():
        with suppress(ValueError, OSError):  # not every system has every limit
            resource.setrlimit(kind, (limit, limit))
    signal.alarm(WALL_S + more_s)


def _checked(asked: dict, packed: int) -> dict:
    """What is wrong with a packed file; nothing, if it can be opened."""
    where = asked["name"]
    try:
        with reading(where, PACK_AGAIN), open(packed, "rb") as data, h5py.File(data, "r") as file:
            PackedClips.of(file, where, asked["needed"])
    except AudioSetDemoError as error:
        return {"error": str(error)}
    return {}


def _answer(asked: dict, data: bytes) -> Iterator[bytes]:
    """What is known about the clip as JSON, then its arrays as NPY."""
    try:
        with reading(asked["name"]):
            limits = FeaturesLimits(asked["max_frames"], asked["max_clips"])
            with closing(read_features(data, asked["name"], limits)) as file:
                if asked["index"] is None:
                    yield encoded({"names": file.names})
                    return
                clip = file.read(asked["index"])
    except AudioSetDemoError as error:
        yield encoded({"error": str(error)})
        return
    arrays = embedding_arrays(clip)
    about = {key: arrays.pop(key).item() for key in ("encoder", "duration_s")}
    yield encoded({**about, "name": clip.name, "notes": clip.notes, "arrays": list(arrays)})
    for values in arrays.values():
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        yield buffer.getvalue()


def encoded(value: dict) -> bytes:
    """A message that `decoded` reads."""
    return json_text(value).encode()


def decoded(message: bytes) -> Any:
    return parse_json(message.decode())


def send(pipe: io.BufferedIOBase, message: bytes) -> None:
    pipe.write(len(message).to_bytes(8, "big"))
    pipe.write(message)
    pipe.flush()


def receive(pipe: io.BufferedIOBase) -> bytes:
    """The next message.

    Raises
    ------
    EOFError : the other side has gone, or states a message longer than any.
    """
    n_bytes = int.from_bytes(_exactly(pipe, 8), "big")
    if n_bytes > MAX_MESSAGE_BYTES:
        raise EOFError
    return _exactly(pipe, n_bytes)


def _exactly(pipe: io.BufferedIOBase, n_bytes: int) -> bytes:
    message = pipe.read(n_bytes)
    if len(message) < n_bytes:
        raise EOFError
    return message


if __name__ == "__main__":
    main()
