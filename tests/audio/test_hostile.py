"""Files made to harm: nothing of them is trusted, and a server survives them."""

import os
import struct
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_demo.audio.waveform import read_waveform
from audioset_demo.errors import AudioError
from tests.audio.files import AMR, cbr_48k, free_format
from tests.sounds import by_ffmpeg, by_libsndfile, noise, sweeps


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
    other.write_bytes(by_ffmpeg(sweeps(44_100), 44_100, "aac", "ipod"))
    with pytest.raises(AudioError):
        read_waveform(start + text.format(path=other).encode() * 20)


def changed(data: bytes, mark: bytes, offset: int, *numbers: int) -> bytes:
    """Other 32-bit numbers at an offset from the first place of a mark."""
    result = bytearray(data)
    struct.pack_into(f">{len(numbers)}I", result, data.index(mark) + offset, *numbers)
    return bytes(result)


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


M4A = by_ffmpeg(sweeps(16_000, 1), 16_000, "aac", "mp4")
FRAGMENTED = by_ffmpeg(sweeps(16_000, 1), 16_000, "aac", "mp4", movflags="frag_keyframe+empty_moov")
ALAC = by_ffmpeg(sweeps(16_000, 1), 16_000, "alac", "mov")
# The largest number that fits what a file of this size may state, in each table.
BOMBS = {
    "sizes of packets": changed(M4A, b"stsz", 8, 1, 50_000_000),
    "packets of a fragment": changed(FRAGMENTED, b"trun", 4, 0, 50_000_000),
    "packets, each of a byte": changed(M4A + bytes(2**24), b"stsz", 8, 1, 2**24),
    "items of a picture": M4A
    + box(b"meta", bytes(4), box(b"hdlr", bytes(8), b"pict", bytes(13)),
          box(b"iinf", b"\1\0\0\0", b"\x0f\0\0\0"), box(b"iloc", b"\2\0\0\0\0\0", b"\x0f\0\0\0")),
}  # fmt: skip

PEAK = """
import sys
from audioset_demo.audio.waveform import read_waveform
from audioset_demo.errors import AudioError
try:
    read_waveform(sys.argv[1])
except AudioError:
    pass
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
def test_a_small_file_does_not_ask_for_gigabytes(tmp_path):
    def peak_mb(data: bytes) -> float:
        path = tmp_path / "sound"
        path.write_bytes(data)
        words = [sys.executable, "-c", PEAK, str(path)]
        return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout) / 1024

    honest = peak_mb(M4A)
    for kind, data in BOMBS.items():
        assert peak_mb(data) < honest + 100 + len(data) / 1e6, kind


@pytest.mark.parametrize("kind", ["sizes of packets", "packets of a fragment"])
def test_a_table_that_cannot_be_true_is_called_damage(kind):
    with pytest.raises(AudioError, match="is damaged"):
        read_waveform(BOMBS[kind])


def test_packets_of_alac_that_would_need_gigabytes_are_refused():
    # An encoder takes 4,096 samples, and FFmpeg allows 16 million.
    with pytest.raises(AudioError, match="codec alac"):
        read_waveform(changed(ALAC, b"alac\0\0\0\0\0\0\x10\0", 8, 2**24))


FUZZED = {
    "AAC": by_ffmpeg(sweeps(16_000, 1, 0.3), 16_000, "aac", "adts"),
    "M4A": by_ffmpeg(sweeps(16_000, 1, 0.3), 16_000, "aac", "ipod"),
    "ALAC": by_ffmpeg(sweeps(16_000, 1, 0.3), 16_000, "alac", "ipod"),
    "3GP": by_ffmpeg(sweeps(16_000, 1, 0.3), 16_000, "aac", "3gp"),
    "WebM": by_ffmpeg(sweeps(16_000, 1, 0.3), 16_000, "libopus", "webm"),
    "Matroska": by_ffmpeg(sweeps(16_000, 1, 0.3), 16_000, "flac", "matroska"),
    "AVI": by_ffmpeg(sweeps(16_000, 1, 0.3), 16_000, "pcm_s16le", "avi"),
    "WMA": by_ffmpeg(sweeps(44_100, 2, 0.3), 44_100, "wmav2", "asf"),
    "MP2": by_ffmpeg(sweeps(44_100, 2, 0.3), 44_100, "mp2", "mp2"),
    "AMR": AMR,
    **{
        form: by_libsndfile(noise(2000, 2), form=form)
        for form in ("WAV", "W64", "RF64", "AIFF", "CAF", "AU", "FLAC", "OGG", "MP3")
    },
}
FUZZED["FLAC joined"] = 2 * FUZZED["FLAC"]
FUZZED["OGG chained"] = 2 * FUZZED["OGG"]


@settings(max_examples=600)
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
        assert str(error).startswith("clip ")
    else:
        assert np.isfinite(waveform.samples).all() and len(waveform.samples)


@pytest.mark.parametrize("kind", FUZZED)
def test_the_first_bytes_alone_give_a_clear_error_or_a_sound(kind):
    for n in (*range(1, 64), *range(64, 512, 37)):
        try:
            read_waveform(FUZZED[kind][:n], "clip")
        except AudioError as error:
            assert str(error).startswith("clip ")


def test_damage_prints_nothing(capfd):
    for data in FUZZED.values():
        for cut in (0.3, 0.6, 0.9):
            try:
                read_waveform(data[: int(cut * len(data))])
            except AudioError:
                continue
    assert capfd.readouterr() == ("", "")


def test_a_damaged_free_format_mp3_leaves_the_log_alone(capfd):
    data = bytearray(free_format(cbr_48k()))
    data[3000::7] = bytes(len(data[3000::7]))
    with suppress(AudioError):
        read_waveform(bytes(data))
    os.write(2, b"own words")
    assert capfd.readouterr().err == "own words"
