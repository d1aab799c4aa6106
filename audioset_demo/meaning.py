"""Options of `audioset-demo tag` on what a score means: a probability, and when a class counts."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from audioset_demo import arguments
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.events import THRESHOLD

if TYPE_CHECKING:  # imports torch
    from audioset_demo.tagging import Tagger, Tagging

TABLE = "table"
WITH_PROBABILITIES = (TABLE, "json", "csv")  # formats
OF_TAGS = (*WITH_PROBABILITIES, "hf")  # formats; the others are of events


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threshold",
        type=arguments.threshold,
        metavar="SCORE|f1|precision:P",
        help="from which score a class counts: one for all, 0 to 1, or its own, at which its "
        "calibration expects the best F1, or a precision P of 0.1, 0.2, ... 0.9. table, json, "
        "csv and hf leave out the tags below (default: none); of events, the frame score at which "
        f"one begins; it ends below half of that (default: {THRESHOLD})",
    )
    parser.add_argument(
        "--calibrated",
        action="store_true",
        help="table, json and csv: add the probability of each tag, by the model's calibration",
    )
    parser.add_argument(
        "--prior",
        type=arguments.prior,
        metavar="fitted|audioset|SHARE",
        help="with --calibrated: how frequent classes are where the sound comes from: as in the "
        "clips of the calibration, as in all of AudioSet, or one share above 0 and below 1 for "
        "every class (default: fitted)",
    )


def as_asked(
    tagger: Tagger,
    form: str,
    calibrated: bool,
    named_prior: str | float | None,
    threshold: str | float | None,
) -> Callable[[Tagging], Tagging]:
    """What makes of a tagging one with the tags and probabilities that the options ask for.

    Raises
    ------
    AudioSetDemoError
        If the options do not go together, or need a calibration that the model lacks.
    """
    from audioset_demo.models.calibration import require_calibration

    if named_prior is not None and not calibrated:
        raise AudioSetDemoError("--prior is of use with --calibrated only. Add --calibrated.")
    if calibrated and form not in WITH_PROBABILITIES:
        raise AudioSetDemoError(
            f"--format {form} cannot hold probabilities. Give --format json, csv or table, or "
            "leave --calibrated out."
        )
    if isinstance(threshold, str):
        require_calibration(tagger.calibration, tagger.card.name)
    holding = tagger.prior(named_prior or "fitted") if calibrated else None

    def shaped(tagging: Tagging) -> Tagging:
        if form not in OF_TAGS:
            return tagging
        if threshold is not None:
            tagging = tagging.reaching(threshold)
        if holding is None:
            return replace(tagging, calibration=None)
        tagging = replace(tagging, prior=holding)
        return replace(tagging, notes=(*tagging.notes, in_words(tagging)))

    return shaped


def in_words(tagging: Tagging) -> str:
    """What its probabilities mean."""
    from audioset_demo.models.calibration import require_calibration

    calibration = require_calibration(tagging.calibration, tagging.model.name)
    prior = tagging.prior or calibration.prior
    text = (
        "Of clips with a probability of 0.30, three in ten carry the label, where classes are as "
        f"frequent as in {prior.of}."
    )
    if tagging.encoder == "compact":
        text += " It was fitted on VGGish: with the compact encoder it is a guess."
    return text


def begins_at(threshold: float | str | None) -> float | str:
    """The threshold of events, where one was given or not."""
    return THRESHOLD if threshold is None else threshold
