"""What `embed` makes of one recording of a folder: a file of its embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from audioset_demo.embeddings.frames import Progress
from audioset_demo.folder.inputs import Input
from audioset_demo.folder.job import Made, Maker
from audioset_demo.folder.sources import encoder_in_short

EMBEDDINGS = "embeddings"  # a subfolder, and the fact about a recording that leads to its file


@dataclass(frozen=True)
class EmbedJob:
    """Settings of `embed`; `encoder` is a name that `resolve_encoder` gave."""

    encoder: str
    device: str
    hop_s: float
    tail: str
    resampler: str

    file_columns: ClassVar[tuple[str, ...]] = (
        "file", "size", "duration_s", "start_time", "frames", "encoder", EMBEDDINGS, "notes",
    )  # fmt: skip
    has_rows: ClassVar[bool] = False

    def settings(self) -> dict[str, Any]:
        return {
            "the command": "embed",
            "--encoder": encoder_in_short(self.encoder),
            "--hop": self.hop_s,
            "--tail": self.tail,
            "--resampler": self.resampler,
        }

    def load(self) -> Maker:
        import torch

        from audioset_demo.audio.decoding import open_sound
        from audioset_demo.embeddings.writing import embeddings_npz
        from audioset_demo.encoders import load_encoder

        torch.set_num_threads(1)
        encoder = load_encoder(self.encoder, self.device)

        def make(given: Input, progress: Progress) -> Made:
            with open_sound(given.path) as sound:
                embeddings = encoder.encode(
                    sound, self.hop_s, progress, tail=self.tail, resampler=self.resampler
                )
            facts = {
                "duration_s": round(embeddings.duration_s, 6),
                "frames": len(embeddings.times_s),
                "encoder": encoder.title,
                EMBEDDINGS: f"{EMBEDDINGS}/{given.stem}.npz",
                "notes": list(embeddings.notes),
            }
            return Made(facts, files={(EMBEDDINGS, ".npz"): embeddings_npz([embeddings])})

        return make
