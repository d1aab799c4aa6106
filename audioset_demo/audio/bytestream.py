"""A file's bytes as a decoder is to see them: stretches of it, with some bytes replaced."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import BinaryIO

_SEARCHED_BYTES = 2**20  # at a time

Piece = tuple[int, int] | bytes  # from where to where in the file, or bytes in their place


class ByteStream:
    """Pieces of a file one after another, to be read and sought like a file.

    Seeks never raise: damaged headers send decoders to places before the start, and an exception
    there would be printed to stderr with its traceback.
    """

    def __init__(self, file: BinaryIO | ByteStream, *pieces: Piece) -> None:
        self._file = file
        self._pieces = pieces
        lengths = (len(p) if isinstance(p, bytes) else p[1] - p[0] for p in pieces)
        self._starts = [0, *accumulate(lengths)]
        self._place = 0

    @property
    def size(self) -> int:
        return self._starts[-1]

    def read(self, n: int = -1) -> bytes:
        end = self.size if n < 0 else min(self._place + n, self.size)
        parts = []
        while self._place < end:
            k = bisect_right(self._starts, self._place) - 1
            skipped = self._place - self._starts[k]
            wanted = min(end, self._starts[k + 1]) - self._place
            piece = self._pieces[k]
            if isinstance(piece, bytes):
                part = piece[skipped : skipped + wanted]
            else:
                self._file.seek(piece[0] + skipped)
                part = self._file.read(wanted)
            if not part:  # the file has become shorter
                break
            parts.append(part)
            self._place += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_CUR: self._place, io.SEEK_END: self.size}.get(whence, 0)
        self._place = max(0, origin + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def at(self, place: int, n: int) -> bytes:
        """Up to `n` bytes from a place on."""
        self.seek(place)
        return self.read(n)

    def part(self, start: int, end: int | None = None) -> ByteStream:
        """The bytes from `start` to `end`, by default the end."""
        return ByteStream(self, (start, self.size if end is None else end))

    def replaced(self, changes: dict[int, bytes]) -> ByteStream:
        """The same with other bytes at some places, which must not overlap."""
        pieces: list[Piece] = []
        done = 0
        for place in sorted(changes):
            pieces += [(done, place), changes[place]]
            done = place + len(changes[place])
        return ByteStream(self, *pieces, (done, self.size))

    def find(self, signatures: tuple[bytes, ...], start: int = 0) -> Iterator[int]:
        """Places of any of some byte strings, in order."""
        overlap = max(map(len, signatures)) - 1
        while start < self.size:
            block = self.at(start, _SEARCHED_BYTES + overlap)
            places = []
            for signature in signatures:
                place = block.find(signature)
                while 0 <= place < _SEARCHED_BYTES:
                    places.append(start + place)
                    place = block.find(signature, place + 1)
            yield from sorted(places)
            start += _SEARCHED_BYTES


def whole(file: BinaryIO) -> ByteStream:
    return ByteStream(file, (0, file.seek(0, io.SEEK_END)))
