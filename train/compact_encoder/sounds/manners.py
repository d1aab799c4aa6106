"""Textures: the notes that a player makes of a song.

A texture takes a random generator, a song and a register (the lowest and the highest key).
"""

from __future__ import annotations

import numpy as np

from train.compact_encoder.sounds.score import SECONDS, Note, Register, Song, Texture

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
            nearest = sorted((abs(tone - key), tone) for tone in song.chord(bar, key))
            place = rng.integers(2) if beat > start else 0
            key = int(np.clip(nearest[place][1], *register))
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
