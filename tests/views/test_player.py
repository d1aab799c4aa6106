"""The player gives each visitor their own sound."""

import numpy as np

from audioset_demo.audio import waveform
from tests.views.apptest import new_app, upload

RATE, SECONDS = 44_100, 20


def beep_at(second: float) -> bytes:
    """A sound of 1.7 MB, silent at its beginning, in its middle and at its end."""
    samples = np.zeros(RATE * SECONDS, np.float32)
    start = round(second * RATE)
    samples[start : start + RATE] = 0.5 * np.sin(np.arange(RATE) / 10)
    return waveform.wav_bytes(waveform.Waveform(samples, RATE, "beep.wav"))


def address(app) -> str:
    return app.get("audio")[0].proto.url


def test_two_sounds_that_are_silent_where_streamlit_looks_have_their_own_addresses(app):
    other = new_app()
    upload(app, "beep.wav", beep_at(4.0))
    upload(other, "beep.wav", beep_at(14.0))
    assert address(app) != address(other)
    same = new_app()
    upload(same, "beep.wav", beep_at(4.0))
    assert address(app) == address(same)
