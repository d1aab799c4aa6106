"""Kinds of pieces: solo instruments, drum kits and ensembles, each composed at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from train.compact_encoder.sounds.composition import (
    DRUM_CHANNEL,
    MANNERS,
    PAN,
    REVERB,
    SCALES,
    VOLUME,
    Instrument,
    Note,
    Part,
    Register,
    Score,
    Song,
    Texture,
    arpeggio,
    chords,
    eighths,
    held,
    held_chords,
    hits,
    inner_voice,
    instrument_part,
    instruments,
    melody,
    offbeats,
    performed,
    random_song,
    roots,
    runs,
    strum,
    walking,
)


@dataclass(frozen=True)
class Kind:
    """A kind of piece; `category` is one of the table of categories, or empty."""

    name: str
    category: str
    compose: Callable[[np.random.Generator], Score]


# --- solo -----------------------------------------------------------------------------


def _solo(instrument: Instrument) -> Kind:
    def compose(rng: np.random.Generator) -> Score:
        song = random_song(
            rng,
            (60, 150),
            tuple(SCALES),
            beats=int(rng.choice([3, 4, 4])),
            chord_size=2 if instrument.manner == "distorted" else int(rng.choice([3, 3, 4])),
        )
        textures = MANNERS[instrument.manner]
        texture = textures[rng.integers(len(textures))]
        part = instrument_part(rng, song, 0, instrument, texture, instrument.register)
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
GROOVES: dict[str, dict[int, list[str]]] = {
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
SWING = 1 / 6  # beats by which notes after the beat are late
LOUDNESS = {"X": 1.0, "x": 0.75, "o": 0.45}


def _in_groove(name: str, fills: float) -> Texture:
    """A groove, bar after bar; `fills` is how likely toms end an even bar."""

    def texture(rng: np.random.Generator, song: Song, register: Register) -> list[Note]:
        chosen = {
            key: patterns[rng.integers(len(patterns))] for key, patterns in GROOVES[name].items()
        }
        notes = []
        for bar, start in enumerate(song.starts()):
            filled = bar % 2 == 1 and rng.random() < fills
            for key, pattern in chosen.items():
                notes += [
                    Note(float(start + place / 4), 0.2, key, LOUDNESS[mark])
                    for place, mark in enumerate(pattern[: 8 if filled else 16])
                    if mark in LOUDNESS
                ]
            if filled:
                notes += _fill(rng, float(start + 2), 2)
        return notes

    return texture


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


def _drum_part(
    rng: np.random.Generator, song: Song, kits: tuple[int, ...], texture: Texture
) -> Part:
    notes = performed(rng, song, texture(rng, song, (SNARE, SNARE)), rng.uniform(0, 0.008))
    reverb = (0.0, REVERB, int(rng.integers(0, 90)))
    return Part(DRUM_CHANNEL, kits[rng.integers(len(kits))], notes, [reverb])


def _drums(
    name: str,
    category: str,
    kits: tuple[int, ...],
    tempo: tuple[float, float],
    texture: Texture,
    swing: float = 0.0,
) -> Kind:
    def compose(rng: np.random.Generator) -> Score:
        song = random_song(rng, tempo, swing=swing)
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
    _drums("swing", "Drum kit", (JAZZ, BRUSH), (100, 200), _in_groove("swing", 0.2), SWING),
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
class _Ensemble:
    """At most nine players, with what `random_song` needs; its name is its category too."""

    name: str
    tempo: tuple[float, float]
    players: list[Player]
    scales: tuple[str, ...] = ("major", "minor")
    beats: int = 4
    chord_size: int = 3
    swing: float = 0.0
    groove: str = ""
    kits: tuple[int, ...] = ACOUSTIC

    def compose(self, rng: np.random.Generator) -> Score:
        song = random_song(rng, self.tempo, self.scales, self.beats, self.chord_size, self.swing)
        parts = [
            self._part(rng, song, channel, player) for channel, player in enumerate(self.players)
        ]
        if self.groove:
            parts.append(_drum_part(rng, song, self.kits, _in_groove(self.groove, 0.3)))
        return Score(song.tempo, parts, rng.uniform(0.1, 0.9))

    def _part(self, rng: np.random.Generator, song: Song, channel: int, player: Player) -> Part:
        texture, programs, (lowest, highest), volume = player
        instrument = instruments()[int(rng.choice(programs))]
        low, high = instrument.register
        part = instrument_part(
            rng, song, channel, instrument, texture, (max(low, lowest), min(high, highest))
        )
        part.controls += [(0, VOLUME, volume), (0, PAN, int(rng.integers(30, 98)))]
        return part


# fmt: off
ENSEMBLES = [
    _Ensemble(
        "Rock band", (95, 145),
        [(strum, (29, 27, 30), LOW, 85), (melody, (29, 30, 18), HIGH, 100),
         (eighths, (33, 34), BASS, 105)],
        scales=("major", "minor", "mixolydian"), chord_size=2, groove="rock",
        kits=(ROOM, POWER),
    ),
    _Ensemble(
        "String quartet", (60, 130),
        [(melody, (40,), (60, 88), 110), (inner_voice, (40,), (55, 76), 90),
         (inner_voice, (41,), (48, 69), 90), (roots, (42,), (36, 58), 95)],
        scales=("major", "minor", "harmonic minor"),
    ),
    _Ensemble(
        "Techno track", (122, 145),
        [(arpeggio, (81, 80, 62, 90), MIDDLE, 85), (eighths, (38, 39, 87), BASS, 105),
         (held_chords, (89, 90, 95), MIDDLE, 70)],
        scales=("minor", "dorian"), groove="techno", kits=ELECTRIC,
    ),
    _Ensemble(
        "Jazz band", (100, 210),
        [(melody, (66, 65, 59, 26, 11), HIGH, 105), (chords, (0, 26), MIDDLE, 80),
         (walking, (32,), BASS, 110)],
        scales=("dorian", "major", "mixolydian"), chord_size=4, swing=SWING, groove="swing",
        kits=(JAZZ, BRUSH),
    ),
    _Ensemble(
        "Symphony orchestra", (65, 130),
        [(melody, (48, 40, 73, 68), HIGH, 110), (held_chords, (48, 49), MIDDLE, 90),
         (inner_voice, (60,), (45, 69), 90), (roots, (43, 48), (31, 52), 95),
         (inner_voice, (71, 70, 61), MIDDLE, 75), (hits, (47,), (38, 50), 70)],
        scales=("major", "minor", "harmonic minor"),
    ),
    _Ensemble(
        "Reggae band", (65, 88),
        [(offbeats, (27, 28, 16), MIDDLE, 100), (roots, (33,), BASS, 115),
         (melody, (16, 56, 22, 27), HIGH, 85)],
        groove="reggae",
    ),
    _Ensemble(
        "Choral music", (50, 95),
        [(melody, (52, 53), (60, 79), 105), (inner_voice, (52,), (55, 72), 95),
         (inner_voice, (52,), (48, 64), 95), (roots, (52, 19), (43, 57), 90)],
        scales=("major", "minor", "dorian"), beats=3,
    ),
    _Ensemble(
        "Country band", (95, 140),
        [(strum, (25,), LOW, 95), (melody, (110, 105, 22, 27), HIGH, 100),
         (roots, (32, 33), BASS, 105)],
        scales=("major", "mixolydian"), groove="country",
    ),
    _Ensemble(
        "Big band", (110, 180),
        [(melody, (56, 65, 66), HIGH, 105), (chords, (61,), MIDDLE, 95),
         (chords, (57, 67), LOW, 80), (walking, (32,), BASS, 105), (chords, (0,), MIDDLE, 70)],
        scales=("major", "dorian", "mixolydian"), chord_size=4, swing=SWING, groove="swing",
        kits=(JAZZ, STANDARD),
    ),
    _Ensemble(
        "Ambient track", (50, 80),
        [(held_chords, (88, 89, 92, 94, 95), MIDDLE, 105), (held, (99, 97, 91), LOW, 80),
         (arpeggio, (98, 10, 46, 4), HIGH, 60)],
        scales=("major", "dorian", "minor"), chord_size=4,
    ),
    _Ensemble(
        "Metal band", (110, 180),
        [(eighths, (30,), LOW, 105), (strum, (30, 29), LOW, 90), (runs, (30,), HIGH, 85),
         (eighths, (34,), BASS, 100)],
        scales=("minor", "phrygian dominant", "harmonic minor"), chord_size=2, groove="punk",
        kits=(POWER,),
    ),
    _Ensemble(
        "Bossa nova", (110, 150),
        [(chords, (24,), MIDDLE, 105), (melody, (73, 65, 0, 24), HIGH, 95),
         (roots, (32,), BASS, 105)],
        scales=("major", "dorian"), chord_size=4, groove="bossa nova", kits=(JAZZ, BRUSH),
    ),
    _Ensemble(
        "Pop band", (75, 125),
        [(chords, (0, 4, 5), MIDDLE, 95), (strum, (25, 27), LOW, 80),
         (melody, (53, 73, 80, 0), HIGH, 95), (roots, (33,), BASS, 105),
         (held_chords, (48, 89), MIDDLE, 60)],
        groove="ballad",
    ),
    _Ensemble(
        "Brass ensemble", (65, 125),
        [(melody, (56,), HIGH, 105), (inner_voice, (56, 60), MIDDLE, 90),
         (inner_voice, (57,), (45, 67), 90), (roots, (58,), (29, 50), 95)],
    ),
    _Ensemble(
        "Funk band", (92, 115),
        [(chords, (28, 27, 7), MIDDLE, 95), (roots, (36, 37, 33), BASS, 115),
         (melody, (61, 56, 16), HIGH, 85)],
        scales=("dorian", "mixolydian"), chord_size=4, groove="funk",
    ),
    _Ensemble(
        "Piano trio", (65, 130),
        [(arpeggio, (0,), (45, 76), 90), (melody, (40,), (62, 88), 105),
         (inner_voice, (42,), (38, 62), 100)],
        scales=("major", "minor", "harmonic minor"),
    ),
    _Ensemble(
        "House track", (118, 128),
        [(chords, (0, 90, 16), MIDDLE, 90), (roots, (38, 33), BASS, 110),
         (melody, (81, 53, 80), HIGH, 75), (held_chords, (50, 89), MIDDLE, 65)],
        scales=("minor", "dorian"), chord_size=4, groove="techno", kits=ELECTRIC,
    ),
    _Ensemble(
        "Folk dance", (100, 150),
        [(melody, (110, 21, 74, 109), HIGH, 105), (chords, (21, 25), MIDDLE, 85),
         (roots, (32, 43), BASS, 95)],
        scales=("major", "dorian", "mixolydian"), beats=3,
    ),
    _Ensemble(
        "Salsa band", (90, 110),
        [(arpeggio, (0,), MIDDLE, 100), (melody, (56, 61), HIGH, 95),
         (roots, (32, 33), BASS, 105)],
        scales=("minor", "dorian"), groove="salsa", kits=(STANDARD,),
    ),
    _Ensemble(
        "Wind quintet", (70, 130),
        [(melody, (73, 68), (65, 90), 100), (inner_voice, (68, 71), (60, 79), 90),
         (inner_voice, (71,), MIDDLE, 90), (inner_voice, (60,), (45, 66), 80),
         (roots, (70,), (36, 57), 95)],
    ),
    _Ensemble(
        "Blues band", (65, 125),
        [(melody, (22, 29, 26), HIGH, 105), (chords, (0, 16, 27), MIDDLE, 85),
         (walking, (33, 32), BASS, 105)],
        scales=("mixolydian", "dorian"), chord_size=4, swing=SWING, groove="rock",
    ),
    _Ensemble(
        "Lullaby", (60, 100),
        [(melody, (10, 8, 9, 11), (67, 91), 105), (arpeggio, (10, 46, 4), (60, 79), 80)],
        scales=("major",), beats=3,
    ),
    _Ensemble(
        "Drum and bass track", (165, 178),
        [(roots, (38, 39), BASS, 115), (held_chords, (89, 95, 50), MIDDLE, 85),
         (arpeggio, (81, 4), HIGH, 60)],
        scales=("minor", "dorian"), groove="drum and bass", kits=(ELECTRONIC, STANDARD),
    ),
    _Ensemble(
        "Baroque trio", (70, 125),
        [(melody, (73, 40, 68, 74), (62, 86), 105), (chords, (6,), (50, 72), 95),
         (walking, (42, 70), (36, 55), 95)],
        scales=("major", "harmonic minor"),
    ),
    _Ensemble(
        "Game tune", (110, 170),
        [(melody, (80, 81), HIGH, 90), (arpeggio, (80,), MIDDLE, 70),
         (eighths, (80, 38), LOW, 90)],
        groove="rock", kits=ELECTRIC,
    ),
    _Ensemble(
        "Disco band", (112, 128),
        [(chords, (27, 7), MIDDLE, 90), (held_chords, (48, 50), HIGH, 85),
         (eighths, (33, 36), BASS, 110), (melody, (61, 56), HIGH, 80)],
        scales=("minor", "dorian"), chord_size=4, groove="techno",
    ),
    _Ensemble(
        "Marching band", (105, 122),
        [(melody, (56, 72), HIGH, 100), (chords, (61, 60), MIDDLE, 90),
         (roots, (58,), (29, 50), 105)],
        scales=("major",), groove="march", kits=(STANDARD, ORCHESTRA),
    ),
]
# fmt: on


def kind_of(place: int) -> Kind:
    """The kind of the piece at a place: of 25 pieces, 15 are solo, 3 drums and 7 ensembles.

    The instruments, drums and ensembles take turns; strides spread similar ones.
    """
    turn, slot = place // 25, place * 7 % 25
    if slot < 15:
        return _solo(instruments()[(turn * 15 + slot) * 37 % len(instruments())])
    if slot < 18:
        return DRUMS[(turn * 3 + slot - 15) % len(DRUMS)]
    ensemble = ENSEMBLES[(turn * 7 + slot - 18) % len(ENSEMBLES)]
    return Kind(ensemble.name, ensemble.name, ensemble.compose)
