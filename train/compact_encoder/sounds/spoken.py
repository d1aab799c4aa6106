"""Synthesised speech by eSpeak NG: many voices and languages, and plain formant synthesis.

eSpeak NG is the package `espeakng-loader`, which only this training needs. The library does not
repeat a reading bit for bit.
"""

from __future__ import annotations

import ctypes
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import soxr
from tqdm import tqdm

from audioset_demo.encoders.logmel import SAMPLE_RATE
from audioset_demo.errors import DataError
from audioset_demo.storage import new_folder
from train.compact_encoder.sounds.categories import CategoryTable
from train.compact_encoder.sounds.readings import MAN, SOMEBODY, WOMAN, Voice, write_flac
from train.compact_encoder.sounds.recordings import Recording
from train.compact_encoder.sounds.sentences import sentences

LANGUAGES = [
    "en-us",
    "en-gb-x-rp",
    "en-gb-scotland",
    "de",
    "fr",
    "fr-be",
    "es",
    "es-419",
    "it",
    "pt",
    "pt-br",
    "nl",
    "sv",
    "da",
    "nb",
    "pl",
    "cs",
    "sk",
    "ro",
    "hu",
    "fi",
    "et",
    "lt",
    "lv",
    "ru",
    "uk",
    "bg",
    "hr",
    "el",
    "tr",
    "ar",
    "fa",
    "hi",
    "bn",
    "ta",
    "id",
    "sw",
    "vi",
    "ko",
    "ja",
    "cmn",
    "yue",
]
VARIANTS = [
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m6",
    "m7",
    "m8",
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "adam",
    "anika",
    "announcer",
    "antonio",
    "aunty",
    "belinda",
    "caleb",
    "david",
    "edward",
    "grandma",
    "grandpa",
    "john",
    "linda",
    "max",
    "michel",
    "pablo",
    "paul",
    "rob",
    "steph",
    "travis",
    "whisper",
    "croak",
]
WOMEN = {"f1", "f2", "f3", "f4", "f5", "anika", "aunty", "belinda", "grandma", "linda", "steph"}
NEITHER = {"announcer", "whisper", "croak"}
WORDS_A_READING = 12
ENGLISH_SENTENCES_SHARE = 0.5  # of the readings by English voices; the others read class names
_SYNCHRONOUS, _UTF8, _RATE, _PITCH, _RANGE = 2, 1, 1, 3, 4
_ON_SAMPLES = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def check_espeak() -> None:
    """Raise a DataError, with the remedy, unless eSpeak NG is installed."""
    if find_spec("espeakng_loader") is None:
        raise DataError(
            "Synthesised speech needs eSpeak NG, which is not installed. Install it with "
            "`pip install espeakng-loader`, or train without it with --speech 0."
        )


class Speaker:
    """eSpeak NG; one for each process, because the library holds the state."""

    def __init__(self):
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._blocks: list[np.ndarray] = []
        self._callback = _ON_SAMPLES(self._take)  # kept: the library holds only its address
        data = espeakng_loader.get_data_path().encode()
        self._rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, 0)
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples, count: int, events) -> int:
        if samples and count > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, text: str, voice: str, rate: int, pitch: int, pitch_range: int) -> np.ndarray:
        """`text` as float32 samples at 16 kHz; words a minute, pitch and its range in 0 to 99."""
        library = self._library
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"eSpeak NG has no voice '{voice}'.")
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
            library.espeak_SetParameter(parameter, value, 0)
        self._blocks.clear()
        encoded = text.encode()
        library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
        samples = np.concatenate(self._blocks).astype(np.float32) / 32768
        return soxr.resample(samples, self._rate, SAMPLE_RATE)


def readings(folder: Path, count: int, table: CategoryTable, seed: int) -> list[Recording]:
    """`count` readings, written to `folder` if they are not there yet.

    All voices read class names; English ones read sentences, too.
    """
    spoken = folder / f"espeak_{count}"
    voices = [
        Voice("espeak", f"{language}+{variant}", number, _category(variant))
        for number, (language, variant) in enumerate(product(LANGUAGES, VARIANTS))
    ]
    rng = np.random.default_rng([seed, 3])
    order = rng.permutation(max(count, len(voices)))[:count] % len(voices)
    chosen = [voices[number] for number in order.tolist()]
    if not spoken.is_dir():
        _write(spoken, chosen, [label.name for label in table.labels], rng)
    return [
        voice.recording(spoken / f"{place:04d}.flac", table) for place, voice in enumerate(chosen)
    ]


def _category(variant: str) -> str:
    if variant in NEITHER:
        return SOMEBODY
    return WOMAN if variant in WOMEN else MAN


def _write(folder: Path, voices: list[Voice], words: list[str], rng: np.random.Generator) -> None:
    speaker = Speaker()
    with new_folder(folder) as part:
        for place, voice in enumerate(tqdm(voices, desc="eSpeak NG", unit="reading")):
            if voice.name.startswith("en") and rng.random() < ENGLISH_SENTENCES_SHARE:
                text = sentences(rng)
            else:
                text = ", ".join(rng.choice(words, WORDS_A_READING))
            samples = speaker.say(
                text,
                voice.name,
                rate=int(rng.integers(110, 230)),
                pitch=int(rng.integers(15, 85)),
                pitch_range=int(rng.integers(20, 90)),
            )
            write_flac(part / f"{place:04d}.flac", samples)
