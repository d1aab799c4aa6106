"""Files made wrong: blindly, byte by byte, or by their structure, with checksums put right again.

An input is a mapping from file names to their bytes. All chance comes from the given generator.
"""

import io
import json
import re
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import PurePath
from random import Random

import google_crc32c

Files = Mapping[str, bytes]

MARK = re.compile(rb"[A-Za-z][A-Za-z0-9 ]{3}|PK..|\x1aE\xdf\xa3|\x1f\x43\xb6\x75|\xff[\xf1-\xfb]")
HEAD_BYTES = 512
NUMBERS = (0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1,
           2**31, 2**32 - 1, 2**32, 2**40, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
TEXTS = (
    "", " ", "\0", "\t", "\r\n", "\u2028", "\u202egnp.exe", "\ud800", "\udcff", "e\u0301", "é",
    "😀", "🏳️‍🌈", "\x1b[31m", "\ufeff", "\x85", "a" * 300, "é" * 5_000, "%s%n", "{0.__class__}",
    "$HOME", "../../outside", "/outside", "~", "-", "--model", ".", "..", "CON", "a/b\\c", "'", '"',
    ";", ",", "=1+1", "<b>", "**", "[a](b)", ":material/home:", "NaN", "null", "1e400", "-0",
    "9" * 400, "٣",
)  # fmt: skip
VALUES = (
    None, True, False, 0, -1, 1, 0.5, 1e308, float("nan"), float("inf"), 2**31, 2**63, 10**400, "",
    [], {}, [[]], {"": {}}, [None], "1", *TEXTS,
)  # fmt: skip


def mutated(files: Files, others: Sequence[Files], random: Random) -> dict[str, bytes]:
    """An input with one of its files changed; `others` are inputs of the same kind."""
    changed = dict(files)
    name = random.choice(sorted(files))
    changed[name] = _change(name, files[name], others, random)
    if len(files) > 1 and random.random() < 0.02:
        del changed[name]
    return changed


def _change(name: str, data: bytes, others: Sequence[Files], random: Random) -> bytes:
    by_structure = STRUCTURES.get(PurePath(name).suffix, _no_structure)
    if random.random() < 0.6:
        try:
            return by_structure(data, random)
        except (ValueError, LookupError, struct.error, zipfile.BadZipFile):
            pass  # the original is wrong already
    if random.random() < 0.1:
        return _spliced(data, random.choice(others), random)
    return blindly(data, random)


def blindly(data: bytes, random: Random) -> bytes:
    """Data in which a few bytes, numbers or spans are changed, most often near its beginning."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        random.choice(CHANGES)(changed, random)
    return bytes(changed)


def _place(data: bytearray, random: Random) -> int:
    near = random.random() < 0.5
    return random.randrange(1 + (min(len(data), HEAD_BYTES) if near else len(data)))


def _span(data: bytearray, random: Random) -> slice:
    start = _place(data, random)
    return slice(start, start + random.choice((1, 2, 4, 8, 16, 64, 512, 4096)))


def _flip(data: bytearray, random: Random) -> None:
    place = _place(data, random)
    if place < len(data):
        data[place] ^= 1 << random.randrange(8)


def _noise(data: bytearray, random: Random) -> None:
    span = _span(data, random)
    data[span] = random.randbytes(len(data[span]))


def _zero(data: bytearray, random: Random) -> None:
    span = _span(data, random)
    data[span] = bytes(len(data[span]))


def _cut(data: bytearray, random: Random) -> None:
    del data[_span(data, random)]


def _end(data: bytearray, random: Random) -> None:
    del data[_place(data, random) :]


def _repeat(data: bytearray, random: Random) -> None:
    span = _span(data, random)
    data[span] = data[span] * random.choice((2, 3, 100))


def _move(data: bytearray, random: Random) -> None:
    taken = data[_span(data, random)]
    place = _place(data, random)
    data[place : place + len(taken)] = taken


def _text(data: bytearray, random: Random) -> None:
    data[_span(data, random)] = random.choice(TEXTS).encode("utf-8", "surrogatepass")


def _number(data: bytearray, random: Random) -> None:
    _put_number(data, _place(data, random), random)


def _number_after_mark(data: bytearray, random: Random) -> None:
    """A size or a count, which most formats have within a few bytes of four letters."""
    marks = [match.start() for match in MARK.finditer(data[: 2**16])]
    if marks:
        _put_number(data, random.choice(marks) + random.choice((-4, 4, 8, 12, 16)), random)


def _put_number(data: bytearray, place: int, random: Random) -> None:
    n_bytes, order = random.choice((1, 2, 4, 8)), random.choice(("big", "little"))
    place = max(0, min(place, len(data) - n_bytes))
    number = random.choice(NUMBERS)
    if random.random() < 0.3:
        number = int.from_bytes(data[place : place + n_bytes], order) + random.choice((-1, 1, 8))
    data[place : place + n_bytes] = (number % 2 ** (8 * n_bytes)).to_bytes(n_bytes, order)


CHANGES: tuple[Callable[[bytearray, Random], None], ...] = (
    _flip, _flip, _noise, _zero, _cut, _end, _repeat, _move, _text, _number, _number,
    _number_after_mark, _number_after_mark, _number_after_mark,
)  # fmt: skip


def _spliced(data: bytes, other: Files, random: Random) -> bytes:
    """The beginning of one file and the end of another."""
    end = random.choice(sorted(other.values()))
    return data[: random.randrange(len(data) + 1)] + end[random.randrange(len(end) + 1) :]


def _no_structure(data: bytes, random: Random) -> bytes:
    raise ValueError


def changed_json(data: bytes, random: Random) -> bytes:
    """A JSON text in which values are swapped, dropped or nested."""
    if random.random() < 0.05:
        return b"[" * random.choice((50, 2_000, 200_000))
    value = json.loads(data)
    for _ in range(random.choice((1, 1, 2, 5))):
        value = _with_other_value(value, random)
    return json.dumps(value).encode()


def _with_other_value(value: object, random: Random) -> object:
    if not isinstance(value, dict | list) or not value or random.random() < 0.1:
        return random.choice(VALUES)
    copy = value.copy()
    key = random.choice(list(copy)) if isinstance(copy, dict) else random.randrange(len(copy))
    what = random.random()
    if what < 0.1:
        del copy[key]
    elif what < 0.2 and isinstance(copy, dict):
        copy[random.choice(TEXTS)] = copy[key]
    elif what < 0.25:
        copy[key] = [copy[key]] * random.choice((2, 1_000))
    else:
        copy[key] = _with_other_value(copy[key], random)
    return copy


def _json_lines(data: bytes, random: Random) -> bytes:
    lines = data.splitlines()
    place = random.randrange(len(lines))
    lines[place] = changed_json(lines[place], random)
    return b"\n".join(lines) + b"\n" * (random.random() < 0.8)


def _table(data: bytes, random: Random) -> bytes:
    """A table with odd cells, columns, separators or encodings."""
    rows = [line.split(",") for line in data.decode().splitlines()]
    for _ in range(random.choice((1, 1, 2, 5))):
        row = random.choice((rows[0], random.choice(rows)))
        place = random.randrange(len(row) + 1)
        what = random.randrange(5)
        if what == 0:
            row.insert(place, random.choice(TEXTS))
        elif what == 1:
            del row[place:]
        elif what == 2:
            row[place : place + 1] = random.choice(random.choice(rows) or [""])
        elif what == 3:
            rows.insert(random.randrange(len(rows)), list(row))
        else:
            row[place : place + 1] = [random.choice(TEXTS)]
    text = random.choice("\n\n\n\r").join(random.choice(",,,,;\t").join(row) for row in rows)
    return text.encode(random.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16")), "surrogatepass")


def _archive(data: bytes, random: Random) -> bytes:
    """A ZIP archive (NPZ, checkpoints by PyTorch) with a changed member and right checksums."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    place = random.randrange(len(members))
    name, content = members[place]
    what = random.random()
    if what < 0.05:
        del members[place]
    elif what < 0.15:
        members[place] = (random.choice(TEXTS), content)
    elif what < 0.2:
        members.append((name, content))
    else:
        members[place] = (name, blindly(content, random))
    methods = (zipfile.ZIP_STORED,) * 5
    if len(data) < 2**16:  # compressing more takes longer than reading it
        methods += (zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", random.choice(methods)) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, random.choice(methods))
    return buffer.getvalue()


def _safetensors(data: bytes, random: Random) -> bytes:
    """A changed header, whose length is stated rightly."""
    n_bytes = int.from_bytes(data[:8], "little")
    header = changed_json(data[8 : 8 + n_bytes], random)
    return struct.pack("<Q", len(header)) + header + data[8 + n_bytes :]


def _ogg(data: bytes, random: Random) -> bytes:
    """Changed pages with right checksums: decoders drop others unread."""
    pages = blindly(data, random).split(b"OggS")
    for place, page in enumerate(pages):
        if len(page) > 23:
            blank = b"OggS" + page[:18] + bytes(4) + page[22:]
            pages[place] = page[:18] + struct.pack("<I", _ogg_checksum(blank)) + page[22:]
    return b"OggS".join(pages)


def _ogg_checksum(page: bytes) -> int:
    table, checksum = _checksum_table(), 0
    for byte in page:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ table[checksum >> 24 ^ byte]
    return checksum


@cache
def _checksum_table() -> tuple[int, ...]:
    """Of CRC-32 as in Ogg: the polynomial 0x04C11DB7, not reflected."""
    table = []
    for value in range(256):
        value <<= 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return tuple(table)


def tfrecord(content: bytes) -> bytes:
    """One record: its length, its content, and a checksum of each."""
    length = struct.pack("<Q", len(content))
    return length + _masked_crc(length) + content + _masked_crc(content)


def _masked_crc(content: bytes) -> bytes:
    """As TensorFlow writes it: CRC-32C, rotated and shifted."""
    crc = google_crc32c.value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32)


def _tfrecords(data: bytes, random: Random) -> bytes:
    """A changed first record with right checksums, before the others."""
    end = 12 + int.from_bytes(data[:8], "little")
    return tfrecord(blindly(data[12:end], random)) + data[end + 4 :]


STRUCTURES: dict[str, Callable[[bytes, Random], bytes]] = {
    ".json": changed_json,
    ".jsonl": _json_lines,
    ".csv": _table,
    ".npz": _archive,
    ".tar": _archive,
    ".safetensors": _safetensors,
    ".ogg": _ogg,
    ".oga": _ogg,
    ".opus": _ogg,
    ".tfrecord": _tfrecords,
}
