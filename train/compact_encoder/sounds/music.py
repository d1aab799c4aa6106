"""Played music: solo instruments, drums and ensembles, by FluidSynth with the FluidR3 soundfont.

Recordings of music are few; these add all instruments of General MIDI. FluidSynth and the
soundfont are Debian packages, MIDI is written with the package `mido`; only this training needs
them. A piece depends on (seed, its place) alone.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import soundfile
import soxr
from tqdm import tqdm

from audioset_demo.encoders.logmel import SAMPLE_RATE
from audioset_demo.errors import DataError
from audioset_demo.storage import new_folder
from train.compact_encoder.sounds.bands import kind_of
from train.compact_encoder.sounds.categories import CategoryTable
from train.compact_encoder.sounds.readings import write_flac
from train.compact_encoder.sounds.recordings import Recording
from train.compact_encoder.sounds.score import SECONDS, Score

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
# FluidSynth does not filter what it resamples (sounds of 44.1 kHz). At this rate, unlike 16 kHz,
# what folds back lies above the 8 kHz that are kept; it takes two thirds of the time of 44.1 kHz.
PLAYED_RATE = 32_000
PEAK_RANGE_DB = (-12.0, -1.0)
FADE_S = 0.03
TIME_OUT_S = 60
TICKS_A_BEAT = 480
ALL_SOUND_OFF = 120  # a controller
BEND_RANGE = 2.0  # semitones, General MIDI's default
_STREAM = 4  # keeps these random numbers apart from those of other sounds


def check_fluidsynth(soundfont: Path = SOUNDFONT) -> None:
    """Raise a DataError, with the remedy, unless music can be played."""
    missing = [
        f"{what}, which is not installed. Install it with `{command}`"
        for there, what, command in (
            (shutil.which("fluidsynth"), "FluidSynth", "apt install fluidsynth"),
            (soundfont.is_file(), f"the soundfont {soundfont}", "apt install fluid-soundfont-gm"),
            (find_spec("mido"), "mido", "pip install mido"),
        )
        if not there
    ]
    if missing:
        raise DataError(f"Played music needs {missing[0]}, or train without it with --music 0.")


def pieces(
    folder: Path, count: int, table: CategoryTable, seed: int, soundfont: Path = SOUNDFONT
) -> list[Recording]:
    """`count` pieces of about 8 s, written to `folder` if they are not there yet.

    Raises
    ------
    DataError : if FluidSynth fails.
    """
    played = folder / f"pieces_{count}"
    if not played.is_dir():
        _write(played, count, seed, soundfont)
    kinds = [kind_of(place) for place in range(count)]
    return [
        Recording(
            path=played / f"{place:04d}.flac",
            collection="fluidr3",
            category=table.find(kind.category, ""),
            source=f"fluidr3 {kind.name}",
            licence="MIT",
            attribution="FluidR3 GM soundfont (Frank Wen), played by FluidSynth",
            listed=False,
            held_out=False,
        )
        for place, kind in enumerate(kinds)
    ]


def _write(folder: Path, count: int, seed: int, soundfont: Path) -> None:
    with new_folder(folder) as part:
        for place in tqdm(range(count), desc="played music", unit="piece"):
            rng = np.random.default_rng([seed, _STREAM, place])
            samples = play(kind_of(place).compose(rng), soundfont)
            samples *= 10 ** (rng.uniform(*PEAK_RANGE_DB) / 20) / np.abs(samples).max()
            write_flac(part / f"{place:04d}.flac", samples)


def play(score: Score, soundfont: Path = SOUNDFONT) -> np.ndarray:
    """(n,) float32 samples at 16 kHz of the first 8 s, with a short fade at the end.

    Raises
    ------
    DataError : if FluidSynth fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        midi, sound = Path(folder, "piece.mid"), Path(folder, "piece.wav")
        write_midi(score, midi)
        _fluidsynth(midi, sound, soundfont, score.room)
        samples, rate = soundfile.read(sound, dtype="float32", always_2d=True)
    mono = soxr.resample(samples.mean(axis=1), rate, SAMPLE_RATE)[: round(SECONDS * SAMPLE_RATE)]
    fade = round(FADE_S * SAMPLE_RATE)
    mono[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return mono


def _fluidsynth(midi: Path, sound: Path, soundfont: Path, room: float) -> None:
    command = ["fluidsynth", "-q", "-ni", "-g", "0.5", "-r", str(PLAYED_RATE), "-O", "float"]
    # Reading only the instruments that are played halves the time of a short piece.
    command += ["-T", "wav", "-o", "synth.dynamic-sample-loading=1"]
    command += ["-o", f"synth.reverb.room-size={room:.3f}"]
    command += ["-F", str(sound), str(soundfont), str(midi)]
    try:
        done = subprocess.run(
            command, check=True, capture_output=True, timeout=TIME_OUT_S, text=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        fault = str(error)
    else:
        # FluidSynth takes its own soundfont if it cannot read this one, and still succeeds.
        fault = done.stderr.strip() if "error" in done.stderr else ""
    if fault:
        raise DataError(
            f"FluidSynth could not play a piece with {soundfont} ({fault}). Install the packages "
            "fluidsynth (2.3 or later) and fluid-soundfont-gm again, or train without music: "
            "--music 0."
        )


def write_midi(score: Score, path: Path) -> None:
    """Write the first 8 s of a score as a MIDI file of one track."""
    import mido

    last = SECONDS * score.tempo / 60
    events: list[tuple[float, int, mido.Message]] = []  # beat, order at one beat, message
    for part in score.parts:
        channel = part.channel
        program = mido.Message("program_change", channel=channel, program=part.program)
        events.append((0, 0, program))
        for beat, number, value in part.controls:
            change = mido.Message("control_change", channel=channel, control=number, value=value)
            events.append((beat, 2, change))
        for beat, semitones in part.bends:
            pitch = round(semitones / BEND_RANGE * 8191)
            events.append((beat, 2, mido.Message("pitchwheel", channel=channel, pitch=pitch)))
        for note in part.notes:
            loud, end = round(127 * note.velocity), note.start + note.length
            on = mido.Message("note_on", channel=channel, note=note.key, velocity=loud)
            off = mido.Message("note_off", channel=channel, note=note.key)
            events += [(note.start, 3, on), (end, 1, off)]
        silence = mido.Message("control_change", channel=channel, control=ALL_SOUND_OFF)
        events.append((last, 4, silence))
    events = sorted((event for event in events if event[0] <= last), key=lambda event: event[:2])
    track = mido.MidiTrack(
        [mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(score.tempo), time=0)]
    )
    now = 0
    for beat, _, message in events:
        tick = round(beat * TICKS_A_BEAT)
        track.append(message.copy(time=tick - now))
        now = tick
    mido.MidiFile(ticks_per_beat=TICKS_A_BEAT, tracks=[track]).save(path)
