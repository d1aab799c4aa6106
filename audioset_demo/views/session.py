"""What the visitor chose in the sidebar, and the class: read once per run and passed on.

A page reads this and the clips of the visit, and hands them to what it draws. What it draws keeps
in the session only what its own widgets need from one run to the next, and writes there, or calls
`choose_class`, when one of them is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from audioset_demo.encoders import resolve_encoder
from audioset_demo.encoders.vggish import weights
from audioset_demo.errors import CheckpointError
from audioset_demo.labels import Label
from audioset_demo.models.published import (
    DEFAULT_MODEL,
    PublishedModel,
    damaged_models,
    published_models,
)
from audioset_demo.names import shortened
from audioset_demo.views import own_models
from audioset_demo.views.names import unique_names

HOPS = (0.96, 0.48, 0.24, 0.12)  # seconds from frame to frame
DEFAULT_TAIL = "auto"
_CLASS = "class"  # in the session and in the address


@dataclass(frozen=True)
class Choice:
    """Everything that decides the results of a clip.

    Attributes
    ----------
    encoder : "vggish" or "compact", for sounds; an embeddings file has been encoded already
    installation : changes when VGGish's weights are installed again, so that no stale result is
        shown
    hop_s : seconds from one frame to the next
    tail : how sound at the end that does not fill a frame is treated, one of `encoders.TAILS`
    model : name of a published model, or of the visitor's own
    """

    encoder: str
    installation: tuple[int, ...]
    hop_s: float
    tail: str
    model: str


def choice() -> Choice:
    """The choice of this run; for pages, as what runs in a thread has no session."""
    encoder = st.session_state.get("encoder", "auto")
    if encoder == "auto":
        encoder = resolve_encoder()
    return Choice(
        encoder,
        _installation() if encoder == "vggish" else (),
        st.session_state.get("hop", HOPS[0]),
        st.session_state.get("tail", DEFAULT_TAIL),
        st.session_state.get("model", DEFAULT_MODEL),
    )


def _installation() -> tuple[int, ...]:
    paths = (weights.vggish_path(), weights.pca_path())
    return tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in paths)


def models() -> dict[str, PublishedModel]:
    """Published models by name, the default first, and after them the visitor's own.

    Raises
    ------
    CheckpointError : there is none, or each one is damaged.
    """
    found = sorted(published_models(), key=lambda model: not model.is_default)
    if not found:
        damaged = ", ".join(f"'{model.name}'" for model in damaged_models())
        raise CheckpointError(
            "There is no model to tag with. Install the package again, or train a model and run "
            "`python -m train publish RUN`."
            + (f" Damaged: {shortened(damaged, 100)}." if damaged else "")
        )
    made = own_models.current()
    return {model.name: model for model in [*found, *([made.model] if made else [])]}


def model_titles() -> dict[str, str]:
    """Titles of the models by their names; no two are the same."""
    by_name = models()
    titles = unique_names([model.card.title for model in by_name.values()], list(by_name))
    return dict(zip(by_name, titles, strict=True))


def chosen_class(labels: Sequence[Label]) -> int | None:
    """Index of the class that the visitor chose, on whatever page; None: none of these.

    At first it is the one in the address, by name or by AudioSet's id. It is kept so, and let go
    where another clip, or a model without it, is chosen.
    """
    name = st.session_state.setdefault(_CLASS, st.query_params.get(_CLASS))
    identities = ((label.name, label.mid or label.name) for label in labels)
    found = next((k for k, identity in enumerate(identities) if name in identity), None)
    if name and found is None:
        choose_class(None)
        put_class_into_address()
    return found


def choose_class(name: str | None) -> None:
    """Choose a class for all pages; None: let the chosen one go."""
    st.session_state[_CLASS] = name


def put_class_into_address() -> None:
    """Put the chosen class into the address, so that a link leads to it."""
    if name := st.session_state.setdefault(_CLASS, st.query_params.get(_CLASS)):
        st.query_params[_CLASS] = name
    else:
        st.query_params.pop(_CLASS, None)
