"""Make the bundled samples that programs speak and play, and check what the app says of them.

    python docs/samples.py

Speech is by eSpeak NG (`pip install -e '.[speech]'`), music of this project's own by FluidSynth
with the soundfont FluidR3 (MIT; Debian packages `fluidsynth`, `fluid-soundfont-gm`), applause and
engine by arithmetic. Written to `audioset_demo/assets/samples`, 10 s each at 16 kHz.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from audioset_demo.audio.samples import DURATION_S, SAMPLE_RATE, SAMPLES, synthesise
from audioset_demo.audio.waveform import Waveform
from audioset_demo.storage import write_atomically
from audioset_demo.tagging import load_tagger
from train.compact_encoder.sounds.living import applause
from train.compact_encoder.sounds.machines import idling
from train.compact_encoder.sounds.music import play
from train.compact_encoder.sounds.score import Note, Part, Score
from train.compact_encoder.sounds.spoken import Speaker
from train.compact_encoder.sounds.synthetic import Maker

FOLDER = Path(__file__).parents[1] / "audioset_demo" / "assets" / "samples"
N = round(DURATION_S * SAMPLE_RATE)
PEAK = 0.8
SENTENCES = (
    "Good morning. The train to the coast leaves from platform seven, in five minutes. "
    "Please keep away from the edge of the platform, and mind the gap."
)
GRAND_PIANO, NYLON_GUITAR = 0, 24  # programs of General MIDI
# (keys, beats): one key, several at once, or none.
Line = list[tuple[tuple[int, ...], float]]
MELODY: Line = [
    ((72,), 1), ((76,), 0.5), ((79,), 0.5), ((81,), 1), ((79,), 1), ((77,), 0.5), ((76,), 0.5),
    ((74,), 0.5), ((72,), 0.5), ((74,), 1), ((71,), 1), ((72,), 2), ((), 0.5), ((79,), 0.5),
    ((76,), 1), ((72,), 2),
]  # fmt: skip
BASS: Line = [
    ((48, 55, 64), 2), ((53, 57, 60), 2), ((55, 59, 65), 2), ((48, 52, 55), 2), ((45, 52, 60), 2),
    ((53, 57, 60), 2), ((48, 55, 64), 4),
]  # fmt: skip
CHORDS = (
    (40, 47, 52, 55, 59, 64),
    (45, 52, 57, 60, 64, 69),
    (43, 50, 55, 59, 62, 67),
    (40, 47, 52, 55, 59, 64),
)
PICKED = (0, 2, 3, 4, 5, 4, 3, 2)  # strings of a chord, an eighth note each


def notes(line: Line, velocity: float) -> list[Note]:
    found, beat = [], 0.0
    for keys, length in line:
        found += [Note(beat, 0.98 * length, key, velocity) for key in keys]
        beat += length
    return found


def piano() -> np.ndarray:
    part = Part(0, GRAND_PIANO, notes(MELODY, 0.75) + notes(BASS, 0.55))
    return play(Score(110, [part], 0.5))


def guitar() -> np.ndarray:
    line: Line = [((chord[string],), 0.5) for chord in CHORDS for string in PICKED]
    return play(Score(104, [Part(0, NYLON_GUITAR, notes(line, 0.8))], 0.4))


def speech() -> np.ndarray:
    return Speaker().say(SENTENCES, "en-us+f4", rate=150, pitch=50, pitch_range=60)


def lasting(maker: Maker) -> np.ndarray:
    """10 s of a maker whose sounds are shorter: many of them, each faded into the next."""
    first = maker(np.random.default_rng(0))
    window = np.hanning(len(first))
    samples = np.zeros(N + len(first))
    for i, start in enumerate(range(0, N, len(first) // 2)):
        part = maker(np.random.default_rng(i))
        samples[start : start + len(first)] += window * part / np.abs(part).max()
    return samples[len(first) // 2 :] - samples.mean()


def sequence() -> np.ndarray:
    """A third of the clip each, so that the tags can be seen to change."""
    third = N // 3
    samples = np.zeros(N)
    for i, part in enumerate((speech(), piano(), synthesise("rain").samples)):
        part = part[: third - SAMPLE_RATE // 10]  # a short silence between them
        fade = np.minimum(1, np.arange(len(part), 0, -1) / (0.1 * SAMPLE_RATE))
        samples[i * third : i * third + len(part)] = fade * part / np.abs(part).max()
    return samples


def _write_flac(samples: np.ndarray, path: Path) -> None:
    soundfile.write(path, samples, SAMPLE_RATE, format="FLAC")


def main() -> None:
    makers = {
        "sequence": sequence,
        "speech": speech,
        "piano": piano,
        "guitar": guitar,
        "applause": lambda: lasting(applause),
        "engine": lambda: lasting(idling),
    }
    tagger = load_tagger(encoder="compact")
    FOLDER.mkdir(exist_ok=True)
    for key, make in makers.items():
        samples = np.zeros(N)
        made = make()[:N]
        samples[: len(made)] = made * PEAK / np.abs(made).max()
        path = FOLDER / f"{key}.flac"
        write_atomically(path, partial(_write_flac, samples))
        tagging = tagger.tag(Waveform(samples.astype(np.float32), SAMPLE_RATE, SAMPLES[key]))
        tags = (f"{tagging.labels[k].name} {tagging.scores[k]:.2f}" for k in tagging.top(5))
        print(f"{key:10} {path.stat().st_size / 1000:4.0f} kB  {', '.join(tags)}")


if __name__ == "__main__":
    main()
