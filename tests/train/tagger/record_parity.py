"""Writes parity.npz: what the reference computes on the problem, in float64, and what it samples.

    python -m tests.train.tagger.record_parity REFERENCE

REFERENCE is a copy of https://github.com/qiuqiangkong/audioset_classification.
"""

import sys
from pathlib import Path

import numpy as np

from audioset_demo.storage import write_atomically
from tests.train.tagger.keras_parity import keras_of_reference
from tests.train.tagger.parity import POOLINGS, RECORD, Problem, in_float64, labels_to_sample
from tests.train.tagger.reference_code import sampled_by_reference, train_reference
from tests.train.tagger.test_parity import BATCH_SIZE, DRAWS


def main(folder: Path) -> None:
    arrays = {}
    for pooling in POOLINGS:
        arrays |= train_reference(folder, pooling, in_float64(Problem())).arrays(pooling)
    for pooling in POOLINGS:
        arrays |= keras_of_reference(folder, pooling).arrays(f"keras/{pooling}")
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    draws = sampled_by_reference(folder, labels_to_sample(), BATCH_SIZE, DRAWS)
    arrays["sampler/draws"] = draws.astype(np.uint16)
    write_atomically(RECORD, lambda part: np.savez_compressed(part, **arrays))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
