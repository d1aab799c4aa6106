"""In place of an encoder, for processes that then need not load one."""

import os
import signal
from dataclasses import dataclass
from functools import partial

import numpy as np

from audioset_demo.embeddings.frames import N_DIMS, Embeddings
from train.data.shards import encode_shard


def encode(sound, progress) -> Embeddings:
    """Frames that hold the length of the sound in seconds; one file is deadly."""
    if sound.name == "deep/b.wav":
        os.kill(os.getpid(), signal.SIGKILL)
    seconds = sum(len(block) for block in sound.blocks()) / sound.sample_rate
    frames = np.full((round(seconds), N_DIMS), round(seconds), np.uint8)
    return Embeddings("compact", np.arange(len(frames)), frames, None, None, seconds, sound.name)


@dataclass(frozen=True)
class FakeEncoding:
    encoder: str

    def load(self):
        return partial(encode_shard, encode)
