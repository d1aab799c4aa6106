"""The log-mel front end: VGGish's published numbers, and how clips are framed."""

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_demo.audio.waveform import Waveform
from audioset_demo.embeddings.frames import FRAME_S
from audioset_demo.encoders import logmel
from audioset_demo.encoders.logmel import examples, log_mel, mel_matrix
from audioset_demo.encoders.streaming import ExampleStream
from tests.encoders.independent_log_mel import independent_log_mel
from tests.sounds import sine, varied, white_noise

RATE = logmel.SAMPLE_RATE
TOLERANCE = 1e-5


def read(sound: Waveform, hop_s: float = FRAME_S) -> tuple[np.ndarray, ExampleStream]:
    """All examples of a sound, and the stream that made them."""
    stream = ExampleStream(sound, hop_s)
    return np.concatenate(list(stream.batches(7))), stream


def test_golden_sine():
    # The input of vggish_smoke_test.py in tensorflow/models; figures measured on its front end.
    found = examples(log_mel(2 * sine(1000, RATE, 3)))
    assert found.shape == (3, 96, 64)
    assert found.dtype == np.float32
    golden = {"mean": -3.429619, "std": 2.126577, "min": -4.601163, "max": 4.811118}
    exact = found.astype(np.float64)
    assert {key: getattr(exact, key)() for key in golden} == pytest.approx(golden, abs=TOLERANCE)


def test_golden_silence():
    assert log_mel(np.zeros(RATE)) == pytest.approx(-4.605170, abs=TOLERANCE)


def test_golden_mel_matrix():
    assert mel_matrix().shape == (257, 64)
    assert mel_matrix().sum() == pytest.approx(230.9136, abs=1e-4)
    assert not mel_matrix()[0].any(), "the DC bin has no weight"


@pytest.mark.parametrize(
    ("n_samples", "n_frames", "n_examples"),
    [(399, 0, 0), (400, 1, 0), (15_599, 95, 0), (15_600, 96, 1), (153_840, 960, 10),
     (160_000, 998, 10)],
)  # fmt: skip
def test_golden_frame_counts(n_samples, n_frames, n_examples):
    spectrogram = log_mel(np.zeros(n_samples, np.float32))
    assert spectrogram.shape == (n_frames, 64)
    assert examples(spectrogram).shape == (n_examples, 96, 64)


@settings(max_examples=25, deadline=None)
@given(n_samples=st.integers(1, 6 * RATE))
def test_every_clip_has_as_many_examples_as_fit_and_at_least_one(n_samples):
    found, stream = read(white_noise(n_samples / RATE))
    assert len(found) == max(1, ((n_samples - 400) // 160 + 1) // 96)
    assert stream.times_s(len(found)) == pytest.approx(FRAME_S * np.arange(len(found)))
    assert stream.duration_s == n_samples / RATE


@settings(max_examples=25, deadline=None)
@given(n_frames=st.integers(0, 400), hop=st.integers(1, 120))
def test_examples_are_the_whole_windows_at_their_hop(n_frames, hop):
    spectrogram = np.arange(n_frames * 64.0).reshape(n_frames, 64)
    found = examples(spectrogram, hop)
    starts = range(0, n_frames - 95, hop)
    assert len(found) == len(starts)
    for example, start in zip(found, starts, strict=True):
        assert np.array_equal(example, spectrogram[start : start + 96])


@settings(max_examples=10, deadline=None)
@given(block=st.integers(1, 700))
def test_the_spectrogram_does_not_depend_on_its_blocks(block):
    samples = white_noise(4).samples
    whole = log_mel(samples)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logmel, "BLOCK_FRAMES", block)
        assert np.abs(log_mel(samples) - whole).max() <= 1e-6


def test_a_short_clip_is_padded_at_its_end_with_a_note():
    clip = white_noise(0.4)
    found, stream = read(clip)
    assert stream.notes == (
        "The sound lasts 0.400 s, less than one frame (0.975 s), and was padded with silence.",
    )
    assert np.array_equal(found[0, :38], log_mel(clip.samples))
    assert found[0, 40:] == pytest.approx(np.log(0.01))


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("kind", varied(8_000))
def test_examples_agree_with_an_independent_computation(rate, kind):
    samples = varied(rate)[kind].astype(np.float32)
    at_16k = soxr.resample(samples, rate, RATE, quality="HQ")
    expected = independent_log_mel(at_16k.astype(np.float64))[: 2 * 96].reshape(2, 96, 64)
    found, _ = read(Waveform(samples, rate, "sound.wav"))
    assert np.abs(found - expected).max() <= TOLERANCE


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("kind", ["chirp", "speech-like", "many tones", "silence"])
def test_another_sample_rate_gives_the_same_picture(rate, kind):
    there = read(Waveform(varied(rate)[kind].astype(np.float32), rate, "sound.wav"))[0]
    here = read(Waveform(varied(RATE)[kind].astype(np.float32), RATE, "sound.wav"))[0]
    # The first and last frames hold the edges of the sound, where a resampler rings.
    difference = np.abs(there - here).reshape(-1, 64)[3:-3]
    assert difference.max() < 0.005 and difference.mean() < 2e-4
