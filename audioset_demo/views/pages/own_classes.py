"""Your classes: name them, give sounds of each, train a model, try it, save it."""

from importlib.util import find_spec
from pathlib import Path

import streamlit as st

from audioset_demo.errors import AudioSetDemoError
from audioset_demo.models.published import PublishedModel
from audioset_demo.models.publishing import publish_file
from audioset_demo.names import file_stem
from audioset_demo.views import (
    cache,
    clips,
    own_classes,
    own_judgement,
    own_models,
    own_sounds,
    serving,
    session,
    uploads,
)
from audioset_demo.views.clips import MAX_KEPT_BYTES
from audioset_demo.views.downloads import File, downloads
from audioset_demo.views.names import escape
from audioset_demo.views.own_classes import MAX_NAME, MAX_SOUNDS, OwnClasses
from audioset_demo.views.own_models import MAX_CLASSES, Made
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
    each_file = st.checkbox(
        "Each file is a recording of its own",
        key="own recordings",
        help="One recording is never both learned from and judged by. Which files are pieces of "
        "one follows from their names: rec_000 and rec_001 are, and those of ESC-50 and "
        "UrbanSound8K with one number. Tick this if your files are not, in spite of their names.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name of the model", DEFAULT_NAME, MAX_NAME, key="own name", width=300)
        st.button(
            "Train",
            type="primary",
            icon=":material/school:",
            disabled=own.training is not None or not own.names,
            on_click=own_classes.start_training,
            args=(own, choice, file_stem(name), "file" if each_file else "name"),
        )
    if own_classes.finish_training(own):
        assert own.learned
        own_models.keep(own.learned.made)
        st.rerun()  # the sidebar offers it


def open_saved(own: OwnClasses) -> None:
    key = f"saved model {own.turn}"
    st.file_uploader(
        "Open a model from a file",
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


def use(made: Made, own: OwnClasses) -> None:
    """Ways to try a model that is in memory alone, and to save it."""
    st.subheader(escape(f"The model {made.model.card.name}"), anchor=False)
    st.markdown(
        f"It knows {escape(', '.join(label.name for label in made.tagger.labels))}. While it is "
        "the model chosen in the sidebar, every page tags with it. Save it to keep it: a reload of "
        "the page loses it."
    )
    try_it()
    if serving.is_public():
        file = f"{file_stem(made.model.card.name)}.safetensors"
        downloads(
            "own model",
            made.model.name,
            File("Save the model", file, "application/octet-stream", lambda: made.data),
        )
        st.code(f"audioset-demo tag SOUND --model {file}", language="sh")
    else:
        st.button("Save the model", icon=":material/save:", on_click=save, args=(made, own))


def save(made: Made, own: OwnClasses) -> None:
    """Publish the model, which the page then has no more for itself."""
    own.errors.clear()
    try:
        own.saved = publish_file(made.model, made.data)
    except AudioSetDemoError as error:
        own.errors.append(str(error))
    else:
        own_models.let_go(own.saved.name)


def use_saved(saved: PublishedModel) -> None:
    """Where a saved model is, and ways to try it."""
    st.subheader(escape(f"The model {saved.name}"), anchor=False)
    st.success(
        escape(f"Saved in {saved.path.parent}. This app has it from now on, also after a restart."),
        icon=":material/check:",
    )
    try_it()
    st.code(f"audioset-demo tag SOUND --model {saved.name}", language="sh")


def try_it() -> None:
    with st.container(horizontal=True):
        for page, words, icon in (
            ("tag.py", "Tag a sound with it", "graphic_eq"),
            ("live.py", "Try it live", "mic"),
            ("classes.py", "Its classes", "category"),
        ):
            st.page_link(Path(__file__).with_name(page), label=words, icon=f":material/{icon}:")


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
sounds_here = own_sounds.offered(own, clips.kept())
with cards, errors_shown():
    own_sounds.show(own, sounds_here)
with form:
    new_class(own)
with errors_shown(), st.expander("Cut a part of a sound", icon=":material/content_cut:"):
    own_sounds.show_cutter(own, sounds_here, choice)
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
    use(made, own)
elif own.saved:
    use_saved(own.saved)
open_saved(own)
