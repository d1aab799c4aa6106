"""MPEG audio (MP3, MP2) and ADTS (AAC): streams of frames that may begin and end anywhere.

Nothing stands at their start but a frame, and a capture does not even begin with a whole one. So
a stream is recognised by three frames that follow one another, each where the one before ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from audioset_demo.audio.bytestream import ByteStream

_SYNC = re.compile(rb"\xff[\xe0-\xff]")
_FRAMES_IN_A_ROW = 3
# kbit/s by bit rate index; 0 is the free format, whose rate is not stated.
_BIT_RATES = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = (44_100, 48_000, 32_000)  # Hz, of version 1
_DIVIDED_BY = {3: 1, 2: 2, 0: 4}  # in versions 1, 2 and 2.5
_TAIL_BYTES = 2**16  # holds several of the longest frames
_FREE_FORMAT_BYTES = range(48, 5000)  # of a frame

# From the bytes of a header to the length of its frame and to what all frames of a stream share.
Header = Callable[[bytes], tuple[int, tuple[int, ...]] | None]


def mpeg_header(head: bytes) -> tuple[int, tuple[int, ...]] | None:
    """Length in bytes of an MPEG audio frame, 0 in the free format; version, layer and rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bit_rate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or bit_rate == 15 or rate == 3 or head[3] & 3 == 2:
        return None
    kind = version, layer, rate
    kilobits = _BIT_RATES[1 if version == 3 else 2, layer][bit_rate]
    if not kilobits:
        return 0, kind
    sample_rate = _SAMPLE_RATES[rate] // _DIVIDED_BY[version]
    if layer == 1:
        return (12_000 * kilobits // sample_rate + padding) * 4, kind
    samples = 72 if layer == 3 and version != 3 else 144
    return samples * 1000 * kilobits // sample_rate + padding, kind


def adts_header(head: bytes) -> tuple[int, tuple[int, ...]] | None:
    """Length in bytes of an ADTS frame; profile, rate and channels."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return None
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return (length, (head[2] & 0xFD, head[3] & 0xC0)) if length >= 7 else None


def first_frame(head: bytes, header: Header) -> int | None:
    """Place of the first of some frames that follow one another in a file's first bytes.

    Fewer are enough where the file starts with one and ends with the last.
    """
    for match in _SYNC.finditer(head):
        place = start = match.start()
        found = header(head[start : start + 6])
        kind = found and found[1]
        n = 0
        while found and found[0] and found[1] == kind:
            n, place = n + 1, place + found[0]
            if n == _FRAMES_IN_A_ROW or (start == 0 and place >= len(head)):
                return start
            found = header(head[place : place + 6])
    return None


def first_free_format_frame(head: bytes) -> int | None:
    """The same for MP3 frames that do not state their length, but all have the same."""
    for match in _SYNC.finditer(head):
        start = match.start()
        found = mpeg_header(head[start : start + 4])
        if not found or found[0] or found[1][1] != 3:
            continue
        mark = head[start : start + 2]
        place = start
        while (place := head.find(mark, place + 1)) >= 0 and place - start in _FREE_FORMAT_BYTES:
            frames = (place + k * (place - start) for k in range(_FRAMES_IN_A_ROW))
            if all(mpeg_header(head[at : at + 4]) == found for at in frames):
                return start
    return None


def ends_within_frame(stream: ByteStream, header: Header) -> bool:
    """Whether the last frame is incomplete."""
    start = max(0, stream.size - _TAIL_BYTES)
    tail = stream.at(start, _TAIL_BYTES)
    place = first_frame(tail, header)
    while place is not None and (found := header(tail[place : place + 6])) and found[0]:
        place += found[0]
        if place > len(tail):
            return True
    return False


def without_tags(stream: ByteStream, header: Header) -> ByteStream:
    """A stream of frames without the tags of the files that were joined to it.

    FFmpeg takes pictures within tags for frames, and loses one at each end of a tag.
    """
    pieces, done = [], 0
    for place in stream.find((b"ID3", b"TAG", b"APETAGEX")):
        if place < done:
            continue
        end = after_tag(stream, place)
        if end is not None and _goes_on(stream, end, header):
            pieces.append((done, place))
            done = min(end, stream.size)
    return ByteStream(stream, *pieces, (done, stream.size))


def after_tag(stream: ByteStream, place: int) -> int | None:
    """Where the tag ends that starts at a place; None if none does."""
    head = stream.at(place, 32)
    if head.startswith(b"ID3"):
        if len(head) < 10 or head[3] not in (2, 3, 4) or max(head[6:10]) > 127:
            return None
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        return place + size + (20 if head[5] & 0x10 else 10)
    if head.startswith(b"APETAGEX"):
        if len(head) < 32:
            return None
        is_header = head[23] & 0x20
        size = int.from_bytes(head[12:16], "little")  # of the items and the footer
        return place + 32 + (size if is_header else 0)
    return place + 128 if head.startswith(b"TAG") else None


def _goes_on(stream: ByteStream, place: int, header: Header) -> bool:
    """Whether there are frames, another tag or nothing at a place."""
    for n in range(_FRAMES_IN_A_ROW):
        head = stream.at(place, 8)
        if len(head) < 8 or (n == 0 and head.startswith((b"ID3", b"TAG", b"APETAGEX"))):
            return True
        found = header(head)
        if not found:
            return False
        place += found[0]
    return True
