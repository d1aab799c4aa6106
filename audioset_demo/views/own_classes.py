"""The sounds of a visitor's own classes, and which class each is of; kept in the session alone."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
import streamlit as st

from audioset_demo.embeddings.frames import Embeddings, Progress
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.models.published import PublishedModel
from audioset_demo.names import shortened
from audioset_demo.recordings.recording_names import recording_of
from audioset_demo.views import cache
from audioset_demo.views.background import Work, finish
from audioset_demo.views.clips import MAX_KEPT_BYTES, Clip
from audioset_demo.views.own_models import MAX_CLASSES
from audioset_demo.views.own_training import Learned, Lesson, train
from audioset_demo.views.session import Choice

MAX_SOUNDS = 200
MAX_NAME = 60  # characters of a class
BACKGROUND = ""  # the class of sounds that are of none


@dataclass(frozen=True)
class Source:
    """The file of a sound.

    Attributes
    ----------
    name : which says what recording it is from
    origin : distinguishes its content
    """

    name: str
    origin: str

    def recording(self, group_by: str) -> str:
        """The recording that it is from; `group_by` is as of `recording_of`.

        There are no folders here: files of one name are taken for one recording.
        """
        if group_by == "file":
            return self.origin
        recording = recording_of(self.name)
        return PurePath(self.name).stem if recording == self.name else recording


@dataclass
class OwnClasses:
    """What one visitor has put together.

    Attributes
    ----------
    classes : the keys of its sounds by each class's name, `BACKGROUND` among them
    sounds : by the keys of the clips
    sources : of sounds that were cut from others, the file that each is from
    arrived : sounds that have not been read yet, each with its class
    reading, training : work that goes on; `reading` finds out what is wrong with each sound
    errors : why something could not be done
    lesson, taught : what was learned last, and the keys of its sounds
    learned : what came of it
    saved : the model that was saved last, as it is published
    turn : counts what was dropped, for the keys of the uploaders
    """

    classes: dict[str, list[str]] = field(default_factory=lambda: {BACKGROUND: []})
    sounds: dict[str, Clip] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    arrived: list[tuple[Clip, str]] = field(default_factory=list)
    reading: Work[dict[str, str]] | None = None
    training: Work[Learned] | None = None
    errors: list[str] = field(default_factory=list)
    lesson: Lesson | None = None
    taught: list[str] = field(default_factory=list)
    learned: Learned | None = None
    saved: PublishedModel | None = None
    turn: int = 0

    @property
    def names(self) -> list[str]:
        """Of the classes, without background."""
        return [name for name in self.classes if name != BACKGROUND]

    def used(self) -> list[str]:
        """Keys of the sounds that have a class or are background, each once."""
        keys = (key for members in self.classes.values() for key in members)
        return [key for key in dict.fromkeys(keys) if key in self.sounds]


def of_visit() -> OwnClasses:
    return st.session_state.setdefault("own classes", OwnClasses())


def add_class(own: OwnClasses, text: str) -> None:
    """Add a class of that name; where it cannot be, the errors say why."""
    name = " ".join(text.split())
    own.errors.clear()
    if not name or name in own.classes:
        own.errors.append(
            f"There is a class '{name}' already." if name else "Give the class a name."
        )
    elif len(name) > MAX_NAME:
        own.errors.append(
            f"The name '{shortened(name, 40)}' has {len(name)} characters. Give one of at most "
            f"{MAX_NAME}."
        )
    elif len(own.names) >= MAX_CLASSES:
        own.errors.append(f"{MAX_CLASSES} classes are the most. Remove one to add '{name}'.")
    else:
        own.classes[name] = []


def remove_class(own: OwnClasses, name: str) -> None:
    """Remove a class, and the sounds that are in no other one."""
    del own.classes[name]
    forget_unused(own)


def source_of(own: OwnClasses, clip: Clip) -> Source:
    """The file that a sound is from, or was cut from; each clip of an embeddings file is its own.

    Raises
    ------
    AudioSetDemoError : an embeddings file cannot be read.
    """
    if clip.is_features:
        return Source(cache.features_names(clip)[clip.index], clip.key)
    return own.sources.get(clip.key, Source(clip.name, clip.origin))


def add_sounds(
    own: OwnClasses, clips: Iterable[Clip], name: str, source: Source | None = None
) -> None:
    """Let sounds arrive for a class; `source` is the file that they were cut from."""
    for clip in clips:
        own.sounds.setdefault(clip.key, clip)
        too_many = len(own.sounds) > MAX_SOUNDS
        if too_many or sum(len(c.data) for c in own.sounds.values()) > MAX_KEPT_BYTES:
            del own.sounds[clip.key]
            own.errors.append(
                f"{clip.name} was not taken: {MAX_SOUNDS} sounds and {MAX_KEPT_BYTES >> 20} MB are "
                "the most. Remove some, or cut parts of long ones."
            )
        else:
            own.arrived.append((clip, name))
            if source:
                own.sources[clip.key] = source


def read_arrived(own: OwnClasses, choice: Choice) -> None:
    """Read the sounds that have arrived, with progress and Stop; those that can be read are kept.

    If the visitor does something else in the meantime, the next run goes on.
    """
    while own.arrived:
        own.reading = own.reading or _reading([clip for clip, _ in own.arrived], choice)
        faults = finish(own.reading, "Reading the sounds", lambda: _stop_reading(own))
        own.reading = None
        _settle(own, faults)


def _reading(clips: list[Clip], choice: Choice) -> Work[dict[str, str]]:
    return Work(lambda progress: _faults(clips, choice, progress))


def _faults(clips: list[Clip], choice: Choice, progress: Progress) -> dict[str, str]:
    """What is wrong with each sound, by its key; empty if it can be read."""
    started, faults = time.monotonic(), {}
    for n, clip in enumerate(clips):
        elapsed = time.monotonic() - started
        progress(elapsed, elapsed * len(clips) / n if n else None)
        try:
            cache.features(clip, choice)
            faults[clip.key] = ""
        except AudioSetDemoError as error:
            faults[clip.key] = str(error)
    return faults


def _settle(own: OwnClasses, faults: dict[str, str]) -> None:
    """Sort the sounds that have been read into their classes, and drop what cannot be read."""
    arrived, own.arrived = own.arrived, []
    for clip, name in arrived:
        if clip.key not in faults:  # it came later
            own.arrived.append((clip, name))
        elif faults[clip.key]:
            own.errors.append(faults[clip.key])
        elif clip.key not in own.classes.get(name, [clip.key]):
            own.classes[name].append(clip.key)
    forget_unused(own)


def _stop_reading(own: OwnClasses) -> None:
    assert own.reading
    own.reading.stop()
    own.reading, own.arrived = None, []
    forget_unused(own)


def forget_unused(own: OwnClasses) -> None:
    """Let go of the sounds that are in no class any more."""
    kept = {*own.used(), *(clip.key for clip, _ in own.arrived), *own.taught}
    own.sounds = {key: clip for key, clip in own.sounds.items() if key in kept}


def start_training(own: OwnClasses, choice: Choice, name: str, group_by: str) -> None:
    """Start to learn the classes, in a process of its own, as the model `name`.

    `group_by` says how the recording of a sound is found, as of `recording_of`.
    """
    keys, classes = own.used(), own.names
    clips = [own.sounds[key] for key in keys]
    members = [set(own.classes[each]) for each in classes]
    lesson = Lesson(
        name,
        tuple(classes),
        np.array([[key in of for of in members] for key in keys], bool).reshape(len(keys), -1),
        _recordings([source_of(own, clip) for clip in clips], group_by),
    )
    own.errors.clear()
    own.lesson, own.taught, own.learned, own.saved = lesson, keys, None, None
    own.training = Work(
        lambda progress: train(lesson, lambda: _embeddings(clips, choice, progress), progress)
    )


def _recordings(sources: list[Source], group_by: str) -> tuple[str, ...]:
    """The recording of each sound; a file that came twice is one, whatever its names."""
    known: dict[str, str] = {}
    for source in sources:
        known.setdefault(source.origin, source.recording(group_by))
    return tuple(known[source.origin] for source in sources)


def _embeddings(clips: list[Clip], choice: Choice, progress: Progress) -> list[Embeddings]:
    found = []
    for clip in clips:
        progress(0.0, None)
        found.append(cache.features(clip, choice))
    return found


def finish_training(own: OwnClasses) -> bool:
    """Wait for the training, with progress and Stop; whether a model has come of it."""
    if own.training is None:
        return False

    def stop() -> None:
        assert own.training
        own.training.stop()
        own.training = None

    try:
        own.learned = finish(own.training, "Training", stop)
    except AudioSetDemoError as error:
        own.errors.append(str(error))
    except Exception:
        own.training = None
        raise
    own.training = None
    return own.learned is not None
