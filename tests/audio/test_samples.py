"""The sounds that the project makes itself."""

import numpy as np
import pytest

from audioset_demo.audio.samples import SAMPLES, synthesise
from audioset_demo.errors import AudioError


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
    assert np.abs(waveform.samples).max() == pytest.approx(0 if key == "silence" else 0.8)
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
    flatness = [
        np.exp(np.log(power).mean()) / power.mean()
        for power in np.square(np.abs(np.fft.rfft(thirds[:, 8000:40_000]))) + 1e-9
    ]
    assert np.argmax(flatness) == 1  # noise between bell and siren


def test_an_unknown_sample_is_refused_with_the_known_ones():
    with pytest.raises(AudioError, match="'duck'.*siren"):
        synthesise("duck")
