"""WebM and Matroska: where a file ends by its own account."""

from __future__ import annotations

from audioset_demo.audio.bytestream import ByteStream

EBML = b"\x1aE\xdf\xa3"
_SEGMENT = b"\x18S\x80g"


def parts(stream: ByteStream) -> tuple[tuple[ByteStream, ...], bool]:
    """The files that were joined to one, and whether the last is cut off.

    A file that a browser records does not state its size; there the next one is looked for.
    """
    starts, is_cut = [], False
    place: int | None = 0
    while place is not None:
        starts.append(place)
        end = _segment_end(stream, place)
        is_cut = end is not None and end > stream.size
        if end is None:
            found = stream.find((EBML,), place + 4)
            place = next((at for at in found if b"\x42\x82" in stream.at(at, 64)), None)
        else:
            place = end if stream.at(end, 4) == EBML else None
    ends = [*starts[1:], stream.size]
    return tuple(map(stream.part, starts, ends)), is_cut


def _segment_end(stream: ByteStream, place: int) -> int | None:
    """Where the segment after the header at a place ends; None where its size is not stated."""
    size, body = _number(stream, place + 4)
    if size is None or stream.at(body + size, 4) != _SEGMENT:
        return None
    size, body = _number(stream, body + size + 4)
    return None if size is None else body + size


def _number(stream: ByteStream, place: int) -> tuple[int | None, int]:
    """A number of variable length, None if it stands for "unknown", and where it ends."""
    head = stream.at(place, 8).ljust(8, b"\0")
    length = 9 - head[0].bit_length()
    if length > 8:
        return None, place
    number = int.from_bytes(head[:length], "big") & (1 << 7 * length) - 1
    return None if number == (1 << 7 * length) - 1 else number, place + length
