"""What to expect of a visitor's own model: how it did on sounds that were held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from audioset_demo.errors import DataError
from audioset_demo.evaluation import evaluate_scores
from audioset_demo.views.names import cell
from audioset_demo.views.own_training import Lesson
from audioset_demo.views.widgets import count

THRESHOLD = 0.5  # of a score, from which background is taken for a class


@dataclass(frozen=True)
class Judged:
    """How well classes were found in N sounds that were held out.

    Attributes
    ----------
    known (N,) : whether a sound was tried by a model trained without its recording
    right (N,) : whether its highest class is one of its own; of background, whether none reaches
        `THRESHOLD`
    top (N,) : index of the highest class
    average_precision (K,) : NaN where it is not known
    """

    known: np.ndarray
    right: np.ndarray
    top: np.ndarray
    average_precision: np.ndarray


def judge(labels: np.ndarray, scores: np.ndarray) -> Judged:
    """Judge scores (N, K), NaN where they are not known, by labels (N, K) bool."""
    known = np.isfinite(scores).all(axis=1)
    filled = np.where(known[:, None], scores, 0.0)
    top = filled.argmax(axis=1)
    has_top = labels[np.arange(len(labels)), top]
    is_quiet = ~labels.any(axis=1) & (filled.max(axis=1) < THRESHOLD)
    try:
        precision = evaluate_scores(labels[known], scores[known]).average_precision
    except DataError:  # no class was tried
        precision = np.full(labels.shape[1], np.nan)
    return Judged(known, known & (has_top | is_quiet), top, precision)


def show(lesson: Lesson, scores: np.ndarray, sounds: list[str]) -> None:
    """Show how many sounds are right, each class, and the sounds that are wrong.

    Parameters
    ----------
    scores : (N, K) of sounds that were held out
    sounds : (N,) their names
    """
    judged = judge(lesson.labels, scores)
    n_known, n_right = int(judged.known.sum()), int(judged.right.sum())
    if not n_known:
        st.info(
            "All sounds of each class are of one recording, so that the model could not be tried "
            "on another. Give sounds of several recordings to see how good it is; or, if each file "
            "is a recording of its own in spite of its name, tick that above and train again.",
            icon=":material/info:",
        )
        return
    st.metric("Right on recordings that it had not heard", f"{n_right} of {n_known}")
    st.caption(
        f"The sounds are of {count(len(set(lesson.groups)), 'recording')}. Each was tagged by a "
        "model that was trained without its recording. It is right if "
        "the class with the highest score is one of its own, or, of background, if no class "
        f"reaches {THRESHOLD}. AP: average precision, 1 at best. The model that you have was "
        "trained on all sounds."
    )
    _classes(lesson, judged)
    _mistakes(lesson, judged, scores, sounds)


def _classes(lesson: Lesson, judged: Judged) -> None:
    tried = [judged.known & has for has in lesson.labels.T]
    st.table(
        {
            "Class": [cell(name) for name in lesson.classes],
            "Sounds": [str(int(has.sum())) for has in lesson.labels.T],
            "Right": [
                f"{int((judged.right & one).sum())} of {int(one.sum())}" if one.any() else "–"
                for one in tried
            ],
            "AP": [
                f"{precision:.2f}" if np.isfinite(precision) else "–"
                for precision in judged.average_precision
            ],
        },
        hide_index=True,
    )
    if not all(one.any() for one in tried):
        st.caption(
            "–: all its sounds are of one recording, so that it could not be tried on another."
        )


def _mistakes(lesson: Lesson, judged: Judged, scores: np.ndarray, sounds: list[str]) -> None:
    wrong = np.flatnonzero(judged.known & ~judged.right)
    if not len(wrong):
        return
    st.markdown("**Sounds that it got wrong**")
    classes = np.array(lesson.classes, dtype=object)
    st.table(
        {
            "Sound": [cell(sounds[n]) for n in wrong],
            "Is": [cell(", ".join(classes[lesson.labels[n]]) or "Background") for n in wrong],
            "Taken for": [cell(classes[judged.top[n]]) for n in wrong],
            "Score": [f"{scores[n, judged.top[n]]:.2f}" for n in wrong],
        },
        hide_index=True,
    )
