"""Does attention point at the sound? Every signal of every model against labels with times."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

from audioset_demo.errors import DataError
from audioset_demo.models.combined import combined, course, smoothed
from audioset_demo.models.localisation import (
    CEILING,
    COLUMNS,
    COMBINED,
    MEASURED,
    PACKAGED,
    SUMMARY_FILE,
    UNIFORM,
    table_file,
)
from audioset_demo.models.published import published_models
from audioset_demo.storage import check_output, new_folder, write_csv, write_json
from audioset_demo.tagging import Tagger, load_tagger
from train.data.features import load_features
from train.locate.ceiling import cross_fitted, hidden_features, real_frames
from train.locate.events import read_strong_labels
from train.locate.faithfulness import areas
from train.locate.mixture import added, cross_chosen
from train.locate.trial import Located, Trial
from train.runs import command_line
from train.tagger.evaluate import check_classes, labels_of
from train.tagger.explain import explain_all

HIDDEN = (512, 512)  # of the classifier of embeddings
EPOCHS, PROBE_EPOCHS = 6, 4


@dataclass(frozen=True)
class Judged:
    """A model: its row of the summary, its signals by name, and its `course` (N, T, C)."""

    row: dict
    located: dict[str, Located]
    course: np.ndarray


@dataclass(frozen=True)
class Ceiling:
    """A classifier trained on the times: of single frames, and smoothed over neighbours."""

    name: str
    single: Located
    smoothed: Located


def locate(
    models: Sequence[str],
    data: Path,
    events: Path,
    covered: float = 0.5,
    least_clips: int = 50,
    pairs: int = 400,
    output: Path | None = None,
    publish: bool = False,
    device: str = "auto",
) -> dict:
    """Judge every signal of the models, and what classifiers of frames reach that know the times.

    Parameters
    ----------
    models : published names or checkpoints; none: all published models
    data : features and labels of the clips
    events : strong labels of all or some of them, as `read_strong_labels` takes them
    covered : the share of a frame that events must cover for it to be inside
    least_clips : usable clips of a class that counts in the macro means
    pairs : of a clip and a class, on which deletion and insertion are computed
    output : folder for the summary and the table of each model; None: none
    publish : put them into the package, where the app reads them
    device : a name of `DEVICES`

    Returns
    -------
    The summary, as in `audioset_demo.models.localisation`.

    Raises
    ------
    CheckpointError
        If there is no such model, or it was trained on other classes than the data has.
    DataError
        If the tables do not fit one another, or no class has enough clips.
    StorageError
        If the results can't be written.
    """
    output = PACKAGED if publish else output
    if output:
        check_output(output / SUMMARY_FILE, [data, events], make_folder=True)
    trial = Trial(read_strong_labels(events, load_features(data)), covered, least_clips)
    n_counted = int(trial.counted.sum())  # an error comes before the work
    taggers = [
        load_tagger(model, device=device)
        for model in models or [model.name for model in published_models()]
    ]
    names = [tagger.card.name for tagger in taggers]
    if len(set(names)) < len(names):
        raise DataError(
            f"Two of the models have one name ({', '.join(sorted(names))}), and so would their "
            "tables. Give each model once, and one of those with an equal name at a time."
        )
    for tagger in taggers:
        check_classes(tagger.card, trial.labels.features)
    judged = [_judge(tagger, trial, pairs) for tagger in tqdm(taggers, unit="model")]
    rows = [each.row for each in judged]
    ceilings = _ceilings(trial, max(zip(rows, taggers, strict=True), key=_best_auc)[1])
    best = max(ceilings, key=lambda each: each.single.macro["auc"])
    summary = {
        "set": trial.labels.features.name,
        "clips": len(trial.labels.features),
        "classes": len(trial.labels.classes),
        "classes_counted": n_counted,
        "least_clips": least_clips,
        "covered": covered,
        "pairs": min(pairs, int(_pairs(trial).shape[1])),
        "command": command_line(
            "locate",
            *map(_word, models),
            data=data,
            events=events,
            covered=covered if covered != 0.5 else None,
            least_clips=least_clips if least_clips != 50 else None,
            pairs=pairs if pairs != 400 else None,
            publish=publish,
        ),
        "ceiling": best.name,
        "ceilings": [
            {"name": each.name, **each.single.macro, "smoothed": each.smoothed.macro}
            for each in ceilings
        ],
        **_mixtures(judged, trial, best),
        "models": [_with_shares(row, best) for row in rows],
    }
    if output:
        with new_folder(output) as folder:
            write_json(folder / SUMMARY_FILE, summary)
            for each in judged:
                located = each.located | {CEILING: best.single}
                _write_table(folder / table_file(each.row["name"]), trial, located)
    return summary


def _word(model: str) -> str | Path:
    """A checkpoint is recorded by its name alone."""
    return Path(model) if Path(model).suffix else model


def _best_auc(of_model: tuple[dict, Tagger]) -> float:
    return max(figures["auc"] for figures in of_model[0]["signals"].values())


def _ceilings(trial: Trial, tagger: Tagger) -> list[Ceiling]:
    """Classifiers of the embeddings, and of what a model makes of them."""
    frames = real_frames(trial.labels.features)
    hidden = hidden_features(tagger.model, frames)
    return [
        _ceiling("Two layers on the embeddings", trial, frames, HIDDEN, EPOCHS),
        _ceiling(f"Linear probe: {tagger.card.title}", trial, hidden, (), PROBE_EPOCHS),
    ]


def _ceiling(
    name: str, trial: Trial, frames: Tensor, hidden: tuple[int, ...], epochs: int
) -> Ceiling:
    logits = cross_fitted(frames, trial.real, trial.inside, trial.half, hidden, epochs)
    return Ceiling(name, trial.judge(logits), trial.judge(smoothed(logits)))


def _judge(tagger: Tagger, trial: Trial, pairs: int) -> Judged:
    labels = trial.labels
    explained = explain_all(tagger.model, labels.features, labels.classes)
    # What tagging alone gives: the clip's score at all times.
    uniform = np.where(trial.real[..., None], explained.scores[:, None, :], np.float32("nan"))
    parts = explained.signals["frame_scores"], explained.signals["contributions"]
    signals = explained.signals | {
        COMBINED: combined(explained.scores, *parts),
        UNIFORM: uniform,
    }
    located = {name: trial.judge(signal) for name, signal in signals.items()}
    faithful = _faithfulness(tagger, trial, signals, pairs)
    row = {
        "name": tagger.card.name,
        "title": tagger.card.title,
        "signals": {name: located[name].macro | faithful[name] for name in signals},
    }
    return Judged(row, located, course(*parts))


def _mixtures(judged: list[Judged], trial: Trial, ceiling: Ceiling) -> dict[str, dict]:
    """Of all models, and of those that were chosen on the half of the clips that is not judged."""
    signals = [each.course for each in judged]
    of_all = trial.judge(added(signals)).macro
    signal, choices = cross_chosen(signals, trial.half, trial.auc)
    chosen = trial.judge(signal).macro
    names = [[judged[n].row["name"] for n in choice] for choice in choices]
    return {
        "mixture": of_all | _share(of_all, ceiling),
        "chosen_mixture": chosen | _share(chosen, ceiling) | {"chosen_on_each_half": names},
    }


def _pairs(trial: Trial) -> np.ndarray:
    """Clips and places of classes (2, P): usable clips that have all frames."""
    full = trial.labels.features.n_frames == trial.real.shape[1]
    return np.array(np.nonzero(trial.usable & full[:, None]))


def _faithfulness(
    tagger: Tagger, trial: Trial, signals: dict[str, np.ndarray], n_pairs: int
) -> dict[str, dict[str, float]]:
    """Mean areas of deletion and insertion by each signal, on a fixed sample of pairs."""
    rng = np.random.default_rng(0)
    clips, places = rng.permutation(_pairs(trial), axis=1)[:, :n_pairs]
    x, _, _ = trial.labels.features.batch(clips)
    classes = trial.labels.classes[places]
    # Of equal values none is first: the order among them is drawn.
    shuffled = rng.permuted(np.tile(np.arange(x.shape[1]), (len(clips), 1)), axis=1)
    found = {}
    for name, signal in signals.items():
        values = signal[clips, :, places]
        ranks = np.lexsort((shuffled, values), axis=1).argsort(axis=1)
        area = areas(tagger.model, x, classes, ranks)
        found[name] = {
            "deletion": float(area.deletion.mean()),
            "insertion": float(area.insertion.mean()),
        }
    return found


def _with_shares(row: dict, ceiling: Ceiling) -> dict:
    signals = {name: figures | _share(figures, ceiling) for name, figures in row["signals"].items()}
    return row | {"signals": signals}


def _share(figures: dict[str, float], ceiling: Ceiling) -> dict[str, float]:
    """What share of the ceiling's AUC above chance these figures reach."""
    return {"share_of_ceiling": (figures["auc"] - 0.5) / (ceiling.single.macro["auc"] - 0.5)}


def _write_table(path: Path, trial: Trial, located: dict[str, Located]) -> None:
    labels = labels_of(trial.labels.features)
    n_clips = trial.usable.sum(axis=0)
    rows = []
    for c in np.flatnonzero(n_clips):
        label = labels[trial.labels.classes[c]]
        figures = [
            f"{values[c]:.4f}"
            for name in (*MEASURED, CEILING)
            for values in (located[name].of_class, located[name].low, located[name].high)
        ]
        rows.append((label.index, label.name, n_clips[c], *figures))
    write_csv(path, COLUMNS, rows)
