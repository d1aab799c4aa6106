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

ORIGIN = "5f" * 32  # a SHA-256


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
    played = playback(sound, ORIGIN)
    exact = wav_bytes(sound)
    assert played.mime == "audio/wav" and played.data[-2 * 88_200 :] == exact[-2 * 88_200 :]
    samples, rate = decoded(played.data)
    assert rate == 44_100 and (samples == decoded(exact)[0]).all()


@pytest.mark.parametrize(("exact_s", "mime"), [(600.0, "audio/wav"), (1.0, "audio/webm")])
@pytest.mark.parametrize("origin", [ORIGIN, "an even number of letters.", "one more than even."])
def test_the_origin_stands_before_the_sound(monkeypatch, exact_s, mime, origin):
    monkeypatch.setattr(module, "EXACT_S", exact_s)
    played = playback(clicks([0.5], 40.0, 24_000), origin)
    assert played.mime == mime and played.data.index(origin.encode()) < 1_000
    with av.open(io.BytesIO(played.data)) as file:
        assert {key.lower(): value for key, value in file.metadata.items()}["comment"] == origin
        assert abs(file.duration / av.time_base - 40.0) < 0.03


@settings(max_examples=10)
@given(rate=st.sampled_from([8_000, 22_050, 44_100, 48_000, 96_000]), n_blocks=st.integers(1, 50))
def test_a_long_sound_is_played_in_step_with_what_was_decoded(rate, n_blocks):
    places_s = [0.0, 0.1, 3.3, 9.99, 19.0]
    sound = clicks(places_s, 20.0, rate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "EXACT_S", 7.0)
        writer = Playback(rate, ORIGIN)
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
    writer = Playback(rate, ORIGIN)
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
    with wave.open(io.BytesIO(playback(sound, ORIGIN).data)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (1, 8_000, 8_000)
    assert (
        np.abs(read_waveform(playback(sound, ORIGIN).data).samples - sound.samples).max()
        <= 1 / 32768
    )
