"""Every sample is the one that was recorded, whatever the format; what is no sound is refused.

libsndfile is the independent decoder for what it reads; what FFmpeg encoded is compared with what
was put in.
"""

from collections import deque
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.signal import correlate

from audioset_demo.audio.decoding import open_sound
from audioset_demo.audio.limits import AudioLimits
from audioset_demo.audio.waveform import read_waveform
from audioset_demo.errors import AudioError
from tests.audio.files import VORBIS, WAV, with_number, xing_that_states
from tests.sounds import (
    by_ffmpeg,
    by_libsndfile,
    flac_that_states,
    noise,
    read_by_libsndfile,
    sweeps,
)

CASES = Path(__file__).parent / "cases"


def mean_of(channels: np.ndarray) -> np.ndarray:
    return channels.mean(axis=1, dtype=np.float64).astype(np.float32)


@st.composite
def pcm16(draw):
    """16-bit samples (n, channels), across a decoder's block size now and then."""
    shape = draw(st.integers(1, 300) | st.just(4097)), draw(st.integers(1, 8))
    return draw(hnp.arrays(np.int16, shape, elements=st.integers(-(2**15), 2**15 - 1)))


@settings(max_examples=60)
@given(
    samples=pcm16(),
    sample_rate=st.integers(1_000, 65_535) | st.sampled_from([88_200, 96_000, 192_000]),
    form=st.sampled_from(["WAV", "FLAC", "AIFF", "W64", "RF64", "CAF", "AU"]),
)
def test_lossless_files_decode_to_the_mean_over_channels(samples, sample_rate, form):
    # Channels that cancel have a remark of their own.
    assume(np.square(mean_of(samples)).mean() >= 0.02 * np.square(samples, dtype=float).mean())
    waveform = read_waveform(by_libsndfile(samples, sample_rate, form))
    assert (waveform.sample_rate, waveform.notes) == (sample_rate, ())
    assert waveform.samples.dtype == np.float32
    np.testing.assert_array_equal(waveform.samples, mean_of(samples / 32768))


@pytest.mark.parametrize(
    ("form", "subtypes"),
    [
        ("WAV", "PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW"),
        ("WAVEX", "PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE"),
        ("W64", "PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE"),
        ("RF64", "PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE"),
        ("AIFF", "PCM_S8 PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW"),
        ("CAF", "PCM_S8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW ALAC_16"),
        ("AU", "PCM_S8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW"),
        ("FLAC", "PCM_S8 PCM_16 PCM_24"),
    ],
)
@pytest.mark.parametrize("n_channels", [1, 2])
def test_every_kind_of_sample_is_that_of_libsndfile(form, subtypes, n_channels):
    for subtype in subtypes.split():
        data = by_libsndfile(noise(20_000, n_channels), 44_100, form, subtype)
        waveform = read_waveform(data)
        assert waveform.notes == (), subtype
        expected = mean_of(read_by_libsndfile(data))
        np.testing.assert_array_equal(waveform.samples, expected, subtype)


@pytest.mark.parametrize(
    ("samples", "sample_rate"),
    [(noise(1), 16_000), (np.zeros((8_000, 2)), 44_100), (noise(900, 32), 48_000),
     (noise(800), 8_000), (noise(19_200), 192_000)],
    ids=["one sample", "silence", "32 channels", "8 kHz", "192 kHz"],
)  # fmt: skip
def test_odd_sounds_are_decoded_like_any_other(samples, sample_rate):
    waveform = read_waveform(by_libsndfile(samples, sample_rate))
    assert waveform.sample_rate == sample_rate
    assert np.abs(waveform.samples - samples.mean(axis=1)).max() <= 1 / 32768


@pytest.mark.parametrize(
    ("form", "subtype", "sample_rate"),
    [
        ("MP3", None, 44_100),
        ("MP3", None, 16_000),
        ("MP3", None, 8_000),
        ("OGG", "VORBIS", 48_000),
        ("OGG", "VORBIS", 8_000),
        ("OGG", "OPUS", 48_000),
        ("WAV", "IMA_ADPCM", 44_100),
        ("WAV", "MS_ADPCM", 44_100),
        ("WAV", "GSM610", 8_000),
    ],
)
def test_lossy_files_are_those_of_libsndfile_to_the_sample(form, subtype, sample_rate):
    # Both leave out what an encoder put before the sound (LAME's tag, the pre-skip of Opus).
    data = by_libsndfile(sweeps(sample_rate, 1), sample_rate, form, subtype)
    waveform = read_waveform(data)
    assert (waveform.sample_rate, waveform.notes) == (sample_rate, ())
    expected = read_by_libsndfile(data)[:, 0]
    # FFmpeg keeps what fills the last block of ADPCM and Vorbis.
    assert 0 <= len(waveform.samples) - len(expected) < 2048
    np.testing.assert_allclose(waveform.samples[: len(expected)], expected, rtol=0, atol=3e-3)


# Encoder, format, sample rate, channels; how many samples more than the source there may be, how
# far it may have moved, how well it must correlate. A container says where the sound begins; a
# stream of frames on its own does not, nor do AVI and WAV of a codec with a delay.
RECORDINGS = {
    "M4A, AAC": ("aac", "ipod", 44_100, 2, 1023, 0, 0.98),
    "MP4, AAC": ("aac", "mp4", 48_000, 1, 1023, 0, 0.98),
    "MOV, AAC": ("aac", "mov", 48_000, 2, 1023, 0, 0.98),
    "M4A, ALAC": ("alac", "ipod", 44_100, 2, 0, 0, 0.999_999),
    "MOV, 16 bit": ("pcm_s16le", "mov", 44_100, 2, 0, 0, 0.999_999),
    "MOV, 24 bit": ("pcm_s24le", "mov", 96_000, 2, 0, 0, 0.999_999),
    "MOV, 8 bit": ("pcm_u8", "mov", 8_000, 1, 0, 0, 0.999),
    "WebM, Opus": ("libopus", "webm", 48_000, 2, 0, 0, 0.98),
    "MP4, Opus": ("libopus", "mp4", 48_000, 1, 960, 0, 0.98),
    "MP4, FLAC": ("flac", "mp4", 48_000, 1, 0, 0, 0.999_999),
    "Matroska, FLAC": ("flac", "matroska", 44_100, 2, 0, 0, 0.999_999),
    "Matroska, 16 bit": ("pcm_s16le", "matroska", 44_100, 2, 0, 0, 0.999_999),
    "Ogg, FLAC": ("flac", "ogg", 44_100, 2, 0, 0, 0.999_999),
    "Ogg, Opus": ("libopus", "ogg", 48_000, 2, 0, 0, 0.98),
    "AAC": ("aac", "adts", 44_100, 2, 2048, 1024, 0.98),
    "MP2": ("mp2", "mp2", 44_100, 2, 1152, 481, 0.98),
    "AVI, MP3": ("libmp3lame", "avi", 44_100, 2, 2304, 1105, 0.97),
    "AVI, 16 bit": ("pcm_s16le", "avi", 44_100, 2, 0, 0, 0.999_999),
    "WAV, MP3": ("libmp3lame", "wav", 44_100, 2, 2304, 1105, 0.97),
    "CAF, ALAC": ("alac", "caf", 44_100, 2, 0, 0, 0.999_999),
    "3GP, AAC": ("aac", "3gp", 16_000, 1, 1023, 0, 0.98),
    "3GP, AMR": ("libopencore_amrnb", "3gp", 8_000, 1, 160, 160, 0.9),
    "AMR": ("libopencore_amrnb", "amr", 8_000, 1, 160, 160, 0.9),
}


@pytest.mark.parametrize("kind", RECORDINGS)
def test_a_recording_is_decoded_as_it_sounded(kind):
    codec, form, sample_rate, n_channels, longer, later, least = RECORDINGS[kind]
    if codec not in av.codecs_available:
        pytest.skip(f"needs PyAV with FFmpeg's encoder {codec}: pip install 'av<19'")
    samples = sweeps(sample_rate, n_channels)
    waveform = read_waveform(by_ffmpeg(samples, sample_rate, codec, form), "clip")
    assert (waveform.sample_rate, waveform.notes) == (sample_rate, ())
    assert 0 <= len(waveform.samples) - len(samples) <= longer
    mono = samples.mean(axis=1)
    correlation = correlate(waveform.samples, mono, method="fft")
    assert abs(correlation.argmax() - (len(mono) - 1)) <= later
    norms = np.linalg.norm(waveform.samples) * np.linalg.norm(mono)
    assert correlation.max() / norms > least
    level = np.linalg.norm(waveform.samples) / np.linalg.norm(mono)
    assert level == pytest.approx(1, abs=2 * (1 - least) + 1e-6)


@pytest.mark.parametrize(
    ("codec", "form", "layout"),
    [
        ("aac", "mov", "5.1"),
        ("aac", "mov", "7.1"),
        ("flac", "matroska", "7.1"),
        ("libopus", "matroska", "7.1"),
        ("pcm_s16le", "mov", "hexadecagonal"),
    ],
)
def test_the_mean_is_of_all_channels(codec, form, layout):
    n_channels = av.AudioLayout(layout).nb_channels
    pieces = sweeps(48_000)[:, :1] * np.linspace(0.1, 1, n_channels)
    waveform = read_waveform(by_ffmpeg(pieces, 48_000, codec, form, layout=layout))
    expected = pieces.mean(axis=1)
    n = len(expected)
    correlation = np.corrcoef(waveform.samples[2000 : n - 2000], expected[2000 : n - 2000])[0, 1]
    assert correlation > 0.97


def test_a_wma_is_read():
    # FFmpeg's encoder loses the first block of 2,048 samples.
    samples = sweeps(44_100)
    found = read_waveform(by_ffmpeg(samples, 44_100, "wmav2", "asf")).samples
    expected = samples.mean(axis=1)[2_048:]
    n = min(len(found), len(expected))
    assert n > 60_000
    assert np.corrcoef(found[:n], expected[:n])[0, 1] > 0.97


def test_a_vorbis_track_in_a_webm_is_read():
    # FFmpeg's own Vorbis encoder is experimental: stereo alone, and far from transparent.
    waveform = read_waveform(by_ffmpeg(sweeps(44_100), 44_100, "vorbis", "webm"))
    assert len(waveform.samples) == pytest.approx(1.5 * 44_100, abs=2048)
    assert 0.05 < np.abs(waveform.samples).max() < 1


def test_a_path_gives_what_its_bytes_give_and_the_file_its_name(tmp_path):
    path = tmp_path / "street.raw"  # the extension plays no part
    path.write_bytes(by_libsndfile(noise(500), form="FLAC"))
    for source in (path, str(path)):
        waveform = read_waveform(source)
        assert waveform.name == "street.raw"
        np.testing.assert_array_equal(waveform.samples, read_waveform(path.read_bytes()).samples)


@pytest.mark.data
def test_real_recordings_decode(shared_data):
    for path in sorted((shared_data / "audio" / "esc50").glob("*.flac"))[:5]:
        waveform = read_waveform(path)
        np.testing.assert_array_equal(waveform.samples, read_by_libsndfile(path.read_bytes())[:, 0])
        assert waveform.name == path.name


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (AudioLimits(max_duration_s=1), "lasts 1.* above the limit of 1 s"),
        (AudioLimits(max_samples=9_999), "samples or more at 48000 Hz, above the limit of 9,999"),
        (AudioLimits(max_values=99_999), "more than 99,999 samples in its channels together"),
        (AudioLimits(max_bytes=1_000), "MB, above the limit"),
        (AudioLimits(max_channels=1), "2 channels"),
        (AudioLimits(max_sample_rate=44_100), "48000 Hz"),
    ],
)
@pytest.mark.parametrize("form", ["wav", "flac", "mp4", "adts"])
def test_limits_hold_whatever_a_header_states(limits, says, form):
    codec = {"wav": "pcm_s16le", "flac": "flac"}.get(form, "aac")
    with pytest.raises(AudioError, match=says):
        read_waveform(by_ffmpeg(sweeps(48_000), 48_000, codec, form), limits=limits)


def test_a_limit_of_the_rate_holds_for_a_stream_that_changes_it():
    fast = by_ffmpeg(sweeps(96_000), 96_000, "aac", "adts")
    slow = by_ffmpeg(sweeps(48_000), 48_000, "aac", "adts")
    assert read_waveform(slow + fast).sample_rate == 48_000
    with pytest.raises(AudioError, match="sample rate of 96000 Hz, outside 1,000 to 50,000 Hz"):
        read_waveform(slow + fast, limits=AudioLimits(max_sample_rate=50_000))


@pytest.mark.parametrize("name", ["\ud800", "\u202e", "\x00\x1b[31m", "n" * 10_000])
def test_any_name_makes_a_message_and_a_sound_that_can_be_shown(name):
    with open_sound(WAV, name) as sound:
        assert sound.name.encode() and sound.name.isprintable() and len(sound.name) <= 100
    for data in (b"", b"text", WAV[:30]):
        with pytest.raises(AudioError) as caught:
            read_waveform(data, name)
        message = str(caught.value)
        assert message.encode() and message.isprintable() and len(message) <= 300


def test_only_what_is_certain_is_refused_before_decoding():
    limits = AudioLimits(max_duration_s=1)
    with pytest.raises(AudioError, match="above the limit of 1 s"):
        open_sound(WAV, limits=limits)  # as many bytes as that
    short = by_libsndfile(noise(1000))
    for data in (
        flac_that_states(2**36 - 1),
        with_number(short, b"data", 4, "<I", 2**31),
        xing_that_states(10_000_000),
        (CASES / "mp3_vbr_loud_quiet_notag.mp3").read_bytes(),
    ):
        with open_sound(data) as sound:
            deque(sound.blocks(), maxlen=0)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"Dear diary,\ntoday I heard a siren.\n" * 30, "text, not sound"),
        (by_libsndfile(np.zeros((0, 1))), "no samples"),
        (by_libsndfile(np.array([0.1, np.nan, 0.2]), subtype="FLOAT"), r"NaN .* at 0\.000 s"),
        (by_libsndfile(np.array([0.1, -np.inf]), subtype="FLOAT"), r"first at 0\.000 s"),
        (by_libsndfile(noise(100))[:30], "starts like WAV"),
        (by_libsndfile(noise(9000), 44_100, "MP3")[:300], "starts like MP3"),
        (by_libsndfile(noise(9000), form="FLAC")[:60], "starts like FLAC"),
        (VORBIS[len(VORBIS) // 2 :], "starts like OGG"),
        (b"\0\0\0\x20ftypM4A " + bytes(500), "starts like MP4, M4A, MOV or 3GP but is damaged"),
        (b"\x1aE\xdf\xa3" + bytes(500), "starts like WebM or Matroska but is damaged"),
        (b"PK\x03\x04" + bytes(500), "a ZIP archive"),
        (b"%PDF-1.7" + bytes(500), "a PDF document"),
        (bytes(range(256)), "not a sound"),
        (noise(10_000).tobytes(), "not a sound"),
        (by_libsndfile(noise(10, 65)), "65 channels, above the limit of 64"),
        (by_libsndfile(noise(10), 999), "999 Hz"),
        (by_libsndfile(noise(10), 800_000), "800000 Hz"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_by_name_and_in_words(data, says):
    with pytest.raises(AudioError, match=says) as caught:
        read_waveform(data, "clip.wav")
    assert str(caught.value).startswith("clip.wav ")
    assert "0x" not in str(caught.value)  # an object's address


@pytest.mark.parametrize("make", [lambda path: path / "gone.wav", lambda path: path])
def test_what_is_no_file_is_refused(make, tmp_path):
    with pytest.raises(AudioError, match="file"):
        read_waveform(make(tmp_path))
