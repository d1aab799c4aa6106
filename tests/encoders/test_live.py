"""Sound that arrives in blocks: the frames and the tags are those of the same sound as a file."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from audioset_demo.audio.waveform import pcm16, wav_bytes
from audioset_demo.encoders.compact import CompactEncoder
from audioset_demo.encoders.encoder import Encoder, Forms
from audioset_demo.encoders.live import LiveSound
from audioset_demo.errors import AudioError
from audioset_demo.tagging import load_tagger
from tests.sounds import rising_tone, white_noise

RATE = 16_000
KEPT = 3 * RATE


class _TwoRows(nn.Module):
    """In place of a network: (n, 96, 64) to (n, 128), the first and the last row."""

    def __init__(self):
        super().__init__()
        self.none = nn.Parameter()

    def forward(self, x):
        return x[:, [0, -1]].flatten(1)


class Rows(Encoder):
    name = "compact"
    network = _TwoRows()

    def forms(self, frames):
        return Forms(quantised=None, pca=frames, embedding=None)


def samples_of(waveform) -> np.ndarray:
    """(n,) int16, as a browser sends them."""
    return np.frombuffer(pcm16(waveform.samples), "<i2")


def sent(sound: LiveSound, samples: np.ndarray, cuts: list[int]) -> None:
    ends = sorted(min(cut, len(samples)) for cut in cuts)
    for start, end in zip([0, *ends], [*ends, len(samples)], strict=True):
        sound.add(start, samples[start:end])


@settings(max_examples=25)
@given(
    n=st.integers(15_600, 5 * RATE),
    cuts=st.lists(st.integers(0, 5 * RATE), max_size=8),
    hop=st.sampled_from([0.96, 0.48, 0.24, 0.12]),
)
@example(n=15_600, cuts=list(range(0, 15_600, 77)), hop=0.96)
@example(n=KEPT + 15_360, cuts=[KEPT + 15_359], hop=0.96)
def test_the_frames_are_those_of_what_is_kept_as_a_file(n, cuts, hop):
    samples = samples_of(white_noise(5))[:n]
    live = LiveSound(Rows(), hop, kept_s=KEPT / RATE)
    sent(live, samples, cuts)
    kept = live.waveform("kept")
    assert min(n, KEPT) <= len(kept.samples) < KEPT + 2 * round(hop * RATE)
    assert np.array_equal(samples_of(kept), samples[n - len(kept.samples) :])
    found, expected = live.embeddings("kept"), Rows().encode(kept, hop)
    assert np.abs(found.pca - expected.pca).max() <= 1e-6
    assert np.array_equal(found.times_s, expected.times_s)
    assert found.duration_s == expected.duration_s
    assert live.position - live.encoded_to < round(hop * RATE)


def test_the_tags_of_the_last_ten_seconds_are_those_of_a_file_of_them():
    samples = samples_of(rising_tone(13.3))
    live = LiveSound(CompactEncoder())
    for start in range(0, len(samples), 7_680):
        live.add(start, samples[start : start + 7_680])
    tagger = load_tagger(encoder="compact")
    found = tagger.tag(live.embeddings("live", 10.0))
    assert len(found.times_s) == 10 and found.duration_s == 9 * 0.96 + 0.975
    minute = live.waveform("minute")
    start_s = minute.duration_s - (live.position - live.encoded_to) / RATE - found.duration_s
    assert start_s == pytest.approx(3 * 0.96)
    expected = tagger.tag(wav_bytes(minute, start_s))
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    assert found.top(3) == expected.top(3)


def test_a_block_that_comes_twice_counts_once_and_a_lost_one_is_silence():
    samples = samples_of(white_noise(4))
    live = LiveSound(Rows(), position=1_000)
    live.add(1_000, samples[:20_000])
    live.add(1_000, samples[:24_000])  # with what was not acknowledged
    assert (live.position, live.n_lost) == (25_000, 0)
    live.add(31_000, samples[30_000:40_000])
    assert (live.position, live.n_lost) == (41_000, 6_000)
    expected = np.concatenate([samples[:24_000], np.zeros(6_000, np.int16), samples[30_000:40_000]])
    assert np.array_equal(live.samples, expected)
    live.add(10**15, samples[:100])  # no more silence is held than a minute
    assert len(live.samples) <= 60 * RATE + 2 * 15_360 and live.position == 10**15 + 100


def test_before_the_first_frame_there_are_no_embeddings():
    live = LiveSound(Rows())
    with pytest.raises(AudioError, match="holds no samples"):
        live.waveform("live")
    live.add(0, np.zeros(15_599, np.int16))
    assert live.embeddings("live") is None and live.encoded_to == live.position
    live.add(15_599, np.zeros(1, np.int16))
    assert len(live.embeddings("live", 0.975).pca) == 1
