"""Is attention to be believed? Attention and contributions against leaving frames out.

    python benchmarks/attention_check.py eval.h5

For every tenth clip of a features file and each class that it is labelled with, each frame in turn
is left out and the fall of the score is noted. Prints, for each published model, the mean rank
correlation of that fall with the attention weights, with the contributions and with the frames' own
scores, and how often the frame that is highest by each is the one that costs most.
"""

import argparse
from pathlib import Path

import numpy as np

from audioset_demo.evaluation import rank_correlation
from audioset_demo.features import embeddings_from_array
from audioset_demo.models.published import published_models
from audioset_demo.neighbours import ReleasedClips
from audioset_demo.tagging import Tagger, load_tagger

EVERY = 10
LEAST_FRAMES = 5  # below, a rank correlation says little


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="packed features, e.g. eval.h5")
    released = ReleasedClips.from_file(parser.parse_args().data)
    clips = np.arange(0, len(released.n_frames), EVERY)
    clips = clips[released.n_frames[clips] >= LEAST_FRAMES]
    print(f"{len(clips):,} clips; mean rank correlation with the fall, share of first places")
    print(f"{'':32} {'attention':>15} {'contribution':>15} {'frame score':>15}")
    for model in published_models():
        tagger = load_tagger(model.name)
        figures = np.array([pair for k in clips for pair in pairs(tagger, released, k)])
        cells = []
        for column in range(3):
            rho, first = figures[:, column], figures[:, 3 + column]
            known = ~np.isnan(rho)
            cells.append(
                f"{rho[known].mean():7.2f} {first.mean():7.0%}" if known.any() else f"{'–':>15}"
            )
        print(f"{model.card.title:32} {' '.join(cells)}  {len(figures):,} clips and classes")


def pairs(tagger: Tagger, released: ReleasedClips, k: int) -> list[list[float]]:
    """For each label of a clip: three rank correlations, and whether the first places agree."""
    embeddings = embeddings_from_array(released.frames[k, : released.n_frames[k]])
    tagging, falls = tagger.tag(embeddings), tagger.occlude(embeddings)
    rows = []
    for c in np.flatnonzero(released.targets[k]):
        readings = (tagging.attention, tagging.contributions, tagging.frame_scores)
        rho = [rank_correlation(values[:, c], falls[:, c]) for values in readings]
        first = [values[:, c].argmax() == falls[:, c].argmax() for values in readings]
        rows.append([np.nan if r is None else r for r in rho] + [float(f) for f in first])
    return rows


if __name__ == "__main__":
    main()
