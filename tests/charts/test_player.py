"""The player's data: the clip's own numbers, a byte each, at any length."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.audio.waveform import Waveform
from audioset_demo.charts.overview import COLUMNS, DrawnSound, draw
from audioset_demo.charts.player import ClassMap, Curve, curves_timeline, mel_band, tags_timeline
from audioset_demo.embeddings.frames import FRAME_S, frame_edges
from audioset_demo.encoders.logmel import N_BINS, SAMPLE_RATE, mel_matrix
from audioset_demo.tagging import load_tagger
from tests.sounds import white_noise


@pytest.fixture(scope="module")
def tagger():
    return load_tagger(encoder="compact")


def sound_of(seconds: float, level: float = 0.3) -> tuple[Waveform, DrawnSound]:
    waveform = white_noise(seconds, SAMPLE_RATE, level)
    return waveform, draw(waveform)


def unpacked(levels: str, dtype=np.uint8) -> np.ndarray:
    return np.frombuffer(base64.b64decode(levels), dtype)


def test_scores_and_attention_are_those_of_the_tagging(tagger):
    waveform, sound = sound_of(5)
    tagging = tagger.tag(waveform)
    top = tagging.top(10)
    drawn = tags_timeline(tagging, top, sound)
    classes = drawn["classes"]
    assert classes["names"] == [tagging.labels[k].name for k in top]
    assert (classes["low"], classes["high"]) == (0, 1)  # colours of two clips mean the same
    scores = unpacked(classes["levels"]).reshape(-1, 10) / 255
    np.testing.assert_allclose(scores, tagging.frame_scores[:, top], atol=1 / 255)
    weights = unpacked(classes["attention"]).reshape(-1, 10) / 255 * classes["mostAttention"]
    np.testing.assert_allclose(weights, tagging.attention[:, top], atol=1 / 255)
    assert drawn["frames"] * drawn["step"] == pytest.approx(len(tagging.times_s) * FRAME_S)
    assert drawn["offset"] == 0
    assert all(name in drawn["alt"] for name in classes["names"])


def test_curves_hold_the_exact_values_and_the_map_its_own_to_a_step_of_its_scale(tagger):
    waveform, sound = sound_of(5)
    tagging = tagger.tag(waveform)
    contributions = tagging.contributions[:, 0]
    curve = Curve("Contribution", "a model", contributions, -0.5, 0.5, 0.1)
    shown = ClassMap("Contribution", [4, 0], tagging.contributions[:, [4, 0]], -0.5, 0.5)
    drawn = curves_timeline(tagging, shown, [curve], sound, 0, 2, "contributions to Speech")
    (sent,) = drawn["curves"]
    np.testing.assert_array_equal(unpacked(sent["values"], np.float32), contributions)
    assert (sent["low"], sent["high"], sent["line"]) == (-0.5, 0.5, 0.1)
    classes = drawn["classes"]
    levels = unpacked(classes["levels"]).reshape(-1, 2) / 255
    np.testing.assert_allclose(levels - 0.5, shown.values.clip(-0.5, 0.5), atol=1 / 255)
    assert drawn["marked"] == 2 and drawn["chosen"] == tagging.labels[0].name
    assert drawn["alt"].endswith("contributions to Speech")


def test_overlapping_frames_are_drawn_around_their_centres(tagger):
    tagging = tagger.tag(sound_of(5)[0], hop_s=0.1)
    drawn = tags_timeline(tagging, [0], None)
    edges = frame_edges(tagging.times_s, 5)
    cells = drawn["offset"] + drawn["step"] * np.arange(drawn["frames"] + 1)
    np.testing.assert_allclose(cells[1:-1], edges[1:-1])
    assert drawn["end"] == edges[-1] <= drawn["duration"] == 5


@pytest.mark.parametrize(("seconds", "tail", "n_frames"), [(0.5, "drop", 1), (2.5, "pad", 3)])
def test_silence_after_a_clip_is_not_drawn_as_sound(tagger, seconds, tail, n_frames):
    waveform, sound = sound_of(seconds)
    drawn = tags_timeline(tagger.tag(waveform, tail=tail), [0], sound)
    # The wave and the spectrogram fill the time axis, so it has to be theirs.
    assert drawn["frames"] == n_frames
    assert drawn["duration"] == drawn["end"] == sound.duration_s == seconds


@given(level=st.floats(0, 1))
def test_a_quiet_wave_stays_quiet_and_a_silent_one_is_a_line(tagger, level):
    waveform, sound = sound_of(1, level=level / 3)
    wave = tags_timeline(tagger.tag(waveform), [0], sound)["wave"]
    low, high = (unpacked(wave[name], np.int8).astype(int) for name in ("low", "high"))
    assert (low <= high).all()
    loudest = float(np.abs(waveform.samples).max())
    expected = 127 if loudest >= 0.05 else round(loudest / 0.05 * 127)
    assert max(-low.min(), high.max()) == pytest.approx(expected, abs=1)


def test_an_embeddings_file_has_classes_and_no_sound(tagger):
    frames = np.random.default_rng(0).integers(0, 256, (10, 128), np.uint8)
    drawn = tags_timeline(tagger.tag_features(frames), [3, 1], None)
    assert drawn["wave"] is None and drawn["mel"] is None
    assert drawn["frames"] == 10 and len(drawn["classes"]["names"]) == 2


def test_half_an_hour_is_small_enough_to_send(tagger):
    frames = np.random.default_rng(0).integers(0, 256, (1_875, 128), np.uint8)
    tagging = tagger.tag_features(frames)
    rng = np.random.default_rng(0)
    low, high = np.sort(rng.uniform(-1, 1, (2, 2 * COLUMNS)), axis=0)
    sound = DrawnSound(low, high, rng.random((2 * COLUMNS, 64), np.float32), 1800.0, ())
    assert len(json.dumps(tags_timeline(tagging, tagging.top(50), sound))) < 1_500_000


@pytest.mark.parametrize("hertz", [250, 440, 1000, 2000, 4000, 7000])
def test_frequency_ticks_mark_the_band_with_that_centre(hertz):
    bin_ = round(hertz / (SAMPLE_RATE / 2) * (N_BINS - 1))
    assert abs(mel_band(hertz) - mel_matrix()[bin_].argmax()) < 1


def test_a_very_short_sound_is_as_long_as_it_is(tagger):
    waveform, sound = sound_of(0.1)
    drawn = tags_timeline(tagger.tag(waveform), [0], sound)
    assert drawn["duration"] == drawn["end"] == pytest.approx(0.1)
    mel = drawn["mel"]
    assert (mel["from"], mel["to"]) == pytest.approx((0.0075, 0.0875)) and mel["columns"] == 8
