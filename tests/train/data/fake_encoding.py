"""In place of an encoder, for processes that then need not load one."""

import os
import signal
import time
from dataclasses import dataclass
from functools import partial

import numpy as np

from audioset_demo.embeddings.frames import N_DIMS, Embeddings
from audioset_demo.errors import WeightsError
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


def encode_slowly(sound, progress) -> Embeddings:
    """As `encode`; says on which machine, before it begins."""
    with open(os.environ["JOURNAL"], "a") as journal:
        journal.write(f"{os.environ.get('MACHINE')} {sound.name}\n")
    time.sleep(0.5)
    return encode(sound, progress)


class SlowEncoding(FakeEncoding):
    def load(self):
        return partial(encode_shard, encode_slowly)


class NoEncoding(FakeEncoding):
    def load(self):
        raise WeightsError("The weights are not on this machine. Install them.")
