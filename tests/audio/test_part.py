"""A part of a sound holds exactly the samples of that part."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.audio.decoding import open_sound
from audioset_demo.audio.part import exact_wav, read_part
from audioset_demo.audio.waveform import Waveform, read_waveform
from audioset_demo.errors import AudioError
from tests.sounds import file_of, white_noise

RATE = 22_050
NOISE = white_noise(5, RATE)
MUCH = 2**30  # bytes


@pytest.mark.parametrize(("form", "subtype"), [("WAV", "FLOAT"), ("FLAC", "PCM_24"), ("MP3", None)])
@given(ends=st.tuples(st.floats(0, 5), st.floats(0, 6)).map(sorted))
def test_a_saved_part_equals_the_slice_of_the_whole_file(form, subtype, ends):
    data = file_of(NOISE, form, subtype)
    start, end = (round(time_s * RATE) for time_s in ends)
    expected = read_waveform(data).samples[start:end]
    with open_sound(data, f"noise.{form.lower()}") as sound:
        if not len(expected):
            with pytest.raises(AudioError, match="has no sound from"):
                read_part(sound, *ends, MUCH)
            return
        wav = exact_wav(read_part(sound, *ends, MUCH))
    np.testing.assert_array_equal(soundfile.read(io.BytesIO(wav), dtype="float32")[0], expected)
    np.testing.assert_array_equal(read_waveform(wav).samples, expected)  # as the app reads it


@given(st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1))
def test_16_bits_are_kept_as_16_bits(values):
    samples = (np.array(values) / 2**15).astype(np.float32)
    wav = exact_wav(Waveform(samples, RATE, "a part"))
    read, rate = soundfile.read(io.BytesIO(wav), dtype="int16")
    np.testing.assert_array_equal(read, values)
    assert rate == RATE and soundfile.info(io.BytesIO(wav)).subtype == "PCM_16"


def test_a_part_is_refused_before_it_is_read_where_it_would_be_too_large():
    class Unread(Waveform):
        def blocks(self):
            raise AssertionError

    with pytest.raises(AudioError, match="longer than the 1 s that a part of it may have"):
        read_part(Unread(NOISE.samples, RATE, "noise"), 1, 4, max_bytes=4 * RATE)
