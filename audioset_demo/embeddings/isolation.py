"""Embeddings files of strangers read, and packed files checked, apart from the process that asks.

What a file may cost is limited by the kernel, and one that ends or hangs its reader ends nothing
else (`reader_process`). Any thread may ask: each file has a connection and a process of its own.
"""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from audioset_demo.embeddings.arrays import REMEDY, FeaturesLimits
from audioset_demo.embeddings.frames import Embeddings
from audioset_demo.embeddings.packed import REMEDY as PACK_AGAIN
from audioset_demo.embeddings.reader_process import (
    CPU_S,
    WALL_S,
    decoded,
    encoded,
    receive,
    seconds_more,
    send,
)
from audioset_demo.errors import FeaturesError
from audioset_demo.names import MAX_NAME, shortened

MAX_AT_ONCE = 2  # files that are read at the same time; others wait
START_S = 60  # of the process, on a busy machine
_ROOT = Path(__file__).parents[2]  # where this package is imported from


class _Reader:
    """The process that forks for each file. It is started when it is needed or has gone.

    It ends when its standard input is closed: with the server, however that ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None

    def connect(self, *files: int, more_s: int = 0) -> socket.socket:
        """A connection to a new fork, to which an open file may go along."""
        ours, theirs = socket.socketpair()
        ours.settimeout(WALL_S + more_s + 5)
        with theirs, self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process, self._input = _start()
            socket.send_fds(self._input, [b" "], [theirs.fileno(), *files])
        return ours


def _start() -> tuple[subprocess.Popen, socket.socket]:
    """The process, and what is connected to its standard input."""
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    # One thread, as a process of several cannot be forked safely; no plugins of libhdf5.
    settings = {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "HDF5_PLUGIN_PRELOAD": "::"}
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "audioset_demo.embeddings.reader_process"],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            env=os.environ | settings,
            start_new_session=True,  # Ctrl-C is the server's affair
        )
    ours.settimeout(START_S)
    ours.recv(1)  # it is ready
    return process, ours


_reader = _Reader()
_free = threading.BoundedSemaphore(MAX_AT_ONCE)


def clip_names(data: bytes, name: str, limits: FeaturesLimits) -> tuple[str, ...]:
    """Names of the clips in an embeddings file; errors are those of `read_features`."""
    about, _ = _ask(data, name, None, limits)
    return tuple(about["names"])


def read_clip(data: bytes, name: str, index: int, limits: FeaturesLimits) -> Embeddings:
    """One clip of an embeddings file; errors are those of `read_features`."""
    about, arrays = _ask(data, name, index, limits)
    return Embeddings(
        encoder=about["encoder"],
        times_s=arrays["times_s"],
        quantised=arrays.get("quantised"),
        pca=arrays.get("pca"),
        embedding=arrays.get("embedding"),
        duration_s=about["duration_s"],
        name=about["name"],
        notes=tuple(about["notes"]),
    )


def check_packed(path: Path, needed: Collection[str]) -> None:
    """Open and close a packed file; errors are those of `PackedClips.of`.

    Where there are no forks, it is not checked: such files are the user's own.
    """
    if not hasattr(os, "fork"):
        return
    try:
        with open(path, "rb") as file:
            more_s = seconds_more(os.fstat(file.fileno()).st_size)
            connection = _reader.connect(file.fileno(), more_s=more_s)
        with connection as peer, peer.makefile("rwb") as pipe:
            send(pipe, encoded({"name": str(path), "needed": list(needed)}))
            found = decoded(receive(pipe))
    except (OSError, EOFError, ValueError) as error:
        raise FeaturesError(
            f"{path} is damaged: it ends or hangs its reader. {PACK_AGAIN}"
        ) from error
    if "error" in found:
        raise FeaturesError(found["error"])


def _ask(
    data: bytes, name: str, index: int | None, limits: FeaturesLimits
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    name = shortened(name, MAX_NAME)
    if not hasattr(os, "fork"):
        raise FeaturesError(
            f"{name} cannot be read: embeddings files of others are read with limits that this "
            "system does not have. Give the sound itself, or use Linux or macOS."
        )
    asked = {
        "name": name,
        "index": index,
        "max_frames": limits.max_frames,
        "max_clips": limits.max_clips,
    }
    try:
        with _free, _reader.connect() as peer, peer.makefile("rwb") as pipe:
            send(pipe, encoded(asked))
            send(pipe, data)
            about = decoded(receive(pipe))
            arrays = {
                key: np.load(io.BytesIO(receive(pipe)), allow_pickle=False)
                for key in about.get("arrays", ())
            }
    except (OSError, EOFError, ValueError) as error:
        raise FeaturesError(
            f"{name} cannot be read: it is damaged, or one clip of it takes more than {CPU_S} s or "
            f"half a gigabyte to read. {REMEDY}"
        ) from error
    if "error" in about:
        raise FeaturesError(about["error"])
    return about, arrays
