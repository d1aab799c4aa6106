"""When a recording began, by its name or by what the recorder wrote into it.

A time is of the recorder's clock. It knows its zone where the recorder says so, and else has none.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta, timezone

from audioset_demo.audio.bytestream import ByteStream, whole
from audioset_demo.audio.chunks import WAV, Chunk, chunks

YEARS = range(1970, 2100)  # others are numbers that only look like a date
_TEXT_BYTES = 2**12  # of a chunk's text that are looked at

# 20240131_054500, 2024-01-31T05-45-00, 20240131T054500Z, 20240131$054500, 2024-01-31 05.45.00
_IN_NAME = re.compile(
    r"(?<!\d)(\d{4})([-_.]?)(\d{2})\2(\d{2})"
    r"(?:(T)|[-_ $])?(\d{2})([-_.:]?)(\d{2})\7(\d{2})(?!\d)"
    r"(?(5)(Z|[+-](?:0\d|1[0-4]):?(?:00|15|30|45)(?!\d))?)"
)
# Recorded at 05:45:00 31/01/2024 (UTC+5:30) by AudioMoth 24F319046032C8D4 at ...
_IN_COMMENT = re.compile(
    r"Recorded at (\d{2}):(\d{2}):(\d{2})(?:\.\d+)? (\d{2})/(\d{2})/(\d{4})"
    r"(?: \((UTC)([+-]\d{1,2}(?::\d{2})?)?\))?"
)
_IN_BEXT = re.compile(r"(\d{4})\D(\d{2})\D(\d{2})(\d{2})\D(\d{2})\D(\d{2})")


def recording_start(path: str) -> datetime | None:
    """When a recording began; None where neither its name nor its content says so.

    AudioMoth's own comment comes first, since it knows the zone; then the name; then the `bext`
    chunk of broadcast WAV, which other programs fill with the time of an export, too.
    """
    comment, bext = _texts(path)
    return time_in_comment(comment) or time_in_name(os.path.basename(path)) or time_in_bext(bext)


def time_in_name(name: str) -> datetime | None:
    """The first date with a time in a file's name, as recorders write it: down to the second."""
    for found in _IN_NAME.finditer(name):
        year, _, month, day, _, hour, _, minute, second, zone = found.groups()
        time = _time(year, month, day, hour, minute, second, zone)
        if time is not None:
            return time
    return None


def time_in_comment(comment: str) -> datetime | None:
    """The time in the comment that an AudioMoth writes into its recordings."""
    found = _IN_COMMENT.search(comment)
    if found is None:
        return None
    hour, minute, second, day, month, year, utc, offset = found.groups()
    return _time(year, month, day, hour, minute, second, offset or utc)


def time_in_bext(bext: str) -> datetime | None:
    """The date and time of a `bext` chunk: ten and eight characters, with any separators."""
    found = _IN_BEXT.fullmatch(bext)
    return found and _time(*found.groups())


def shifted(start: datetime, seconds: float) -> str:
    """The time some seconds after a start, in ISO 8601 with milliseconds."""
    return (start + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def _time(year, month, day, hour, minute, second, zone: str | None = None) -> datetime | None:
    try:
        date, clock = (int(year), int(month), int(day)), (int(hour), int(minute), int(second))
        found = datetime(*date, *clock, tzinfo=_zone(zone))
    except ValueError:  # such as a 31st of February
        return None
    return found if found.year in YEARS else None


def _zone(text: str | None) -> timezone | None:
    """The zone of "Z", "UTC", "+5", "+5:30" or "+0530"; ValueError where there is none such."""
    if text is None:
        return None
    if text in ("Z", "UTC"):
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = (int(digits), 0) if len(digits) < 3 else (int(digits[:-2]), int(digits[-2:]))
    if hours > 14 or minutes > 59:
        raise ValueError(text)
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _texts(path: str) -> tuple[str, str]:
    """The comment, and date and time of the `bext` chunk, of a WAV; empty where there is none."""
    comment, bext = "", ""
    try:
        with open(path, "rb") as file:
            stream = whole(file)
            if stream.at(0, 4) in (b"RIFF", b"RF64", b"BW64") and stream.at(8, 4) == b"WAVE":
                for chunk in chunks(stream, WAV):
                    if chunk.kind == b"bext":
                        bext = _ascii(stream.at(chunk.body + 320, 18))
                    elif chunk.kind == b"LIST":
                        comment = comment or _comment(stream, chunk)
    except OSError:
        pass  # reading the sound reports it
    return comment, bext


def _comment(stream: ByteStream, chunk: Chunk) -> str:
    """The text of ICMT within a LIST chunk."""
    content = stream.at(chunk.body, min(chunk.stated, _TEXT_BYTES))
    if content[:4] != b"INFO":
        return ""
    _, _, after = content.partition(b"ICMT")
    return _ascii(after[4 : 4 + int.from_bytes(after[:4], "little")])


def _ascii(content: bytes) -> str:
    return content.partition(b"\0")[0].decode("ascii", "replace")
