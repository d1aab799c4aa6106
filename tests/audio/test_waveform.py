"""Decoding, cutting and resampling: exact where it can be, and clear words where it cannot."""

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audioset_demo.audio.decoding import AudioLimits
from audioset_demo.audio.waveform import Waveform, read_waveform, resample, wav_bytes
from audioset_demo.errors import AudioError


def encode(samples, sample_rate=16_000, form="WAV", subtype=None) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate, format=form, subtype=subtype)
    return buffer.getvalue()


def noise(n: int, n_channels: int = 1) -> np.ndarray:
    return np.random.default_rng(n).uniform(-0.5, 0.5, (n, n_channels))


def sine(frequency: float, sample_rate: int, duration_s: float) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(duration_s * sample_rate) / sample_rate)


@st.composite
def pcm16(draw):
    """16-bit samples (n, channels), across the decoder's block size now and then."""
    shape = draw(st.integers(1, 300) | st.just(4097)), draw(st.integers(1, 8))
    return draw(hnp.arrays(np.int16, shape, elements=st.integers(-(2**15), 2**15 - 1)))


@settings(max_examples=60)
@given(
    samples=pcm16(),
    sample_rate=st.integers(1_000, 65_535) | st.sampled_from([88_200, 96_000, 192_000]),
    form=st.sampled_from(["WAV", "FLAC", "AIFF"]),
)
def test_lossless_files_decode_to_the_mean_over_channels(samples, sample_rate, form):
    waveform = read_waveform(encode(samples, sample_rate, form))
    assert waveform.sample_rate == sample_rate
    assert waveform.samples.dtype == np.float32
    expected = samples.mean(axis=1) / 32768
    np.testing.assert_allclose(waveform.samples, expected, rtol=0, atol=1e-7)
    assert waveform.duration_s == len(samples) / sample_rate
    assert waveform.notes == ()


@pytest.mark.parametrize(
    ("form", "subtype", "tolerance"),
    [("WAV", "PCM_U8", 2**-7), ("WAV", "PCM_16", 2**-15), ("WAV", "PCM_24", 2**-23),
     ("WAV", "PCM_32", 2**-24), ("WAV", "FLOAT", 2**-24), ("WAV", "DOUBLE", 2**-24),
     ("WAV", "ALAW", 2**-5), ("WAV", "ULAW", 2**-5), ("RF64", "PCM_16", 2**-15),
     ("FLAC", "PCM_24", 2**-23), ("AIFF", "PCM_S8", 2**-7), ("AIFF", "FLOAT", 2**-24)],
)  # fmt: skip
def test_every_kind_of_sample_is_scaled_to_one(form, subtype, tolerance):
    samples = noise(3000, 2)
    waveform = read_waveform(encode(samples, 44_100, form, subtype))
    assert np.abs(waveform.samples - samples.mean(axis=1)).max() <= tolerance


@pytest.mark.parametrize(
    ("samples", "sample_rate"),
    [(noise(1), 16_000), (np.zeros((8_000, 2)), 44_100), (noise(900, 32), 48_000),
     (noise(800), 8_000), (noise(19_200), 192_000)],
    ids=["one sample", "silence", "32 channels", "8 kHz", "192 kHz"],
)  # fmt: skip
def test_odd_sounds_are_decoded_like_any_other(samples, sample_rate):
    waveform = read_waveform(encode(samples, sample_rate))
    assert waveform.sample_rate == sample_rate
    assert np.abs(waveform.samples - samples.mean(axis=1)).max() <= 1 / 32768
    at_16k = resample(waveform, 16_000)
    assert at_16k.sample_rate == 16_000
    assert abs(len(at_16k.samples) - len(samples) * 16_000 / sample_rate) <= 1


@pytest.mark.parametrize(
    ("form", "subtype", "sample_rate"),
    [
        ("MP3", None, 44_100),
        ("MP3", None, 16_000),
        ("OGG", "VORBIS", 48_000),
        ("OGG", "OPUS", 48_000),
    ],
)
def test_lossy_files_keep_length_and_pitch(form, subtype, sample_rate):
    samples = sine(1000, sample_rate, 1.5)
    data = encode(np.stack([samples, samples], 1), sample_rate, form, subtype)
    waveform = read_waveform(data)
    # An MP3 encoder may add its delay of up to two frames of 1152 samples.
    assert 0 <= len(waveform.samples) - len(samples) <= 2 * 1152
    spectrum = np.abs(np.fft.rfft(waveform.samples))
    peak_hz = spectrum.argmax() * sample_rate / len(waveform.samples)
    assert peak_hz == pytest.approx(1000, abs=2)
    assert np.sqrt(2 * np.mean(waveform.samples**2)) == pytest.approx(0.5, abs=0.05)


def test_a_path_gives_what_its_bytes_give_and_the_file_its_name(tmp_path):
    path = tmp_path / "street.raw"  # the extension plays no part
    path.write_bytes(encode(noise(500), form="FLAC"))
    for source in (path, str(path)):
        waveform = read_waveform(source)
        assert waveform.name == "street.raw"
        np.testing.assert_array_equal(waveform.samples, read_waveform(path.read_bytes()).samples)


@pytest.mark.parametrize(("form", "kept"), [("MP3", 0.4), ("FLAC", 0.4), ("OGG", 0.2)])
def test_a_cut_file_gives_what_it_holds_and_a_note(form, kept):
    samples = noise(120_000)[:, 0]
    data = encode(samples, 44_100, form)
    waveform = read_waveform(data[: len(data) // 2])
    assert kept * len(samples) < len(waveform.samples) < 0.6 * len(samples)
    # The header of an OGG does not state a length, so nothing can be missed there.
    assert waveform.notes == () if form == "OGG" else "cut off" in waveform.notes[0]
    whole = read_waveform(data).samples[: len(waveform.samples)]
    n = len(whole) - 2304  # the last frames overlap with what is missing
    np.testing.assert_allclose(waveform.samples[:n], whole[:n], atol=1e-6)


def wav_that_states(n_bytes: int) -> bytes:
    data = bytearray(encode(noise(1000)))
    data[40:44] = struct.pack("<I", n_bytes)
    return bytes(data)


def flac_that_states(n_samples: int) -> bytes:
    """36 bits of STREAMINFO hold the number of samples; 0 is legal and means unknown."""
    data = bytearray(encode(noise(1000), form="FLAC"))
    data[21:26] = (((data[21] >> 4) << 36) | n_samples).to_bytes(5, "big")
    return bytes(data)


def test_a_stated_length_costs_nothing_and_an_unknown_one_is_no_error():
    for data in (wav_that_states(0xFFFFFFF0), flac_that_states(0)):
        assert len(read_waveform(data).samples) == 1000
    with pytest.raises(AudioError, match="above the limit of 14,400 s"):
        read_waveform(flac_that_states(2**36 - 1))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"Dear diary,\ntoday I heard a siren.\n" * 30, "text, not sound"),
        (encode(np.zeros((0, 1))), "no samples"),
        (encode(np.array([0.1, np.nan, 0.2]), subtype="FLOAT"), r"NaN .* first at 0\.000 s"),
        (encode(np.array([0.1, -np.inf]), subtype="FLOAT"), r"first at 0\.000 s"),
        (encode(noise(100))[:30], "starts like WAV"),
        (encode(noise(9000), 44_100, "MP3")[:300], "starts like MP3"),
        (encode(noise(9000), form="FLAC")[:60], "starts like FLAC"),
        (b"\0\0\0\x20ftypM4A " + bytes(500), "starts like MP4, M4A, MOV or 3GP but is damaged"),
        (b"\x1aE\xdf\xa3" + bytes(500), "starts like WebM or Matroska but is damaged"),
        (b"PK\x03\x04" + bytes(500), "a ZIP archive"),
        (b"%PDF-1.7" + bytes(500), "a PDF document"),
        (encode(noise(100), form="AU"), "AU .* not supported; convert it to WAV, FLAC"),
        (bytes(range(256)), "not a sound"),
        (encode(noise(10, 65)), "65 channels, above the limit of 64"),
        (encode(noise(10), 999), "999 Hz"),
        (encode(noise(10), 800_000), "800000 Hz"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_by_name_and_in_words(data, says):
    with pytest.raises(AudioError, match=says) as caught:
        read_waveform(data, "clip.wav")
    assert str(caught.value).startswith("clip.wav: ")
    assert "0x" not in str(caught.value)  # libsndfile's own messages show addresses


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (AudioLimits(max_bytes=1000), "MB, above the limit"),
        (AudioLimits(max_duration_s=0.05), "lasts 0.1 s or more, above the limit"),
        (AudioLimits(max_samples=999), "1,000 samples or more"),
    ],
)
@pytest.mark.parametrize("stated", [1000, 0], ids=["in the header", "while decoding"])
def test_limits_hold_before_and_while_decoding(limits, says, stated):
    with pytest.raises(AudioError, match=says):
        read_waveform(flac_that_states(stated), limits=limits)


@pytest.mark.parametrize("make", [lambda path: path / "gone.wav", lambda path: path])
def test_what_is_no_file_is_refused(make, tmp_path):
    with pytest.raises(AudioError, match="file"):
        read_waveform(make(tmp_path))


@settings(max_examples=150)
@given(
    form=st.sampled_from(["WAV", "FLAC", "OGG", "MP3", "AIFF"]),
    changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=8),
    cut=st.floats(0, 1),
)
def test_no_damage_gives_anything_but_a_sound_or_a_clear_error(form, changes, cut):
    data = bytearray(ENCODED[form])
    for place, value in changes:
        data[place % len(data)] = value
    try:
        waveform = read_waveform(bytes(data[: round(cut * len(data))]), "clip")
    except AudioError as error:
        assert str(error).startswith("clip: ")
    else:
        assert np.isfinite(waveform.samples).all() and len(waveform.samples)


ENCODED = {
    form: encode(noise(2000, 2), form=form) for form in ("WAV", "FLAC", "OGG", "MP3", "AIFF")
}


@given(
    samples=hnp.arrays(np.int16, st.integers(1, 400)),
    sample_rate=st.sampled_from([8_000, 16_000, 44_100]),
    ends=st.tuples(st.integers(0, 400), st.integers(0, 400)),
)
def test_a_slice_is_exact_to_the_sample(samples, sample_rate, ends):
    start, end = sorted(min(end, len(samples)) for end in ends)
    waveform = Waveform((samples / 32768).astype(np.float32), sample_rate, "clip")
    if start == end:
        with pytest.raises(AudioError, match="no sound"):
            wav_bytes(waveform, start / sample_rate, end / sample_rate)
        return
    data = wav_bytes(waveform, start / sample_rate, end / sample_rate)
    decoded, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    assert rate == sample_rate
    np.testing.assert_array_equal(decoded, samples[start:end])


def test_playback_is_clipped_never_wrapped_nor_normalised():
    loud_and_quiet = np.array([1.5, 1.0, -1.0, -3.0, 0.001], dtype=np.float32)
    data = wav_bytes(Waveform(loud_and_quiet, 16_000, "clip"))
    decoded, _ = soundfile.read(io.BytesIO(data), dtype="int16")
    assert decoded.tolist() == [32767, 32767, -32768, -32768, 33]


def test_resampling_keeps_a_tone_and_passes_an_equal_rate_on():
    waveform = Waveform(sine(1000, 44_100, 1.0).astype(np.float32), 44_100, "clip")
    at_16k = resample(waveform, 16_000)
    inner = slice(800, -800)  # the filter rings at both ends
    np.testing.assert_allclose(at_16k.samples[inner], sine(1000, 16_000, 1.0)[inner], atol=1e-3)
    assert resample(at_16k, 16_000) is at_16k


@given(n=st.integers(1, 50), rates=st.tuples(*[st.integers(1_000, 768_000)] * 2))
def test_no_sound_is_resampled_to_nothing(n, rates):
    resampled = resample(Waveform(np.ones(n, np.float32), rates[0], "clip"), rates[1])
    assert abs(len(resampled.samples) - n * rates[1] / rates[0]) <= 1


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (np.zeros((2, 100), np.float32), r"\(2, 100\)"),
        (np.zeros(100, np.int16), "int16"),
        (np.zeros(0, np.float32), "no samples"),
        (np.full(5, np.nan, np.float32), "NaN"),
    ],
)
def test_a_waveform_is_mono_float_and_finite(samples, says):
    with pytest.raises(AudioError, match=says):
        Waveform(samples, 16_000, "clip")


@pytest.mark.data
def test_real_recordings_decode(shared_data):
    for path in sorted((shared_data / "audio" / "esc50").glob("*.flac"))[:5]:
        waveform = read_waveform(path)
        expected, rate = soundfile.read(path, dtype="float32")
        np.testing.assert_array_equal(waveform.samples, expected)
        assert (waveform.sample_rate, waveform.name) == (rate, path.name)
