"""The evidence of one model from its scores: numbers in, numbers out."""

import numpy as np
from tqdm import tqdm

from audioset_demo.evaluation import evaluate_scores
from audioset_demo.evidence.clips import ABSENT, NOT_COVERED, PRESENT, ScoredClips
from audioset_demo.evidence.of_model import LOGIT_EDGES, Evidence
from audioset_demo.odds import logit
from train.explore.ranking import Ranking, corners, curve_error

POINTS = 60  # of a curve
LISTED = 12  # clips
CONFUSED = 8  # classes
DOUBTED = 50  # highest-scored clips without the label, looked up in the strong labels


def evidence_of(scores: np.ndarray, clips: ScoredClips, weights: np.ndarray, name: str) -> Evidence:
    """The evidence of a model.

    Parameters
    ----------
    scores : (N, K) float32
    clips : the N clips; each class has dozens that carry its label
    weights : (N, B) how often each clip is drawn in each bootstrap replicate
    name : of the model, beside the progress bar
    """
    targets = clips.has_label
    figures = evaluate_scores(targets, scores)
    rows = []
    for k in tqdm(range(scores.shape[1]), desc=name, unit="class"):
        rows.append(_of_class(scores[:, k], k, figures.average_precision[k], clips, weights))
    stacked = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
    return Evidence(
        ap=figures.average_precision.astype(np.float32),
        auc=figures.auc.astype(np.float32),
        replicates=stacked.pop("replicates").T,
        **stacked,
    )


def _of_class(
    scores: np.ndarray, k: int, ap: float, clips: ScoredClips, weights: np.ndarray
) -> dict[str, np.ndarray | np.generic]:
    positive = clips.has_label[:, k]
    ranking = Ranking.of(scores, positive)
    return {
        **_interval(ranking.weighted_average_precision(weights), ap),
        **_curve(ranking),
        "histogram": _histograms(scores, positive),
        **_confused(ranking, k, clips),
        **_listed(ranking),
        "vindicated": _vindicated(ranking, k, clips),
    }


def _interval(drawn: np.ndarray, ap: float) -> dict[str, np.ndarray | np.generic]:
    """The 95 % interval, and the replicates in steps of `scale` about the AP.

    A clip that is drawn twice is found twice at its place, which raises the AP of all replicates:
    they are moved so that their mean is the AP.
    """
    deviation = drawn - drawn.mean()
    low, high = np.clip(ap + np.percentile(deviation, (2.5, 97.5)), 0.0, 1.0)
    scale = max(float(np.abs(deviation).max()) / 127, 1e-9)
    return {
        "low": np.float32(low),
        "high": np.float32(high),
        "scale": np.float32(scale),
        "replicates": np.rint(deviation / scale).astype(np.int8),
    }


def _curve(ranking: Ranking) -> dict[str, np.ndarray | np.generic]:
    found, false = ranking.found, ranking.false
    n_negative = int((~ranking.positive).sum())
    kept = corners(found, false, n_negative, POINTS)
    parts = {"thresholds": np.full(POINTS, np.nan, np.float16)}
    parts |= {name: np.zeros(POINTS, np.uint16) for name in ("found", "false")}
    for name, values in zip(parts, (ranking.thresholds, found, false), strict=True):
        parts[name][: len(kept)] = values[kept]
    return parts | {"curve_error": np.float32(curve_error(found, false, n_negative, kept))}


def _histograms(scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
    inside = np.clip(logit(scores.astype(np.float64)), LOGIT_EDGES[0], LOGIT_EDGES[-1])
    counts = [np.histogram(inside[part], LOGIT_EDGES)[0] for part in (~positive, positive)]
    return np.stack(counts).astype(np.uint16)


def _confused(ranking: Ranking, k: int, clips: ScoredClips) -> dict[str, np.ndarray | np.generic]:
    n = int(ranking.positive.sum())
    alarms = ranking.clips[:n][~ranking.positive[:n]]
    counts = clips.has_label[alarms].sum(axis=0)
    usual = clips.has_label_without(k) / (len(clips) - n)
    excess = counts - len(alarms) * usual
    first = np.argsort(-excess, kind="stable")[:CONFUSED]
    return {
        "confused": first.astype(np.uint16),
        "n_confused": np.where(excess[first] > 0, counts[first], 0).astype(np.uint16),
        "n_false": np.uint16(len(alarms)),
    }


def _listed(ranking: Ranking) -> dict[str, np.ndarray | np.generic]:
    unlabelled = np.flatnonzero(~ranking.positive)[:LISTED]
    missed = np.flatnonzero(ranking.positive)[::-1][:LISTED]
    return {
        "unlabelled": ranking.clips[unlabelled].astype(np.uint16),
        "unlabelled_scores": ranking.scores[unlabelled].astype(np.float16),
        "missed": ranking.clips[missed].astype(np.uint16),
        "missed_scores": ranking.scores[missed].astype(np.float16),
    }


def _vindicated(ranking: Ranking, k: int, clips: ScoredClips) -> np.ndarray:
    doubted = ranking.clips[~ranking.positive][:DOUBTED]
    said = clips.strong(doubted, k)
    return np.array([said.count(word) for word in (PRESENT, ABSENT, NOT_COVERED)], np.uint8)
