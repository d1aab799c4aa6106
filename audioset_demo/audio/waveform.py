"""A mono waveform: read from a file, resampled, and written as WAV bytes for playback."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audioset_demo.audio.decoding import check_finite, open_sound
from audioset_demo.audio.limits import AudioLimits
from audioset_demo.audio.resampling import resampled
from audioset_demo.errors import AudioError

BLOCK_SAMPLES = 2**16  # of a waveform that is read block by block, as a file is


@dataclass(frozen=True)
class Waveform:
    """A mono sound.

    Attributes
    ----------
    samples : (n,) float32, n >= 1, finite, nominally in [-1, 1].
    sample_rate : samples per second (Hz).
    name : file name shown to the user.
    notes : remarks for the user, e.g. that the file ends before the length it states.

    Raises
    ------
    AudioError : samples of another shape or type, none at all, or NaN or infinity among them.
    """

    samples: np.ndarray
    sample_rate: int
    name: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        samples = self.samples
        if samples.ndim != 1 or samples.dtype != np.float32:
            raise AudioError(
                f"The samples of {self.name} are {samples.dtype} of shape {samples.shape}. "
                "Give mono float32 of shape (n,), scaled to [-1, 1]."
            )
        if not len(samples):
            raise AudioError(f"{self.name} holds no samples. Record or export the sound again.")
        if self.sample_rate <= 0:
            raise AudioError(
                f"{self.name} has a sample rate of {self.sample_rate} Hz. Give one above zero."
            )
        check_finite(samples, self.sample_rate, self.name)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

    def blocks(self) -> Iterator[np.ndarray]:
        """The samples in blocks, (n,) float32, as `decoding.Sound` gives them."""
        for start in range(0, len(self.samples), BLOCK_SAMPLES):
            yield self.samples[start : start + BLOCK_SAMPLES]


def read_waveform(
    source: str | Path | bytes, name: str | None = None, limits: AudioLimits | None = None
) -> Waveform:
    """Decode a sound file, of any format of `open_sound`, at its own sample rate.

    The mean over channels comes first. Integer samples are divided by 2 ** (bits - 1), so 16-bit
    ones by 32768. Of a file that is cut off, the part that can be decoded is returned, with a note.

    Raises
    ------
    AudioError : not a readable sound, or one beyond the limits.
    """
    with open_sound(source, name, limits) as sound:
        # Grown as sound arrives: a header that lies about its length costs no memory.
        samples = bytearray()
        for block in sound.blocks():
            samples += block.tobytes()
        return Waveform(
            np.frombuffer(samples, np.float32), sound.sample_rate, sound.name, sound.notes
        )


def resample(waveform: Waveform, sample_rate: int) -> Waveform:
    """The same sound at another sample rate (Hz); the same object where the rate is equal.

    soxr's HQ: for the encoders, the recordings of training and pictures. Its error in log-mel,
    against the same sound synthesised at 16 kHz, is measured by benchmarks/resampling.py.
    From 44.1 and 48 kHz, for tones, chirps and noise, it is 0.004 at most and 0.0001 in the mean,
    except for the first and last 30 ms, where every resampler rings. MQ is off by up to 0.03 and
    scipy's `resample_poly` by 0.34; QQ has no filter and LQ cuts below the highest bands, off by
    more than 2. HQ takes no longer than MQ. At least one sample comes out.
    """
    if sample_rate == waveform.sample_rate:
        return waveform
    if sample_rate <= 0:
        raise AudioError(
            f"{waveform.name} cannot be resampled to {sample_rate} Hz. Give a rate above zero."
        )
    pieces = list(resampled(waveform.blocks(), waveform.sample_rate, sample_rate))
    return replace(waveform, samples=np.concatenate(pieces), sample_rate=sample_rate)


def wav_bytes(waveform: Waveform, start_s: float = 0.0, end_s: float | None = None) -> bytes:
    """A 16-bit PCM WAV file of the samples from `start_s` to `end_s` (seconds; None: the end).

    Both ends are rounded to the nearest sample and cut to the sound. Values are scaled by 32768
    and clipped, never normalised: quiet sounds stay quiet, and 16-bit files come back unchanged.

    Raises
    ------
    AudioError : no sample lies between the two.
    """
    n = len(waveform.samples)
    end_s = waveform.duration_s if end_s is None else end_s
    if not (math.isfinite(start_s) and math.isfinite(end_s)):
        raise AudioError(
            f"{waveform.name} cannot be cut from {start_s} s to {end_s} s. Give finite times."
        )
    start, end = (
        min(max(round(second * waveform.sample_rate), 0), n) for second in (start_s, end_s)
    )
    if start >= end:
        raise AudioError(
            f"{waveform.name} has no sound from {start_s:.3f} s to {end_s:.3f} s. "
            f"Choose a part of its {waveform.duration_s:.3f} s."
        )
    return wav_file(pcm16(waveform.samples[start:end]), waveform.sample_rate)


def pcm16(samples: np.ndarray) -> bytes:
    """Samples as 16-bit PCM: scaled by 32768 and clipped, never normalised."""
    scaled = np.rint(samples * np.float32(32768))
    return np.clip(scaled, -32768, 32767).astype("<i2").tobytes()


def wav_file(
    pcm: bytes | bytearray, sample_rate: int, comment: str = "", is_float: bool = False
) -> bytes:
    """A WAV file of mono 16-bit PCM, or float32; before its samples stands a comment, if any."""
    kind, n_bytes = (3, 4) if is_float else (1, 2)
    chunks = _chunk(
        b"fmt ",
        struct.pack("<HHIIHH", kind, 1, sample_rate, n_bytes * sample_rate, n_bytes, 8 * n_bytes),
    )
    if comment:
        chunks += _chunk(b"LIST", b"INFO" + _chunk(b"ICMT", comment.encode("ascii") + b"\0"))
    chunks += b"data" + struct.pack("<I", len(pcm))
    size = struct.pack("<I", len(b"WAVE") + len(chunks) + len(pcm))
    return b"".join((b"RIFF", size, b"WAVE", chunks, pcm))


def _chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a RIFF file, padded to an even length, which it does not count."""
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
