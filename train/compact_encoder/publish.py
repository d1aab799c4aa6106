"""From a run to the encoder that the package ships: weights, card, and the list of its sounds."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import save_file

from audioset_demo.encoders.compact import (
    BUNDLED,
    CARD_FILE,
    SOUNDS_FILE,
    WEIGHTS_FILE,
    CompactNet,
)
from audioset_demo.errors import DataError
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import half_precision
from audioset_demo.storage import new_folder, write_atomically, write_csv, write_json
from train.compact_encoder.config import EncoderConfig
from train.compact_encoder.sounds.recordings import Recording
from train.compact_encoder.teacher import Teacher

ASSETS = Path(str(BUNDLED))
HELD_OUT_RULE = (
    "In each category that a list names for certain, {share:.0%} of the recording sources, the "
    "first by SHA-256 of their names and at least one of three or more; likewise in those by which "
    "speech and music are judged, and a fifth of the synthesised voices. Of the categories with a "
    "single source, one in eight, whole. None of their clips is trained on."
)
HELD_OUT_FIGURES = {
    "sets": "share of the held-out clips of each collection, and of up to three of each everyday "
    "kind, with an expected class in the top 1, 3, 5 and 10; clips tagged whole by the named "
    "model. Of a category that is an AudioSet class, the class, its parents and its children are "
    "expected; of another, those that its table names",
    "all": "the same over the clips of all collections",
    "sureness": "share of wrong top tags among the clips with the highest top scores; the score at "
    "which half of the top tags are wrong; and of the clips of categories not trained on, how many "
    "have a wrong top tag, and how many of these score above that",
    "excerpts": "share of held-out excerpts of 5 s with Speech, or Music, or a class below it in "
    "the top 1 and 3",
    "calm": "digital silence, and white, pink and brown noise at -60, -40 and -20 dB: how often "
    "they are called silence, noise or hum, and the greatest score of any other class",
    "in_time": "share of held-out clips, three at a time set one after another for 3 s each, whose "
    "class has its highest frame score in a frame of their own part",
    "distance": "root mean square over the 128 dimensions, mean over the frames of the held-out "
    "clips, to the nearest of 20,000 real frames; and the same of other real frames",
}


def card(
    config: EncoderConfig,
    network: CompactNet,
    recordings: list[Recording],
    teacher: Teacher,
    through: list[dict],
    figures: dict[str, dict],
    models: dict[str, ModelCard],
    guessed: Sequence[str],
) -> dict:
    """The card of an encoder: its settings, training and figures; `models` by scorer, the cards of
    the tagging models that it was scored through; `guessed` names the collections whose categories
    are all guesses.
    """
    trained_on = [item for item in recordings if not item.held_out]
    collections = {}
    for name in sorted({item.collection for item in trained_on}):
        own = [item for item in trained_on if item.collection == name]
        licences = Counter(_short_licence(item.licence) for item in own)
        collections[name] = {"recordings": len(own), "licences": dict(sorted(licences.items()))}
    return {
        "format": 1,
        "name": "compact",
        "title": "compact encoder (not VGGish)",
        "settings": network.settings.to_json(),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "trained_on": collections,
        "guessed": list(guessed),
        "teacher": teacher.title,
        "start": teacher.gives_start,
        "trained_through": through,
        "unsure_below": {
            model.in_short: figures[scorer]["sureness"]["half_wrong_below"]
            for scorer, model in models.items()
        },
        "held_out": {
            "rule": HELD_OUT_RULE.format(share=config.hold_out),
            "recordings": sum(item.scored for item in recordings),
            "what": HELD_OUT_FIGURES,
            "figures": figures,
        },
        "config": config.to_json(),
        "command": config.command(guessed),
    }


def _short_licence(licence: str) -> str:
    """The family of a Creative Commons licence; the list of sounds has the whole text."""
    if re.search(r"\bCC[- ]?0\b", licence):
        return "CC0"
    if re.search(r"\bCC[- ]BY(?![- ](?:NC|ND|SA))", licence):
        return "CC-BY"
    return licence or "not stated"


def save_encoder(folder: Path, network: CompactNet, card: dict) -> None:
    """Write the weights in half precision, and the card beside them."""
    state = half_precision(network.state_dict())
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / WEIGHTS_FILE, lambda part: save_file(state, part))
    write_json(folder / CARD_FILE, card)


def save_sounds(folder: Path, recordings: list[Recording]) -> None:
    """Write the list of the recordings that were trained on."""
    columns = ("collection", "file", "category", "licence", "attribution")
    rows = [
        (
            item.collection,
            item.path.name,
            item.category.name if item.category else "",
            item.licence,
            item.attribution,
        )
        for item in recordings
        if not item.held_out
    ]
    write_csv(folder / SOUNDS_FILE, columns, rows)


def publish(run: Path) -> Path:
    """Copy a run's encoder into the package; returns the folder.

    Raises
    ------
    DataError : if the run has no evaluated encoder yet.
    """
    if "held_out" not in json.loads((run / CARD_FILE).read_text(encoding="utf-8")):
        raise DataError(f"{run} has not been evaluated. Run the command with --evaluate first.")
    with new_folder(ASSETS) as part:
        for name in (WEIGHTS_FILE, CARD_FILE, SOUNDS_FILE):
            shutil.copyfile(run / name, part / name)
    return ASSETS
