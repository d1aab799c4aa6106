"""How players perform what is written: swing, articulation, swells and slides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from train.compact_encoder.sounds.score import (
    CHORUS,
    EXPRESSION,
    MODULATION,
    PEDAL,
    REVERB,
    Instrument,
    Note,
    Part,
    Register,
    Song,
    Texture,
)

SHORTEST = 0.02  # beats
BENT = ("line", "guitar", "distorted", "lead")  # manners with slides into notes
SWELLING = ("line", "section", "pad")


def performed(rng: np.random.Generator, song: Song, notes: list[Note], tight: float) -> list[Note]:
    """Notes in order, with swing, articulation, phrases of loudness and the unevenness of a hand.

    `tight` is the standard deviation of their starts in seconds.
    """
    articulation = rng.choice([0.45, 0.8, 0.95, 1.03], p=[0.12, 0.28, 0.4, 0.2])
    loudness, phrase = rng.uniform(0.75, 1.3), rng.uniform(0, 0.15)
    played = []
    for note in notes:
        late = song.swing if note.start % 1 == 0.5 else 0.0
        wave = 1 + phrase * np.sin(2 * np.pi * note.start / (4 * song.beats))
        played.append(
            Note(
                start=max(0.0, note.start + late + rng.normal(0, tight) * song.tempo / 60),
                length=note.length * articulation,
                key=note.key,
                velocity=float(
                    np.clip(note.velocity * loudness * wave + rng.normal(0, 0.03), 0.1, 1)
                ),
            )
        )
    return _released(played)


def _released(notes: list[Note]) -> list[Note]:
    """Notes that end before their key is struck again: MIDI has one note a key."""
    following: dict[int, float] = {}
    released = []
    for note in sorted(notes, key=lambda note: note.start, reverse=True):
        gap = following.get(note.key, np.inf) - note.start
        if gap > SHORTEST:
            released.append(replace(note, length=min(note.length, gap - SHORTEST / 2)))
            following[note.key] = note.start
    return released[::-1]


def instrument_part(
    rng: np.random.Generator,
    song: Song,
    channel: int,
    instrument: Instrument,
    texture: Texture,
    register: Register,
) -> Part:
    written = [
        replace(note, key=_in_register(note.key, instrument.register))
        for note in texture(rng, song, register)
    ]
    notes = performed(rng, song, written, rng.uniform(0.001, 0.012))
    part = Part(channel, instrument.program, notes)
    part.controls += [(0, REVERB, int(rng.integers(0, 100))), (0, CHORUS, int(rng.integers(0, 60)))]
    if instrument.manner in SWELLING and rng.random() < 0.6:
        part.controls += _swells(rng, song)
    if instrument.manner in BENT and rng.random() < 0.5:
        part.bends += _slides(rng, song, notes)
    if instrument.manner == "line" and rng.random() < 0.7:
        part.controls.append((0, MODULATION, int(rng.integers(15, 80))))
    if instrument.manner == "keys" and rng.random() < 0.6:
        for start in song.starts():
            part.controls += [(start + 0.1, PEDAL, 127), (start + song.beats - 0.05, PEDAL, 0)]
    return part


def _in_register(key: int, register: Register) -> int:
    """A key, moved by octaves into a register of at least one octave."""
    low, high = register
    if key < low:
        return low + (key - low) % 12
    return high - (high - key) % 12 if key > high else key


def _swells(rng: np.random.Generator, song: Song) -> list[tuple[float, int, int]]:
    period, depth = song.beats * rng.choice([1, 2, 4]), rng.uniform(10, 45)
    beats = np.arange(0, song.bars * song.beats, 0.25)
    levels = 115 - depth * (0.5 + 0.5 * np.cos(2 * np.pi * beats / period))
    return [
        (float(beat), EXPRESSION, int(level)) for beat, level in zip(beats, levels, strict=True)
    ]


def _slides(rng: np.random.Generator, song: Song, notes: list[Note]) -> list[tuple[float, float]]:
    """Some notes are begun below their pitch, by up to two semitones."""
    bends = []
    for note in notes:
        if rng.random() < 0.25 and note.length * 60 / song.tempo > 0.2:
            depth, duration = -float(rng.choice([0.5, 1, 2])), rng.uniform(0.06, 0.18)
            bends += [
                (note.start + share * duration * song.tempo / 60, depth * (1 - share))
                for share in np.linspace(0, 1, 9)
            ]
    return bends
