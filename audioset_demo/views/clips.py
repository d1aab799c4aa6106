"""The clips of a visit, and the chosen one. They are kept in the session of one visitor."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from weakref import WeakValueDictionary

import streamlit as st

from audioset_demo.audio.decoding import AUDIO_EXTENSIONS
from audioset_demo.audio.samples import SAMPLES
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.names import MAX_NAME, shortened
from audioset_demo.views import session
from audioset_demo.views.names import first_of

_log = logging.getLogger(__name__)

FEATURES_EXTENSIONS = ("npz", "h5", "hdf5")
UPLOAD_EXTENSIONS = (*AUDIO_EXTENSIONS, *FEATURES_EXTENSIONS)
MAX_KEPT = 30  # clips of one visit; the oldest are dropped first
MAX_KEPT_BYTES = 256 * 2**20
MAX_HELD_BYTES = 640 * 2**20  # of all visits
FIRST_SAMPLE = "sequence"  # three sounds in sequence show at once what the app does


_alive: WeakValueDictionary[int, Clip] = WeakValueDictionary()  # the clips of all visits


@dataclass(frozen=True)
class Clip:
    """A sound or one clip of an embeddings file.

    Attributes
    ----------
    name : shown to the user
    data : the file's bytes; empty for a sample
    sha256 : of `data`
    sample : key of `SAMPLES`, or empty
    index : which clip of an embeddings file
    """

    name: str
    data: bytes
    sha256: str
    sample: str = ""
    index: int = 0

    def __post_init__(self) -> None:
        _alive[id(self)] = self

    @property
    def is_features(self) -> bool:
        """Whether this is an embeddings file, which holds no sound."""
        return PurePath(self.name).suffix[1:].lower() in FEATURES_EXTENSIONS and not self.sample

    @property
    def origin(self) -> str:
        """What its sound comes from: the hash of its file, or the sample's key."""
        return self.sha256 or self.sample

    def identity(self) -> tuple:
        """What distinguishes this clip from any other; its name too, as results contain it."""
        return self.name, self.sha256, self.sample, self.index

    @property
    def key(self) -> str:
        """Its identity as a short text, for the keys of widgets."""
        return hashlib.sha256(repr(self.identity()).encode()).hexdigest()[:16]


def from_file(name: str, data: bytes) -> Clip:
    """A clip of an upload, whose name can be anything."""
    name = shortened(re.sub(r"\s", " ", name), MAX_NAME)
    return Clip(name, data, hashlib.sha256(data).hexdigest())


def held_bytes() -> int:
    """Bytes of the files of all visits."""
    return n_bytes(list(_alive.values()))


def n_bytes(clips: Iterable[Clip]) -> int:
    """Bytes of the files of clips; those of one embeddings file share it."""
    return sum({id(clip.data): len(clip.data) for clip in clips}.values())


def from_sample(key: str) -> Clip:
    return Clip(SAMPLES[key], b"", "", sample=key)


def current() -> Clip:
    """The chosen clip; on a first visit, the sample named in the address, or the first one."""
    if "clip" not in st.session_state:
        named = st.query_params.get("sample")
        choose(from_sample(named if named in SAMPLES else FIRST_SAMPLE))
        if named not in SAMPLES:
            st.session_state.unasked = st.session_state.clip.identity()
    return st.session_state.clip


def put_into_address() -> None:
    """Put the chosen sample into the address, so that a link leads to it; a file has no address."""
    sample = current().sample
    if sample and sample != FIRST_SAMPLE:
        st.query_params["sample"] = sample
    else:
        st.query_params.pop("sample", None)


def kept() -> list[Clip]:
    """The clips of this visit, the first one first."""
    current()
    return list(st.session_state.kept.values())


def asked_for() -> list[Clip]:
    """The clips of this visit without the sample that was shown unasked; that alone, if alone."""
    clips = kept()
    unasked = st.session_state.get("unasked")
    return [clip for clip in clips if clip.identity() != unasked] or clips


def anything_opened() -> bool:
    """Whether the visitor has chosen a clip, beyond the sample that was shown unasked."""
    return [clip.identity() for clip in kept()] != [st.session_state.get("unasked")]


def choose(clip: Clip) -> None:
    """Make this clip the chosen one, and keep it for this visit; it has its own top tag."""
    if st.session_state.get("unasked") == clip.identity():
        st.session_state.unasked = None
    if "clip" in st.session_state and st.session_state.clip.identity() != clip.identity():
        session.choose_class(None)
    st.session_state.clip = clip
    _keep(clip)


def _keep(clip: Clip) -> None:
    """Add a clip to the visit; where there are too many, the oldest are dropped."""
    clips = st.session_state.setdefault("kept", {})
    clips[clip.identity()] = clip
    staying = clip.identity(), st.session_state.clip.identity()
    for identity in [identity for identity in clips if identity not in staying]:
        if len(clips) <= MAX_KEPT and n_bytes(clips.values()) <= MAX_KEPT_BYTES:
            break
        _offer().dropped.append(clips.pop(identity).name)


def remove(clip: Clip) -> None:
    """Remove a clip from this visit; `put_back` undoes it. Another one is chosen."""
    del st.session_state.kept[clip.identity()]
    st.session_state.removed = clip
    if clip.identity() == current().identity():
        rest = kept()
        choose(rest[-1] if rest else from_sample(FIRST_SAMPLE))


def give_up(clip: Clip) -> None:
    """Drop a clip whose work was stopped; it can be put back like a removed one."""
    if clip.identity() in st.session_state.kept:
        remove(clip)
    st.session_state.removed = clip
    offer = _offer()
    offer.clips = [other for other in offer.clips if other.identity() != clip.identity()]
    offer.notes.append(f"The reading of {clip.name} was stopped. Open it again to start over.")


def removed() -> Clip | None:
    """The clip that was removed last, until it is put back."""
    return st.session_state.get("removed")


def put_back() -> None:
    offer(st.session_state.pop("removed"))


def take_back(former: dict[tuple, Clip], chosen: Clip) -> None:
    """Keep the clips of a former visit, before those of this one; the chosen one is chosen."""
    opened = [clip for clip in kept() if not clip.sample]
    st.session_state.kept = former | {clip.identity(): clip for clip in opened}
    if not opened:
        st.session_state.clip = chosen


def choose_index(index: int) -> None:
    """Open another clip of the embeddings file."""
    offer(replace(current(), index=index))


@dataclass
class Offer:
    """Clips that were opened together: those not read yet, and what became of the others."""

    clips: list[Clip] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what is no error
    opened: list[str] = field(default_factory=list)  # names of those that could be read
    dropped: list[str] = field(default_factory=list)  # names of older ones that had to leave
    chosen: bool = False  # whether one of them has become the chosen clip
    page: str = ""  # on which these are shown


def _offer() -> Offer:
    return st.session_state.setdefault("offer", Offer())


def offer(*clips: Clip, errors: Iterable[str] = ()) -> None:
    """Open clips; on the next run those that can be read are kept (`take_offer`).

    `errors` says why others cannot be opened.
    """
    st.session_state.offer = Offer(list(clips), list(errors))


def take_offer(read: Callable[[Clip], object]) -> None:
    """Choose the first of the opened clips that `read` can read, and keep the others that it can.

    A clip that cannot be read is dropped, whatever `read` raises, and the reason is kept to be
    shown. If no clip can be read, the former clip stays chosen. If the visitor does something else
    in the meantime, which is no `Exception`, the next run continues.
    """
    offer = _offer()
    while offer.clips:
        clip = offer.clips[0]
        try:
            read(clip)
        except AudioSetDemoError as error:
            offer.errors.append(str(error))
        except Exception as error:
            _log.exception("An upload could not be read")
            offer.errors.append(
                f"{clip.name} cannot be read ({type(error).__name__}). Export it again, or open "
                "another file."
            )
        else:
            join = _keep if offer.chosen else choose
            join(clip)
            offer.chosen = True
            offer.opened.append(clip.name)
        offer.clips.pop(0)


def errors() -> list[str]:
    """Why some of the clips opened last could not be read, and which ones left for them."""
    offer = _offer()
    if not offer.dropped:
        return offer.errors
    return [
        *offer.errors,
        f"A visit holds at most {MAX_KEPT} clips and {MAX_KEPT_BYTES >> 20} MB, so the oldest left "
        f"it: {first_of(offer.dropped)}. Before you open more, remove what you need no longer "
        "on the page This visit.",
    ]


def notes() -> list[str]:
    """What else there is to say of the clips opened last."""
    offer = _offer()
    if len(offer.opened) < 2:
        return offer.notes
    first, *others = offer.opened
    came = f"{len(others)} more clips came" if len(others) > 1 else "1 more clip came"
    return [
        f"{first} is shown, and {came} with it: {first_of(others)}. All of them are on the page "
        "This visit.",
        *offer.notes,
    ]


def dismiss() -> None:
    """The visitor has read what was said of the clips opened last."""
    offer = _offer()
    for message in (offer.errors, offer.notes, offer.opened, offer.dropped):
        message.clear()


def turn_to(page: str) -> None:
    """Begin a run of a page: on another one, what was said of clips is not said again."""
    offer = _offer()
    if offer.page not in ("", page):
        dismiss()
    offer.page = page
