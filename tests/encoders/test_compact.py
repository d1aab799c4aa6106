"""The bundled compact encoder: its output, its speed, and how well clips are tagged with it."""

import json

import numpy as np
import pytest

from audioset_demo.audio.waveform import Waveform
from audioset_demo.embeddings.frames import quantise
from audioset_demo.encoders.compact import (
    BUNDLED,
    CARD_FILE,
    WEIGHTS_FILE,
    CompactEncoder,
    load_compact,
)
from audioset_demo.encoders.logmel import SAMPLE_RATE
from audioset_demo.errors import WeightsError
from tests.sounds import white_noise


@pytest.fixture(scope="module")
def encoder():
    return CompactEncoder()


def test_its_name_says_that_it_is_not_vggish(encoder):
    assert encoder.name == "compact"
    assert encoder.title == "compact encoder (not VGGish)"
    assert encoder.encode(white_noise(1)).encoder == "compact"


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 44_100])
def test_ten_seconds_give_ten_frames_on_the_grid_of_vggish(encoder, sample_rate):
    embeddings = encoder.encode(white_noise(10, sample_rate))
    assert embeddings.pca.shape == embeddings.quantised.shape == (10, 128)
    assert embeddings.pca.dtype == np.float32 and embeddings.quantised.dtype == np.uint8
    assert np.abs(embeddings.pca).max() <= 2
    np.testing.assert_array_equal(embeddings.quantised, quantise(embeddings.pca))
    np.testing.assert_allclose(embeddings.times_s, 0.96 * np.arange(10))
    assert embeddings.embedding is None  # only VGGish has numbers before PCA


def test_the_same_sound_gives_the_same_numbers(encoder):
    first, again = encoder.encode(white_noise(5)), CompactEncoder().encode(white_noise(5))
    np.testing.assert_array_equal(first.quantised, again.quantised)


def test_a_frame_does_not_depend_on_the_length_of_its_clip(encoder):
    long = white_noise(100)
    short = Waveform(long.samples[: 3 * SAMPLE_RATE], SAMPLE_RATE, "short.wav")
    frames = encoder.encode(short).pca
    np.testing.assert_allclose(encoder.encode(long).pca[: len(frames)], frames, atol=1e-4)


def test_silence_and_a_click_too_short_for_a_frame_are_fine(encoder):
    silence = encoder.encode(Waveform(np.zeros(32_000, np.float32), SAMPLE_RATE, "silence.wav"))
    assert np.isfinite(silence.pca).all()
    click = encoder.encode(Waveform(np.ones(10, np.float32), SAMPLE_RATE, "click.wav"))
    assert click.pca.shape == (1, 128)
    assert "padded with silence" in click.notes[0]


def test_a_folder_without_the_encoder_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(WeightsError, match="python -m train encoder"):
        CompactEncoder(tmp_path)
    (tmp_path / CARD_FILE).write_text('{"settings": {}}')
    (tmp_path / WEIGHTS_FILE).write_bytes(b"cut short")
    with pytest.raises(WeightsError, match=WEIGHTS_FILE):
        CompactEncoder(tmp_path)


@pytest.mark.parametrize(
    "card",
    ["[]", '"compact"', "{", '{"settings": []}', '{"settings": {"widths": 5, "depths": [1]}}']
    + [
        json.dumps({"settings": {"widths": widths, "depths": depths, "hidden_units": units}})
        for widths, depths, units in (
            ([], [], 512),
            ([32, 64], [1], 512),
            (["32"], [1], 512),
            ([10**9], [1], 512),
            ([32], [10**9], 512),
            ([32], [0], 512),
            ([32], [1], "512"),
            ([32], [1], 512),
        )
    ],
)
def test_an_encoder_whose_card_is_wrong_is_refused_with_the_remedy(tmp_path, card):
    (tmp_path / CARD_FILE).write_text(card)
    (tmp_path / WEIGHTS_FILE).write_bytes((BUNDLED / WEIGHTS_FILE).read_bytes())
    with pytest.raises(WeightsError, match="(?s)does not hold the compact encoder.*train encoder"):
        load_compact(tmp_path)
