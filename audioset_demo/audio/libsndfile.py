"""The second engine, for the one kind of file that FFmpeg does not read: free-format MP3.

Its frames do not state their bit rate, so FFmpeg's parser cannot tell where one ends.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import soundfile

from audioset_demo.audio.bytestream import ByteStream
from audioset_demo.audio.ffmpeg import Block
from audioset_demo.audio.formats import Unreadable, damaged

_BLOCK_FRAMES = 2**14
_STDERR = 2
_quiet_lock = threading.Lock()


@contextmanager
def _quiet() -> Iterator[None]:
    """Send what libmpg123 writes to stderr nowhere: libsndfile has no way to silence it.

    The descriptor is the whole process's, so this surrounds single calls, one at a time.
    """
    with _quiet_lock:
        kept, nowhere = os.dup(_STDERR), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, _STDERR)
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            os.close(nowhere)


class _ForwardFile(soundfile.SoundFile):
    """A sound file read forwards only; soundfile seeks after every read where it can."""

    def seekable(self) -> bool:
        return False


class FreeFormatMp3:
    """A free-format MP3; a `decoding.Decoder`."""

    n_left_out = 0
    jump_s: float | None = None
    states_truth = False

    def __init__(self, stream: ByteStream, title: str) -> None:
        stream.seek(0)
        try:
            with _quiet():
                self._file = _ForwardFile(stream)
        except soundfile.LibsndfileError as error:
            # Its own message shows an object's address, so it is not passed on.
            raise Unreadable(damaged(title)) from error
        self.sample_rate, self.n_channels = self._file.samplerate, self._file.channels
        self.stated_s = self._file.frames / self.sample_rate
        self.ends_within_packet = False

    def blocks(self) -> Iterator[Block]:
        try:
            while len(samples := self._read()):
                yield Block(samples, self.sample_rate)
        except soundfile.LibsndfileError:
            self.ends_within_packet = True

    def _read(self) -> np.ndarray:
        with _quiet():
            return self._file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)

    def close(self) -> None:
        self._file.close()
