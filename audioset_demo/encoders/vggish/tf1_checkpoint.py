"""Reading a checkpoint of TensorFlow 1 (format V1: one file) without TensorFlow.

The file is a table of LevelDB's format: blocks of entries, an index block with the places of the
others, and a footer with the place of the index. The value of an entry is a protocol buffer,
`SavedTensorSlices`: the first lists the variables, each of the others holds the numbers of one
slice of a variable. All is parsed where it lies in the file: memory is taken for the numbers that
are asked for, and nothing else grows with what a damaged file states.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import BinaryIO, NamedTuple

import google_crc32c
import numpy as np

from audioset_demo.errors import WeightsError

FOOTER_BYTES = 48
MAGIC = bytes.fromhex("57fb808b247547db")
TRAILER_BYTES = 5  # behind a block: its compression, and the checksum of both
CRC_MASK = 0xA282EAD8
COUNT_BYTES = 4  # of the places in a block where a key is written in full, and of their number
VARINT_BYTES = 10
FLOAT32 = 1  # DT_FLOAT of TensorFlow's types

FIXED_BYTES = {1: 8, 5: 4}  # kinds of a field

MAX_NUMBERS = 20_000  # that describe the file: time and memory end there; VGGish's has some 800
MAX_NAME_BYTES = 1_000
CHUNK_BYTES = 2**20


class _Damage(ValueError):
    """What is wrong with a file, in words that fit into brackets."""


class Place(NamedTuple):
    """A part of the file: its first byte, and the one behind its last."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


Region = tuple[slice, ...]  # of a variable, one slice for each axis


@dataclass
class Variable:
    """A variable of a checkpoint.

    Attributes
    ----------
    is_float32 : whether its numbers can be read; those of other types are ignored.
    slices : where the numbers of each region lie, as little-endian float32 in C order.
    """

    shape: tuple[int, ...]
    is_float32: bool
    slices: list[tuple[Region, Place]]

    def is_whole(self) -> bool:
        """Whether the slices hold each number once."""
        n_read = sum(place.size // 4 for _, place in self.slices)
        regions = [region for region, _ in self.slices]
        return n_read == math.prod(self.shape) and not any(
            all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))
            for one, other in combinations(regions, 2)
        )


@contextmanager
def open_checkpoint(path: Path, source: str) -> Iterator[Checkpoint]:
    """A checkpoint whose checksums are right and whose variables are whole.

    Parameters
    ----------
    source : where the file came from, for messages.

    Raises
    ------
    WeightsError : if it is no such file, or is damaged.
    """
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - len(MAGIC), 0))
        if size < FOOTER_BYTES or file.read() != MAGIC:
            raise WeightsError(
                f"'{source}' is not a TensorFlow checkpoint, or is cut short. Give "
                "vggish_model.ckpt or a folder that holds it."
            )
        try:
            yield Checkpoint(_File(file, size))
        except _Damage as error:
            raise WeightsError(
                f"'{source}' is damaged, or not a TensorFlow 1 checkpoint of one file ({error}). "
                "Copy it again, or get the official one with `audioset-demo weights get`."
            ) from None


class Checkpoint:
    """The variables of an open file, by name."""

    def __init__(self, file: _File):
        self._file = file
        self.variables: dict[str, Variable] = {}
        for block in _blocks(file):
            for value in _entries(file, block):
                message = _Message(file, value)
                for listed in message.message(1).messages(1):
                    self._add_variable(listed)
                for saved in message.messages(2):
                    self._add_slice(saved)
        if not self.variables:
            raise _Damage("it lists no variables")
        for name, variable in self.variables.items():
            if variable.is_float32 and not variable.is_whole():
                raise _Damage(f"numbers of '{name}' are missing, or there twice")

    def read_into(self, name: str, array: np.ndarray) -> None:
        """Copy a float32 variable of at least one axis into an array of its shape, chunk by chunk.

        The array may have any layout in memory.
        """
        for region, place in self.variables[name].slices:
            target = array[region]
            row_bytes = place.size // len(target)
            n_rows = max(1, CHUNK_BYTES // row_bytes)
            for row in range(0, len(target), n_rows):
                rows = target[row : row + n_rows]
                content = self._file.read(place.start + row * row_bytes, len(rows) * row_bytes)
                rows[...] = np.frombuffer(content, "<f4").reshape(rows.shape)

    def _add_variable(self, listed: _Message) -> None:
        """Of a `SavedSliceMeta`: name, shape, type."""
        shape = tuple(dim.number(1) for dim in listed.message(2).messages(2))
        self.variables[listed.text(1)] = Variable(shape, listed.number(3) == FLOAT32, [])

    def _add_slice(self, saved: _Message) -> None:
        """Of a `SavedSlice`: name, slice, numbers."""
        name = saved.text(1)
        variable = self.variables.get(name)
        if variable is None:
            raise _Damage(f"it holds '{name}' and does not list it")
        if not variable.is_float32:
            return
        region = _region(saved.message(2), variable.shape, name)
        numbers = saved.message(3).place(5)
        n_numbers = math.prod(part.stop - part.start for part in region)
        if numbers.size != 4 * n_numbers or n_numbers == 0:
            raise _Damage(f"a slice of '{name}' has {numbers.size:,} bytes of numbers")
        variable.slices.append((region, numbers))


def _region(saved: _Message, shape: tuple[int, ...], name: str) -> Region:
    """Of the `Extent` of each axis: its start and length; that of a whole axis has neither."""
    extents = [(extent.number(1), extent.number(2, default=-1)) for extent in saved.messages(1)]
    if len(extents) != len(shape):
        raise _Damage(f"a slice of '{name}' has {len(extents)} axes, not {len(shape)}")
    region = [
        slice(start, size if length < 0 else start + length)
        for (start, length), size in zip(extents, shape, strict=True)
    ]
    if any(part.stop > size for part, size in zip(region, shape, strict=True)):
        raise _Damage(f"a slice of '{name}' reaches beyond it")
    return tuple(region)


class _File:
    """Reading at any place of a file, and so many numbers that describe it."""

    def __init__(self, file: BinaryIO, size: int):
        self._file = file
        self.size = size
        self._n_numbers = 0

    def read(self, start: int, n_bytes: int) -> bytes:
        self._file.seek(start)
        content = self._file.read(n_bytes)
        if len(content) < n_bytes:
            raise _Damage("it ends too early")
        return content

    def varint(self, start: int, end: int) -> tuple[int, int]:
        """A number of 7 bits a byte, and the place behind it."""
        self._n_numbers += 1
        if self._n_numbers > MAX_NUMBERS:
            raise _Damage("it has more parts than any checkpoint of VGGish")
        value = 0
        for i, byte in enumerate(self.read(start, min(VARINT_BYTES, end - start))):
            value |= (byte & 0x7F) << 7 * i
            if byte < 0x80:
                return value, start + i + 1
        raise _Damage("a number has no end")


def _blocks(file: _File) -> Iterator[Place]:
    """The blocks of entries, in the order of the file."""
    place, footer_end = file.size - FOOTER_BYTES, file.size - len(MAGIC)
    for _ in range(2):  # a block without use, then the index
        start, place = file.varint(place, footer_end)
        n_bytes, place = file.varint(place, footer_end)
    free = 0  # where the next block may begin: none is read twice
    for value in _entries(file, _block(file, start, n_bytes)):
        start, place = file.varint(*value)
        n_bytes, _ = file.varint(place, value.end)
        if start < free:
            raise _Damage("its blocks overlap")
        block = _block(file, start, n_bytes)
        yield block
        free = block.end + TRAILER_BYTES


def _block(file: _File, start: int, n_bytes: int) -> Place:
    """The place of a block that lies within the file, is not compressed and has its checksum."""
    block = Place(start, start + n_bytes)
    if block.end + TRAILER_BYTES > file.size - FOOTER_BYTES:
        raise _Damage("a block reaches beyond its end")
    crc = 0
    for place in range(start, block.end + 1, CHUNK_BYTES):  # with the byte of the compression
        n_read = min(CHUNK_BYTES, block.end + 1 - place)
        crc = google_crc32c.extend(crc, file.read(place, n_read))
    masked = ((crc >> 15 | crc << 17) + CRC_MASK) % 2**32
    compression, *stated = file.read(block.end, TRAILER_BYTES)
    if bytes(stated) != masked.to_bytes(4, "little"):
        raise _Damage("a checksum is wrong")
    if compression:
        raise _Damage("a block is compressed")
    return block


def _entries(file: _File, block: Place) -> Iterator[Place]:
    """The place of each value; the keys only repeat what the values say."""
    if block.size < COUNT_BYTES:
        raise _Damage("a block is too short")
    n_restarts = int.from_bytes(file.read(block.end - COUNT_BYTES, COUNT_BYTES), "little")
    place, end = block.start, block.end - COUNT_BYTES * (1 + n_restarts)
    if end < place:
        raise _Damage("a block is too short")
    while place != end:
        _, place = file.varint(place, end)  # bytes that the key shares with the one before
        key_bytes, place = file.varint(place, end)
        n_bytes, place = file.varint(place, end)
        value = Place(place + key_bytes, place + key_bytes + n_bytes)
        if value.end > end:
            raise _Damage("an entry reaches beyond its block")
        yield value
        place = value.end


class _Message:
    """A protocol buffer: its fields by number, each an integer or the place of its content."""

    def __init__(self, file: _File, place: Place):
        self._file = file
        self._fields: dict[int, list[int | Place]] = {}
        start, end = place
        while start != end:
            tag, start = file.varint(start, end)
            content, start = self._content(tag & 7, start, end)
            self._fields.setdefault(tag >> 3, []).append(content)

    def _content(self, kind: int, start: int, end: int) -> tuple[int | Place, int]:
        """The content of a field, and the place behind it."""
        if kind == 0:
            return self._file.varint(start, end)
        if kind == 2:
            n_bytes, start = self._file.varint(start, end)
        elif kind in FIXED_BYTES:
            n_bytes = FIXED_BYTES[kind]
        else:
            raise _Damage("a field is of no known kind")
        content = Place(start, start + n_bytes)
        if content.end > end:
            raise _Damage("a field reaches beyond its message")
        return content, content.end

    def number(self, field: int, default: int = 0) -> int:
        content = self._fields.get(field, [default])[-1]
        if isinstance(content, Place):
            raise _Damage("there is no number where one should be")
        return content

    def places(self, field: int) -> list[Place]:
        places = []
        for content in self._fields.get(field, []):
            if not isinstance(content, Place):
                raise _Damage("there is a number where none should be")
            places.append(content)
        return places

    def place(self, field: int) -> Place:
        """Of the last content, which stands for all; an empty one if there is none."""
        return self.places(field)[-1] if field in self._fields else Place(0, 0)

    def messages(self, field: int) -> Iterator[_Message]:
        return (_Message(self._file, place) for place in self.places(field))

    def message(self, field: int) -> _Message:
        return _Message(self._file, self.place(field))

    def text(self, field: int) -> str:
        place = self.place(field)
        if place.size > MAX_NAME_BYTES:
            raise _Damage(f"a name has {place.size:,} bytes")
        return self._file.read(place.start, place.size).decode(errors="replace")
