"""Controls on what a score means: its probability, the prior, and when a class counts."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from audioset_demo.meaning import in_words
from audioset_demo.models.calibration import (
    PRECISIONS,
    Calibration,
    Prior,
    audioset_prior,
    same_prior,
)
from audioset_demo.tagging import Tagging
from audioset_demo.views.names import escape
from audioset_demo.views.widgets import threshold_slider

_SHARES = (0.5, 0.1, 0.01, 0.001)
_ONE, _F1, _PRECISION = "one score for all classes", "best F1 of each class", "a precision"


def numbers(tagging: Tagging) -> tuple[Tagging, bool]:
    """The tagging with the prior that the visitor chose, and whether to show probabilities."""
    if tagging.calibration is None:
        return tagging, False
    columns = st.columns([2, 3, 6], gap="medium", vertical_alignment="bottom")
    shown = columns[0].selectbox(
        "Numbers", ["scores", "probabilities"], key="meaning", bind="query-params"
    )
    if shown == "scores":
        columns[1].caption("A score ranks clips by how sure the model is. It is not a probability.")
        return tagging, False
    priors = _priors(tagging, tagging.calibration.prior)
    chosen = columns[1].selectbox(
        "Where classes are as frequent as in",
        list(priors),
        key="prior",
        bind="query-params",
        help="A sound that is rare where the recording comes from is less probable there than in a "
        "set in which it is frequent, though it sounds the same.",
    )
    tagging = replace(tagging, prior=priors[chosen])
    columns[2].caption(escape(in_words(tagging)))
    return tagging, True


def _priors(tagging: Tagging, fitted: Prior) -> dict[str, Prior]:
    priors = [fitted]
    if tagging.model.labels is None:
        priors.append(audioset_prior(tagging.labels))
    priors += [same_prior(share, len(fitted.shares)) for share in _SHARES]
    return {prior.of: prior for prior in priors}


def threshold(calibration: Calibration | None) -> float | str:
    """Where events begin: a score, or a name of `THRESHOLDS` if the model has a calibration."""
    if calibration is None:
        return threshold_slider()
    by = st.selectbox(
        "Threshold",
        [_ONE, _F1, _PRECISION],
        key="threshold_by",
        bind="query-params",
        help="Classes differ in the scores that they reach. A threshold of its own for each class "
        "is where the calibration expects the best F1, or the wanted precision.",
    )
    if by == _ONE:
        return threshold_slider()
    if by == _F1:
        return "f1"
    precision = st.select_slider("Precision", PRECISIONS, 0.5, key="precision", bind="query-params")
    return f"precision:{precision}"
