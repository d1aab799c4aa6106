"""Drums alone and in bands: grooves, fills, rolls and rhythms on a few drums of a kit."""

from __future__ import annotations

import numpy as np

from train.compact_encoder.sounds.performance import performed
from train.compact_encoder.sounds.score import (
    DRUM_CHANNEL,
    REVERB,
    Kind,
    Note,
    Part,
    Register,
    Score,
    Song,
    Texture,
    random_song,
)

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


def in_groove(name: str, fills: float) -> Texture:
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


def drum_part(
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
        return Score(song.tempo, [drum_part(rng, song, kits, texture)], rng.uniform(0, 0.8))

    return Kind(f"{name} drums", category, compose)


ACOUSTIC = (STANDARD, ROOM, POWER, JAZZ)
ELECTRIC = (ELECTRONIC, TR808)
DRUMS = [
    _drums("rock", "Drum kit", (STANDARD, ROOM, POWER), (85, 140), in_groove("rock", 0.5)),
    _drums("hi-hat", "Hi-hat", (*ACOUSTIC, TR808), (80, 150), _only(HAT, HAT, PEDAL_HAT, OPEN_HAT)),
    _drums("funk", "Drum kit", ACOUSTIC, (85, 115), in_groove("funk", 0.3)),
    _drums("techno", "Drum machine", ELECTRIC, (120, 145), in_groove("techno", 0.1)),
    _drums("tom", "Drum", ACOUSTIC, (80, 140), _fills),
    _drums("cymbal", "Cymbal", ACOUSTIC, (60, 130), _only(CRASH, RIDE, CHINA, SPLASH, BELL)),
    _drums("swing", "Drum kit", (JAZZ, BRUSH), (100, 200), in_groove("swing", 0.2), SWING),
    _drums("latin", "Latin percussion", (STANDARD,), (85, 125), in_groove("latin", 0.0)),
    _drums("roll", "Drum roll", (STANDARD, ROOM, JAZZ), (80, 120), _roll),
    _drums("hip hop", "Drum machine", (TR808, ELECTRONIC), (75, 100), in_groove("hip hop", 0.1)),
    _drums("snare", "Snare_drum", ACOUSTIC, (70, 140), _only(SNARE, SNARE, 40)),
    _drums("bass", "Bass_drum", (*ACOUSTIC, TR808), (70, 140), _only(KICK, 35)),
    _drums("salsa", "Latin percussion", (STANDARD,), (90, 115), in_groove("salsa", 0.0)),
    _drums("march", "Drum kit", (STANDARD, ORCHESTRA), (100, 125), in_groove("march", 0.0)),
    _drums("punk", "Drum kit", (ROOM, POWER), (140, 190), in_groove("punk", 0.4)),
    _drums("rimshot", "Rimshot", ACOUSTIC, (70, 130), _only(STICK)),
    _drums("tambourine", "Tambourine", (STANDARD,), (80, 140), _only(TAMBOURINE)),
    _drums("cowbell", "Cowbell", (STANDARD,), (80, 140), _only(COWBELL)),
    _drums("maraca", "Maraca", (STANDARD,), (80, 140), _only(MARACAS, CABASA)),
    _drums("wood block", "Wood block", (STANDARD,), (70, 140), _only(BLOCK, 77, CLAVES)),
]
