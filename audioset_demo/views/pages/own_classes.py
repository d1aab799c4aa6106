"""Your classes: name them, give sounds of each, train a model, try it, save it."""

from importlib.util import find_spec
from pathlib import Path

import streamlit as st

from audioset_demo.errors import AudioSetDemoError
from audioset_demo.names import file_stem
from audioset_demo.views import (
    cache,
    clips,
    own_classes,
    own_judgement,
    own_models,
    own_sounds,
    session,
    uploads,
)
from audioset_demo.views.clips import MAX_KEPT_BYTES
from audioset_demo.views.downloads import File, downloads
from audioset_demo.views.names import escape
from audioset_demo.views.own_classes import MAX_NAME, MAX_SOUNDS, OwnClasses
from audioset_demo.views.own_models import MAX_CLASSES
from audioset_demo.views.own_training import MAX_FRAMES
from audioset_demo.views.session import Choice
from audioset_demo.views.widgets import errors_shown, provenance, title

DEFAULT_NAME = "my_classes"


def new_class(own: OwnClasses) -> None:
    with (
        st.form("add a class", clear_on_submit=True, border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        name = st.text_input("Name a class", max_chars=MAX_NAME, width=300)
        added = st.form_submit_button("Add the class", icon=":material/add:")
    if added:
        own_classes.add_class(own, name)
        st.rerun()  # its card is above


def train(own: OwnClasses, choice: Choice) -> None:
    """The button that trains; while a training goes on, how far it is."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name of the model", DEFAULT_NAME, MAX_NAME, key="own name", width=300)
        st.button(
            "Train",
            type="primary",
            icon=":material/school:",
            disabled=own.training is not None or not own.names,
            on_click=start,
            args=(own, choice, file_stem(name)),
        )
    if own_classes.finish_training(own):
        assert own.learned
        own_models.keep(own.learned.made)
        st.rerun()  # the sidebar offers it


def start(own: OwnClasses, choice: Choice, name: str) -> None:
    if name in session.models():
        own.errors = [f"There is a published model '{name}'. Give yours another name."]
    else:
        own_classes.start_training(own, choice, name)


def open_saved(own: OwnClasses) -> None:
    key = f"saved model {own.turn}"
    st.file_uploader(
        "Open a model that you saved",
        type="safetensors",
        key=key,
        on_change=take_saved,
        args=(own, key),
    )


def take_saved(own: OwnClasses, key: str) -> None:
    own.turn += 1
    taken, own.errors = uploads.take(uploads.waiting([st.session_state[key]]))
    for name, data in taken:
        try:
            own_models.keep(own_models.made_of(data, name))
        except AudioSetDemoError as error:
            own.errors.append(str(error))


def use(made: own_models.Made) -> None:
    """Ways to try the model, and to save it."""
    name = made.model.card.name
    st.subheader(escape(f"The model {name}"), anchor=False)
    st.markdown(
        f"It knows {escape(', '.join(label.name for label in made.tagger.labels))}. While it is "
        "the model chosen in the sidebar, every page tags with it. Save it to keep it: a reload of "
        "the page loses it."
    )
    with st.container(horizontal=True):
        for page, words, icon in (
            ("tag.py", "Tag a sound with it", "graphic_eq"),
            ("live.py", "Try it live", "mic"),
        ):
            st.page_link(Path(__file__).with_name(page), label=words, icon=f":material/{icon}:")
    file = f"{file_stem(name)}.safetensors"
    downloads(
        "own model",
        made.model.name,
        File("Save the model", file, "application/octet-stream", lambda: made.data),
    )
    st.code(f"audioset-demo tag SOUND --model {file}", language="sh")


title(
    "Your classes",
    "Name classes, give a few sounds of each, and train a model that every page can tag with. Five "
    "sounds of a class will do, if they are of different recordings.",
)
own, choice = own_classes.of_visit(), session.choice()
provenance(clips.current(), choice)
# Always in the same places, whatever is drawn in them.
cards, form, messages = st.container(), st.container(), st.container()
with messages, errors_shown():
    own_classes.read_arrived(own, choice)
with cards, errors_shown():
    own_sounds.show(own)
with form:
    new_class(own)
with errors_shown(), st.expander("Cut a part of a sound", icon=":material/content_cut:"):
    own_sounds.show_cutter(own, choice)
st.subheader("Train", anchor=False)
if find_spec("train"):
    with st.container():
        train(own, choice)
else:
    st.info(
        "This installation has no training module. Install the whole package again.",
        icon=":material/info:",
    )
st.caption(
    f"At most {MAX_CLASSES} classes and {MAX_SOUNDS} sounds, with {MAX_KEPT_BYTES >> 20} MB and "
    f"{MAX_FRAMES:,} frames in all. What you give stays in this server's memory, and is gone when "
    "you reload the page."
)
with messages:
    for message in own.errors:
        st.error(escape(message), icon=":material/error:")
if own.learned and own.lesson:
    sounds = [own.sounds[key] for key in own.taught]
    names = cache.clip_names(sounds)
    own_judgement.show(
        own.lesson, own.learned.scores, [names[sound.identity()] for sound in sounds]
    )
if made := own_models.current():
    use(made)
open_saved(own)
