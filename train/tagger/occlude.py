"""Is attention to be believed? What a model says of the frames against leaving each of them out."""

import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from audioset_demo.embeddings.reading import embeddings_from_array
from audioset_demo.errors import DataError
from audioset_demo.evaluation import rank_correlation
from audioset_demo.storage import write_json
from audioset_demo.tagging import Tagger, load_tagger
from train.data.features import FeatureSet, load_features
from train.tagger.evaluate import check_classes

READINGS = ("attention", "contributions", "frame_scores")
LEAST_FRAMES = 5  # below, an order says little


@dataclass(frozen=True)
class Agreement:
    """How well readings of the frames agree with the fall of the score without each frame.

    Both by reading, over pairs of a clip and one of its labels.

    Attributes
    ----------
    rank_correlation : mean of Spearman's; None where a reading is the same for all frames
    first_place : share of pairs in which the frame that is highest costs most; None likewise
    """

    name: str
    title: str
    pairs: int
    rank_correlation: dict[str, float | None]
    first_place: dict[str, float | None]


def occlude(
    models: list[str],
    data: Path,
    every: int = 10,
    pooling: str | None = None,
    output: Path | None = None,
) -> list[Agreement]:
    """Compare what models say of frames with what leaving each frame out does to the score.

    Parameters
    ----------
    models : published names or checkpoints
    every : one clip in so many is taken
    pooling : "average" or "max", for checkpoints of the reference that do not say which they are
    output : JSON file to write; None: none

    Raises
    ------
    CheckpointError
        If there is no such model, or it knows other classes than the data.
    DataError
        If no clip is long enough.
    """
    features = load_features(data)
    clips = np.arange(0, len(features), every)
    clips = clips[features.n_frames[clips] >= LEAST_FRAMES]
    if not len(clips):
        raise DataError(
            f"{data}: no clip has {LEAST_FRAMES} frames; below, their order says little"
        )
    taggers = [load_tagger(model, pooling=pooling) for model in models]
    for tagger in taggers:
        check_classes(tagger.card, features)
    found = [_agreement(tagger, features.subset(clips, features.name)) for tagger in taggers]
    if output:
        record = {
            "set": features.name,
            "clips": len(clips),
            "command": shlex.join(
                ["python", "-m", "train", "occlude", *map(str, models), "--data", data.name]
                + ["--every", str(every)]
            ),
            "rows": [asdict(row) for row in found],
        }
        write_json(output, record)
    return found


def _agreement(tagger: Tagger, features: FeatureSet) -> Agreement:
    frames, targets = features.x, features.y
    rho: dict[str, list[float | None]] = {reading: [] for reading in READINGS}
    first: dict[str, list[bool]] = {reading: [] for reading in READINGS}
    for k, n in enumerate(tqdm(features.n_frames, desc=tagger.card.title, leave=False)):
        embeddings = embeddings_from_array(frames[k, :n])
        tagging, falls = tagger.tag(embeddings), tagger.occlude(embeddings)
        for c in np.flatnonzero(targets[k]):
            for reading in READINGS:
                values = getattr(tagging, reading)[:, c]
                rho[reading].append(rank_correlation(values, falls[:, c]))
                first[reading].append(values.argmax() == falls[:, c].argmax())
    known = {reading: [r for r in rho[reading] if r is not None] for reading in READINGS}
    return Agreement(
        name=tagger.card.name,
        title=tagger.card.title,
        pairs=int(targets.sum()),
        rank_correlation={r: float(np.mean(known[r])) if known[r] else None for r in READINGS},
        first_place={r: float(np.mean(first[r])) if known[r] else None for r in READINGS},
    )
