"""Sounds of any length: read in blocks, the same as in one piece, in memory that does not grow."""

import itertools
import signal
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audioset_demo.audio.decoding import open_sound
from audioset_demo.audio.waveform import read_waveform, resample
from audioset_demo.encoders import TAILS, streaming
from audioset_demo.encoders.compact import CompactEncoder
from audioset_demo.encoders.logmel import examples, hop_frames, log_mel
from audioset_demo.encoders.streaming import (
    BATCHES_AHEAD,
    ExampleStream,
    ahead,
    run_network,
)
from audioset_demo.errors import AudioError, AudioSetDemoError
from audioset_demo.tagging import load_tagger
from tests.sounds import file_of, white_noise

RATE = 16_000


class Blocks:
    """A sound that comes in given blocks, as from a file that states no length."""

    name, duration_s, notes = "blocks", None, ()

    def __init__(self, blocks, sample_rate: int = RATE):
        self._blocks, self.sample_rate = blocks, sample_rate

    def blocks(self):
        yield from self._blocks


def middle_row(batch: np.ndarray) -> np.ndarray:
    """In place of a network: (n, 96, 64) to (n, 64)."""
    return batch[:, 48].copy()


@pytest.fixture(scope="module")
def encoder():
    return CompactEncoder()


@settings(max_examples=40)
@given(
    duration_s=st.floats(0, 12),
    sample_rate=st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000, 96_000]),
    cuts=st.lists(st.floats(0, 1), max_size=6),
    hop=st.integers(1, 96),
    size=st.integers(1, 20),
)
def test_examples_do_not_depend_on_blocks_and_batches(duration_s, sample_rate, cuts, hop, size):
    whole = white_noise(duration_s, sample_rate)
    places = sorted(round(cut * len(whole.samples)) for cut in cuts)
    blocks = np.split(whole.samples, places)
    batches = list(ExampleStream(Blocks(blocks, sample_rate), hop / 100).batches(size))
    assert all(len(batch) == size for batch in batches[:-1])
    at_16k = resample(whole, RATE).samples
    padded = np.pad(at_16k, (0, max(0, 15_600 - len(at_16k))))
    expected = examples(log_mel(padded), hop)
    found = np.concatenate(batches)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-6


@pytest.mark.parametrize("form", ["WAV", "FLAC", "MP3"])
@pytest.mark.parametrize("hop_s", [0.96, 0.1])
def test_a_file_is_encoded_as_its_waveform(encoder, form, hop_s):
    data = file_of(white_noise(70, 44_100), form)
    in_one_piece = encoder.encode(read_waveform(data), hop_s)
    with open_sound(data) as sound:
        streamed = encoder.encode(sound, hop_s)
    np.testing.assert_allclose(streamed.pca, in_one_piece.pca, rtol=0, atol=1e-6)
    assert np.array_equal(streamed.times_s, in_one_piece.times_s)
    assert streamed.duration_s == in_one_piece.duration_s


@pytest.mark.parametrize("hop_s", [0.96, 0.48, 0.24, 0.1, 0.01])
def test_frames_follow_each_other_by_the_hop_and_cover_as_much_as_before(encoder, hop_s):
    clip = white_noise(4.2)
    dense, plain = encoder.encode(clip, hop_s), encoder.encode(clip)
    n_rows = (len(clip.samples) - 400) // 160 + 1
    assert len(dense.times_s) == (n_rows - 96) // round(100 * hop_s) + 1
    assert np.allclose(dense.times_s, hop_s * np.arange(len(dense.times_s)))
    assert dense.hop_s == hop_s
    for time_s, frame in zip(plain.times_s, plain.pca, strict=True):
        if np.isclose(dense.times_s, time_s).any():
            same = dense.pca[np.abs(dense.times_s - time_s).argmin()]
            np.testing.assert_allclose(same, frame, atol=1e-4)


@pytest.mark.parametrize("hop_s", [0, -0.96, 0.005, 0.105, 0.97, 96, np.nan, np.inf])
def test_an_impossible_hop_is_refused_with_the_possible_ones(encoder, hop_s):
    with pytest.raises(AudioSetDemoError, match=f"{hop_s} s .* multiple of 0.01 s from 0.01 to"):
        encoder.encode(white_noise(2), hop_s)
    assert [hop_frames(hop) for hop in (0.96, 0.48, 0.29, 0.07, 0.01)] == [96, 48, 29, 7, 1]


def test_a_sound_of_one_sample_has_a_frame_and_a_note():
    tagging = load_tagger(encoder="compact").tag(file_of(white_noise(0, 44_100)), hop_s=0.1)
    assert tagging.times_s.tolist() == [0] and tagging.hop_s == 0.96
    assert tagging.duration_s == 1 / 44_100
    assert "padded with silence" in tagging.notes[0]


def test_an_hour_takes_no_more_memory_than_ten_minutes():
    minute = white_noise(60, 24_000).samples

    def peak(minutes: int) -> int:
        sound = Blocks(itertools.repeat(minute, minutes), 24_000)
        tracemalloc.start()
        try:
            found = run_network(middle_row, ExampleStream(sound))
            return tracemalloc.get_traced_memory()[1] - found.frames.nbytes
        finally:
            tracemalloc.stop()

    peak(1)  # tables are made once
    shorter, longer = peak(10), peak(60)
    assert longer < 1.2 * shorter + 1e6
    assert longer < 60e6


def test_progress_rises_to_the_duration_and_includes_the_total():
    reports = []
    with open_sound(file_of(white_noise(130.5))) as sound:
        run_network(middle_row, ExampleStream(sound), lambda *seconds: reports.append(seconds))
    done = [seconds for seconds, _ in reports]
    assert done == sorted(done) and len(done) > 2
    assert {total for _, total in reports} == {130.5} and done[-1] == 130.5


class Recorder:
    """A listener that keeps all that it is given."""

    def __init__(self):
        self.samples, self.rows = [], []

    def add_samples(self, samples):
        self.samples.append(samples)

    def add_log_mel(self, rows):
        self.rows.append(rows)


def test_one_pass_serves_the_encoder_and_all_listeners(encoder, monkeypatch):
    sound, listeners = white_noise(71.3, 44_100), [Recorder(), Recorder()]
    alone = encoder.encode(sound, 0.48)
    n_opened = n_rows = 0

    def blocks():
        nonlocal n_opened
        n_opened += 1
        yield from np.array_split(sound.samples, 50)

    def counted(samples):
        nonlocal n_rows
        rows = log_mel(samples)
        n_rows += len(rows)
        return rows

    monkeypatch.setattr(streaming, "log_mel", counted)
    found = encoder.encode(Blocks(blocks(), 44_100), 0.48, listeners=listeners)
    assert np.array_equal(found.pca, alone.pca)
    expected = log_mel(resample(sound, RATE).samples)
    for listener in listeners:
        assert np.array_equal(np.concatenate(listener.samples), sound.samples)
        assert np.abs(np.concatenate(listener.rows) - expected).max() <= 1e-6
    assert (n_opened, n_rows) == (1, len(expected))


@settings(max_examples=60)
@given(
    n=st.integers(1, 12 * RATE),
    hop=st.sampled_from([96, 95, 48, 24, 12, 1]),
    tail=st.sampled_from(TAILS),
    size=st.integers(1, 20),
)
@example(n=15_600, hop=96, tail="pad", size=64)
@example(n=2 * 15_360 + 239, hop=96, tail="drop", size=64)
@example(n=10 * RATE, hop=96, tail="auto", size=10)
@example(n=10 * RATE - 1, hop=96, tail="auto", size=10)
def test_the_end_that_does_not_fill_a_frame_is_kept_or_noted(n, hop, tail, size):
    samples = white_noise(n / RATE).samples
    stream = ExampleStream(Blocks([samples]), hop / 100, tail)
    found = np.concatenate(list(stream.batches(size)))
    followed = log_mel(np.pad(samples, (0, 2 * 15_600)))  # by silence without end
    in_silence = examples(followed, hop)
    n_whole = len(examples(log_mel(samples), hop))
    unheard = n - ((n_whole - 1) * 160 * hop + 15_600) if n_whole else n
    assert unheard < 160 * hop or not n_whole
    padded = not n_whole or unheard >= 160 and (
        tail == "pad" or tail == "auto" and n < 10 * RATE
    )  # fmt: skip
    assert len(found) == n_whole + padded
    assert np.abs(found - in_silence[: len(found)]).max() <= 1e-6
    if not n_whole:
        assert stream.notes == (
            f"The sound lasts {n / RATE:.3f} s, less than one frame (0.975 s), and was padded with "
            "silence.",
        )
    elif unheard < 160:
        assert stream.notes == ()
    else:
        what = f"The last {unheard / RATE:.2f} s do not fill a frame and were "
        rest = (
            "padded with silence."
            if padded
            else "left out. Pad the tail (--tail pad) to keep them."
        )
        assert stream.notes == (what + rest,)


def test_an_unknown_tail_or_resampler_is_refused_with_the_choices(encoder):
    with pytest.raises(AudioSetDemoError, match="'cut'.* drop, pad, auto"):
        encoder.encode(white_noise(2), tail="cut")
    with pytest.raises(AudioSetDemoError, match="'sinc'.* soxr, resampy"):
        encoder.encode(white_noise(2), resampler="sinc")


def test_another_resampler_is_noted(encoder):
    pytest.importorskip("resampy", reason="needs resampy: pip install resampy")
    assert encoder.encode(white_noise(0.96 * 3 + 0.015, 48_000), resampler="resampy").notes == (
        "The sound was resampled with resampy.",
    )
    assert encoder.encode(white_noise(0.96 * 3 + 0.015), resampler="resampy").notes == ()


class Enough(Exception):
    pass


def test_an_exception_from_progress_ends_the_work_and_its_thread():
    made = []

    def blocks():
        for k in range(1000):
            made.append(k)
            yield white_noise(60).samples

    def stop(done_s, total_s):
        assert total_s is None  # no length was stated
        raise Enough

    before = threading.active_count()
    with pytest.raises(Enough):
        run_network(middle_row, ExampleStream(Blocks(blocks())), stop)
    assert threading.active_count() == before
    assert len(made) < 10


def test_an_error_while_decoding_is_raised_in_the_calling_thread():
    waveform = white_noise(100)
    waveform.samples[-100] = np.nan
    data = file_of(waveform, subtype="FLOAT")
    with open_sound(data, "late.wav") as sound, pytest.raises(AudioError, match=r"at 99\.99\d s"):
        run_network(middle_row, ExampleStream(sound))


def test_no_more_is_computed_ahead_than_requested():
    made, one_more = [], threading.Semaphore(0)

    def numbers():
        for k in range(100):
            made.append(k)
            one_more.release()
            yield k

    items = ahead(numbers(), BATCHES_AHEAD)
    for k in range(10):
        assert next(items) == k
        for _ in range(BATCHES_AHEAD + 1 if k == 0 else 1):
            assert one_more.acquire(timeout=60)
        assert len(made) == k + 1 + BATCHES_AHEAD
    items.close()
    assert len(made) == 10 + BATCHES_AHEAD
    assert list(ahead(iter("abc"), 5)) == ["a", "b", "c"]


def test_an_interrupt_ends_the_command_with_130_and_no_traceback(tmp_path):
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        for _ in range(60):
            file.write(white_noise(60).samples)
    main = "from audioset_demo.cli import main; raise SystemExit(main())"
    words = [sys.executable, "-c", main, "tag", str(path), "--hop", "0.1", "--encoder", "compact"]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell's job in the background ignores interrupts, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # A sound of more than a minute has a bar, wherever stderr goes.
    assert b"long.wav" in process.stderr.read(100)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err
