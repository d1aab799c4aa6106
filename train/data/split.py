"""Which clips are trained on and which are held out: fixed properties of their recordings.

All clips of one recording, a group, are on the same side. A clip without a group is its own.
"""

import hashlib

import numpy as np

from audioset_demo.errors import DataError
from train.data.features import FeatureSet

# One clip in ten, chosen by a hash of its group, is never trained on: choices are made there.
VALIDATION_SHARE = 10
# Of a large set fewer, those of the lowest hashes: each checkpoint is scored on all of them.
MAX_VALIDATION_CLIPS = 20_000


def held_out(features: FeatureSet) -> np.ndarray:
    """Which clips (N,) bool form the validation part."""
    hashes = np.fromiter(map(_hash, features.groups), np.uint64, len(features))
    chosen = hashes % VALIDATION_SHARE == 0
    if chosen.sum() > MAX_VALIDATION_CLIPS:
        limit = np.partition(hashes[chosen], MAX_VALIDATION_CLIPS)[MAX_VALIDATION_CLIPS]
        chosen &= hashes < limit
    return chosen


def split(features: FeatureSet) -> tuple[FeatureSet, FeatureSet]:
    """Fit part and validation part.

    Raises
    ------
    DataError
        If one of them would be empty.
    """
    validation = held_out(features)
    if validation.all() or not validation.any():
        raise DataError(
            f"{features.name} has {len(features)} clips, too few to hold a tenth of them out for "
            "validation. Give more clips."
        )
    return (
        features.subset(np.flatnonzero(~validation), f"fit part of {features.name}"),
        features.subset(np.flatnonzero(validation), f"validation part of {features.name}"),
    )


def sample(features: FeatureSet, clips: int) -> FeatureSet:
    """`clips` of the clips, chosen by their video ids: a larger sample contains a smaller one.

    Raises
    ------
    DataError
        If there are fewer.
    """
    if clips > len(features):
        raise DataError(
            f"{features.name} has {len(features)} clips, and --clips asks for {clips}. Lower it."
        )
    # The low bits of the hash choose the validation part, so the order goes by another one.
    order = np.argsort([_hash(b"sample " + video_id) for video_id in features.video_ids])
    chosen = np.sort(order[:clips])
    return features.subset(chosen, f"{clips:,} clips of {features.name}")


def halves(features: FeatureSet) -> np.ndarray:
    """To which half of the clips each belongs, (N,) bool."""
    hashes = [_hash(b"half " + group) for group in features.groups]
    return np.array([value % 2 == 1 for value in hashes], bool)


def _hash(name: bytes) -> int:
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big")
