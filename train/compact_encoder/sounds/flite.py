"""Synthesised speech by Flite: few English voices, but made of recorded ones.

Flite is the program of the Debian package `flite`, which only this training needs.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import soundfile
import soxr
from tqdm import tqdm

from audioset_demo.encoders.logmel import SAMPLE_RATE
from audioset_demo.errors import DataError
from audioset_demo.storage import new_folder
from train.compact_encoder.sounds.categories import CategoryTable
from train.compact_encoder.sounds.readings import MAN, WOMAN, Voice, write_flac
from train.compact_encoder.sounds.recordings import Recording
from train.compact_encoder.sounds.sentences import sentences

# The first is held out.
VOICES = [
    Voice("flite", name, number, category)
    for number, (name, category) in enumerate(
        (("awb", MAN), ("slt", WOMAN), ("rms", MAN), ("kal16", MAN))
    )
]
PITCH_HZ = {MAN: (80, 150), WOMAN: (150, 250)}


def check_flite() -> None:
    """Raise a DataError, with the remedy, unless Flite is installed."""
    if shutil.which("flite") is None:
        raise DataError(
            "Synthesised speech needs Flite, which is not installed. Install the Debian package "
            "`flite`, or train without synthesised speech with --speech 0."
        )


def say(
    text: str, voice: str, stretch: float, pitch_hz: float, pitch_spread_hz: float, wav: Path
) -> np.ndarray:
    """`text` as float32 samples at 16 kHz; `stretch` is the length of sounds. Writes over `wav`."""
    settings = {
        "duration_stretch": stretch,
        "int_f0_target_mean": pitch_hz,
        "int_f0_target_stddev": pitch_spread_hz,
    }
    command = ["flite", "-voice", voice]
    for name, value in settings.items():
        command += ["--setf", f"{name}={value:.3f}"]
    subprocess.run([*command, "-t", text, "-o", str(wav)], check=True)
    samples, rate = soundfile.read(wav, dtype="float32")
    return soxr.resample(samples, rate, SAMPLE_RATE)


def readings(folder: Path, count: int, table: CategoryTable, seed: int) -> list[Recording]:
    """`count` readings of sentences, written to `folder` if they are not there yet."""
    spoken = folder / f"flite_{count}"
    chosen = [VOICES[place % len(VOICES)] for place in range(count)]
    if not spoken.is_dir():
        _write(spoken, chosen, np.random.default_rng([seed, 4]))
    return [
        voice.recording(spoken / f"{place:04d}.flac", table) for place, voice in enumerate(chosen)
    ]


def _write(folder: Path, voices: list[Voice], rng: np.random.Generator) -> None:
    with new_folder(folder) as part:
        wav = part / "reading.wav"
        for place, voice in enumerate(tqdm(voices, desc="Flite", unit="reading")):
            samples = say(
                sentences(rng),
                voice.name,
                stretch=rng.uniform(0.75, 1.4),
                pitch_hz=rng.uniform(*PITCH_HZ[voice.category]),
                pitch_spread_hz=rng.uniform(8, 35),
                wav=wav,
            )
            write_flac(part / f"{place:04d}.flac", samples)
        wav.unlink(missing_ok=True)
