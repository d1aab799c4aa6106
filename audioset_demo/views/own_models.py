"""The model of a visitor's own classes: one more choice in the sidebar, kept in memory until saved.

It belongs to the session of one visitor. Work that runs in a thread, which has no session, finds it
by its name, which nobody else can guess, for as long as the visitor is here.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

import streamlit as st

from audioset_demo.errors import CheckpointError
from audioset_demo.models.checkpoint import checkpoint_from_bytes
from audioset_demo.models.published import PublishedModel
from audioset_demo.tagging import Tagger

MAX_CLASSES = 20
MAX_BYTES = 32 * 2**20  # of a saved model that is opened
_KEY, _TO_CHOOSE = "own model", "own model to choose"


class OwnModel(PublishedModel):
    """What pages know of it; its figures are those of its card."""

    def average_precision(self) -> dict[int, float]:
        return self._of_classes("average_precision")

    def auc(self) -> dict[int, float]:
        return self._of_classes("auc")

    def _of_classes(self, figure: str) -> dict[int, float]:
        found = self.card.metrics.get("eval", {}).get(figure)
        return {
            k: value if isinstance(value, float) else math.nan
            for k, value in enumerate(found if isinstance(found, list) else ())
        }

    def learning_curve(self) -> list[dict[str, float]]:
        return []


@dataclass(frozen=True, eq=False)
class Made:
    """A model of one visitor.

    Attributes
    ----------
    model : as it stands beside those that are published
    data : the file in which it is saved, as `checkpoint_bytes` writes it
    tagger : of embeddings
    """

    model: OwnModel
    data: bytes
    tagger: Tagger


_alive: WeakValueDictionary[str, Made] = WeakValueDictionary()  # of all visitors, by their names


def made_of(data: bytes, name: str) -> Made:
    """The model in a file, which messages call `name`.

    Raises
    ------
    CheckpointError
        If it is none, is too large, or has too many classes or none of its own.
    """
    if len(data) > MAX_BYTES:
        raise CheckpointError(
            f"{name} has {len(data) / 1e6:,.0f} MB, and a model that is opened here may have "
            f"{MAX_BYTES / 1e6:,.0f} MB. Use it on the command line, with --model."
        )
    network, card = checkpoint_from_bytes(data, name)
    if card.labels is None or len(card.labels) > MAX_CLASSES:
        raise CheckpointError(
            f"{name} has {card.settings.n_classes} classes, and a model that is opened here has at "
            f"most {MAX_CLASSES}, of its own. Use it on the command line, with --model."
        )
    key = f"own-{secrets.token_hex(8)}"
    made = Made(OwnModel(key, Path(name), card, len(data)), data, Tagger(network, card))
    _alive[key] = made
    return made


def find(name: str) -> Made | None:
    """The model of a name, in any thread; None where no visitor has it."""
    return _alive.get(name)


def current() -> Made | None:
    """The model of this visitor."""
    return st.session_state.get(_KEY)


def keep(made: Made) -> None:
    """Give this visitor a model, in place of a former one; the next run chooses it."""
    st.session_state[_KEY] = made
    st.session_state[_TO_CHOOSE] = made.model.name


def let_go(chosen: str) -> None:
    """Take the visitor's model from them; the next run chooses the published one of that name."""
    del st.session_state[_KEY]
    st.session_state[_TO_CHOOSE] = chosen


def choose_new() -> None:
    """Choose a model that has just come; called in a run before the sidebar draws its choices."""
    if name := st.session_state.pop(_TO_CHOOSE, None):
        st.session_state.model = name
