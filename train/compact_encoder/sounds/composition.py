"""Random pieces of music as notes: solo instruments, drums and ensembles.

A texture writes the notes of one player: it takes a random generator, a song and a register (the
lowest and the highest key, as MIDI numbers). Times are in beats.
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
# Lengths of the notes of a bar, by its beats.
RHYTHMS = {
    3: [(1, 1, 1), (2, 1), (1.5, 0.5, 1), (0.5,) * 6, (1, 0.5, 0.5, 1), (3,)],
    4: [
        (1, 1, 1, 1),
        (0.5,) * 8,
        (1, 0.5, 0.5, 1, 1),
        (1.5, 0.5, 2),
        (0.75, 0.25, 0.5, 0.5, 1, 1),
        (0.5, 1, 0.5, 0.5, 0.5, 1),
        (0.5, 0.25, 0.25) * 4,
        (2, 1, 1),
        (3, 1),
        (1 / 3,) * 3 + (1, 1 / 3, 1 / 3, 1 / 3, 1),
    ],
}
COMPING = [(0,), (0, 2), (0, 1, 2, 3), (0, 1.5, 3), (0.5, 1.5, 2.5, 3.5), (0, 0.75, 1.5, 2.5)]


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
class Kind:
    """A kind of piece; `category` is one of the table of categories, or empty."""

    name: str
    category: str
    compose: Callable[[np.random.Generator], Score]


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


# --- textures -------------------------------------------------------------------------


def _centre(rng: np.random.Generator, register: Register) -> float:
    low, high = register
    return low + (high - low) * rng.uniform(0.3, 0.7)


def melody(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """Two motifs of a bar each, in the order A A B A, on tones of the chord at each bar's start."""
    motifs = []
    for _ in range(2):
        rhythm = RHYTHMS[song.beats][rng.integers(len(RHYTHMS[song.beats]))]
        moves = rng.choice([-3, -2, -1, -1, 0, 1, 1, 2, 4], len(rhythm))
        rests = rng.random(len(rhythm)) < 0.08
        motifs.append(list(zip(rhythm, moves, rests, strict=True)))
    reach = min(9, (register[1] - register[0]) // 2)
    centre = _centre(rng, register)
    notes = []
    for bar, start in enumerate(song.starts()):
        steps = song.chord_steps(bar)
        step = _nearest_step(song, steps[rng.integers(len(steps))], centre)
        beat = float(start)
        for length, move, rest in motifs[bar % 4 == 2]:
            if not rest:
                notes.append(Note(beat, length, song.key(step), 0.85 if beat == start else 0.72))
            beat += length
            step += int(move) if abs(song.key(step + int(move)) - centre) <= reach else -int(move)
    return notes


def _nearest_step(song: Song, step: int, near: float) -> int:
    return step + len(song.scale) * round((near - song.key(step)) / 12)


def runs(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """Fast scales and broken thirds, up and down."""
    length = float(rng.choice([0.25, 1 / 3, 0.5] if song.tempo > 110 else [0.25, 0.25, 1 / 6]))
    pattern = [(1,), (2, -1), (1, 1, -1)][rng.integers(3)]
    first = _nearest_step(song, song.chord_steps(0)[0], register[0] + 8)
    step, direction, notes = first, 1, []
    for place, beat in enumerate(np.arange(0, song.bars * song.beats, length)):
        key = song.key(step)
        if key > register[1] - 4 or rng.random() < 0.04:
            direction = -1
        elif key < register[0] + 4:
            direction = 1
        if register[0] <= key <= register[1]:
            notes.append(Note(float(beat), length, key, 0.82 if beat % 1 == 0 else 0.68))
        step += direction * pattern[place % len(pattern)]
    return notes


def arpeggio(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """Broken chords over one to three octaves."""
    length = float(rng.choice([0.5, 0.25, 1 / 3]))
    centre, octaves = _centre(rng, register), int(rng.integers(1, 4))
    order = [1, -1, 0][rng.integers(3)]
    notes = []
    for bar, start in enumerate(song.starts()):
        chord = song.chord(bar, centre - 6 * (octaves - 1))
        keys = [key + 12 * octave for octave in range(octaves) for key in chord]
        keys = [key for key in keys if register[0] <= key <= register[1]] or chord
        keys = keys[::order] if order else keys + keys[-2:0:-1]
        for place, beat in enumerate(np.arange(0, song.beats, length)):
            loud = 0.82 if place == 0 else 0.7
            notes.append(Note(float(start + beat), length, keys[place % len(keys)], loud))
    return notes


def chords(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """Chords in a repeated rhythm."""
    rhythm = [beat for beat in COMPING[rng.integers(len(COMPING))] if beat < song.beats]
    return _chords(rng, song, register, rhythm)


def offbeats(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """Short chords after the beats."""
    rhythm = [beat + 0.5 for beat in range(song.beats)]
    return [
        Note(note.start, 0.25, note.key, note.velocity)
        for note in _chords(rng, song, register, rhythm)
    ]


def held_chords(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """A chord a bar."""
    return _chords(rng, song, register, [0])


def _chords(
    rng: np.random.Generator, song: Song, register: Register, rhythm: list[float]
) -> list[Note]:
    centre = _centre(rng, register)
    lengths = np.diff([*rhythm, song.beats])
    return [
        Note(float(start + beat), float(length), key, 0.75)
        for bar, start in enumerate(song.starts())
        for beat, length in zip(rhythm, lengths, strict=True)
        for key in song.chord(bar, centre)
    ]


def strum(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """Guitar chords, down and up, string after string."""
    strokes = [
        beat for beat in np.arange(0, song.beats, 0.5) if beat % 1 == 0 or rng.random() < 0.6
    ]
    spread = rng.uniform(0.01, 0.03) * song.tempo / 60
    notes = []
    for bar, start in enumerate(song.starts()):
        chord = song.chord(bar, register[0] + 14)
        strings = sorted({chord[0] - 12, *chord, *(key + 12 for key in chord)})
        strings = [key for key in strings if key >= register[0]][: 2 if song.chord_size == 2 else 6]
        for beat, length in zip(strokes, np.diff([*strokes, song.beats]), strict=True):
            down = beat % 1 == 0
            for place, key in enumerate(strings if down else strings[:-4:-1]):
                loud = (0.8 if down else 0.62) - 0.02 * place
                notes.append(Note(float(start + beat + place * spread), float(length), key, loud))
    return notes


def held(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """Single long notes, of one to four seconds."""
    length = rng.uniform(1, 4) * song.tempo / 60
    low, high = register
    return [
        Note(float(beat), length, _clipped(song, key, register), 0.75)
        for beat in np.arange(0, SECONDS * song.tempo / 60, length)
        for key in [int(rng.integers(low, high + 1))]
    ]


def _clipped(song: Song, key: int, register: Register) -> int:
    """The highest key of the scale at or below `key`, or the lowest of the register."""
    while (key - song.tonic) % 12 not in song.scale and key > register[0]:
        key -= 1
    return key


def tremolo(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """Rolls: one key, or two in turn, repeated fast."""
    length = song.tempo / 60 / rng.uniform(9, 15)
    centre, interval = _centre(rng, register), int(rng.choice([0, 0, 3, 4, 7, 12]))
    swell = rng.uniform(0, 0.3)
    notes = []
    for bar, start in enumerate(song.starts()):
        keys = song.chord(bar, centre)
        for place, beat in enumerate(np.arange(0, song.beats, length)):
            key = min(register[1], keys[0] + interval * (place % 2))
            loud = 0.6 + swell * beat / song.beats
            notes.append(Note(float(start + beat), length, key, loud))
    return notes


def two_hands(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """A melody over chords, broken chords or a bass with chords."""
    middle = (register[0] + register[1]) // 2
    below = [held_chords, arpeggio, chords, arpeggio][rng.integers(4)]
    accompaniment = below(rng, song, (register[0] + 6, middle))
    soft = [Note(n.start, n.length, n.key, n.velocity * 0.8) for n in accompaniment]
    return melody(rng, song, (middle, register[1] - 4)) + soft


def roots(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """A bass of roots, fifths and octaves."""
    rhythms = [r for r in RHYTHMS[song.beats] if len(r) <= 8]
    rhythm = rhythms[rng.integers(len(rhythms))]
    offsets = rng.choice([0, 0, 0, 7, 12], len(rhythm))
    offsets[0] = 0
    beats = np.cumsum([0, *rhythm[:-1]])
    return [
        Note(float(start + beat), length, min(song.root(bar, register) + int(offset), register[1]))
        for bar, start in enumerate(song.starts())
        for beat, length, offset in zip(beats, rhythm, offsets, strict=True)
    ]


def eighths(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """A bass that repeats the root in eighths."""
    return [
        Note(float(start + beat), 0.5, song.root(bar, register), 0.82 if beat % 1 == 0 else 0.7)
        for bar, start in enumerate(song.starts())
        for beat in np.arange(0, song.beats, 0.5)
    ]


def walking(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """A bass that walks in quarters from root to root."""
    notes = []
    for bar, start in enumerate(song.starts()):
        root, goal = song.root(bar, register), song.root(bar + 1, register)
        chord = [root + (song.key(step) - root) % 12 for step in song.chord_steps(bar)]
        middle = [int(key) for key in rng.permutation(chord)[: song.beats - 2]]
        keys = [root, *middle, goal + int(rng.choice([-1, 1, 2]))]
        notes += [Note(float(start + beat), 1, key) for beat, key in enumerate(keys)]
    return notes


def inner_voice(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """A middle part that moves between near tones of the chords."""
    rhythms = [r for r in RHYTHMS[song.beats] if len(r) <= 5]
    rhythm = rhythms[rng.integers(len(rhythms))]
    key, notes = _centre(rng, register), []
    for bar, start in enumerate(song.starts()):
        beat = float(start)
        for length in rhythm:
            tones = sorted(song.chord(bar, key), key=lambda tone, last=key: abs(tone - last))
            key = tones[rng.integers(2)] if beat > start else tones[0]
            key = int(np.clip(key, *register))
            notes.append(Note(beat, length, key, 0.65))
            beat += length
    return notes


def hits(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """A rhythm on one to four keys."""
    keys = rng.integers(register[0], register[1] + 1, rng.integers(1, 5))
    places = np.arange(0, song.beats, 0.25)
    pattern = rng.random(len(places)) < rng.choice([0.15, 0.35, 0.6])
    pattern[0] = True
    struck = rng.choice(keys, len(places))
    return [
        Note(float(start + beat), 0.25, int(key), rng.uniform(0.6, 0.95))
        for start in song.starts()
        for beat, key in zip(places[pattern], struck[pattern], strict=True)
    ]


# Textures that suit an instrument; one that is listed twice is drawn twice as often.
MANNERS: dict[str, list[Texture]] = {
    "keys": [two_hands, two_hands, two_hands, chords, arpeggio, melody, runs, held_chords],
    "organ": [two_hands, two_hands, held_chords, chords, melody, arpeggio],
    "mallet": [melody, melody, arpeggio, runs, tremolo, chords],
    "plucked": [melody, melody, arpeggio, runs, chords],
    "guitar": [strum, strum, arpeggio, arpeggio, melody, runs],
    "distorted": [strum, strum, eighths, melody, runs, chords],
    "bass": [roots, roots, eighths, walking, melody],
    "line": [melody, melody, melody, held, runs, arpeggio],
    "section": [held_chords, held_chords, melody, chords, inner_voice],
    "lead": [melody, melody, arpeggio, runs, roots, held],
    "pad": [held_chords, held_chords, held, arpeggio, melody],
    "struck": [hits, hits, tremolo, held],
    "effect": [held],
}
BENT = ("line", "guitar", "distorted", "lead")  # manners with slides into notes
SWELLING = ("line", "section", "pad")


# --- performance ----------------------------------------------------------------------


def _performed(rng: np.random.Generator, song: Song, notes: list[Note], tight: float) -> list[Note]:
    """Notes with swing, an articulation, phrases of loudness, and the unevenness of a hand.

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
    return played


def _part(
    rng: np.random.Generator,
    song: Song,
    channel: int,
    instrument: Instrument,
    texture: Texture,
    register: Register,
) -> Part:
    notes = _performed(rng, song, texture(rng, song, register), rng.uniform(0.001, 0.012))
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


def _song(
    rng: np.random.Generator,
    tempo: tuple[float, float],
    scales: tuple[str, ...] = ("major", "minor"),
    beats: int = 4,
    chord_size: int = 3,
    swing: float = 0.0,
) -> Song:
    return Song(
        tempo=rng.uniform(*tempo),
        beats=beats,
        tonic=int(rng.integers(12)),
        scale=SCALES[scales[rng.integers(len(scales))]],
        degrees=PROGRESSIONS[rng.integers(len(PROGRESSIONS))],
        chord_size=chord_size,
        swing=swing,
    )


# --- solo -----------------------------------------------------------------------------


def _solo(instrument: Instrument) -> Kind:
    def compose(rng: np.random.Generator) -> Score:
        song = _song(
            rng,
            (60, 150),
            tuple(SCALES),
            beats=int(rng.choice([3, 4, 4])),
            chord_size=2 if instrument.manner == "distorted" else int(rng.choice([3, 3, 4])),
        )
        textures = MANNERS[instrument.manner]
        texture = textures[rng.integers(len(textures))]
        part = _part(rng, song, 0, instrument, texture, instrument.register)
        return Score(song.tempo, [part], rng.uniform(0, 0.9))

    return Kind(f"{instrument.program} {instrument.name}", instrument.category, compose)


# --- drums ----------------------------------------------------------------------------

KICK, STICK, SNARE, CLAP, HAT, PEDAL_HAT, OPEN_HAT = 36, 37, 38, 39, 42, 44, 46
CRASH, RIDE, TAMBOURINE, COWBELL, MARACAS, CLAVES = 49, 51, 54, 56, 70, 75
HIGH_BONGO, LOW_BONGO, MUTE_CONGA, CONGA, LOW_CONGA, BLOCK = 60, 61, 62, 63, 64, 76
TIMBALE, AGOGO, CABASA, GUIRO, CHINA, SPLASH, BELL = 65, 67, 69, 73, 52, 55, 53
TOMS = (50, 48, 47, 45, 43, 41)
STANDARD, ROOM, POWER, ELECTRONIC, TR808, JAZZ, BRUSH, ORCHESTRA = 0, 8, 16, 24, 25, 32, 40, 48

# A bar in sixteenths: X loud, x, o soft. Of several patterns for one drum, one is drawn.
Groove = dict[int, list[str]]
GROOVES: dict[str, Groove] = {
    "rock": {
        KICK: ["X.......X.......", "X.....x.X.......", "X..x....X.x....."],
        SNARE: ["....X.......X...", "....X.......X..o"],
        HAT: ["x.o.x.o.x.o.x.o.", "x...x...x...x..."],
        CRASH: ["................", "X..............."],
    },
    "punk": {
        KICK: ["X...X...X...X...", "X.x...x.X.x...x."],
        SNARE: ["..X...X...X...X.", "....X.......X..."],
        CRASH: ["x...x...x...x..."],
    },
    "funk": {
        KICK: ["X.x....x..x..x..", "X..x..x...x....."],
        SNARE: ["....X..o.o..X..o", "....X..o....X.o."],
        HAT: ["xoxoxoxoxoxoxoxo", "x.x.x.x.x.x.x.x."],
        OPEN_HAT: ["..............x.", "......x........."],
    },
    "swing": {
        RIDE: ["X...x..oX...x..o"],
        PEDAL_HAT: ["....x.......x..."],
        SNARE: ["..........o.....", ".......o......o.", "................"],
        KICK: ["o...o...o...o...", "x.........o....."],
    },
    "reggae": {
        KICK: ["........X.......", "X.......X......."],
        STICK: ["........X.......", "....x...X.....x."],
        HAT: ["..x...x...x...x.", "x.xox.xox.xox.xo"],
    },
    "bossa nova": {
        KICK: ["x..ox..ox..ox..o"],
        STICK: ["x..x..x...x..x.."],
        HAT: ["xoxoxoxoxoxoxoxo", "x.x.x.x.x.x.x.x."],
    },
    "salsa": {
        CONGA: ["..x...xx..x...xx"],
        LOW_CONGA: ["......x.......x."],
        COWBELL: ["x...x.x.x...x.x."],
        CLAVES: ["x..x..x...x.x..."],
        MARACAS: ["xoxoxoxoxoxoxoxo"],
        TIMBALE: ["............x.xx", "................"],
    },
    "latin": {
        HIGH_BONGO: ["x.xox.xox.xox.xo"],
        LOW_BONGO: ["......x.......x."],
        MUTE_CONGA: ["..x...x...x...x."],
        CABASA: ["x.x.x.x.x.x.x.x."],
        AGOGO: ["x..x..x...x.x...", "................"],
        GUIRO: ["x.......x.......", "................"],
    },
    "techno": {
        KICK: ["X...X...X...X..."],
        OPEN_HAT: ["..x...x...x...x."],
        HAT: ["ooooxooooooxoooo", "................"],
        CLAP: ["....X.......X...", "................"],
    },
    "hip hop": {
        KICK: ["X.....x...X.....", "X..x......x....."],
        SNARE: ["....X.......X..."],
        HAT: ["x.x.x.x.x.xxx.x.", "xxx.x.x.xxxxx.x."],
    },
    "drum and bass": {
        KICK: ["X.........X....."],
        SNARE: ["....X..o.o..X..o", "....X.......X..."],
        HAT: ["x.x.x.x.x.x.x.x."],
    },
    "march": {
        KICK: ["X.......X......."],
        SNARE: ["x.ooX.oox.ooX.oo", "x..xx.x.x..xxxxx"],
        CRASH: ["........x.......", "................"],
    },
    "country": {
        KICK: ["X.......X......."],
        SNARE: ["..o.X.o...o.X.o.", "oooxoooxoooxooox"],
        HAT: ["x...x...x...x..."],
    },
    "ballad": {
        KICK: ["X.......X.x....."],
        STICK: ["....x.......x..."],
        RIDE: ["x.x.x.x.x.x.x.x.", "x...x...x...x..."],
    },
}
LOUDNESS = {"X": 1.0, "x": 0.75, "o": 0.45}


def _groove(rng: np.random.Generator, song: Song, groove: Groove, fills: float) -> list[Note]:
    """A groove, bar after bar; `fills` is how likely toms end an even bar."""
    chosen = {key: patterns[rng.integers(len(patterns))] for key, patterns in groove.items()}
    notes = []
    for bar, start in enumerate(song.starts()):
        filled = 8 if bar % 2 and rng.random() < fills else 16
        for key, pattern in chosen.items():
            notes += [
                Note(float(start + place / 4), 0.2, key, LOUDNESS[mark])
                for place, mark in enumerate(pattern[:filled])
                if mark in LOUDNESS
            ]
        if filled < 16:
            notes += _fill(rng, float(start + 2), 2)
    return notes


def _fill(rng: np.random.Generator, start: float, beats: int) -> list[Note]:
    """A run over snare and toms, downwards."""
    length = float(rng.choice([0.25, 0.25, 1 / 6]))
    keys = (SNARE, *TOMS)
    return [
        Note(start + float(beat), 0.2, keys[int(beat / beats * len(keys))], rng.uniform(0.6, 0.95))
        for beat in np.arange(0, beats, length)
    ]


def _fills(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    return [note for start in song.starts() for note in _fill(rng, float(start), song.beats)]


def _roll(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
    """Rolls on the snare that swell."""
    beats = song.bars * song.beats
    length = song.tempo / 60 / rng.uniform(11, 18)
    period = beats / int(rng.integers(1, 4))
    return [
        # Two samples of the drum in turn, like two sticks.
        Note(float(beat), length, (SNARE, 40)[place % 2], 0.4 + 0.5 * float(beat % period) / period)
        for place, beat in enumerate(np.arange(0, beats, length))
    ]


def _only(*keys: int) -> Texture:
    """Rhythms on some of these drums alone, from single hits to sixteenths."""

    def texture(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
        grid = float(rng.choice([0.25, 0.5, 0.5, 1, 2]))
        used = rng.permutation(keys)[: rng.integers(1, len(keys) + 1)]
        density = rng.uniform(0.6, 1)
        return [
            Note(float(beat), grid, int(rng.choice(used)), 0.9 if beat % 1 == 0 else 0.65)
            for beat in np.arange(0, song.bars * song.beats, grid)
            if beat == 0 or rng.random() < density
        ]

    return texture


def _in_groove(name: str, fills: float) -> Texture:
    def texture(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
        return _groove(rng, song, GROOVES[name], fills)

    return texture


def _drum_part(
    rng: np.random.Generator, song: Song, kits: tuple[int, ...], texture: Texture
) -> Part:
    notes = _performed(rng, song, texture(rng, song, (SNARE, SNARE)), rng.uniform(0, 0.008))
    reverb = (0.0, REVERB, int(rng.integers(0, 90)))
    return Part(DRUM_CHANNEL, kits[rng.integers(len(kits))], notes, [reverb])


def _drums(
    name: str, category: str, kits: tuple[int, ...], tempo: tuple[float, float], texture: Texture
) -> Kind:
    def compose(rng: np.random.Generator) -> Score:
        song = _song(rng, tempo, swing=1 / 6 if "swing" in name else 0.0)
        return Score(song.tempo, [_drum_part(rng, song, kits, texture)], rng.uniform(0, 0.8))

    return Kind(f"{name} drums", category, compose)


ACOUSTIC = (STANDARD, ROOM, POWER, JAZZ)
ELECTRIC = (ELECTRONIC, TR808)
DRUMS = [
    _drums("rock", "Drum kit", (STANDARD, ROOM, POWER), (85, 140), _in_groove("rock", 0.5)),
    _drums("hi-hat", "Hi-hat", (*ACOUSTIC, TR808), (80, 150), _only(HAT, HAT, PEDAL_HAT, OPEN_HAT)),
    _drums("funk", "Drum kit", ACOUSTIC, (85, 115), _in_groove("funk", 0.3)),
    _drums("techno", "Drum machine", ELECTRIC, (120, 145), _in_groove("techno", 0.1)),
    _drums("tom", "Drum", ACOUSTIC, (80, 140), _fills),
    _drums("cymbal", "Cymbal", ACOUSTIC, (60, 130), _only(CRASH, RIDE, CHINA, SPLASH, BELL)),
    _drums("swing", "Drum kit", (JAZZ, BRUSH), (100, 200), _in_groove("swing", 0.2)),
    _drums("latin", "Latin percussion", (STANDARD,), (85, 125), _in_groove("latin", 0.0)),
    _drums("roll", "Drum roll", (STANDARD, ROOM, JAZZ), (80, 120), _roll),
    _drums("hip hop", "Drum machine", (TR808, ELECTRONIC), (75, 100), _in_groove("hip hop", 0.1)),
    _drums("snare", "Snare_drum", ACOUSTIC, (70, 140), _only(SNARE, SNARE, 40)),
    _drums("bass", "Bass_drum", (*ACOUSTIC, TR808), (70, 140), _only(KICK, 35)),
    _drums("salsa", "Latin percussion", (STANDARD,), (90, 115), _in_groove("salsa", 0.0)),
    _drums("march", "Drum kit", (STANDARD, ORCHESTRA), (100, 125), _in_groove("march", 0.0)),
    _drums("punk", "Drum kit", (ROOM, POWER), (140, 190), _in_groove("punk", 0.4)),
    _drums("rimshot", "Rimshot", ACOUSTIC, (70, 130), _only(STICK)),
    _drums("tambourine", "Tambourine", (STANDARD,), (80, 140), _only(TAMBOURINE)),
    _drums("cowbell", "Cowbell", (STANDARD,), (80, 140), _only(COWBELL)),
    _drums("maraca", "Maraca", (STANDARD,), (80, 140), _only(MARACAS, CABASA)),
    _drums("wood block", "Wood block", (STANDARD,), (70, 140), _only(BLOCK, 77, CLAVES)),
]


# --- ensembles ------------------------------------------------------------------------

BASS, LOW, MIDDLE, HIGH = (28, 50), (40, 60), (52, 74), (62, 84)
Player = tuple[Texture, tuple[int, ...], Register, int]  # programs to draw from; volume of 127


@dataclass(frozen=True)
class _Style:
    tempo: tuple[float, float]
    players: list[Player]
    scales: tuple[str, ...] = ("major", "minor")
    beats: int = 4
    chord_size: int = 3
    swing: float = 0.0
    groove: str = ""
    kits: tuple[int, ...] = ACOUSTIC


def _ensemble(name: str, style: _Style) -> Kind:
    def compose(rng: np.random.Generator) -> Score:
        song = _song(rng, style.tempo, style.scales, style.beats, style.chord_size, style.swing)
        parts = []
        channels = (channel for channel in range(16) if channel != DRUM_CHANNEL)
        for (texture, programs, register, volume), channel in zip(
            style.players, channels, strict=False
        ):
            instrument = instruments()[int(rng.choice(programs))]
            low, high = instrument.register
            within = (max(low, register[0]), min(high, register[1]))
            part = _part(rng, song, channel, instrument, texture, within)
            pan = int(rng.integers(30, 98))
            part.controls += [(0, VOLUME, volume), (0, PAN, pan)]
            parts.append(part)
        if style.groove:
            parts.append(_drum_part(rng, song, style.kits, _in_groove(style.groove, 0.3)))
        return Score(song.tempo, parts, rng.uniform(0.1, 0.9))

    return Kind(name, name, compose)


ENSEMBLES = [
    _ensemble(
        "Rock band",
        _Style(
            (95, 145),
            [(strum, (29, 27, 30), LOW, 85), (melody, (29, 30, 18), HIGH, 100),
             (eighths, (33, 34), BASS, 105)],
            ("major", "minor", "mixolydian"), chord_size=2, groove="rock", kits=(ROOM, POWER),
        ),
    ),
    _ensemble(
        "String quartet",
        _Style(
            (60, 130),
            [(melody, (40,), (60, 88), 110), (inner_voice, (40,), (55, 76), 90),
             (inner_voice, (41,), (48, 69), 90), (roots, (42,), (36, 58), 95)],
            ("major", "minor", "harmonic minor"),
        ),
    ),
    _ensemble(
        "Techno track",
        _Style(
            (122, 145),
            [(arpeggio, (81, 80, 62, 90), MIDDLE, 85), (eighths, (38, 39, 87), BASS, 105),
             (held_chords, (89, 90, 95), MIDDLE, 70)],
            ("minor", "dorian"), groove="techno", kits=ELECTRIC,
        ),
    ),
    _ensemble(
        "Jazz band",
        _Style(
            (100, 210),
            [(melody, (66, 65, 59, 26, 11), HIGH, 105), (chords, (0, 26), MIDDLE, 80),
             (walking, (32,), BASS, 110)],
            ("dorian", "major", "mixolydian"), chord_size=4, swing=1 / 6, groove="swing",
            kits=(JAZZ, BRUSH),
        ),
    ),
    _ensemble(
        "Symphony orchestra",
        _Style(
            (65, 130),
            [(melody, (48, 40, 73, 68), HIGH, 110), (held_chords, (48, 49), MIDDLE, 90),
             (inner_voice, (60,), (45, 69), 90), (roots, (43, 48), (31, 52), 95),
             (inner_voice, (71, 70, 61), MIDDLE, 75), (hits, (47,), (38, 50), 70)],
            ("major", "minor", "harmonic minor"),
        ),
    ),
    _ensemble(
        "Reggae band",
        _Style(
            (65, 88),
            [(offbeats, (27, 28, 16), MIDDLE, 100), (roots, (33,), BASS, 115),
             (melody, (16, 56, 22, 27), HIGH, 85)],
            groove="reggae",
        ),
    ),
    _ensemble(
        "Choral music",
        _Style(
            (50, 95),
            [(melody, (52, 53), (60, 79), 105), (inner_voice, (52,), (55, 72), 95),
             (inner_voice, (52,), (48, 64), 95), (roots, (52, 19), (43, 57), 90)],
            ("major", "minor", "dorian"), beats=3,
        ),
    ),
    _ensemble(
        "Country band",
        _Style(
            (95, 140),
            [(strum, (25,), LOW, 95), (melody, (110, 105, 22, 27), HIGH, 100),
             (roots, (32, 33), BASS, 105)],
            ("major", "mixolydian"), groove="country",
        ),
    ),
    _ensemble(
        "Big band",
        _Style(
            (110, 180),
            [(melody, (56, 65, 66), HIGH, 105), (chords, (61,), MIDDLE, 95),
             (chords, (57, 67), LOW, 80), (walking, (32,), BASS, 105), (chords, (0,), MIDDLE, 70)],
            ("major", "dorian", "mixolydian"), chord_size=4, swing=1 / 6, groove="swing",
            kits=(JAZZ, STANDARD),
        ),
    ),
    _ensemble(
        "Ambient track",
        _Style(
            (50, 80),
            [(held_chords, (88, 89, 92, 94, 95), MIDDLE, 105), (held, (99, 97, 91), LOW, 80),
             (arpeggio, (98, 10, 46, 4), HIGH, 60)],
            ("major", "dorian", "minor"), chord_size=4,
        ),
    ),
    _ensemble(
        "Metal band",
        _Style(
            (110, 180),
            [(eighths, (30,), LOW, 105), (strum, (30, 29), LOW, 90), (runs, (30,), HIGH, 85),
             (eighths, (34,), BASS, 100)],
            ("minor", "phrygian dominant", "harmonic minor"), chord_size=2, groove="punk",
            kits=(POWER,),
        ),
    ),
    _ensemble(
        "Bossa nova",
        _Style(
            (110, 150),
            [(chords, (24,), MIDDLE, 105), (melody, (73, 65, 0, 24), HIGH, 95),
             (roots, (32,), BASS, 105)],
            ("major", "dorian"), chord_size=4, groove="bossa nova", kits=(JAZZ, BRUSH),
        ),
    ),
    _ensemble(
        "Pop band",
        _Style(
            (75, 125),
            [(chords, (0, 4, 5), MIDDLE, 95), (strum, (25, 27), LOW, 80),
             (melody, (53, 73, 80, 0), HIGH, 95), (roots, (33,), BASS, 105),
             (held_chords, (48, 89), MIDDLE, 60)],
            groove="rock",
        ),
    ),
    _ensemble(
        "Brass ensemble",
        _Style(
            (65, 125),
            [(melody, (56,), HIGH, 105), (inner_voice, (56, 60), MIDDLE, 90),
             (inner_voice, (57,), (45, 67), 90), (roots, (58,), (29, 50), 95)],
        ),
    ),
    _ensemble(
        "Funk band",
        _Style(
            (92, 115),
            [(chords, (28, 27, 7), MIDDLE, 95), (roots, (36, 37, 33), BASS, 115),
             (melody, (61, 56, 16), HIGH, 85)],
            ("dorian", "mixolydian"), chord_size=4, groove="funk",
        ),
    ),
    _ensemble(
        "Piano trio",
        _Style(
            (65, 130),
            [(arpeggio, (0,), (45, 76), 90), (melody, (40,), (62, 88), 105),
             (inner_voice, (42,), (38, 62), 100)],
            ("major", "minor", "harmonic minor"),
        ),
    ),
    _ensemble(
        "House track",
        _Style(
            (118, 128),
            [(chords, (0, 90, 16), MIDDLE, 90), (roots, (38, 33), BASS, 110),
             (melody, (81, 53, 80), HIGH, 75), (held_chords, (50, 89), MIDDLE, 65)],
            ("minor", "dorian"), chord_size=4, groove="techno", kits=ELECTRIC,
        ),
    ),
    _ensemble(
        "Folk dance",
        _Style(
            (100, 150),
            [(melody, (110, 21, 74, 109), HIGH, 105), (chords, (21, 25), MIDDLE, 85),
             (roots, (32, 43), BASS, 95)],
            ("major", "dorian", "mixolydian"), beats=3,
        ),
    ),
    _ensemble(
        "Salsa band",
        _Style(
            (90, 110),
            [(arpeggio, (0,), MIDDLE, 100), (melody, (56, 61), HIGH, 95),
             (roots, (32, 33), BASS, 105)],
            ("minor", "dorian"), groove="salsa", kits=(STANDARD,),
        ),
    ),
    _ensemble(
        "Wind quintet",
        _Style(
            (70, 130),
            [(melody, (73, 68), (65, 90), 100), (inner_voice, (68, 71), (60, 79), 90),
             (inner_voice, (71,), (52, 74), 90), (inner_voice, (60,), (45, 66), 80),
             (roots, (70,), (36, 57), 95)],
        ),
    ),
    _ensemble(
        "Blues band",
        _Style(
            (65, 125),
            [(melody, (22, 29, 26), HIGH, 105), (chords, (0, 16, 27), MIDDLE, 85),
             (walking, (33, 32), BASS, 105)],
            ("mixolydian", "dorian"), chord_size=4, swing=1 / 6, groove="rock",
        ),
    ),
    _ensemble(
        "Lullaby",
        _Style(
            (60, 100),
            [(melody, (10, 8, 9, 11), (67, 91), 105), (arpeggio, (10, 46, 4), (60, 79), 80)],
            ("major",), beats=3,
        ),
    ),
    _ensemble(
        "Drum and bass track",
        _Style(
            (165, 178),
            [(roots, (38, 39), BASS, 115), (held_chords, (89, 95, 50), MIDDLE, 85),
             (arpeggio, (81, 4), HIGH, 60)],
            ("minor", "dorian"), groove="drum and bass", kits=(ELECTRONIC, STANDARD),
        ),
    ),
    _ensemble(
        "Baroque trio",
        _Style(
            (70, 125),
            [(melody, (73, 40, 68, 74), (62, 86), 105), (chords, (6,), (50, 72), 95),
             (walking, (42, 70), (36, 55), 95)],
            ("major", "harmonic minor"),
        ),
    ),
    _ensemble(
        "Game tune",
        _Style(
            (110, 170),
            [(melody, (80, 81), HIGH, 90), (arpeggio, (80,), MIDDLE, 70),
             (eighths, (80, 38), LOW, 90)],
            groove="rock", kits=ELECTRIC,
        ),
    ),
    _ensemble(
        "Disco band",
        _Style(
            (112, 128),
            [(chords, (27, 7), MIDDLE, 90), (held_chords, (48, 50), HIGH, 85),
             (eighths, (33, 36), BASS, 110), (melody, (61, 56), HIGH, 80)],
            ("minor", "dorian"), chord_size=4, groove="techno",
        ),
    ),
    _ensemble(
        "Marching band",
        _Style(
            (105, 122),
            [(melody, (56, 72), HIGH, 100), (chords, (61, 60), MIDDLE, 90),
             (roots, (58,), (29, 50), 105)],
            ("major",), groove="march", kits=(STANDARD, ORCHESTRA),
        ),
    ),
]  # fmt: skip


def kind_of(place: int) -> Kind:
    """The kind of the piece at a place: of 25 pieces, 15 are solo, 3 drums and 7 ensembles.

    The instruments, drums and ensembles take turns; strides spread similar ones.
    """
    turn, slot = place // 25, place * 7 % 25
    if slot < 15:
        return _solo(instruments()[(turn * 15 + slot) * 37 % len(instruments())])
    if slot < 18:
        return DRUMS[(turn * 3 + slot - 15) % len(DRUMS)]
    return ENSEMBLES[(turn * 7 + slot - 18) % len(ENSEMBLES)]
