"""A part of a sound: its samples, and a WAV file that holds exactly those."""

from __future__ import annotations

import numpy as np

from audioset_demo.audio.decoding import Sound
from audioset_demo.audio.waveform import Waveform, pcm16, wav_file
from audioset_demo.embeddings.frames import Progress
from audioset_demo.errors import AudioError

BYTES_PER_SAMPLE = 4  # at most


def read_part(
    sound: Waveform | Sound,
    start_s: float,
    end_s: float,
    max_bytes: int,
    progress: Progress | None = None,
) -> Waveform:
    """The samples from `start_s` to `end_s` (seconds), each rounded to the nearest sample.

    The sound is read up to the end of the part, of which alone the samples are held.

    Parameters
    ----------
    max_bytes : that the samples may have as float32
    progress : called with the seconds read and those in all; an exception that it raises ends the
        work

    Raises
    ------
    AudioError : no sample lies between the two, there are too many, or the sound cannot be decoded.
    """
    rate, name = sound.sample_rate, sound.name
    first, end = round(start_s * rate), round(end_s * rate)
    if (end - first) * BYTES_PER_SAMPLE > max_bytes:
        most_s = max_bytes // BYTES_PER_SAMPLE // rate
        raise AudioError(
            f"The part of {name} from {start_s:.2f} s to {end_s:.2f} s is longer than the "
            f"{most_s:,} s that a part of it may have. Mark a shorter one."
        )
    samples, n_read = bytearray(), 0
    for block in sound.blocks():
        samples += block[max(first - n_read, 0) : max(end - n_read, 0)].tobytes()
        n_read += len(block)
        if progress:
            progress(min(n_read, end) / rate, end / rate)
        if n_read >= end:
            break
    if not samples:
        raise AudioError(
            f"{name} has no sound from {start_s:.3f} s to {end_s:.3f} s. Mark another part."
        )
    return Waveform(np.frombuffer(samples, np.float32), rate, name)


def exact_wav(waveform: Waveform) -> bytes:
    """A WAV file of exactly these samples: of 16 bits where they suffice, else of 32-bit floats."""
    pcm = pcm16(waveform.samples)
    if np.array_equal(np.frombuffer(pcm, "<i2"), waveform.samples * np.float32(32768)):
        return wav_file(pcm, waveform.sample_rate)
    floats = waveform.samples.astype("<f4").tobytes()
    return wav_file(floats, waveform.sample_rate, is_float=True)
