"""Small sound files, and what is done to their bytes: joined, tagged, cut, with other numbers."""

import struct
from pathlib import Path

from tests.sounds import by_ffmpeg, by_libsndfile, sweeps

MP3 = by_libsndfile(sweeps(16_000, 1, 2), 16_000, "MP3")
MP3_STEREO = by_libsndfile(sweeps(44_100, 2, 2), 44_100, "MP3")
VORBIS = by_libsndfile(sweeps(16_000, 1, 2), 16_000, "OGG", "VORBIS")
VORBIS_STEREO = by_libsndfile(sweeps(48_000, 2, 2), 48_000, "OGG", "VORBIS")
OPUS = by_libsndfile(sweeps(48_000, 1, 2), 48_000, "OGG", "OPUS")
OPUS_STEREO = by_libsndfile(sweeps(48_000, 2, 2), 48_000, "OGG", "OPUS")
FLAC = by_libsndfile(sweeps(16_000, 1, 2), 16_000, "FLAC")
FLAC_STEREO = by_libsndfile(sweeps(48_000, 2, 2), 48_000, "FLAC", "PCM_24")
OGG_FLAC = by_ffmpeg(sweeps(44_100, 2, 2), 44_100, "flac", "ogg")
ADTS = by_ffmpeg(sweeps(44_100, 2, 2), 44_100, "aac", "adts")
ADTS_MONO = by_ffmpeg(sweeps(48_000, 1, 2), 48_000, "aac", "adts")
# sweeps(8_000, 1, 2), encoded with libopencore_amrnb, which PyAV has no more since 19.
AMR = (Path(__file__).parent / "cases" / "sweeps.amr").read_bytes()
WEBM = by_ffmpeg(sweeps(48_000, 1, 2), 48_000, "libopus", "webm")
LIVE_WEBM = by_ffmpeg(sweeps(48_000, 1, 2), 48_000, "libopus", "webm", live="1")
WAV = by_libsndfile(sweeps(16_000, 1, 2))
WAV_STEREO = by_libsndfile(sweeps(44_100, 2, 2), 44_100)
LIST = b"LIST" + struct.pack("<I", 4) + b"INFO"


def with_number(data: bytes, mark: bytes, offset: int, packing: str, number: int) -> bytes:
    """The same with another number at an offset from the first place of a mark."""
    changed = bytearray(data)
    struct.pack_into(packing, changed, data.index(mark) + offset, number)
    return bytes(changed)


def with_crc(adts: bytes) -> bytes:
    """Frames that have room for a checksum, which decoders do not check."""
    frames, place = [], 0
    while place < len(adts):
        length = (adts[place + 3] & 3) << 11 | adts[place + 4] << 3 | adts[place + 5] >> 5
        head, longer = bytearray(adts[place : place + 7]), length + 2
        head[1] &= 0xFE
        head[3] = head[3] & 0xFC | longer >> 11
        head[4] = longer >> 3 & 255
        head[5] = (longer & 7) << 5 | head[5] & 31
        frames.append(bytes(head) + b"\0\0" + adts[place + 7 : place + length])
        place += length
    return b"".join(frames)


def free_format(mp3: bytes) -> bytes:
    """Frames of one length whose bit rate is not stated: 128 kbit/s at 48 kHz, 384 bytes."""
    changed = bytearray(mp3)
    for place in range(0, len(mp3) - 3, 384):
        assert mp3[place : place + 2] == b"\xff\xfb"
        changed[place + 2] &= 0x0F
    return bytes(changed)


def without_xing(mp3: bytes) -> bytes:
    """An MP3 without its first frame, which holds no sound but states the length."""
    return mp3[mp3.index(mp3[:2], 4) :]


def xing_that_states(n_frames: int) -> bytes:
    mark = b"Xing" if b"Xing" in MP3 else b"Info"
    return with_number(MP3, mark, 8, ">I", n_frames)


def no_end_of_stream(ogg: bytes) -> bytes:
    """All pages but the last, which has the flag."""
    return ogg[: ogg.rindex(b"OggS")]


def cbr_48k() -> bytes:
    encoded = by_ffmpeg(sweeps(48_000, 2, 2), 48_000, "libmp3lame", "mp3", write_xing="0",
                        id3v2_version="0")  # fmt: skip
    return encoded
