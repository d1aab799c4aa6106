"""The sounds of a visitor's own classes on the page: a card for each class, and parts cut out."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from audioset_demo.audio.decoding import AUDIO_EXTENSIONS
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.views import cache, clips, own_classes, part, serving, uploads
from audioset_demo.views.clips import Clip
from audioset_demo.views.names import escape
from audioset_demo.views.own_classes import BACKGROUND, OwnClasses
from audioset_demo.views.session import Choice
from audioset_demo.views.widgets import count


def offered(own: OwnClasses, visited: Iterable[Clip]) -> dict[str, Clip]:
    """The sounds that a class can take, by their keys: those here, and the clips of the visit."""
    return own.sounds | {clip.key: clip for clip in visited}


def show(own: OwnClasses, clips_here: dict[str, Clip]) -> None:
    """A card for each class, and one for background; none before a class has been named.

    `clips_here` are the sounds that a class can take, by their keys.
    """
    if not own.names:
        return
    names = [*own.names, BACKGROUND]
    for row in range(0, len(names), 2):  # on a narrow screen, columns come one below the other
        for column, name in zip(st.columns(2, gap="medium"), names[row : row + 2], strict=False):
            with column, st.container(border=True):
                _head(own, name)
                _upload(own, name)
                _members(own, name, clips_here)


def _head(own: OwnClasses, name: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{escape(name or 'Background')}** · {count(len(own.classes[name]), 'sound')}",
            width="stretch",
        )
        if name != BACKGROUND:
            st.button(
                "Remove",
                key=f"remove class {name}",
                icon=":material/close:",
                type="tertiary",
                help=f"Remove the class {escape(name)}. Its sounds stay in other classes.",
                on_click=own_classes.remove_class,
                args=(own, name),
            )
    if name == BACKGROUND:
        st.caption(
            "Optional: sounds of none of your classes. The model learns to leave them untagged."
        )


def _upload(own: OwnClasses, name: str) -> None:
    key = f"drop {own.turn} {name}"  # a new one is empty, as in `chooser`
    st.file_uploader(
        f"Drop sounds of {escape(name)}" if name else "Drop background sounds",
        type=serving.open_to_visitors(AUDIO_EXTENSIONS),
        accept_multiple_files=True,
        key=key,
        on_change=_take_files,
        args=(own, name, key),
    )


def _take_files(own: OwnClasses, name: str, key: str) -> None:
    files = uploads.waiting(st.session_state[key] or ())
    if files:
        own.turn += 1
        taken, own.errors = uploads.take(files)
        own_classes.add_sounds(own, (clips.from_file(*file) for file in taken), name)


def _members(own: OwnClasses, name: str, clips_here: dict[str, Clip]) -> None:
    key = f"sounds of {name}"
    names = cache.clip_names(list(clips_here.values()))
    # Set on every run: sounds come and go in other ways too.
    st.session_state[key] = own.classes[name]
    st.multiselect(
        f"Sounds of {escape(name)}" if name else "Background sounds",
        list(clips_here),
        key=key,
        format_func=lambda of: names[clips_here[of].identity()],
        on_change=_take_members,
        args=(own, name, key, clips_here),
        filter_mode="contains",
        select_all=False,
        placeholder="Drop files above, or choose clips of this visit",
        help="A sound may be of several classes: choose it in each of them.",
    )


def _take_members(own: OwnClasses, name: str, key: str, clips_here: dict[str, Clip]) -> None:
    chosen = st.session_state[key]
    own.errors.clear()
    own.classes[name] = [of for of in chosen if of in own.sounds]
    own_classes.add_sounds(own, (clips_here[of] for of in chosen if of not in own.sounds), name)
    own_classes.forget_unused(own)


def show_cutter(own: OwnClasses, clips_here: dict[str, Clip], choice: Choice) -> None:
    """Cut a part out of a sound, as an example of its own."""
    sounds = {key: clip for key, clip in clips_here.items() if not clip.is_features}
    if not own.names:
        st.caption("Name a class first.")
        return
    if not sounds:
        st.caption("There is no sound to cut: an embeddings file holds none.")
        return
    names = cache.clip_names(list(sounds.values()))
    key = st.selectbox(
        "Sound",
        list(sounds),
        format_func=lambda of: names[sounds[of].identity()],
        key="sound to cut",
        filter_mode="contains",
    )
    clip = sounds[key]
    duration_s = round(cache.features(clip, choice).duration_s, 2)
    start_s, end_s = st.slider(
        "Part, from and to in seconds",
        0.0,
        duration_s,
        (0.0, duration_s),
        0.01,
        key=f"part of {key}",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Class of the part",
            [*own.names, BACKGROUND],
            format_func=lambda of: of or "Background",
            key="class of the part",
            width=300,
        )
        st.button(
            "Add the part",
            icon=":material/content_cut:",
            disabled=start_s == end_s,
            on_click=_cut,
            args=(own, clip, start_s, end_s, name),
        )


def _cut(own: OwnClasses, clip: Clip, start_s: float, end_s: float, name: str) -> None:
    own.errors.clear()
    part_name = part.name_of(clip, start_s, end_s)
    try:
        data = part.wav(clip, start_s, end_s)
    except AudioSetDemoError as error:
        own.errors.append(str(error))
        return
    if refusal := uploads.refusal(len(data)):
        own.errors.append(f"Not taken: {part_name}. {refusal}")
        return
    sound = clips.from_file(part_name, data)
    own_classes.add_sounds(own, [sound], name, source=own_classes.source_of(own, clip))
