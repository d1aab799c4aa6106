"""Every sound file is read to its end, whatever its headers say, and every sound is at its time."""

import csv
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from audioset_demo.audio.decoding import AUDIO_EXTENSIONS, open_sound
from audioset_demo.audio.waveform import read_waveform
from audioset_demo.errors import AudioError
from tests.audio.files import (
    ADTS,
    ADTS_MONO,
    AMR,
    FLAC,
    FLAC_STEREO,
    LIST,
    LIVE_WEBM,
    MP3,
    MP3_STEREO,
    OGG_FLAC,
    OPUS,
    OPUS_STEREO,
    VORBIS,
    VORBIS_STEREO,
    WAV,
    WAV_STEREO,
    WEBM,
    cbr_48k,
    free_format,
    with_crc,
    with_number,
    without_xing,
    xing_that_states,
)
from tests.sounds import (
    APE,
    ID3V1,
    by_ffmpeg,
    by_libsndfile,
    flac_that_states,
    id3v2,
    noise,
    sine,
    sweeps,
    wav_that_states,
)

CASES = Path(__file__).parent / "cases"


def mean_of(channels: np.ndarray) -> np.ndarray:
    return channels.mean(axis=1, dtype=np.float64).astype(np.float32)


WHOLE = {
    "MP3, joined": (MP3 + MP3, 4.14),
    "MP3, a tag with a picture between": (MP3 + id3v2(60_000) + MP3, 4.14),
    "MP3, tags of all kinds between": (MP3 + APE + ID3V1 + id3v2(3_000) + MP3, 4.14),
    "MP3, joined to another rate": (MP3 + MP3_STEREO, 4.12),
    "MP3, joined to a lower rate": (MP3_STEREO + MP3, 4.12),
    "MP3, two tags before": (id3v2(1_000) + id3v2(30_000) + MP3, 2.0),
    "MP3, tags behind": (MP3 + APE + ID3V1, 2.0),
    "MP3, lines before": (b"ICY 200 OK\r\nicy-name: radio\r\n\r\n" + MP3, 2.0),
    "MP3, begins within a frame": (MP3[300:], 2.05),
    "MP3, begins and ends within one": (MP3[777:-77], 1.96),
    "MP3, states too few frames": (xing_that_states(20), 2.03),
    "MP3, states too many": (xing_that_states(100_000), 2.02),
    "MP3, states none": (without_xing(MP3), 2.09),
    "MP3, free format": (free_format(cbr_48k()), 2.03),
    "Ogg, chained": (VORBIS + VORBIS, 4.0),
    "Ogg, chained to another rate": (VORBIS + VORBIS_STEREO, 4.0),
    "Ogg, chained to a lower rate": (VORBIS_STEREO + VORBIS, 4.0),
    "Ogg, chained to another codec": (VORBIS_STEREO + OPUS, 4.0),
    "Opus, chained": (OPUS + OPUS, 4.0),
    "Opus, chained to stereo": (OPUS + OPUS_STEREO, 4.0),
    "Ogg FLAC, chained": (OGG_FLAC + OGG_FLAC, 4.0),
    "Ogg, begins within a page": (VORBIS[len(VORBIS) // 2 :] + VORBIS_STEREO, 2.0),
    "Ogg, behind a tag": (id3v2(3_000) + VORBIS, 2.0),
    "Ogg, a tag behind": (VORBIS + ID3V1, 2.0),
    "FLAC, joined": (FLAC + FLAC, 4.0),
    "FLAC, joined to another rate and depth": (FLAC + FLAC_STEREO, 4.0),
    "FLAC, joined to a lower rate": (FLAC_STEREO + id3v2(500) + FLAC, 4.0),
    "FLAC, behind a tag": (id3v2(3_000) + FLAC, 2.0),
    "FLAC, tags behind": (FLAC + APE + ID3V1, 2.0),
    "FLAC, noise behind": (FLAC + noise(999).tobytes(), 2.0),
    "FLAC, states few": (flac_that_states(500), 1000 / 16_000),
    "FLAC, states many": (flac_that_states(2**36 - 1), 1000 / 16_000),
    "FLAC, states none": (flac_that_states(0), 1000 / 16_000),
    "AAC, behind a tag": (id3v2(30_000) + ADTS, 2.02),
    "AAC, a tag behind": (ADTS + ID3V1, 2.02),
    "AAC, a tag between": (ADTS + id3v2(3_000) + ADTS, 4.09),
    "AAC, joined to another rate": (ADTS + ADTS_MONO, 4.07),
    "AAC, checksums": (with_crc(ADTS), 2.02),
    "AAC, begins within a frame": (ADTS[100:], 2.02),
    "AAC, begins and ends within one": (ADTS[100:-50], 1.99),
    "AMR, joined": (AMR + AMR, 4.04),
    "WebM, joined": (WEBM + WEBM, 4.0),
    "WebM, recorded live and joined": (LIVE_WEBM + LIVE_WEBM, 4.0),
    "WAV, behind a tag": (id3v2(20_000) + WAV, 2.0),
    "WAV, a tag behind": (WAV + ID3V1, 2.0),
    "WAV, joined": (WAV + WAV, 4.0),
    "WAV, joined to another rate": (WAV + WAV_STEREO, 4.0),
    "WAV, samples of 0 bytes": (with_number(WAV, b"data", 4, "<I", 0), 2.0),
    "WAV, all sizes 0": (wav_that_states(0, 0, sweeps(16_000, 1, 2)), 2.0),
    "WAV, the largest sizes": (wav_that_states(2**32 - 1, 2**32 - 1, sweeps(16_000, 1, 2)), 2.0),
    "WAV, to a pipe by SoX": (with_number(WAV, b"data", 4, "<I", 2**31 - 4096), 2.0),
    "WAV, states half": (with_number(WAV, b"data", 4, "<I", 32_000), 2.0),
    "WAV, the whole states too little": (with_number(WAV, b"RIFF", 4, "<I", 20), 2.0),
    "WAV, the whole states too much": (with_number(WAV, b"RIFF", 4, "<I", 2**30), 2.0),
    "WAV, other chunks behind": (WAV + LIST, 2.0),
}  # fmt: skip
for form, mark, offset, packing, sizes in (
    ("AIFF", b"SSND", 4, ">I", (0, 32_000, 2**32 - 1)),
    ("AIFF", b"COMM", 10, ">I", (0, 16_000, 2**32 - 1)),
    ("AIFF", b"FORM", 4, ">I", (0, 2**32 - 1)),
    ("W64", b"data", 16, "<Q", (0, 24, 32_024, 2**63 - 1, 2**64 - 1)),
    ("RF64", b"ds64", 16, "<Q", (0, 32_000, 2**64 - 1)),
    ("CAF", b"data", 4, ">Q", (0, 2**64 - 1, 32_004)),
    ("AU", b".snd", 8, ">I", (0, 32_000, 2**32 - 1)),
):
    for size in sizes:
        data = by_libsndfile(sweeps(16_000, 1, 2), 16_000, form)
        kind = f"{form}, {mark.decode()} states {size}"
        WHOLE[kind] = with_number(data, mark, offset, packing, size), 2.0


@pytest.mark.parametrize("kind", WHOLE)
def test_a_sound_file_is_read_to_its_end_whatever_it_states(kind):
    data, seconds = WHOLE[kind]
    waveform = read_waveform(data)
    assert waveform.duration_s == pytest.approx(seconds, abs=0.03)
    assert waveform.notes == ()
    # There is sound to the end, in every second of it.
    for k in range(int(seconds)):
        second = waveform.samples[k * waveform.sample_rate :][: waveform.sample_rate]
        assert np.sqrt(np.mean(second**2)) > 0.05


@pytest.mark.parametrize(
    ("name", "seconds"), [("mp3_vbr_loud_quiet_notag.mp3", 7.09), ("ogg_skeleton.ogg", 2.02)]
)
def test_what_no_encoder_at_hand_makes_is_read_whole(name, seconds):
    waveform = read_waveform(CASES / name)
    assert waveform.duration_s == pytest.approx(seconds, abs=0.03)
    assert waveform.notes == ()


@pytest.mark.data
def test_the_collected_cases_are_read_whole(shared_data):
    with open(shared_data / "cases" / "cases.csv", encoding="utf-8", newline="") as table:
        cases = {row["file"]: row["seconds"] for row in csv.DictReader(table)}
    for name, seconds in cases.items():
        if seconds:
            waveform = read_waveform(shared_data / "cases" / name)
            # FFmpeg before 9 keeps what fills the last packet of AAC in an MP4.
            padding_s = 1_024 / waveform.sample_rate if name.endswith(".qta") else 0
            least_s = float(seconds) - padding_s - 0.03
            assert least_s <= waveform.duration_s <= float(seconds) + 0.03, name
            assert waveform.notes == (), name


def test_what_is_joined_is_exact_and_at_the_rate_of_the_first():
    first, second = noise(5_000), noise(7_000, 2)
    for form in ("WAV", "FLAC"):
        joined = by_libsndfile(first, form=form) + by_libsndfile(second, form=form)
        expected = mean_of(np.concatenate([np.repeat(first, 2, axis=1), second]))
        found = read_waveform(joined).samples
        np.testing.assert_allclose(found, expected, rtol=0, atol=2 / 32768)
    tone = sine(1000, 48_000, 1.0)[:, None]
    at_16k = by_libsndfile(first) + by_libsndfile(tone, 48_000)
    found = read_waveform(at_16k)
    expected = sine(1000, 16_000, 1.0)
    assert (found.sample_rate, len(found.samples)) == (16_000, 5_000 + 16_000)
    inner = slice(200, -200)  # the filter rings at both ends
    np.testing.assert_allclose(found.samples[5_000:][inner], expected[inner], atol=1e-3)


def test_of_a_video_the_sound_is_read_and_one_without_says_so():
    samples = sweeps(44_100)
    film = by_ffmpeg(samples, 44_100, "aac", "mp4", picture=True)
    assert 0 <= len(read_waveform(film).samples) - len(samples) < 1024
    silent = by_ffmpeg(samples, 44_100, "aac", "mp4", picture=True, sound=False)
    with pytest.raises(AudioError, match="clip.mp4 is MP4.* without a sound track"):
        read_waveform(silent, "clip.mp4")


def test_the_first_track_that_can_be_decoded_is_read():
    samples = sweeps(48_000, 1)
    data = by_ffmpeg(samples, 48_000, "aac", "matroska", before=("tta",))
    waveform = read_waveform(data)
    assert np.corrcoef(waveform.samples[:48_000], samples[:48_000, 0])[0, 1] > 0.97


def test_a_codec_that_is_not_allowed_is_named():
    data = by_ffmpeg(sweeps(48_000, 1), 48_000, "tta", "matroska")
    with pytest.raises(AudioError, match="clip is .* in the codec tta, which is not"):
        read_waveform(data, "clip")


def test_every_extension_of_a_kind_that_is_read_is_listed():
    listed = set(AUDIO_EXTENSIONS)
    assert len(listed) == len(AUDIO_EXTENSIONS)
    assert {"weba", "m4b", "m4r", "m4v", "3ga", "qta", "ogv", "oga", "opus", "caf"} <= listed
    assert {"wav", "flac", "ogg", "mp3", "aiff", "m4a", "webm", "aac", "amr", "wma"} <= listed


STAMPED = [
    ("aac", "mp4", {}),
    ("aac", "mp4", {"picture": True}),
    ("aac", "mp4", {"movflags": "frag_keyframe+delay_moov"}),
    ("alac", "mov", {}),
    ("libopus", "webm", {}),
    ("aac", "matroska", {"picture": True}),
    ("pcm_s16le", "matroska", {}),
]


@pytest.mark.parametrize(("codec", "form", "options"), STAMPED)
@pytest.mark.parametrize("starts_s", [(0,), (3,), (0, 5), (2, 7, 8.5)])
def test_a_sound_is_where_its_stamps_put_it(codec, form, options, starts_s):
    tone = sine(1000, 48_000, float(len(starts_s)))[:, None]
    data = by_ffmpeg(tone, 48_000, codec, form, starts_s=starts_s, **options)
    waveform = read_waveform(data)
    assert waveform.notes == ()
    assert waveform.duration_s == pytest.approx(starts_s[-1] + 1, abs=0.03)
    tenths = waveform.samples[: len(waveform.samples) // 4800 * 4800].reshape(-1, 4800)
    loud = np.sqrt(np.square(tenths).mean(axis=1)) > 0.2
    expected = np.zeros(len(loud), bool)
    for start_s in starts_s:
        expected[round(10 * start_s) : round(10 * start_s) + 10] = True
    # At the border of two tenths, a codec's echo of 15 ms may count for either.
    assert (loud != expected).sum() <= 1


def test_gaps_within_ogg_are_kept_and_a_capture_starts_at_zero():
    tone = sine(1000, 48_000, 2.0)[:, None]
    for starts_s, seconds in (((0, 5), 6), ((3_600,), 2), ((3_600, 3_605), 6)):
        data = by_ffmpeg(tone, 48_000, "libopus", "ogg", starts_s=starts_s)
        assert read_waveform(data).duration_s == pytest.approx(seconds, abs=0.03)


def test_rounded_stamps_add_no_silence():
    # 1,024 samples at 44.1 kHz are 23.2 ms, and Matroska's stamps are whole milliseconds.
    samples = noise(44_100 * 5)
    found = read_waveform(by_ffmpeg(samples, 44_100, "pcm_f32le", "matroska")).samples
    np.testing.assert_array_equal(found, samples[:, 0].astype(np.float32))


def test_an_endless_jump_is_not_filled_and_noted():
    tone = sine(1000, 48_000, 2.0)[:, None]
    data = by_ffmpeg(tone, 48_000, "libopus", "webm", starts_s=(0, 1_000_000))
    waveform = read_waveform(data)
    assert waveform.duration_s == pytest.approx(2, abs=0.03)
    assert "jump by 999,999 s" in waveform.notes[0]


def test_hours_take_no_more_memory_than_minutes():
    tone = sine(1000, 8_000, 2.0)[:, None]

    def peak(gap_s: float) -> int:
        data = by_ffmpeg(tone, 8_000, "pcm_s16le", "matroska", starts_s=(0, gap_s))
        with open_sound(data) as sound:
            tracemalloc.start()
            try:
                lengths = [len(block) for block in sound.blocks()]
                return sum(lengths), max(lengths), tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    peak(60)  # imports
    _, _, minute = peak(60)
    n, longest, hours = peak(3 * 3_600)
    assert n == pytest.approx(8_000 * (3 * 3_600 + 1), abs=800)
    assert longest < 2**16 and hours < minute + 2e6
