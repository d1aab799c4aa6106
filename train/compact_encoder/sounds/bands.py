"""Kinds of pieces: solo instruments, drums and ensembles, each composed at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.compact_encoder.sounds.drums import (
    ACOUSTIC,
    BRUSH,
    DRUMS,
    ELECTRIC,
    ELECTRONIC,
    JAZZ,
    ORCHESTRA,
    POWER,
    ROOM,
    STANDARD,
    SWING,
    drum_part,
    in_groove,
)
from train.compact_encoder.sounds.manners import (
    MANNERS,
    arpeggio,
    chords,
    eighths,
    held,
    held_chords,
    hits,
    inner_voice,
    melody,
    offbeats,
    roots,
    runs,
    strum,
    walking,
)
from train.compact_encoder.sounds.performance import instrument_part
from train.compact_encoder.sounds.score import (
    PAN,
    SCALES,
    VOLUME,
    Instrument,
    Kind,
    Part,
    Register,
    Score,
    Song,
    Texture,
    instruments,
    random_song,
)

BASS, LOW, MIDDLE, HIGH = (28, 50), (40, 60), (52, 74), (62, 84)
Player = tuple[Texture, tuple[int, ...], Register, int]  # programs to draw from; volume of 127


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
            parts.append(drum_part(rng, song, self.kits, in_groove(self.groove, 0.3)))
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
