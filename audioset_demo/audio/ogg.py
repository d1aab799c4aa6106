"""Ogg: where one logical stream ends and the next starts (chaining, RFC 3533), page by page.

FFmpeg gives up where the next one has another sample rate or number of channels, so each link is
opened by itself; and it drops a page that is cut off, so that is made a whole one.
"""

from __future__ import annotations

from dataclasses import dataclass

from audioset_demo.audio.bytestream import ByteStream

_MARK = b"OggS"
_HEAD = 27  # bytes of a page's header before its table of segments
_STARTS, _ENDS = 0x02, 0x04  # flags of a page that starts or ends a logical stream
_LONGEST_PAGE = _HEAD + 255 + 255 * 255
_POLYNOMIAL = 0x04C11DB7


@dataclass(frozen=True)
class Links:
    """The links of a chain.

    Attributes
    ----------
    parts : from the first page of each to the last; the first may lack its beginning.
    is_cut : whether the last page is incomplete.
    """

    parts: tuple[ByteStream, ...]
    is_cut: bool


def links(stream: ByteStream) -> Links:
    """Cut a file before each first page that comes after another kind of page."""
    borders: list[int] = []
    positions: dict[bytes, bytes] = {}  # of each logical stream, as its last page has it
    started, last, end, before = False, 0, 0, bytes(8)
    place = _next_page(stream, 0)
    while place is not None:
        head = stream.at(place, _HEAD + 255)
        before = positions.get(head[14:18], bytes(8))
        positions[head[14:18]] = head[6:14]
        last, end = place, place + _end(head)
        starts = starts_stream(head)
        if not borders or (starts and not started):
            borders.append(place)
        started = starts
        place = end if stream.at(end, 4) == _MARK else _next_page(stream, place + 4)
    is_cut = end > stream.size
    if is_cut:
        page = _shortened(stream.at(last, stream.size), before)
        stream = ByteStream(stream, (0, last), page)
    ends = [*borders[1:], stream.size]
    return Links(tuple(map(stream.part, borders, ends)), is_cut)


def without_vorbis_end(stream: ByteStream) -> ByteStream:
    """A link, if it is Vorbis alone without the mark of its end.

    Where FFmpeg finds the mark, it leaves out up to a block too much.
    """
    first = stream.at(0, _HEAD + 1 + 7)
    start = max(0, stream.size - _LONGEST_PAGE)
    tail = stream.at(start, _LONGEST_PAGE)
    place = tail.rfind(_MARK)
    page = tail[place:]
    one_stream = first[14:18] == page[14:18] and not starts_stream(stream.at(_end(first), 6))
    is_vorbis = first.endswith(b"\x01vorbis") and one_stream
    if not is_vorbis or len(page) < _HEAD or not page[5] & _ENDS:
        return stream
    page = page[: _end(page)]
    unmarked = page[:5] + bytes([page[5] & ~_ENDS]) + page[6:22]
    return stream.replaced({start + place: _with_checksum(unmarked, page[26:])})


def starts_stream(page: bytes) -> bool:
    """Whether a page is the first of a logical stream."""
    return len(page) > 5 and bool(page[5] & _STARTS)


def _next_page(stream: ByteStream, place: int) -> int | None:
    return next(stream.find((_MARK,), place), None)


def _shortened(page: bytes, position: bytes) -> bytes:
    """A page that is cut off, with the packets that it still holds; b"" if there are none.

    Its own position is that of its last packet, which is gone. That of the page before leaves no
    gap between the two.
    """
    table = page[_HEAD : _HEAD + page[26]] if len(page) >= _HEAD else b""
    kept, n, n_kept = 0, 0, 0  # segments and bytes up to the end of a packet
    for k, segment in enumerate(table, 1):
        n += segment
        if _HEAD + len(table) + n > len(page):
            break
        if segment < 255:
            kept, n_kept = k, n
    if not kept:
        return b""
    head = page[:5] + bytes([page[5] & ~_ENDS]) + position + page[14:22]
    body = bytes([kept]) + table[:kept] + page[_HEAD + len(table) :][:n_kept]
    return _with_checksum(head, body)


def _end(page: bytes) -> int:
    """Length of a page by its header, as far as that is there."""
    n_segments = page[26] if len(page) >= _HEAD else 0
    return _HEAD + n_segments + sum(page[_HEAD : _HEAD + n_segments])


def _with_checksum(head: bytes, body: bytes) -> bytes:
    """A page of what is before and what is behind the checksum."""
    return head + _crc(head + bytes(4) + body).to_bytes(4, "little") + body


def _crc(data: bytes) -> int:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (_POLYNOMIAL if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFFFFFF) ^ table[crc >> 24 ^ byte]
    return crc
