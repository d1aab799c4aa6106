"""What the browser plays: what was decoded, in step with it, and small however long it is."""

import io
import itertools
import wave

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_demo.audio import playback as module
from audioset_demo.audio.playback import EXACT_SAMPLES, Playback, playback
from audioset_demo.audio.waveform import Waveform, read_waveform, wav_bytes


def clicks(places_s: list[float], duration_s: float, rate: int) -> Waveform:
    """Silence with a burst of 5 ms at each place."""
    samples = np.zeros(round(duration_s * rate), np.float32)
    for place_s in places_s:
        start = round(place_s * rate)
        samples[start : start + rate // 200] = (
            0.8 * np.tile([1, -1], rate // 400 + 1)[: rate // 200]
        )
    return Waveform(samples, rate, "clicks.wav")


def decoded(data: bytes) -> tuple[np.ndarray, int]:
    """Samples and their rate as FFmpeg, and so a browser, plays a file: by its time stamps."""
    with av.open(io.BytesIO(data)) as file:
        frames = list(file.decode(audio=0))
    rate = frames[0].sample_rate
    last = frames[-1]
    out = np.zeros(round(last.time * rate) + last.samples, np.float32)
    for frame in frames:
        start = max(0, round(frame.time * rate))
        values = frame.to_ndarray()[0]
        out[start : start + len(values)] = values[: len(out) - start]
    return out, rate


def test_a_short_sound_is_played_to_the_sample():
    sound = clicks([0.5], 2.0, 44_100)
    played = playback(sound)
    assert played.mime == "audio/wav" and played.data == wav_bytes(sound)


@settings(max_examples=10)
@given(rate=st.sampled_from([8_000, 22_050, 44_100, 48_000, 96_000]), n_blocks=st.integers(1, 50))
def test_a_long_sound_is_played_in_step_with_what_was_decoded(rate, n_blocks):
    places_s = [0.0, 0.1, 3.3, 9.99, 19.0]
    sound = clicks(places_s, 20.0, rate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "EXACT_S", 7.0)
        writer = Playback(rate)
        for block in np.array_split(sound.samples, n_blocks):
            writer.add_samples(block)
        played = writer.played()
    assert played.mime == "audio/webm"
    samples, played_rate = decoded(played.data)
    assert abs(len(samples) / played_rate - 20) < 0.03
    for place_s in places_s:
        first, last = round((place_s - 0.05) * played_rate), round((place_s + 0.05) * played_rate)
        first = max(first, 0)
        loudest_s = (first + np.abs(samples[first:last]).argmax()) / played_rate
        assert -0.002 < loudest_s - place_s < 0.008


def test_a_long_sound_is_small_and_never_held_as_samples():
    rate, minute = 16_000, np.random.default_rng(0).normal(0, 0.1, 60 * 16_000).astype(np.float32)
    writer = Playback(rate)
    held = []
    for block in itertools.repeat(minute, 12):
        writer.add_samples(block)
        held.append(len(writer._pcm))
    assert max(held) <= 2 * EXACT_SAMPLES and held[-1] == 0
    minutes = 12
    data = writer.played().data
    assert len(data) < minutes * 60 * 5_000  # bytes a second: 36 MB for two hours
    assert abs(len(decoded(data)[0]) / 48_000 - 60 * minutes) < 0.03


def test_the_wave_file_is_one_that_any_reader_takes():
    sound = clicks([0.2], 1.0, 8_000)
    with wave.open(io.BytesIO(playback(sound).data)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (1, 8_000, 8_000)
    assert np.abs(read_waveform(playback(sound).data).samples - sound.samples).max() <= 1 / 32768
