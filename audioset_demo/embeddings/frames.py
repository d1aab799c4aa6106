"""What an encoder passes to a tagging model: frames of 128 numbers on a time grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audioset_demo.errors import WeightsError

FRAME_S = 0.96  # seconds that a frame covers, and by default from one frame to the next
N_DIMS = 128  # numbers per frame
CLIP = 2.0  # PCA outputs are clipped to [-2, 2] before they are quantised
LEVELS_PER_UNIT = 255.0 / (2 * CLIP)  # 63.75

# Called from time to time with the seconds done and in all (None where the file does not state
# them). An exception that it raises ends the work.
Progress = Callable[[float, float | None], None]

# What the user reads for each encoder key; only VGGish itself may be called VGGish.
ENCODER_TITLES = {
    "vggish": "VGGish",
    "vggish_bfloat16": "VGGish in bfloat16",
    "compact": "compact encoder (not VGGish)",
    "released": "released AudioSet features (VGGish)",
}


@dataclass(frozen=True)
class Embeddings:
    """The embeddings of one clip.

    Attributes
    ----------
    encoder : a key of `ENCODER_TITLES`; "released" marks a features file of AudioSet's own.
    times_s : (T,) float64, start of each frame in seconds, evenly spaced; each covers 0.96 s.
    quantised : (T, 128) uint8; tagging models read `(quantised - 128) / 128`. None where VGGish
        ran without its PCA parameters.
    pca : (T, 128) float32 after PCA, in [-2, 2] (the compact encoder's own output has the
        same scale); None where only the quantised values are known.
    embedding : (T, 128) float32 before PCA; VGGish only, else None.
    duration_s : length of the clip in seconds.
    name : file name or clip id shown to the user.
    notes : remarks for the user, e.g. that a short clip was padded with silence.
    """

    encoder: str
    times_s: np.ndarray
    quantised: np.ndarray | None
    pca: np.ndarray | None
    embedding: np.ndarray | None
    duration_s: float
    name: str
    notes: tuple[str, ...] = ()

    @property
    def hop_s(self) -> float:
        """Seconds from one frame to the next."""
        return hop_of(self.times_s)

    def require_quantised(self) -> np.ndarray:
        """`quantised`, or `WeightsError` where there is none."""
        if self.quantised is None:
            raise WeightsError(
                f"{self.name} holds embeddings from before PCA only, and tagging models read the "
                "quantised ones. Install the PCA parameters with `audioset-demo weights get` and "
                "compute the embeddings again."
            )
        return self.quantised


def hop_of(times_s: np.ndarray) -> float:
    """Seconds from one frame to the next, from their (T,) starts; of a single frame, 0.96 s."""
    if len(times_s) == 1:
        return FRAME_S
    return round(float(times_s[-1] - times_s[0]) / (len(times_s) - 1), 6)


def frame_edges(times_s: np.ndarray, duration_s: float) -> np.ndarray:
    """Borders (T + 1,) of frames in seconds, from their (T,) starts and the clip's length.

    Frames closer than the 0.96 s that each covers overlap. A border then lies midway between the
    centres of two neighbours, so that a sound is drawn where frames are centred on it. The first
    frame begins at its start, and the last ends at its own end, or at the clip's where that comes
    first: the rest of the frame is silence.
    """
    overlap = FRAME_S - hop_of(times_s)
    borders = np.concatenate([times_s[:1], times_s[1:] + overlap / 2])
    end = times_s[-1] + FRAME_S
    # A file that states an end before its last frame contradicts itself: its frames count.
    if borders[-1] < duration_s < end:
        end = duration_s
    return np.append(borders, end)


def quantise(pca: np.ndarray) -> np.ndarray:
    """Components (T, 128) to uint8: -2 becomes 0 and 2 becomes 255; the fraction is cut off."""
    return ((np.clip(pca, -CLIP, CLIP) + CLIP) * LEVELS_PER_UNIT).astype(np.uint8)
