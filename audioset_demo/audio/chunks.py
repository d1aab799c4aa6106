"""Files of chunks (WAV, RF64, BW64, W64, AIFF, CAF): where the samples are, whatever sizes say.

A size is written last. A recorder that lost power leaves 0 or the largest number, one that was
stopped between two updates too small a number, and a transfer that broke off too large a one. So:

* a size of 0 or of about the largest number is unknown: samples go on to the end of the file;
* after samples there are other chunks, tags, another file of the kind, or nothing. Where there is
  something else, the size was too small, and the samples go on to the end of the file;
* where the file ends before the size says, it is cut off.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from audioset_demo.audio.bytestream import ByteStream

TAGS = (b"TAG", b"ID3", b"APETAGEX")
_MOST_CHUNKS = 10_000  # looked at; real files have a dozen


@dataclass(frozen=True)
class Layout:
    """How a format lays out its chunks.

    Attributes
    ----------
    first : place of the first chunk.
    head : bytes before a chunk's body; its identifier comes first, the size last.
    size : of the size, as `struct` has it.
    counts_head : whether the size includes those bytes.
    align : chunks start at multiples of so many bytes.
    samples : identifier of the chunk with the samples.
    unknown : sizes from this one on stand for "to the end".
    """

    first: int
    head: int
    size: str
    align: int
    samples: bytes = b"data"
    counts_head: bool = False
    unknown: int = 2**62

    @property
    def size_at(self) -> int:
        return self.head - struct.calcsize(self.size)

    @property
    def largest(self) -> int:
        return 256 ** struct.calcsize(self.size) - 1


# Recorders and pipes write 2**31 - 2**12 (SoX), 2**31 - 1, 2**31 or 2**32 - 1.
_UNKNOWN_32 = 2**31 - 2**12
WAV = Layout(12, 8, "<I", 2, unknown=_UNKNOWN_32)
RIFX = Layout(12, 8, ">I", 2, unknown=_UNKNOWN_32)
AIFF = Layout(12, 8, ">I", 2, b"SSND", unknown=_UNKNOWN_32)
W64 = Layout(40, 24, "<Q", 8, counts_head=True)
CAF = Layout(8, 12, ">Q", 1)


@dataclass(frozen=True)
class Chunk:
    kind: bytes
    start: int
    body: int
    stated: int  # bytes of the body

    @property
    def end(self) -> int:
        return self.body + self.stated


@dataclass(frozen=True)
class Samples:
    """A file whose sizes are right, and how it ends.

    Attributes
    ----------
    stream : from the file's start on.
    is_cut : whether the file ends before its samples do.
    end : place of what follows if it is another file, else None.
    """

    stream: ByteStream
    is_cut: bool = False
    end: int | None = None


def find_samples(stream: ByteStream, layout: Layout) -> Samples:
    """Mend the sizes of a file of chunks."""
    magic = stream.at(0, 4)
    seen: dict[bytes, Chunk] = {}
    place = layout.first
    while layout.samples not in seen:
        chunk = _chunk(stream, place, layout)
        if chunk is None or len(seen) > _MOST_CHUNKS:
            return Samples(stream)  # FFmpeg says what is wrong
        seen.setdefault(chunk.kind, chunk)
        place = _aligned(chunk.end, layout)
    samples = seen[layout.samples]
    stated = samples.stated
    wide = seen.get(b"ds64")
    if wide and stated == layout.largest:
        (stated,) = struct.unpack("<Q", stream.at(wide.body + 8, 8).ljust(8, b"\0"))
    end, is_cut, another = _end(stream, samples.body, stated, layout, magic, wide is not None)
    n = end - samples.body
    changes = {samples.start + layout.size_at: _packed(n, layout)}
    if wide:
        changes[samples.start + layout.size_at] = b"\xff" * 4
        changes[wide.body + 8] = struct.pack("<Q", n)
    if layout is AIFF:
        changes[4] = struct.pack(">I", min(stream.size - 8, layout.largest))
        if b"COMM" in seen:  # the number of samples, which FFmpeg takes at its word
            changes[seen[b"COMM"].body + 2] = bytes(4)
    if layout is CAF and b"pakt" in seen:
        # ALAC's last packet is short by itself; FFmpeg would leave out the rest a second time.
        changes[seen[b"pakt"].body + 20] = bytes(4)
    return Samples(stream.part(0, another).replaced(changes), is_cut, another)


def chunks(stream: ByteStream, layout: Layout) -> Iterator[Chunk]:
    """The chunks of a file one after another, as far as their sizes lead."""
    place = layout.first
    for _ in range(_MOST_CHUNKS):
        chunk = _chunk(stream, place, layout)
        if chunk is None:
            return
        yield chunk
        place = _aligned(chunk.end, layout)


def _end(
    stream: ByteStream, body: int, stated: int, layout: Layout, magic: bytes, is_wide: bool
) -> tuple[int, bool, int | None]:
    """Where samples end, whether too early, and where another file starts."""
    unknown = 2**62 if is_wide else layout.unknown
    end = body + stated
    if end > stream.size:
        return stream.size, stated < unknown, None
    for following in (end, _aligned(end, layout)):
        if stated and stream.at(following, 4) == magic:
            return end, False, following
        left = stream.size - following
        known = stated or not left or left >= layout.head  # an unknown size, and a few samples
        if known and _is_chunks(stream, following, layout):
            return end, False, None
    return stream.size, False, None


def _is_chunks(stream: ByteStream, place: int, layout: Layout) -> bool:
    """Whether there are only chunks and tags from a place to the end."""
    for _ in range(_MOST_CHUNKS):
        if stream.size - place < layout.head or stream.at(place, 8).startswith(TAGS):
            return True
        chunk = _chunk(stream, place, layout)
        if chunk is None or chunk.end > stream.size:
            return False
        place = _aligned(chunk.end, layout)
    return False


def _chunk(stream: ByteStream, place: int, layout: Layout) -> Chunk | None:
    head = stream.at(place, layout.head)
    kind = head[:4]
    if len(head) < layout.head or not all(0x20 <= byte < 0x7F for byte in kind):
        return None
    (size,) = struct.unpack_from(layout.size, head, layout.size_at)
    stated = max(0, size - layout.head) if layout.counts_head else size
    return Chunk(kind, place, place + layout.head, stated)


def _aligned(place: int, layout: Layout) -> int:
    return -(-place // layout.align) * layout.align


def _packed(n: int, layout: Layout) -> bytes:
    size = n + layout.head if layout.counts_head else n
    return struct.pack(layout.size, min(size, layout.largest))
