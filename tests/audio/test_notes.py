"""What the user gets to know of a sound: what is missing or left out, what its levels say."""

import re

import numpy as np
import pytest

from audioset_demo.audio.decoding import open_sound
from audioset_demo.audio.waveform import read_waveform
from tests.audio.files import ADTS, FLAC, MP3, OGG_FLAC, OPUS, VORBIS, WAV, WEBM, xing_that_states
from tests.sounds import by_ffmpeg, by_libsndfile, flac_that_states, sine, sweeps


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (MP3, 0.35),
        (FLAC, 0.3),
        (by_libsndfile(sweeps(16_000, 1, 9), 16_000, "OGG", "VORBIS"), 0.2),
        (OPUS, 0.3),
        (OGG_FLAC, 0.3),
        (ADTS, 0.4),
        (WEBM, 0.3),
        (WAV, 0.45),
        (by_libsndfile(sweeps(16_000, 1, 2), form="AIFF"), 0.45),
        (by_libsndfile(sweeps(16_000, 1, 2), form="W64"), 0.45),
        (by_ffmpeg(sweeps(48_000), 48_000, "pcm_s16le", "avi"), 0.4),
        (
            by_ffmpeg(sweeps(48_000), 48_000, "aac", "mp4", frag_duration="100000",
                      movflags="frag_keyframe+empty_moov"),
            0.3,
        ),
        (by_ffmpeg(sweeps(48_000), 48_000, "alac", "mov", moov_size="20000"), 0.3),
    ],
)  # fmt: skip
def test_a_cut_file_gives_what_it_holds_and_a_note(data, kept):
    whole = read_waveform(data)
    assert whole.notes == ()
    waveform = read_waveform(data[: len(data) // 2 - 3])
    assert kept * len(whole.samples) < len(waveform.samples) < 0.6 * len(whole.samples)
    assert f"cut off: only its first {waveform.duration_s:.2f} s" in waveform.notes[0]
    n = len(waveform.samples) - 2304  # the last frames overlap with what is missing
    np.testing.assert_allclose(waveform.samples[:n], whole.samples[:n], atol=1e-4)


def test_a_byte_too_few_is_noted_and_a_stated_length_is_not_believed():
    for data in (WAV, FLAC, MP3, ADTS, VORBIS):
        assert "cut off" in read_waveform(data[:-1]).notes[0]
    for data in (flac_that_states(2**36 - 1), xing_that_states(100_000)):
        assert read_waveform(data).notes == ()


@pytest.mark.parametrize(
    ("data", "size", "fill"),
    [(ADTS, 60, 0xFF), (FLAC, 50, 0), (MP3, 50, 0)],
    ids=["AAC", "FLAC", "MP3"],
)
def test_damage_is_noted_and_what_follows_stays_at_its_time(data, size, fill):
    changed = bytearray(data)
    place = len(data) // 2
    if data is ADTS:
        place = data.index(b"\xff\xf1", place) + 7
    changed[place : place + size] = bytes([fill]) * size
    whole, damaged = read_waveform(data), read_waveform(bytes(changed))
    assert "damaged" in damaged.notes[0] and "replaced by silence" in damaged.notes[0]
    # An MP3 may lose the frame before, too, which is 36 ms.
    assert damaged.duration_s == pytest.approx(whole.duration_s, abs=0.06)
    tail = slice(-len(whole.samples) // 5, -2304)
    difference = damaged.samples[: len(whole.samples)][tail] - whole.samples[tail]
    assert np.abs(difference).max() < 1e-3 or data is MP3


@pytest.mark.parametrize(
    ("channels", "says"),
    [
        (lambda tone: [tone, -tone], "opposite phase .* Export one channel"),
        (lambda tone: [tone, -0.9 * tone], "opposite phase"),
        (lambda tone: [tone, tone], None),
        (lambda tone: [tone, 0 * tone], None),
        (lambda tone: [tone, -0.5 * tone], None),
        (lambda tone: [tone, np.roll(tone, 3)], None),
        (lambda tone: [0 * tone, 0 * tone], None),
        (lambda tone: [1.9 * tone / 0.5, 0 * tone], None),
        (lambda tone: [30_000 * tone, 30_000 * tone], "reach 15,000.00, where 1 is full scale"),
    ],
)
def test_channels_that_cancel_and_samples_beyond_the_scale_get_a_note(channels, says):
    samples = np.stack(channels(sine(440, 16_000, 1.0)), axis=1)
    notes = read_waveform(by_libsndfile(samples, subtype="FLOAT")).notes
    assert len(notes) == (says is not None)
    assert says is None or re.search(says, notes[0])


def test_a_length_is_known_at_the_end_and_stated_before():
    for data, stated_s in ((WAV, 2.0), (FLAC, 2.0), (flac_that_states(500), 500 / 16_000)):
        with open_sound(data) as sound:
            assert sound.duration_s == stated_s
            n = sum(map(len, sound.blocks()))
            assert sound.duration_s == n / sound.sample_rate
    with open_sound(VORBIS + VORBIS) as sound:
        assert sound.duration_s is None
