"""What the speech synthesisers share: their voices, and folders of readings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `folder` when all is written."""
    part = folder.with_name(f".{folder.name}-{os.getpid()}")
    part.mkdir(parents=True)
    try:
        yield part
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
