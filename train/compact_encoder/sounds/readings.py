"""What the synthesisers share: the voices of speech, and the files of readings and pieces."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from audioset_demo.encoders.logmel import SAMPLE_RATE
from train.compact_encoder.sounds.categories import CategoryTable
from train.compact_encoder.sounds.recordings import Recording

MAN, WOMAN, SOMEBODY = "Synthesised man", "Synthesised woman", "Synthesised speech"
HELD_OUT_EVERY = 5  # of the voices of a synthesiser


@dataclass(frozen=True)
class Voice:
    """A voice of a synthesiser; `number` is its place among them, `category` that of its speech."""

    synthesiser: str
    name: str
    number: int
    category: str

    def recording(self, path: Path, table: CategoryTable) -> Recording:
        """A reading by this voice. All those of a voice are on one side of the hold-out."""
        return Recording(
            path=path,
            collection=self.synthesiser,
            category=table.find(self.category, ""),
            source=f"{self.synthesiser} {self.name}",
            licence="synthesised",
            attribution=f"{self.synthesiser}, voice {self.name}",
            listed=False,
            held_out=self.number % HELD_OUT_EVERY == 0,
        )


def write_flac(path: Path, samples: np.ndarray) -> None:
    """Write (n,) samples at 16 kHz."""
    buffer = io.BytesIO()  # libsndfile by itself would not say that the disk is full
    soundfile.write(buffer, samples, SAMPLE_RATE, format="FLAC")
    path.write_bytes(buffer.getvalue())
