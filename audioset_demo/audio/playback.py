"""What the browser plays of a sound: the decoded samples, not the file.

Browsers do not play every file that is read here, and in those that they do play, they count time
by what headers state. The decoded samples are in sync with the pictures, whatever the file.

A comment at the beginning tells each sound from any other. Servers give a file an address by its
length and parts of it, and two sounds may be silent in those parts: without the comment, one
visitor would hear what another one plays.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import av
import numpy as np

from audioset_demo.audio.decoding import Sound
from audioset_demo.audio.waveform import Waveform, pcm16, wav_file

# Up to here a sound is played to the sample, as WAV; a longer one would be hundreds of megabytes.
EXACT_S = 600.0
EXACT_SAMPLES = 600 * 48_000

# Every browser plays Opus in WebM. 24 kHz keeps all that the encoders use (up to 7.5 kHz), and the
# least effort encodes an hour in ten seconds.
OPUS_RATE = 24_000  # Hz
OPUS_BIT_RATE = 32_000  # bits per second: 29 MB for two hours
_OPUS_OPTIONS = {"compression_level": "0"}
_OPUS_BLOCK = 2**14  # samples given to the codec at a time


@dataclass(frozen=True)
class Played:
    """A mono sound for the browser: a file in memory, and its MIME type."""

    data: bytes
    mime: str


class Playback:
    """Encodes a sound for the browser while it is read; a `streaming.Listener`.

    16-bit WAV at the sound's own rate up to ten minutes, else Opus; never more in memory than that.

    Parameters
    ----------
    origin : what tells the sound from any other, in ASCII, such as the SHA-256 of its file; the
        comment of the encoded file
    """

    def __init__(self, sample_rate: int, origin: str):
        self._sample_rate = sample_rate
        self._origin = origin
        self._most_bytes = 2 * min(EXACT_SAMPLES, round(EXACT_S * sample_rate))
        self._pcm = bytearray()
        self._opus: _OpusFile | None = None

    def add_samples(self, samples: np.ndarray) -> None:
        self._pcm += pcm16(samples)
        if self._opus is None and len(self._pcm) > self._most_bytes:
            self._opus = _OpusFile(self._sample_rate, self._origin)
        if self._opus:
            self._opus.add(np.frombuffer(self._pcm, "<i2"))
            self._pcm = bytearray()

    def add_log_mel(self, rows: np.ndarray) -> None:
        """Ignored: only samples are played."""

    def played(self) -> Played:
        """The encoded sound, once it was read to its end."""
        if self._opus:
            return Played(self._opus.finished(), "audio/webm")
        return Played(wav_file(self._pcm, self._sample_rate, self._origin), "audio/wav")


def playback(
    sound: Waveform | Sound,
    origin: str,
    progress: Callable[[float, float | None], None] = lambda done_s, total_s: None,
) -> Played:
    """Read a sound to its end for playback alone.

    Parameters
    ----------
    origin : as of `Playback`
    progress : called with the seconds read, and those of the whole sound where it states them

    Raises
    ------
    AudioError : the sound cannot be decoded.
    """
    writer, n = Playback(sound.sample_rate, origin), 0
    for block in sound.blocks():
        writer.add_samples(block)
        n += len(block)
        progress(n / sound.sample_rate, sound.duration_s)
    return writer.played()


class _OpusFile:
    """A WebM file of mono Opus, written forwards into memory."""

    def __init__(self, sample_rate: int, comment: str):
        self._sample_rate = sample_rate
        self._n = 0  # samples so far
        self._buffer = io.BytesIO()
        self._file = av.open(self._buffer, "w", format="webm")
        self._file.metadata["comment"] = comment
        self._track = self._file.add_stream("libopus", rate=OPUS_RATE, options=_OPUS_OPTIONS)
        self._track.layout = "mono"
        self._track.bit_rate = OPUS_BIT_RATE

    def add(self, samples: np.ndarray) -> None:
        """(n,) int16."""
        for start in range(0, len(samples), _OPUS_BLOCK):
            block = samples[None, start : start + _OPUS_BLOCK]
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.rate, frame.pts = self._sample_rate, self._n
            self._n += block.shape[1]
            self._file.mux(self._track.encode(frame))

    def finished(self) -> bytes:
        self._file.mux(self._track.encode(None))
        self._file.close()
        return self._buffer.getvalue()
