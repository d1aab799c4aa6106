"""What a piece of music is: a song, the players' parts, and the instruments of General MIDI.

Times are in beats, keys are MIDI numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from train.data.tables import read_table

INSTRUMENTS_FILE = Path(__file__).with_name("instruments.csv")
SECONDS = 8.0
DRUM_CHANNEL = 9
MODULATION, VOLUME, PAN, EXPRESSION, PEDAL, REVERB, CHORUS = 1, 7, 10, 11, 64, 91, 93
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "phrygian dominant": (0, 1, 4, 5, 7, 8, 10),
}
# Steps of the scale that a chord is built on, one a bar.
PROGRESSIONS = [
    (0, 3, 4, 0),
    (0, 4, 5, 3),
    (0, 5, 3, 4),
    (1, 4, 0, 5),
    (0, 5, 1, 4),
    (0, 6, 5, 6),
    (0, 3, 0, 4),
    (0, 0, 3, 0),
    (5, 3, 0, 4),
    (0, 2, 3, 4),
]


@dataclass(frozen=True)
class Note:
    start: float
    length: float
    key: int
    velocity: float = 0.75  # of 127


Register = tuple[int, int]
Texture = Callable[[np.random.Generator, "Song", Register], list[Note]]


@dataclass(frozen=True)
class Song:
    """What the players of a piece share; `tempo` in beats a minute, `degrees` one chord a bar."""

    tempo: float
    beats: int
    tonic: int
    scale: tuple[int, ...]
    degrees: tuple[int, ...]
    chord_size: int
    swing: float

    @property
    def bars(self) -> int:
        """Enough bars to fill the piece; the last one may be cut."""
        return math.ceil(SECONDS * self.tempo / 60 / self.beats)

    def starts(self) -> np.ndarray:
        return np.arange(self.bars) * self.beats

    def key(self, step: int) -> int:
        """The MIDI number of a step of the scale."""
        octave, place = divmod(step, len(self.scale))
        return self.tonic + 12 * octave + self.scale[place]

    def chord_steps(self, bar: int) -> list[int]:
        degree = self.degrees[bar % len(self.degrees)]
        if self.chord_size == 2:  # a power chord: root and fifth
            return [degree, degree + 4]
        return [degree + 2 * third for third in range(self.chord_size)]

    def chord(self, bar: int, near: float) -> list[int]:
        """The chord of a bar, each of its notes in the octave around `near`."""
        keys = (self.key(step) for step in self.chord_steps(bar))
        return sorted(key + 12 * round((near - key) / 12) for key in keys)

    def root(self, bar: int, register: Register) -> int:
        """The lowest root of a bar's chord in the register."""
        return register[0] + (self.key(self.chord_steps(bar)[0]) - register[0]) % 12


@dataclass
class Part:
    """One player: `program` a General MIDI one, `controls` (beat, controller, value of 127) and
    `bends` (beat, semitones).
    """

    channel: int
    program: int
    notes: list[Note]
    controls: list[tuple[float, int, int]] = field(default_factory=list)
    bends: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Score:
    """A piece; `tempo` in beats a minute, `room` the size of the reverb's room in [0, 1]."""

    tempo: float
    parts: list[Part]
    room: float


@dataclass(frozen=True)
class Instrument:
    """A General MIDI program, its natural register, and its manner of playing (see MANNERS)."""

    program: int
    name: str
    category: str
    register: Register
    manner: str


@cache
def instruments() -> tuple[Instrument, ...]:
    """The 128 programs of General MIDI, in order."""
    return tuple(
        Instrument(
            program=int(row["program"]),
            name=row["name"],
            category=row["category"],
            register=(int(row["low"]), int(row["high"])),
            manner=row["manner"],
        )
        for row in read_table(INSTRUMENTS_FILE, needed=("program", "name", "low", "high", "manner"))
    )


def random_song(
    rng: np.random.Generator,
    tempo: tuple[float, float],
    scales: tuple[str, ...] = ("major", "minor"),
    beats: int = 4,
    chord_size: int = 3,
    swing: float = 0.0,
) -> Song:
    """A song in a random key, its tempo within a range in beats a minute."""
    return Song(
        tempo=rng.uniform(*tempo),
        beats=beats,
        tonic=int(rng.integers(12)),
        scale=SCALES[scales[rng.integers(len(scales))]],
        degrees=PROGRESSIONS[rng.integers(len(PROGRESSIONS))],
        chord_size=chord_size,
        swing=swing,
    )


@dataclass(frozen=True)
class Kind:
    """A kind of piece; `category` is one of the table of categories, or empty."""

    name: str
    category: str
    compose: Callable[[np.random.Generator], Score]
