"""What a sound file is, by its content and never by its name.

A file is a stranger's: the demuxer is forced by what is found here, never guessed by FFmpeg.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from audioset_demo.audio import chunks, matroska, mp4, mpeg, ogg
from audioset_demo.audio.bytestream import ByteStream

# Every extension that is read: the uploader takes these.
AUDIO_EXTENSIONS: tuple[str, ...] = (
    "wav", "wave", "w64", "rf64", "flac", "ogg", "oga", "ogv", "ogx", "opus", "spx", "mp3", "mp2",
    "mpga", "aiff", "aif", "aifc", "caf", "au", "snd", "m4a", "m4b", "m4r", "m4v", "mp4", "mov",
    "qt", "qta", "3gp", "3ga", "3g2", "aac", "adts", "amr", "awb", "webm", "weba", "mka", "mkv",
    "wma", "wmv", "asf", "avi",
)  # fmt: skip
# For messages: what is at hand everywhere.
FORMATS = "WAV, FLAC, OGG, MP3, AIFF, M4A or WebM"

_HEAD_BYTES = 2**17  # within which a capture's first whole frame or page must come


class Unreadable(Exception):
    """Why a file cannot be read, and what to do: sentences of which its name is the subject."""


@dataclass(frozen=True)
class Source:
    """Where in a file the sound is, and how it is read.

    Attributes
    ----------
    title : of the format, for the user.
    demuxer : FFmpeg's name; "free-format mp3" for what it cannot read.
    parts : one after another, where files were joined; each is opened by itself.
    is_cut : whether the file ends within the samples, page, box or frame that stands at its end.
    is_capture : whether it begins within a frame or page; then it may well end within one.
    """

    title: str
    demuxer: str
    parts: tuple[ByteStream, ...]
    is_cut: bool = False
    is_capture: bool = False


def identify(stream: ByteStream) -> Source:
    """What a file is; `Unreadable` if nothing that is read."""
    start = _after_tags(stream)
    sound = stream.part(start) if start else stream
    head = sound.at(0, _HEAD_BYTES)
    for offset, signature, read in _SIGNATURES:
        if head[offset:].startswith(signature) and (source := read(sound)):
            return source
    if not _is_other(head):
        for read_frames in _FRAMES:
            if source := read_frames(sound, head):
                return source
        if b"OggS" in head:
            return _ogg(sound)
    raise Unreadable(_unreadable(head, stream.at(0, 3)))


def _after_tags(stream: ByteStream) -> int:
    """Where the tags (ID3v2, APE) before a sound end, and what fills the space behind them."""
    place = 0
    while stream.at(place, 8).startswith((b"ID3", b"APETAGEX")):
        end = mpeg.after_tag(stream, place)
        if end is None or end >= stream.size:
            break
        place = end
        filler = stream.at(place, 2**14)
        place += len(filler) - len(filler.lstrip(b"\0"))
    return place


def _wav(layout: chunks.Layout, title: str, demuxer: str, form: bytes = b"", at: int = 8):
    """A reader of one kind of files of chunks; `form` says at `at` what the chunks hold."""

    def read(stream: ByteStream) -> Source | None:
        if not stream.at(at, 4).startswith(form):
            return None
        parts = []
        while True:
            samples = chunks.find_samples(stream, layout)
            parts.append(samples.stream)
            if samples.end is None:
                return Source(title, demuxer, tuple(parts), samples.is_cut)
            stream = stream.part(samples.end)

    return read


def _mp4(stream: ByteStream) -> Source:
    try:
        boxes = mp4.checked(stream)
    except mp4.TooMany as error:
        raise Unreadable(damaged(_MP4)) from error
    return Source(_MP4, "mov", (boxes.stream,), boxes.is_cut)


def _matroska(stream: ByteStream) -> Source:
    parts, is_cut = matroska.parts(stream)
    return Source("WebM or Matroska", "matroska", parts, is_cut)


def _ogg(stream: ByteStream) -> Source:
    links = ogg.links(stream)
    is_capture = not ogg.starts_stream(links.parts[0].at(0, 6))
    parts = tuple(map(ogg.without_vorbis_end, links.parts))
    return Source("OGG", "ogg", parts, links.is_cut, is_capture)


def _joined(title: str, demuxer: str, signatures: tuple[bytes, ...]):
    """A reader of files without a stated length; each begins with one of the signatures."""

    def read(stream: ByteStream) -> Source:
        found = stream.find((signatures[0][:4],), 1)
        starts = [0, *(at for at in found if stream.at(at, 9).startswith(signatures))]
        parts = map(stream.part, starts, [*starts[1:], stream.size])
        return Source(title, demuxer, tuple(parts))

    return read


def _avi(stream: ByteStream) -> Source | None:
    if stream.at(8, 4) != b"AVI ":
        return None
    stated = int.from_bytes(stream.at(4, 4), "little")
    is_cut = stream.size < stated + 8 < chunks.WAV.unknown
    return Source("AVI", "avi", (stream,), is_cut)


def _plain(title: str, demuxer: str):
    return lambda stream: Source(title, demuxer, (stream,))


def _frames(title: str, demuxer: str, header: mpeg.Header):
    """A reader of a stream of frames."""

    def read(stream: ByteStream, head: bytes) -> Source | None:
        start = mpeg.first_frame(head, header)
        if start is None:
            return None
        frames = mpeg.without_tags(stream.part(start), header)
        is_cut = mpeg.ends_within_frame(frames, header)
        return Source(title, demuxer, (frames,), is_cut, is_capture=start > 0)

    return read


def _free_format(stream: ByteStream, head: bytes) -> Source | None:
    start = mpeg.first_free_format_frame(head)
    return None if start is None else Source("MP3", "free-format mp3", (stream.part(start),))


_MP4 = "MP4, M4A, MOV or 3GP"
_FLAC_STARTS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
_AMR_STARTS = (b"#!AMR\n", b"#!AMR-WB\n")
_W64_RIFF = b"riff.\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"

_SIGNATURES: tuple[tuple[int, bytes, Callable[[ByteStream], Source | None]], ...] = (
    (0, b"RIFF", _wav(chunks.WAV, "WAV", "wav", b"WAVE")),
    (0, b"RF64", _wav(chunks.WAV, "WAV", "wav")),
    (0, b"BW64", _wav(chunks.WAV, "WAV", "wav")),
    (0, b"RIFX", _wav(chunks.RIFX, "WAV", "wav", b"WAVE")),
    (0, _W64_RIFF, _wav(chunks.W64, "WAV", "w64")),
    (0, b"FORM", _wav(chunks.AIFF, "AIFF", "aiff", b"AIF")),
    (0, b"caff\x00\x01", _wav(chunks.CAF, "CAF", "caf")),
    (0, b".snd\x00\x00\x00", _plain("AU", "au")),
    (0, b"fLaC", _joined("FLAC", "flac", _FLAC_STARTS)),
    (0, b"OggS", _ogg),
    (4, b"ftyp", _mp4),
    (4, b"moov", _mp4),  # QuickTime, before there was ftyp
    (4, b"mdat", _mp4),
    (4, b"wide", _mp4),
    (4, b"free", _mp4),
    (4, b"skip", _mp4),
    (4, b"styp", _mp4),
    (0, matroska.EBML, _matroska),
    (0, b"#!AMR", _joined("AMR", "amr", _AMR_STARTS)),
    (0, b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\x00\xaa\x00b\xcel", _plain("WMA or WMV", "asf")),
    (0, b"RIFF", _avi),
)
# What has no signature, but frames that follow one another.
_FRAMES = (
    _frames("MP3", "mp3", mpeg.mpeg_header),
    _frames("AAC", "aac", mpeg.adts_header),
    _free_format,
)
_OTHER_FORMATS = (
    (0, b"MThd", "a MIDI file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"#EXTM3U", "a playlist, which holds no sound itself"),
    (0, b"wvpk", "a WavPack file"),
    (0, b"MAC ", "a Monkey's Audio file"),
)
# What is damaged at the start still shows what it was.
_STARTS = (
    (b"RIFF", "WAV"),
    (b"FORM", "AIFF"),
    (b"ID3", "MP3"),
    (b"\xff\xfb", "MP3"),
    (b"\xff\xf3", "MP3"),
    (b"\xff\xf1", "AAC"),
    (b"\xff\xf9", "AAC"),
)


def damaged(title: str) -> str:
    """What to say of a file that starts well and cannot be decoded, as `Unreadable`."""
    return (
        f"starts like {title} but is damaged, cut off or in a codec that is not supported. "
        f"Export it again as {FORMATS}."
    )


def _is_other(head: bytes) -> bool:
    return any(head[offset:].startswith(signature) for offset, signature, _ in _OTHER_FORMATS)


def _unreadable(head: bytes, first: bytes) -> str:
    """Why a file is no sound that is read, and what to do."""
    for offset, signature, what in _OTHER_FORMATS:
        if head[offset:].startswith(signature):
            return f"is {what}, which is not supported. Convert it to {FORMATS}."
    for signature, title in _STARTS:
        if head.startswith(signature) or first.startswith(signature):
            return damaged(title)
    if all(byte in b"\t\n\f\r" or byte >= 0x20 for byte in head[:512]):
        return f"holds text, not sound. Give a {FORMATS} file."
    return f"is not a sound that can be decoded. Give a {FORMATS} file."
