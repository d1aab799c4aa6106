"""What answers say of each class and of each find, as rows of tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from audioset_demo.recordings.answers import NO, YES
from audioset_demo.recordings.finds import Finds, Key
from audioset_demo.recordings.precision import PrecisionCurve, fit_line, precision_curve

CLASS_COLUMNS = (
    "label", "mid", "finds", "yes", "no", "precision", "precision_low", "precision_high",
    "threshold", "threshold_surely", "slope", "intercept",
)  # fmt: skip
FIND_COLUMNS = (
    "file", "start_s", "end_s", "label", "mid", "score", "probability", "answer",
)  # fmt: skip
_RIGHT = {YES: 1.0, NO: 0.0}


def answers_to(finds: Finds, given: Mapping[Key, str], places: np.ndarray) -> np.ndarray:
    """Answers (n,) to some finds: 1 right, 0 wrong, NaN not known."""
    return np.array([_RIGHT.get(given.get(finds[n].key, ""), np.nan) for n in places])


def class_figures(
    finds: Finds, given: Mapping[Key, str], wanted: float
) -> Iterator[dict[str, Any]]:
    """A row of `CLASS_COLUMNS` for each class with an answer.

    `precision` is that of all its finds. `threshold` is the lowest score with the precision
    `wanted`, `threshold_surely` that where the lower end of the interval reaches it; None where
    there is no such score. `slope` and `intercept` are the line from log odds of a score to those
    of its probability.
    """
    for label in finds.labels:
        places = finds.of_class(label.index)
        scores, answers = finds.score[places], answers_to(finds, given, places)
        curve = precision_curve(scores, answers)
        if curve is None:
            continue
        line = fit_line(scores, answers)
        counts = (len(places), int((answers == 1).sum()), int((answers == 0).sum()))
        overall = (curve.precision[-1], curve.low[-1], curve.high[-1])
        thresholds = (_score_for(curve, wanted, surely) for surely in (False, True))
        figures = (*overall, *thresholds, line.slope, line.intercept)
        rounded = (None if value is None else float(f"{value:.6g}") for value in figures)
        yield dict(zip(CLASS_COLUMNS, (label.name, label.mid, *counts, *rounded), strict=True))


def find_rows(finds: Finds, given: Mapping[Key, str]) -> Iterator[tuple]:
    """A row of `FIND_COLUMNS` for each find of the classes that have answers.

    `probability` is that of being right, by the answers.
    """
    for label in finds.labels:
        places = finds.of_class(label.index)
        answers = answers_to(finds, given, places)
        if np.isnan(answers).all():
            continue
        probabilities = fit_line(finds.score[places], answers).probabilities(finds.score[places])
        for n, probability in zip(places, probabilities, strict=True):
            file, name, start_s, end_s = finds[n].key
            answer = given.get(finds[n].key, "")
            score = float(finds.score[n])
            known = float(f"{probability:.6g}")
            yield file, start_s, end_s, name, label.mid, score, known, answer


def _score_for(curve: PrecisionCurve, wanted: float, surely: bool) -> float | None:
    place = curve.place_for(wanted, surely)
    return None if place is None else float(curve.thresholds[place])
