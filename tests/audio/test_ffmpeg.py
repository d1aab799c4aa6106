"""What phones and browsers record: decoded as it sounded, and nothing else of it trusted."""

import io
import resource

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import chirp, correlate

from audioset_demo.audio.decoding import AudioLimits, open_sound
from audioset_demo.audio.waveform import read_waveform
from audioset_demo.errors import AudioError


def sweeps(sample_rate: int, n_channels: int = 2, duration_s: float = 1.5) -> np.ndarray:
    """(n, channels): a tone that rises on the left, one that falls on the right."""
    t = np.arange(round(duration_s * sample_rate)) / sample_rate
    rising = chirp(t, 300, duration_s, 2500)
    return 0.4 * np.stack([rising, 0.5 * rising[::-1]][:n_channels], axis=1)


def encode(
    samples, sample_rate, codec, form, layout=None, picture=False, sound=True, **options
) -> bytes:
    """Encode samples (n, channels) with FFmpeg's encoder of that name."""
    buffer = io.BytesIO()
    layout = layout or {1: "mono", 2: "stereo"}[samples.shape[1]]
    with av.open(buffer, "w", format=form, options=options) as container:
        if picture:
            video = container.add_stream("libx264", rate=10, width=64, height=64)
        if sound:
            track = container.add_stream(codec, sample_rate, {"strict": "-2"}, layout=layout)
        if picture:
            black = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
            black.pts = 0
            container.mux([*video.encode(black), *video.encode(None)])
        if sound:
            # In one plane: PyAV knows no more than seven.
            packed = np.ascontiguousarray(samples, np.float32).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, "flt", layout)
            frame.sample_rate, frame.pts = sample_rate, 0
            context = track.codec_context
            if not context.is_open:
                context.open()
            cut = av.AudioResampler(context.format, layout, sample_rate, context.frame_size or 1024)
            for piece in (*cut.resample(frame), *cut.resample(None), None):
                container.mux(track.encode(piece))
    return buffer.getvalue()


# Encoder, format, sample rate, channels; how many samples more than the source there may be, how
# far it may have moved, how well it must correlate. A container says where the sound begins; an
# AAC or AMR stream on its own does not.
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
    "Matroska, FLAC": ("flac", "matroska", 44_100, 2, 0, 0, 0.999_999),
    "AAC": ("aac", "adts", 44_100, 2, 2048, 1024, 0.98),
    "3GP, AAC": ("aac", "3gp", 16_000, 1, 1023, 0, 0.98),
    "3GP, AMR": ("libopencore_amrnb", "3gp", 8_000, 1, 160, 160, 0.9),
    "AMR": ("libopencore_amrnb", "amr", 8_000, 1, 160, 160, 0.9),
}


@pytest.mark.parametrize("kind", RECORDINGS)
def test_a_recording_is_decoded_as_it_sounded(kind):
    codec, form, sample_rate, n_channels, longer, later, least = RECORDINGS[kind]
    samples = sweeps(sample_rate, n_channels)
    waveform = read_waveform(encode(samples, sample_rate, codec, form), "clip")
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
    waveform = read_waveform(encode(pieces, 48_000, codec, form, layout=layout))
    expected = pieces.mean(axis=1)
    n = len(expected)
    correlation = np.corrcoef(waveform.samples[2000 : n - 2000], expected[2000 : n - 2000])[0, 1]
    assert correlation > 0.97


def test_integers_are_divided_by_two_to_the_bits_less_one():
    levels = np.array([-(2**15), -1, 0, 1, 2**15 - 1]) / 2**15
    waveform = read_waveform(encode(levels[:, None], 8_000, "pcm_s16le", "mov"))
    np.testing.assert_array_equal(waveform.samples, levels.astype(np.float32))


def test_a_vorbis_track_in_a_webm_is_read():
    # FFmpeg's own Vorbis encoder is experimental: stereo alone, and far from transparent.
    waveform = read_waveform(encode(sweeps(44_100), 44_100, "vorbis", "webm"))
    assert len(waveform.samples) == pytest.approx(1.5 * 44_100, abs=2048)
    assert 0.05 < np.abs(waveform.samples).max() < 1


def test_of_a_video_the_sound_is_read_and_one_without_says_so():
    samples = sweeps(44_100)
    film = encode(samples, 44_100, "aac", "mp4", picture=True)
    assert 0 <= len(read_waveform(film).samples) - len(samples) < 1024
    silent = encode(samples, 44_100, "aac", "mp4", picture=True, sound=False)
    with pytest.raises(AudioError, match="clip.mp4: is MP4.* without a sound track"):
        read_waveform(silent, "clip.mp4")


def test_a_codec_that_is_not_allowed_is_named():
    data = encode(sweeps(44_100), 44_100, "mp2", "matroska")
    with pytest.raises(AudioError, match="clip: is .* in the codec mp2, which is not"):
        read_waveform(data, "clip")


@pytest.mark.parametrize(
    ("codec", "form", "options"),
    [
        ("libopus", "webm", {}),
        ("aac", "adts", {}),
        ("aac", "mp4", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "100000"}),
    ],
)
def test_a_cut_file_gives_what_it_holds(codec, form, options):
    samples = sweeps(48_000)
    data = encode(samples, 48_000, codec, form, **options)
    waveform = read_waveform(data[: len(data) // 2])
    assert 0.3 * len(samples) < len(waveform.samples) < 0.7 * len(samples)
    # An AAC stream states no length; here its last packet is cut.
    assert "damaged" in waveform.notes[0]
    whole = read_waveform(data).samples
    n = len(waveform.samples) - 2048
    np.testing.assert_allclose(waveform.samples[:n], whole[:n], atol=1e-4)


def test_a_damaged_packet_is_passed_over_and_the_rest_is_read():
    data = bytearray(encode(sweeps(44_100), 44_100, "aac", "adts"))
    frames = [k for k in range(len(data) - 1) if data[k] == 0xFF and data[k + 1] == 0xF1]
    middle = frames[len(frames) // 2]
    data[middle + 7 : middle + 60] = bytes([0xFF]) * 53
    waveform = read_waveform(bytes(data))
    assert len(waveform.samples) > 1.3 * 44_100
    assert "left out" in waveform.notes[0]


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (AudioLimits(max_duration_s=1), "lasts 1.* above the limit of 1 s"),
        (AudioLimits(max_channels=1), "2 channels"),
        (AudioLimits(max_sample_rate=44_100), "48000 Hz"),
    ],
)
@pytest.mark.parametrize("form", ["mp4", "adts"])
def test_limits_hold_for_recordings(limits, says, form):
    data = encode(sweeps(48_000), 48_000, "aac", form)
    with pytest.raises(AudioError, match=says):
        read_waveform(data, limits=limits)


def test_a_limit_is_checked_before_the_blocks_where_the_length_is_stated():
    with pytest.raises(AudioError, match="above the limit"):
        open_sound(encode(sweeps(48_000), 48_000, "aac", "mp4"), limits=AudioLimits(max_samples=9))


@pytest.mark.parametrize("start", [b"", b"\0\0\0\x18ftypM4A \0\0\0\0M4A isom", b"\xff\xf1P\x80"])
@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXTINF:1,\n{path}\n",
        "ffconcat version 1.0\nfile {path}\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\na={path}\n",
        "<MPD><Period><AdaptationSet><BaseURL>{path}</BaseURL></AdaptationSet></Period></MPD>",
    ],
    ids=["HLS", "concat", "SDP", "DASH"],
)
def test_what_a_file_refers_to_is_never_opened(tmp_path, start, text):
    other = tmp_path / "other.m4a"
    other.write_bytes(encode(sweeps(44_100), 44_100, "aac", "ipod"))
    with pytest.raises(AudioError):
        read_waveform(start + text.format(path=other).encode() * 20)


@pytest.mark.parametrize("table", [b"stsz", b"trun"])
def test_a_stated_number_of_packets_costs_no_memory(table):
    options = {"movflags": "frag_keyframe+empty_moov"} if table == b"trun" else {}
    data = bytearray(encode(sweeps(16_000, 1), 16_000, "aac", "mp4", **options))
    # The body of the box: version and flags, then (stsz: the common size, then) the number.
    place = data.index(table) + 8
    assert len(read_waveform(bytes(data)).samples) >= 24_000
    if table == b"stsz":
        data[place : place + 4] = (1).to_bytes(4, "big")
        place += 4
    else:
        data[place - 4 : place] = bytes(4)
    data[place : place + 4] = (50_000_000).to_bytes(4, "big")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(AudioError, match="is damaged"):
        read_waveform(bytes(data))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


FUZZED = {
    kind: encode(sweeps(16_000, 1, 0.3), 16_000, codec, form)
    for kind, (codec, form) in {
        "AAC": ("aac", "adts"),
        "M4A": ("aac", "ipod"),
        "ALAC": ("alac", "ipod"),
        "WebM": ("libopus", "webm"),
        "3GP": ("aac", "3gp"),
        "FLAC": ("flac", "matroska"),
    }.items()
}


@settings(max_examples=200)
@given(
    kind=st.sampled_from(sorted(FUZZED)),
    # Half of the changes hit the first kilobyte, where headers are.
    changes=st.lists(
        st.tuples(st.integers(0, 1023) | st.integers(0, 2**16), st.integers(0, 255)), max_size=8
    ),
    cut=st.just(1.0) | st.floats(0, 1),
)
def test_no_damage_gives_anything_but_a_sound_or_a_clear_error(kind, changes, cut):
    data = bytearray(FUZZED[kind])
    for place, value in changes:
        data[place % len(data)] = value
    try:
        waveform = read_waveform(bytes(data[: round(cut * len(data))]), "clip")
    except AudioError as error:
        assert str(error).startswith("clip: ")
    else:
        assert np.isfinite(waveform.samples).all() and len(waveform.samples)


def test_damage_prints_nothing(capfd):
    for data in FUZZED.values():
        for cut in (0.3, 0.6, 0.9):
            try:
                read_waveform(data[: int(cut * len(data))])
            except AudioError:
                continue
    assert capfd.readouterr() == ("", "")
