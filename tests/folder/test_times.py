"""When a recording began: by any name that recorders give, and by what they write into it."""

import struct
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.folder.times import recording_start, shifted, time_in_name
from tests.sounds import by_libsndfile, noise

FORMS = (
    "%Y%m%d_%H%M%S",  # AudioMoth, Song Meter
    "%Y%m%d$%H%M%S",  # Song Meter, triggered
    "%Y-%m-%dT%H-%M-%S",
    "%Y-%m-%d_%H.%M.%S",
    "%Y-%m-%d %H-%M-%S",
    "%Y%m%dT%H%M%S",
    "%Y%m%d%H%M%S",
)
SECONDS = st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31)).map(
    lambda time: time.replace(microsecond=0)
)


@given(
    SECONDS,
    st.sampled_from(FORMS),
    st.sampled_from(["", "SITE_", "24F319046032C8D4_", "S4A01234_0+1_", "2024-", "Käfer ", "v2_"]),
    st.sampled_from([".WAV", "T.WAV", "_000.wav", "_part 2.flac", ".wav"]),
)
def test_a_time_written_into_a_name_is_found_there(time, form, before, after):
    assert time_in_name(f"{before}{time.strftime(form)}{after}") == time


@given(SECONDS, st.integers(-14 * 4, 14 * 4).map(lambda quarters: 15 * quarters))
def test_a_zone_belongs_to_it_in_iso_8601(time, minutes):
    zoned = time.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert time_in_name(f"{zoned.strftime('%Y%m%dT%H%M%S%z')}_site.flac") == zoned
    assert time_in_name(f"{time.strftime('%Y%m%dT%H%M%S')}Z.flac") == time.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    [
        "rec.wav",
        "20240131.wav",
        "20240231_054500.wav",  # no such day
        "20240131_246000.wav",
        "19000131_054500.wav",
        "120240131_054500.wav",
        "20240131_0545001.wav",
        "2024-0131_054500.wav",
        "",
    ],
)
def test_other_numbers_are_no_time(name):
    assert time_in_name(name) is None


def chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def wav_with(*chunks: bytes, last: bool = False) -> bytes:
    data = by_libsndfile(noise(1000))
    at = len(data) if last else 12
    data = data[:at] + b"".join(chunks) + data[at:]
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def comment(text: str) -> bytes:
    artist = chunk(b"IART", b"AudioMoth 24F3\0")
    return chunk(b"LIST", b"INFO" + artist + chunk(b"ICMT", text.encode() + b"\0"))


BEXT = chunk(b"bext", bytes(320) + b"2023-12-3123:59:58" + bytes(300))


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(
    ("name", "chunks", "expected"),
    [
        ("a", [comment("Recorded at 05:45:00 31/01/2024 (UTC) by AudioMoth")],
         "2024-01-31T05:45:00+00:00"),
        ("20200101_000000", [comment("Recorded at 05:45:00 31/01/2024 (UTC-3:30) by AudioMoth")],
         "2024-01-31T05:45:00-03:30"),
        ("a", [BEXT, comment("Recorded at 05:45:00.500 31/01/2024 (UTC+1)")],
         "2024-01-31T05:45:00+01:00"),
        ("20200101_000000", [BEXT, comment("Made with care")], "2020-01-01T00:00:00"),
        ("a", [BEXT], "2023-12-31T23:59:58"),
        ("a", [comment("Recorded at 99:99:99 31/01/2024 (UTC) by AudioMoth")], None),
        ("a", [chunk(b"bext", b"short"), chunk(b"LIST", b"INFOICMT")], None),
    ],
)  # fmt: skip
def test_recorders_comments_come_before_the_name_and_it_before_bext(
    tmp_path, last, name, chunks, expected
):
    path = tmp_path / f"{name}.wav"
    path.write_bytes(wav_with(*chunks, last=last))
    found = recording_start(str(path))
    assert (found and found.isoformat()) == expected


def test_what_is_no_wav_or_not_there_has_the_time_of_its_name(tmp_path):
    path = tmp_path / "20240131_054500.wav"
    assert recording_start(str(path)) == datetime(2024, 1, 31, 5, 45)
    path.write_bytes(b"RIFF")
    assert recording_start(str(path)) == datetime(2024, 1, 31, 5, 45)


def test_a_row_s_time_is_the_recording_s_and_its_own_together():
    start = datetime(2024, 1, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=2)))
    assert shifted(start, 1.92) == "2024-02-01T00:00:00.920+02:00"
