"""Listening to finds one after the other, and answering by keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import streamlit as st

from audioset_demo.audio.waveform import wav_bytes
from audioset_demo.charts import recordings as charts
from audioset_demo.clock import stamp_range
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.recordings.answers import NO, SKIP, YES, Answers
from audioset_demo.recordings.cuts import Cut
from audioset_demo.recordings.finds import Find, Finds
from audioset_demo.views import clips
from audioset_demo.views.names import escape
from audioset_demo.views.review import choice, kept
from audioset_demo.views.review.choice import ReviewChoice
from audioset_demo.views.widgets import chart

TAG_PAGE = Path(__file__).parents[1] / "pages" / "tag.py"


def current(finds: Finds, waiting: Sequence[int], k: int, asked: Find | None) -> Find | None:
    """The find of class `k` to be heard: the one asked for, or the first of those that wait."""
    if asked is not None and asked.label.name == finds.labels[k].name:
        return asked
    return finds[waiting[0]] if len(waiting) else None


def show(find: Find | None, finds: Finds, answers: Answers, chosen: ReviewChoice) -> None:
    """The find, its sound, and the buttons with their keys."""
    cut = None
    if find is None:
        st.info(
            "All of these are answered. Choose another class, or take the last answer back.",
            icon=":material/done_all:",
        )
    else:
        _describe(find)
        cut = _sound(find, chosen.turn)
    with st.container(horizontal=True):
        _button("Yes", "check", "y", find, _answering(answers, find, YES), primary=True)
        _button("No", "close", "n", find, _answering(answers, find, NO), primary=True)
        _button("Skip", "skip_next", "s", find, _answering(answers, find, SKIP))
        _button("Again", "replay", "a", find, choice.hear_again)
        st.button("Undo", icon=":material/undo:", shortcut="u", on_click=_undo,
                  args=(answers, finds))  # fmt: skip
    if chosen.error:
        st.error(escape(chosen.error), icon=":material/error:")
    if cut and st.button("Open in Tag a sound", type="tertiary", icon=":material/graphic_eq:"):
        clips.offer(clips.from_file(cut.sound.name, wav_bytes(cut.sound)))
        st.switch_page(st.Page(TAG_PAGE))


def _describe(find: Find) -> None:
    recording = find.recording
    words = [stamp_range(find.start_s, find.end_s)]
    if recording.start is not None:
        found_at = recording.start + timedelta(seconds=find.start_s)
        words.append(f"{found_at:%Y-%m-%d %H:%M:%S}")
    score = "similar sound" if find.score is None else f"{find.score:.3f}"
    st.markdown(f"**{escape(find.label.name)}** · {score}")
    st.caption(f"{escape(os.path.basename(recording.path))} · {' · '.join(words)}")


def _sound(find: Find, turn: int) -> Cut | None:
    """Play a find; its sound, or None where it cannot be read, which is said."""
    try:
        cut, drawn = kept.heard(find)
        sound = kept.played(find, turn)
    except AudioSetDemoError as error:
        st.error(escape(str(error)), icon=":material/error:")
        return None
    if drawn.log_mel is not None:
        chart(
            charts.cut_picture(drawn.log_mel, cut.start_s, cut.end_s, (find.start_s, find.end_s)),
            "The spectrogram of the sound, with lines where the find begins and ends",
            key="cut",
            bar=False,
        )
    st.audio(sound.data, format=sound.mime, autoplay=turn > 0, alt="The find")
    if cut.is_short:
        st.caption("It goes on: this is its beginning.")
    return cut


def _button(
    words: str, icon: str, key: str, find: Find | None, on_click: Callable, primary: bool = False
) -> None:
    st.button(
        words,
        icon=f":material/{icon}:",
        shortcut=key,
        type="primary" if primary else "secondary",
        disabled=find is None,
        on_click=on_click,
    )


def _answering(answers: Answers, find: Find | None, answer: str) -> Callable[[], None]:
    def give() -> None:
        assert find is not None  # the button is disabled
        try:
            answers.give(find, answer)
        except AudioSetDemoError as error:
            choice.say(str(error))
        else:
            choice.hear_next()

    return give


def _undo(answers: Answers, finds: Finds) -> None:
    try:
        key = answers.undo()
    except AudioSetDemoError as error:
        choice.say(str(error))
        return
    find = next((find for find in finds if find.key == key), None)
    if find is not None:
        choice.hear(find)
