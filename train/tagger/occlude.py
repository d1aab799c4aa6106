"""Faithfulness: attention and contributions against the score drop when a frame is left out."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from audioset_demo.errors import DataError
from audioset_demo.evaluation import rank_correlation
from audioset_demo.storage import check_output, write_json
from audioset_demo.tagging import Tagger, load_tagger
from train.data.features import FeatureSet, load_features
from train.runs import command_line
from train.tagger.evaluate import check_classes
from train.tagger.explain import explain_all

READINGS = ("attention", "contributions", "frame_scores")
LEAST_FRAMES = 5  # a ranking of fewer says little
BLOCK_CLIPS = 256  # explained at a time: 22 MB for all of AudioSet's classes


@dataclass(frozen=True)
class Agreement:
    """How well readings of the frames agree with the score drop without each frame.

    Both are figures for each reading, over pairs of a clip and one of its labels.

    Attributes
    ----------
    rank_correlation : mean of Spearman's; None where a reading is the same for all frames
    first_place : share of pairs in which the highest frame has the largest score drop; None as
        above
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
    device: str = "auto",
) -> list[Agreement]:
    """Compare attention, contributions and frame scores with the score drop without each frame.

    Parameters
    ----------
    models : published names or checkpoints
    every : take one clip in `every`
    pooling : "average" or "max", for checkpoints of the reference that do not say which they are
    output : JSON file to write; None: none
    device : a name of `DEVICES`

    Raises
    ------
    CheckpointError
        If there is no such model, or it was trained on other classes than the data has.
    DataError
        If no labelled clip is long enough.
    StorageError
        If `output` can't be written.
    """
    if every < 1:
        raise DataError(f"--every must be at least 1, not {every}.")
    if output:
        check_output(output, [data, *map(Path, models)])
    features = load_features(data)
    rows = np.arange(0, len(features), every)
    clips = features.subset(rows[features.n_frames[rows] >= LEAST_FRAMES], features.name)
    if not len(clips) or not clips.n_positives().any():
        raise DataError(
            f"None of the {len(rows)} clips that --every {every} takes from {data} has both a "
            f"label and {LEAST_FRAMES} frames or more. Give longer clips, or lower --every."
        )
    taggers = [load_tagger(model, pooling=pooling, device=device) for model in models]
    for tagger in taggers:
        check_classes(tagger.card, features)
    found = [_agreement(tagger, clips) for tagger in taggers]
    if output:
        record = {
            "set": features.name,
            "clips": len(clips),
            "command": command_line(
                "occlude", *map(Path, models), data=data, every=every, pooling=pooling
            ),
            "rows": [asdict(row) for row in found],
        }
        write_json(output, record)
    return found


def _agreement(tagger: Tagger, features: FeatureSet) -> Agreement:
    rho: dict[str, list[float | None]] = {reading: [] for reading in READINGS}
    first: dict[str, list[bool]] = {reading: [] for reading in READINGS}
    starts = range(0, len(features), BLOCK_CLIPS)
    for start in tqdm(starts, desc=tagger.card.title, leave=False):
        rows = np.arange(start, min(start + BLOCK_CLIPS, len(features)))
        part = features.subset(rows, features.name)
        classes = np.flatnonzero(part.n_positives())
        signals = explain_all(tagger.model, part, classes).signals
        for k, c in np.argwhere(part.y[:, classes]):
            drops = signals["occlusion"][k, : part.n_frames[k], c]
            for reading in READINGS:
                values = signals[reading][k, : part.n_frames[k], c]
                rho[reading].append(rank_correlation(values, drops))
                first[reading].append(values.argmax() == drops.argmax())
    known = {reading: [r for r in rho[reading] if r is not None] for reading in READINGS}
    return Agreement(
        name=tagger.card.name,
        title=tagger.card.title,
        pairs=int(features.n_positives().sum()),
        rank_correlation={r: float(np.mean(known[r])) if known[r] else None for r in READINGS},
        first_place={r: float(np.mean(first[r])) if known[r] else None for r in READINGS},
    )
