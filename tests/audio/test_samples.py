"""The sounds that the project makes itself."""

import numpy as np
import pytest

from audioset_demo.audio.samples import SAMPLES, synthesise
from audioset_demo.tagging import load_tagger

NAMED = {
    "sequence": "Speech", "speech": "Speech", "piano": "Piano", "guitar": "Guitar",
    "applause": "Applause", "engine": "Engine", "siren": "Siren", "dial_tone": "Dial tone",
    "telephone_bell": "Telephone bell ringing", "church_bell": "Church bell",
    "heartbeat": "Heart sounds, heartbeat", "clock": "Tick-tock", "rain": "Rain",
    "white_noise": "White noise", "sweep": "Sine wave", "silence": "Silence",
}  # fmt: skip


@pytest.fixture(scope="module")
def tagger():
    return load_tagger(encoder="compact")


def test_every_sample_is_named():
    assert NAMED.keys() == SAMPLES.keys()


def strongest_hz(samples: np.ndarray, n: int) -> list[float]:
    """The n strongest frequencies, to 0.1 Hz for 10 s at 16 kHz, lowest first."""
    spectrum = np.abs(np.fft.rfft(samples))
    return sorted(np.argsort(spectrum)[-n:] * 16_000 / len(samples))


@pytest.mark.parametrize("key", SAMPLES)
def test_each_is_ten_seconds_with_headroom_and_the_same_every_time(key):
    waveform = synthesise(key)
    assert waveform.sample_rate == 16_000
    assert waveform.samples.shape == (160_000,)
    assert waveform.name == SAMPLES[key]
    assert np.abs(waveform.samples).max() == pytest.approx(0 if key == "silence" else 0.8, abs=1e-4)
    assert abs(waveform.samples.mean()) < 0.01
    np.testing.assert_array_equal(synthesise(key).samples, waveform.samples)


def test_the_dial_tone_is_350_and_440_hz():
    assert strongest_hz(synthesise("dial_tone").samples, 2) == pytest.approx([350, 440], abs=0.1)


def test_the_heart_beats_seventy_times_a_minute():
    blocks = synthesise("heartbeat").samples.reshape(-1, 160)  # 10 ms each
    loudness = np.square(blocks).mean(axis=1)
    loudness -= loudness.mean()
    autocorrelation = np.correlate(loudness, loudness, "full")[len(loudness) - 1 :]
    period_s = (50 + autocorrelation[50:120].argmax()) / 100
    assert period_s == pytest.approx(60 / 70, abs=0.02)


def test_the_sequence_is_three_sounds_with_silence_between():
    thirds = synthesise("sequence").samples[: 3 * 53_333].reshape(3, -1)
    assert not thirds[:, -1500:].any()
    assert (np.square(thirds).mean(axis=1) > 1e-3).all()


@pytest.mark.parametrize(("key", "expected"), NAMED.items())
def test_each_has_the_class_that_it_is_named_after_among_its_three_top_tags(tagger, key, expected):
    tagging = tagger.tag(synthesise(key))
    assert expected in [tagging.labels[k].name for k in tagging.top(3)]


def test_the_tags_of_the_first_sample_are_its_three_sounds_each_in_its_third(tagger):
    tagging = tagger.tag(synthesise("sequence"))
    names = [label.name for label in tagging.labels]
    assert [names[k] for k in tagging.top(3)] == ["Speech", "Music", "Rain"]
    for frame, expected in ((1, "Speech"), (5, "Music"), (8, "Rain")):
        first = tagging.labels[tagging.frame_scores[frame].argmax()]
        assert expected in (first.name, *first.ancestors)
