"""From a file or its bytes to blocks of mono samples, whatever its format and however long.

libsndfile reads its own formats; what phones and browsers record, `containers` reads.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import soundfile

from audioset_demo.errors import AudioError

AUDIO_EXTENSIONS: tuple[str, ...] = (
    "wav", "flac", "ogg", "oga", "opus", "mp3", "aiff", "aif", "aifc",
    "m4a", "mp4", "mov", "3gp", "aac", "amr", "webm", "mka", "mkv",
)  # fmt: skip

_FORMATS = "WAV, FLAC, OGG, MP3, AIFF, M4A or WebM"
# libsndfile also opens old formats without a reliable signature; those would let noise through.
_SNDFILE_FORMATS = {"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3", "AIFF"}
_SNDFILE_UNKNOWN_LENGTH = 2**63 - 1  # frames "stated" by a FLAC that was written to a pipe

# Signatures at a byte offset. Containers have their demuxer (FFmpeg's name) and their own name.
_CONTAINERS = (
    (4, b"ftyp", "mov", "MP4, M4A, MOV or 3GP"),
    (4, b"moov", "mov", "MOV"),  # QuickTime, before there was ftyp
    (4, b"mdat", "mov", "MOV"),
    (4, b"wide", "mov", "MOV"),
    (0, b"\x1aE\xdf\xa3", "matroska", "WebM or Matroska"),
    (0, b"\xff\xf1", "aac", "AAC"),
    (0, b"\xff\xf9", "aac", "AAC"),
    (0, b"#!AMR", "amr", "AMR"),
)
_OTHER_FORMATS = (
    (0, b"0&\xb2u\x8ef\xcf\x11", "a WMA or WMV file"),
    (0, b"MThd", "a MIDI file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"#EXTM3U", "a playlist, which holds no sound itself"),
)
_KNOWN_FORMATS = (
    (0, b"RIFF", "WAV"),
    (0, b"RF64", "WAV"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "OGG"),
    (0, b"ID3", "MP3"),
    (0, b"\xff\xfb", "MP3"),
    (0, b"FORM", "AIFF"),
)

# Frames decoded at a time; where a damaged file makes libsndfile fail, no more than one block of
# good sound is lost.
_BLOCK_FRAMES = 2**14


@dataclass(frozen=True)
class AudioLimits:
    """The largest sound that is decoded; exceeding any of them raises `AudioError`."""

    max_bytes: int = 4 * 2**30  # bytes; as much as a WAV header can state
    max_duration_s: float = 4 * 3600.0  # seconds
    max_samples: int = 4 * 3600 * 48_000  # after the mean over channels; 2.8 GB as float32
    max_channels: int = 64
    min_sample_rate: int = 1_000  # Hz
    max_sample_rate: int = 768_000  # Hz


class Decoder(Protocol):
    """What reads one kind of file.

    Attributes
    ----------
    format : its name for the user.
    n_samples : of each channel, as the header states; None where it does not.
    broke_off : whether decoding ended before the file did. Known once all blocks were read.
    n_left_out : damaged parts that were passed over, likewise.
    """

    format: str
    sample_rate: int
    n_channels: int
    n_samples: int | None
    broke_off: bool
    n_left_out: int

    def blocks(self) -> Iterator[np.ndarray]:
        """(n, channels) float32, in [-1, 1] as integers are scaled."""

    def close(self) -> None: ...


class Sound:
    """An open sound file, to be read once and forwards. Close it, or use it in a `with`.

    Attributes
    ----------
    name : file name shown to the user.
    sample_rate : samples per second (Hz).
    duration_s : seconds as stated by the header, None where it states none. Decoding tells.
    notes : remarks for the user, e.g. that the file ends before the length it states; complete
        once all blocks were read.
    """

    def __init__(self, decoder: Decoder, name: str, limits: AudioLimits, resources):
        self._decoder, self._limits, self._resources = decoder, limits, resources
        self.name = name
        self.sample_rate = decoder.sample_rate
        stated = decoder.n_samples
        self.duration_s = None if stated is None else stated / decoder.sample_rate
        self.notes: tuple[str, ...] = ()

    def blocks(self) -> Iterator[np.ndarray]:
        """Blocks of mono samples: (n,) float32, finite, n >= 1; at least one.

        Raises
        ------
        AudioError : nothing can be decoded, NaN or infinity among the samples, or more of them
            than the limits allow.
        """
        n = 0
        for channels in self._decoder.blocks():
            block = _mean(channels)
            check_finite(block, self.sample_rate, self.name, first=n)
            n += len(block)
            _check_length(n, self.sample_rate, self.name, self._limits)
            yield block
        decoder = self._decoder
        if not n:
            if decoder.broke_off or decoder.n_left_out:
                raise AudioError(_damaged(decoder.format, self.name))
            raise AudioError(f"{self.name}: holds no samples; record or export the sound again")
        # Lengths in MP3 headers are estimates, so only a clear shortfall is worth a remark.
        if decoder.broke_off or n < 0.95 * (decoder.n_samples or 0):
            self.notes = (
                f"the file is damaged or cut off: only its first {n / self.sample_rate:.2f} s "
                "could be decoded",
            )
        elif decoder.n_left_out:
            self.notes = (
                f"the file is damaged: {decoder.n_left_out} parts of it (packets) could not be "
                "decoded and are left out",
            )

    def close(self) -> None:
        self._resources.close()

    def __enter__(self) -> Sound:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def open_sound(
    source: str | Path | bytes, name: str | None = None, limits: AudioLimits | None = None
) -> Sound:
    """Open a sound file at its own sample rate.

    WAV, FLAC, OGG (Vorbis, Opus), MP3 and AIFF; M4A, MP4, MOV and 3GP, WebM and Matroska, AAC and
    AMR. Of a file with pictures, the first sound track is read. The kind is told by the content,
    never by the name, and nothing that a file refers to is ever opened.

    Parameters
    ----------
    source : path of the file, or its bytes.
    name : shown to the user in results and errors; by default the file's name.
    limits : checked against the header before any decoding, and again while decoding.

    Raises
    ------
    AudioError : not a readable sound, or one beyond the limits.
    """
    limits = limits or AudioLimits()
    with contextlib.ExitStack() as resources:
        if isinstance(source, bytes):
            name = name or "sound"
            stream: BinaryIO = io.BytesIO(source)
            n_bytes = len(source)
        else:
            path = Path(source)
            name = name or path.name
            stream = resources.enter_context(_open_file(path, name))
            n_bytes = path.stat().st_size
        _check_bytes(n_bytes, name, limits)
        decoder = resources.enter_context(contextlib.closing(_decoder(stream, name)))
        _check_header(decoder, name, limits)
        return Sound(decoder, name, limits, resources.pop_all())


def check_finite(samples: np.ndarray, sample_rate: int, name: str, first: int = 0) -> None:
    """Raise `AudioError` if NaN or infinity is among samples, of which `first` came before."""
    # min and max pass NaN and infinity on, and need no array of their own.
    if not (np.isfinite(samples.min()) and np.isfinite(samples.max())):
        place = first + int(np.flatnonzero(~np.isfinite(samples))[0])
        raise AudioError(
            f"{name}: holds NaN or infinite samples, the first at {place / sample_rate:.3f} s; "
            "export the sound again, e.g. as 16-bit PCM"
        )


def _open_file(path: Path, name: str) -> BinaryIO:
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "no such file"
            raise AudioError(f"{name}: {what} ({path}); give the path of a {_FORMATS} file")
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(f"{name}: cannot be opened ({reason}); check the path") from error


def _decoder(stream: BinaryIO, name: str) -> Decoder:
    """The decoder for what a stream holds, told by how it starts."""
    head = stream.read(512)
    stream.seek(0)
    for offset, signature, demuxer, title in _CONTAINERS:
        if head[offset:].startswith(signature):
            from audioset_demo.audio import ffmpeg  # FFmpeg, which other files do not need

            try:
                return ffmpeg.ContainerFile(ForgivingStream(stream), demuxer, title)
            except ffmpeg.Unreadable as error:
                raise AudioError(f"{name}: {error}; export it again as {_FORMATS}") from error
    try:
        file = _SndFile(stream)
    except soundfile.LibsndfileError as error:
        # libsndfile's own message shows an object's address, so it is not passed on.
        raise AudioError(_unreadable(head, name)) from error
    if file.format not in _SNDFILE_FORMATS:
        file.close()
        raise AudioError(f"{name}: {file.title} is not supported; convert it to {_FORMATS}")
    return file


class ForgivingStream:
    """A stream whose seeks never raise.

    Damaged headers send decoders to places before the start; an exception there would be
    printed to stderr with its traceback. Having no name, it also keeps soundfile from judging
    by the extension.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.read, self.readinto, self.tell = stream.read, stream.readinto, stream.tell
        self._seek = stream.seek

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with contextlib.suppress(ValueError, OSError):
            self._seek(offset, whence)
        return self.tell()


class _ForwardFile(soundfile.SoundFile):
    """A sound file read forwards only.

    soundfile seeks after every read where it can, which fails on FLAC files of unknown length.
    """

    def seekable(self) -> bool:
        return False


class _SndFile:
    """A file that libsndfile reads."""

    n_left_out = 0

    def __init__(self, stream: BinaryIO) -> None:
        self._file = _ForwardFile(ForgivingStream(stream))
        self.format, self.title = self._file.format, self._file.format_info
        self.sample_rate, self.n_channels = self._file.samplerate, self._file.channels
        stated = self._file.frames
        self.n_samples = None if stated == _SNDFILE_UNKNOWN_LENGTH else stated
        self.broke_off = False

    def blocks(self) -> Iterator[np.ndarray]:
        read = self._file.read
        # The last block of a damaged file fails as a whole; those before it are kept.
        try:
            while len(block := read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
                yield block
        except soundfile.LibsndfileError:
            self.broke_off = True

    def close(self) -> None:
        self._file.close()


def _mean(channels: np.ndarray) -> np.ndarray:
    """(n, channels) to their mean, (n,) float32."""
    if channels.shape[1] == 1:
        return channels[:, 0]
    with np.errstate(invalid="ignore", over="ignore"):
        total = channels[:, 0].astype(np.float64)
        for channel in channels.T[1:]:
            total += channel
        return (total / channels.shape[1]).astype(np.float32)


def _check_bytes(n_bytes: int, name: str, limits: AudioLimits) -> None:
    if n_bytes == 0:
        raise AudioError(f"{name}: the file is empty (0 bytes); record or export the sound again")
    if n_bytes > limits.max_bytes:
        raise AudioError(
            f"{name}: {n_bytes / 1e6:,.1f} MB, above the limit of {limits.max_bytes / 1e6:,.1f} "
            "MB; cut it into shorter pieces"
        )


def _check_length(n_samples: int, sample_rate: int, name: str, limits: AudioLimits) -> None:
    if n_samples > limits.max_duration_s * sample_rate:
        raise AudioError(
            f"{name}: lasts {n_samples / sample_rate:,.1f} s or more, above the limit of "
            f"{limits.max_duration_s:,.0f} s; cut it into shorter pieces"
        )
    if n_samples > limits.max_samples:
        raise AudioError(
            f"{name}: {n_samples:,} samples or more at {sample_rate} Hz, above the limit of "
            f"{limits.max_samples:,}; cut it into shorter pieces or lower its sample rate"
        )


def _check_header(decoder: Decoder, name: str, limits: AudioLimits) -> None:
    """Everything the header states, before anything is decoded."""
    if decoder.n_channels > limits.max_channels:
        raise AudioError(
            f"{name}: {decoder.n_channels} channels, above the limit of {limits.max_channels}; "
            "mix it down to mono or stereo"
        )
    if not limits.min_sample_rate <= decoder.sample_rate <= limits.max_sample_rate:
        raise AudioError(
            f"{name}: sample rate {decoder.sample_rate} Hz, outside {limits.min_sample_rate:,} to "
            f"{limits.max_sample_rate:,} Hz; resample it, e.g. to 16000 Hz"
        )
    if decoder.n_samples is not None:
        _check_length(decoder.n_samples, decoder.sample_rate, name, limits)


def _unreadable(head: bytes, name: str) -> str:
    """Why a file that starts with `head` could not be opened, and what to do."""
    for offset, signature, what in _OTHER_FORMATS:
        if head[offset:].startswith(signature):
            return f"{name}: is {what}, which is not supported; convert it to {_FORMATS}"
    for offset, signature, what in _KNOWN_FORMATS:
        if head[offset:].startswith(signature):
            return _damaged(what, name)
    if all(byte in b"\t\n\f\r" or byte >= 0x20 for byte in head):
        return f"{name}: holds text, not sound; give a {_FORMATS} file"
    return f"{name}: not a sound that can be decoded; give a {_FORMATS} file"


def _damaged(what: str, name: str) -> str:
    return (
        f"{name}: starts like {what} but cannot be decoded: it is damaged, cut off or "
        f"uses an unsupported codec; export it again as {_FORMATS}"
    )
