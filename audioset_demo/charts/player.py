"""What the player draws: a sound and its scores and attention, as JSON for the browser."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
from plotly.colors import sample_colorscale, unlabel_rgb

from audioset_demo.charts.detail import ROWS_PER_S, Part
from audioset_demo.charts.events import event_lane
from audioset_demo.charts.overview import DrawnSound
from audioset_demo.charts.style import (
    BLUE,
    SCORE_COLOURS,
    SIGNED_COLOURS,
    SOUND_COLOURS,
    VERMILION,
)
from audioset_demo.embeddings.frames import FRAME_S, frame_edges
from audioset_demo.encoders.logmel import (
    HOP_SAMPLES,
    MEL_MAX_HZ,
    MEL_MIN_HZ,
    N_MELS,
    SAMPLE_RATE,
    WINDOW_SAMPLES,
)
from audioset_demo.events import Event
from audioset_demo.tagging import Tagging

ROW_PX = 24  # height of one class
MARKED_HZ = (250, 1000, 2000, 4000)
# A row is drawn around the middle of its window: very short sounds are not stretched.
FIRST_ROW_S = (WINDOW_SAMPLES - HOP_SAMPLES) / 2 / SAMPLE_RATE


@dataclass(frozen=True)
class Curve:
    """One value a frame, (T,) floats, drawn as bars from zero.

    Attributes
    ----------
    name, detail : written beside it
    low, high : the ends of its scale, 0 between them
    line : a value to compare with, dotted; None: none
    """

    name: str
    detail: str
    values: np.ndarray
    low: float
    high: float
    line: float | None = None


@dataclass(frozen=True)
class ClassMap:
    """A value for each of N classes and each frame, drawn as a map of colours.

    Attributes
    ----------
    name : of the values
    classes : (N,) indices, the first on top
    values : (T, N)
    low, high : the ends of the colour scale; below zero it has colours of its own
    """

    name: str
    classes: Sequence[int]
    values: np.ndarray
    low: float
    high: float


def tags_timeline(
    tagging: Tagging,
    classes: Sequence[int],
    sound: DrawnSound | None,
    chosen: int | None = None,
    events: Sequence[Event] = (),
) -> dict:
    """A clip for the player with the scores of classes, and the attention of one at a time.

    Arrays are base64 of one byte a value, 0 to 255 (waves: -127 to 127).

    Parameters
    ----------
    classes : indices of the N classes to show, the first on top
    sound : None where there is no sound, only embeddings
    chosen : index of the class whose attention is drawn; None: the visitor chose none
    events : of those classes, drawn as bars
    """
    classes = list(classes)
    attention = tagging.attention[:, classes]
    drawn = _class_map(
        tagging, ClassMap("Frame score", classes, tagging.frame_scores[:, classes], 0.0, 1.0)
    )
    most_attention = np.maximum(attention.max(axis=0), 1e-9)
    return _timeline(tagging, sound) | {
        "alt": "Waveform, spectrogram, the score of each class in each frame and the attention of "
        f"one of them, on one time axis. Shown: {', '.join(drawn['names'])}",
        "chosen": None if chosen is None else tagging.labels[chosen].name,
        "events": event_lane(events),
        "classes": drawn
        | {
            "attention": _levels(attention / most_attention),
            "mostAttention": [float(value) for value in most_attention],
        },
    }


def curves_timeline(
    tagging: Tagging,
    shown_map: ClassMap,
    curves: Sequence[Curve],
    sound: DrawnSound | None,
    chosen: int,
    marked: int,
    alt: str,
) -> dict:
    """A clip for the player with a map of classes, and curves, whose values are base64 of float32.

    Parameters
    ----------
    chosen : index of the class that the curves are of
    marked : index of the frame to outline
    alt : what the curves are, in words
    """
    return _timeline(tagging, sound) | {
        "alt": f"Waveform and spectrogram, on one time axis with {alt}",
        "chosen": tagging.labels[chosen].name,
        "classes": _class_map(tagging, shown_map),
        "curves": [
            asdict(curve) | {"values": _base64(np.asarray(curve.values, dtype="<f4"))}
            for curve in curves
        ],
        "marked": marked,
    }


def _timeline(tagging: Tagging, sound: DrawnSound | None) -> dict:
    end = float(frame_edges(tagging.times_s, tagging.duration_s)[-1])
    return {
        "duration": max(tagging.duration_s, end),
        # Borders lie where `embeddings.frames.frame_edges` puts them: frame k begins at
        # offset + k * step, but that the first one begins at 0 and the last one ends at `end`.
        "step": tagging.hop_s,
        "cover": FRAME_S,
        "end": end,
        "offset": (FRAME_S - tagging.hop_s) / 2,
        "frames": len(tagging.times_s),
        "row": ROW_PX,
        "wave": sound and _wave(sound.low, sound.high, sound),
        "mel": sound and _mel(sound),
        "chosen": None,
        "events": None,
        "classes": None,
        "curves": [],
        "marked": None,
        "colours": {
            "wave": BLUE,
            "loss": VERMILION,
            "sound": _colours(SOUND_COLOURS),
        },
    }


def _class_map(tagging: Tagging, shown: ClassMap) -> dict:
    """The map as the player takes it; one byte a value, 0 to 255 from `low` to `high`."""
    span = max(shown.high - shown.low, 1e-9)
    return {
        "names": [tagging.labels[k].name for k in shown.classes],
        "of": shown.name,
        "levels": _levels((shown.values - shown.low) / span),
        "low": shown.low,
        "high": shown.high,
        "colours": _colours(SIGNED_COLOURS if shown.low < 0 else SCORE_COLOURS),
        "attention": None,
    }


def detail_timeline(sound: DrawnSound, part: Part) -> dict:
    """A part of a long sound for the player, on the scales of the whole sound's pictures."""
    low, high = part.wave.T
    return {
        "wave": _wave(low, high, sound) | {"from": part.wave_from_s, "to": part.wave_to_s},
        "mel": {
            "from": FIRST_ROW_S + part.first_row / ROWS_PER_S,
            "to": FIRST_ROW_S + part.last_row / ROWS_PER_S,
            "levels": _mel_levels(part.log_mel, sound),
            "columns": len(part.log_mel),
            "bands": N_MELS,
        },
    }


def _wave(low: np.ndarray, high: np.ndarray, of: DrawnSound) -> dict:
    """Parts of a wave, on the scale of the whole sound."""
    # A quiet sound stays visibly quiet, a silent one is a line.
    peak = max(0.05, float(np.abs([of.low, of.high]).max()))
    return {
        name: _base64(np.round(values / peak * 127).clip(-127, 127).astype(np.int8))
        for name, values in (("low", low), ("high", high))
    }


def _mel_levels(log_mel: np.ndarray, of: DrawnSound) -> str:
    """Log-mel on the scale of the whole sound."""
    assert of.log_mel is not None
    low, high = float(of.log_mel.min()), float(np.percentile(of.log_mel, 99.8))
    return _levels((log_mel - low) / max(high - low, 1e-6))


def _mel(sound: DrawnSound) -> dict | None:
    if sound.log_mel is None:
        return None
    n_rows = 1 + max(0, round(sound.duration_s * SAMPLE_RATE) - WINDOW_SAMPLES) // HOP_SAMPLES
    return {
        "from": FIRST_ROW_S,
        "to": FIRST_ROW_S + n_rows / ROWS_PER_S,
        "levels": _mel_levels(sound.log_mel, sound),
        "columns": len(sound.log_mel),
        "bands": N_MELS,
        "marks": [(f"{hertz:,} Hz", (mel_band(hertz) + 0.5) / N_MELS) for hertz in MARKED_HZ],
    }


def mel_band(hertz: float) -> float:
    """Which of the 64 mel bands a frequency is the centre of, as a fraction."""
    low, high, mel = (math.log1p(value / 700) for value in (MEL_MIN_HZ, MEL_MAX_HZ, hertz))
    return (mel - low) / (high - low) * (N_MELS + 1) - 1


def _levels(shares: np.ndarray) -> str:
    return _base64((shares.clip(0, 1) * 255).round().astype(np.uint8))


@cache
def _colours(scale: str | tuple[str, ...]) -> str:
    """256 colours of a scale, three bytes each."""
    stops = scale if isinstance(scale, str) else list(scale)
    sampled = sample_colorscale(stops, np.linspace(0, 1, 256).tolist())
    return _base64(np.array([unlabel_rgb(colour) for colour in sampled]).round().astype(np.uint8))


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
