"""What models of unlike kind add to the ensemble: mAP on the validation part of `bal_train`.

    python benchmarks/ensemble.py AUDIOSET/bal_train.h5 RUN... [--iterations N] [--trees]

`RUN`s are runs of `python -m train fit` that held the validation part out; the first one's hidden
features serve the two models without training. Each newcomer is scored alone and added to the mean
of the runs:

* neighbours: labels of the 50 most similar clips of the fit part, by hidden features;
* prototypes: cosine similarity to the mean of a class's clips, by hidden features;
* transformer: two layers over the ten frames, trained as the tagging models are;
* trees (`--trees`, half an hour): gradient-boosted trees for each class on the mean, the standard
  deviation and the maximum of the frames.

Scores are added as logits, each class of each model scaled to mean 0 and variance 1. The
weights are chosen by coordinate ascent on the validation part itself, so the gain of the weighted
sum is an upper bound; beside it stands what weights chosen on one half give on the other.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor, nn
from tqdm import tqdm

from audioset_demo.evaluation import evaluate_scores
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.network import TaggingModel
from train.data.features import FeatureSet, load_features
from train.data.split import split
from train.runs import select_checkpoint
from train.tagger.batches import Batches
from train.tagger.config import FitConfig
from train.tagger.predict import BATCH_SIZE, predict

N_NEIGHBOURS, TEMPERATURE = 50, 0.05
WIDTH, HEADS, LAYERS = 256, 4, 2
NEGATIVES = 3000  # clips without the label that a class's trees see
STEPS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)  # weights that are tried; that of the first model is 1

Scores = np.ndarray  # (N, K)


class FrameTransformer(nn.Module):
    """Scores of a clip from its frames, which see one another: (B, T, 128) -> (B, K)."""

    def __init__(self, n_classes: int):
        super().__init__()
        self.norm = nn.BatchNorm1d(128)
        self.enter = nn.Linear(128, WIDTH)
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 4 * WIDTH, dropout=0.3, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.classify = nn.Linear(WIDTH, n_classes)

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        frames = torch.zeros_like(clips)
        frames[mask] = self.norm(clips[mask])
        hidden = self.layers(self.enter(frames), src_key_padding_mask=~mask)
        share = mask[:, :, None] / mask.sum(1)[:, None, None]
        return torch.sigmoid(self.classify((hidden * share).sum(1)).float())


def transformer(fit: FeatureSet, validation: FeatureSet, iterations: int) -> Scores:
    torch.manual_seed(0)
    model = FrameTransformer(fit.n_classes)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    batches = Batches(FitConfig(frames=0, mixup=1.0, iterations=iterations), fit)
    steps = tqdm(batches.ahead(range(iterations)), total=iterations, desc="transformer")
    for iteration, batch in enumerate(steps):
        for group in optimizer.param_groups:
            warm = min(1.0, (iteration + 1) / 300)
            group["lr"] = 1e-3 * warm * 0.5 * (1 + math.cos(math.pi * iteration / iterations))
        with torch.autocast("cpu", torch.bfloat16):
            scores = model(batch.clips, batch.mask)
        loss = nn.functional.binary_cross_entropy(scores.clamp(1e-7, 1 - 1e-7), batch.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return in_batches(model.eval(), validation)


@torch.inference_mode()
def in_batches(score: Callable[[Tensor, Tensor], Tensor], features: FeatureSet) -> np.ndarray:
    """(N, ...) what `score` gives for all clips."""
    starts = range(0, len(features), BATCH_SIZE)
    parts = []
    for start in starts:
        clips, mask, _ = features.batch(np.arange(start, min(start + BATCH_SIZE, len(features))))
        parts.append(score(clips, mask).numpy())
    return np.concatenate(parts)


def hidden_features(model: TaggingModel, features: FeatureSet) -> np.ndarray:
    """(N, H) what the last layer of feature-level attention reads, of length 1."""
    seen: list[Tensor] = []
    hook = model.head.classify.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    in_batches(model, features)
    hook.remove()
    return nn.functional.normalize(torch.cat(seen), dim=1).numpy()


def neighbours(fit: FeatureSet, of_fit: np.ndarray, of_validation: np.ndarray) -> Scores:
    labels = fit.y.astype(np.float32)
    scores = np.empty((len(of_validation), labels.shape[1]), np.float32)
    for row, similarity in enumerate(of_validation @ of_fit.T):
        nearest = np.argpartition(-similarity, N_NEIGHBOURS)[:N_NEIGHBOURS]
        weights = np.exp((similarity[nearest] - similarity[nearest].max()) / TEMPERATURE)
        scores[row] = weights @ labels[nearest] / weights.sum()
    return scores


def prototypes(fit: FeatureSet, of_fit: np.ndarray, of_validation: np.ndarray) -> Scores:
    """Similarities from -1 to 1, as scores from 0 to 1."""
    means = fit.y.T.astype(np.float32) @ of_fit
    means /= np.linalg.norm(means, axis=1, keepdims=True) + 1e-9
    return (1 + of_validation @ means.T) / 2


def statistics(features: FeatureSet) -> np.ndarray:
    """(N, 384) mean, standard deviation and maximum of each clip's real frames."""

    def of_batch(clips: Tensor, mask: Tensor) -> Tensor:
        real = mask[:, :, None]
        mean = (clips * real).sum(1) / real.sum(1)
        spread = (((clips - mean[:, None]) * real).square().sum(1) / real.sum(1)).sqrt()
        return torch.cat([mean, spread, clips.masked_fill(~real, -9).amax(1)], dim=1)

    return in_batches(of_batch, features)


def trees(fit: FeatureSet, validation: FeatureSet) -> Scores:
    rng = np.random.default_rng(0)
    of_fit, of_validation = statistics(fit), statistics(validation)
    scores = np.empty(validation.y.shape, np.float32)
    for label in tqdm(range(fit.n_classes), desc="trees", unit="class"):
        has = fit.y[:, label]
        without = rng.permutation(np.flatnonzero(~has))[:NEGATIVES]
        rows = np.concatenate([np.flatnonzero(has), without])
        model = HistGradientBoostingClassifier(
            max_iter=60, max_depth=4, learning_rate=0.1, l2_regularization=1.0, random_state=0
        )
        model.fit(of_fit[rows], has[rows])
        scores[:, label] = model.predict_proba(of_validation)[:, 1]
    return scores


def standardised_logits(scores: Scores) -> np.ndarray:
    clipped = np.clip(scores, 1e-4, 1 - 1e-4).astype(np.float64)
    logits = np.log(clipped / (1 - clipped))
    return (logits - logits.mean(0)) / (logits.std(0) + 1e-9)


def mean_ap(targets: np.ndarray, scores: np.ndarray) -> float:
    return evaluate_scores(targets, scores).mean_average_precision


def weighted(members: list[np.ndarray], targets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Weights (n,) of the members that give the highest mAP on `rows`, by coordinate ascent."""
    weights = np.ones(len(members))
    best = mean_ap(targets[rows], sum(members)[rows])
    for _ in range(2):
        for place in range(1, len(members)):
            for step in STEPS:
                tried = weights.copy()
                tried[place] = step
                total = sum(w * each[rows] for w, each in zip(tried, members, strict=True))
                if (found := mean_ap(targets[rows], total)) > best:
                    best, weights = found, tried
    return weights


def of_halves(members: list[np.ndarray], targets: np.ndarray) -> np.ndarray:
    """(N, K) sums of the members, each half of the clips weighted by what serves the other."""
    in_first = np.random.default_rng(0).random(len(targets)) < 0.5
    total = np.empty_like(members[0])
    for half in (in_first, ~in_first):
        weights = weighted(members, targets, ~half)
        total[half] = sum(w * each[half] for w, each in zip(weights, members, strict=True))
    return total


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", nargs="+", type=Path, help="feature-level attention first")
    parser.add_argument("--iterations", type=int, default=6000, help="of the transformer")
    parser.add_argument("--trees", action="store_true", help="gradient-boosted trees too")
    arguments = parser.parse_args()
    fit, validation = split(load_features(arguments.data))
    targets = validation.y
    models = [load_checkpoint(select_checkpoint(run).path)[0] for run in arguments.runs]
    found = {
        run.name: predict(model, validation)
        for run, model in zip(arguments.runs, models, strict=True)
    }
    hidden = hidden_features(models[0], fit), hidden_features(models[0], validation)
    newcomers = {
        "neighbours": neighbours(fit, *hidden),
        "prototypes": prototypes(fit, *hidden),
        "transformer": transformer(fit, validation, arguments.iterations),
    }
    if arguments.trees:
        newcomers["trees"] = trees(fit, validation)
    base = [standardised_logits(scores) for scores in found.values()]
    print(f"{'':28} {'alone':>7} {'added':>7}")
    for name, scores in found.items():
        print(f"{name:28} {mean_ap(targets, scores):7.4f}")
    print(f"{'mean of these':28} {mean_ap(targets, sum(base)):7.4f}")
    for name, scores in newcomers.items():
        with_it = mean_ap(targets, sum(base) + standardised_logits(scores))
        print(f"{name:28} {mean_ap(targets, scores):7.4f} {with_it:7.4f}")
    members = base + [standardised_logits(scores) for scores in newcomers.values()]
    everything = np.arange(len(targets))
    weights = weighted(members, targets, everything)
    total = sum(w * each for w, each in zip(weights, members, strict=True))
    names = [*found, *newcomers]
    print(f"{'weighted, seen':28} {mean_ap(targets, total):7.4f}")
    print(f"{'weighted, on other halves':28} {mean_ap(targets, of_halves(members, targets)):7.4f}")
    print("weights:", dict(zip(names, weights.tolist(), strict=True)))


if __name__ == "__main__":
    main()
