"""MP4 and QuickTime: FFmpeg is shown the boxes that a sound needs, and none that ask for memory.

FFmpeg makes room for as many samples as a table states: four kilobytes could ask for gigabytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from audioset_demo.audio.bytestream import ByteStream

_BOXES_OF_BOXES = frozenset(b"edts mdia minf moof moov mvex stbl traf trak udta meta dinf".split())
# With `ilst`, the tag in which iTunes states its encoder's delay.
_SHOWN = _BOXES_OF_BOXES | frozenset(
    b"co64 ctts elng elst free ftyp gmhd hdlr ilst mdat mdhd mfhd mvhd skip smhd stco stsc stsd "
    b"stsz stts styp stz2 tfdt tfhd tkhd trex trun vmhd wide".split()
)
_MOST_SAMPLES = 2**23  # of a track, packets that is: 49 hours of AAC at 48 kHz; 24 bytes each


class TooMany(Exception):
    """A table states more than a file can hold."""


@dataclass
class _Track:
    """What the tables of a track state."""

    samples: int = 0
    edits: int = 1
    is_pcm: bool = False  # a sample of the table is one of the sound, and FFmpeg joins them

    def check(self) -> None:
        if not self.is_pcm and self.samples * max(1, self.edits) > _MOST_SAMPLES:
            raise TooMany


@dataclass(frozen=True)
class Boxes:
    """What is left of a file, and whether its end is missing."""

    stream: ByteStream
    is_cut: bool


@dataclass
class _Walk:
    stream: ByteStream
    changes: dict[int, bytes] = field(default_factory=dict)
    is_cut: bool = False
    track: _Track = field(default_factory=_Track)
    fragment_samples: int = 0


def checked(stream: ByteStream) -> Boxes:
    """Hide what is not needed; `TooMany` where a table states more than can be true."""
    walk = _Walk(stream)
    place, ends = 0, [stream.size]  # of the boxes around the place
    while place + 8 <= ends[-1]:
        head = stream.at(place, 32)
        size, kind = struct.unpack_from(">I4s", head)
        body = 16 if size == 1 else 8
        if size == 1 and len(head) >= 16:
            (size,) = struct.unpack_from(">Q", head, 8)
        walk.is_cut |= len(ends) == 1 and place + size > stream.size
        # As FFmpeg does: 0 stands for the rest, and no box is longer than the one around it.
        end = ends[-1] if size == 0 else min(place + max(size, body), ends[-1])
        _look(walk, place, kind, head[body:])
        if kind in _BOXES_OF_BOXES:
            ends.append(end)
            # `meta` states a version in MP4, and none in QuickTime.
            place += body + (4 if kind == b"meta" and head[body + 4 : body + 8] != b"hdlr" else 0)
        else:
            place = end
        while len(ends) > 1 and place + 8 > ends[-1]:
            place = ends.pop()
    walk.track.check()
    return Boxes(stream.replaced(walk.changes), walk.is_cut)


def _look(walk: _Walk, place: int, kind: bytes, body: bytes) -> None:
    """Take a box into account, by the first bytes of its body."""
    if kind not in _SHOWN:
        walk.changes[place + 4] = b"free"
    elif kind == b"trak":
        walk.track.check()
        walk.track = _Track()
    elif kind == b"elst":
        walk.track.edits = _number(body, 4)
    elif kind == b"stts":
        walk.track.is_pcm = _number(body, 4) == 1 and _number(body, 12) == 1
    elif kind in (b"stsz", b"stz2"):
        walk.track.samples = _number(body, 8)
        if walk.track.samples > walk.stream.size:
            raise TooMany
    elif kind == b"trun":
        walk.fragment_samples += _number(body, 4)
        if walk.fragment_samples > min(_MOST_SAMPLES, walk.stream.size):
            raise TooMany


def _number(body: bytes, place: int) -> int:
    return int.from_bytes(body[place : place + 4], "big")
