"""The sidebar of every page: the clip, the encoder, the hop, the model."""

from __future__ import annotations

import streamlit as st

from audioset_demo.embeddings.frames import ENCODER_TITLES
from audioset_demo.encoders import ENCODER_CHOICES, resolve_encoder
from audioset_demo.encoders.vggish import weights
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.models.published import DEFAULT_MODEL
from audioset_demo.views import (
    cache,
    chooser,
    clips,
    history,
    own_models,
    returning,
    serving,
    session,
)
from audioset_demo.views.names import escape, unique_names
from audioset_demo.views.widgets import errors_shown

_TAILS = {
    "auto": "pad if shorter than 10 s",
    "pad": "pad with silence",
    "drop": "leave out",
}
MANY_CLIPS = 500  # in a longer list, a clip is chosen by its number


def show(choose_clip: bool) -> None:
    """Draw the sidebar, and read the clips that were opened on the last run.

    `choose_clip` is False on the page that shows the chooser itself.
    """
    clips.take_offer(lambda clip: cache.read(clip, session.choice()))
    clips.put_into_address()
    session.put_class_into_address()
    with st.sidebar, errors_shown():
        _clip(choose_clip)
        _encoder()
        own_models.choose_new()
        titles = session.model_titles()
        st.selectbox(
            "Model",
            list(titles),
            key="model",
            bind="query-params",
            format_func=lambda name: titles[name] + (" (default)" if name == DEFAULT_MODEL else ""),
            filter_mode="contains",
        )
    with st.sidebar:  # last, as they draw nothing but leave gaps
        history.show()
        returning.show()


def _clip(choose_clip: bool) -> None:
    clip = clips.current()
    with st.container(border=True, gap="small"):
        what = "Sample" if clip.sample else "Embeddings" if clip.is_features else "Sound"
        name = clip.name if clip.is_features else cache.clip_names(clips.kept())[clip.identity()]
        st.caption(f"{what} chosen")
        st.markdown(f"**{escape(name)}**")
        if clip.is_features:
            _clip_of_file(clip)
        if choose_clip:
            with st.popover(
                "Change",
                icon=":material/swap_horiz:",
                width="stretch",
                key=chooser.CHANGE,
                on_change="rerun",
            ):
                chooser.show("sidebar", clip)
            chooser.show_messages()


def _clip_of_file(clip: clips.Clip) -> None:
    names = unique_names(cache.features_names(clip))
    if len(names) < 2:
        return
    # One key per file: the choice does not outlive its file.
    key = f"clip of {clip.sha256}"
    st.session_state[key] = clip.index

    def take() -> None:
        clips.choose_index(st.session_state[key])

    if len(names) > MANY_CLIPS:
        st.number_input(f"Clip, 0 to {len(names) - 1}", 0, len(names) - 1, key=key, on_change=take)
        st.caption(escape(names[clip.index]))
    else:
        st.selectbox(
            f"Clip of {len(names)}",
            range(len(names)),
            key=key,
            on_change=take,
            format_func=names.__getitem__,
            filter_mode="contains",
        )


def _encoder() -> None:
    def name(choice: str) -> str:
        words = ENCODER_TITLES.get(choice, "automatic")
        return words[0].upper() + words[1:]

    choice = st.selectbox(
        "Encoder",
        ENCODER_CHOICES,
        key="encoder",
        format_func=name,
        filter_mode="contains",
        bind="query-params",
    )
    if choice == "auto":
        st.caption(f"Now: {ENCODER_TITLES[resolve_encoder()]}")
    st.selectbox(
        "Hop",
        session.HOPS,
        key="hop",
        bind="query-params",
        format_func=lambda hop: f"{hop} s",
        filter_mode="contains",
        help="Seconds from one frame to the next. Each frame covers 0.96 s; with a shorter hop, "
        "frames overlap and locate sounds in time more finely.",
    )
    st.selectbox(
        "Tail",
        list(_TAILS),
        list(_TAILS).index(session.DEFAULT_TAIL),
        key="tail",
        bind="query-params",
        format_func=_TAILS.__getitem__,
        filter_mode="contains",
        help="The end of a sound rarely fills a whole frame. It can be padded with silence, or "
        "left out, as VGGish does.",
    )
    if not weights.is_installed() and not serving.is_public():
        with st.popover("VGGish is not installed", icon=":material/download:", width="stretch"):
            _get_vggish()


def _get_vggish() -> None:
    st.markdown(
        f"VGGish is Google's own encoder. Its weights ({weights.NETWORK.size // 2**20} MB) are "
        "downloaded once from Google's server, checked against their SHA-256 and converted. An "
        "interrupted download is resumed."
    )
    st.markdown("If you have a copy, no download is needed:")
    st.code("audioset-demo weights get --from PATH", language=None)
    if st.button("Download VGGish", type="primary", icon=":material/download:"):
        bar = st.progress(0.0, "Connecting")

        def progress(done: int, total: int | None, stage: str) -> None:
            share = min(done / total, 1.0) if total else 0.0
            words = stage[0].upper() + stage[1:]
            bar.progress(share, f"{words}: {done / 2**20:.0f} MB" if done else words)

        try:
            weights.install(progress=progress)
        except AudioSetDemoError as error:
            bar.empty()
            st.error(escape(str(error)), icon=":material/error:")
        else:
            st.rerun()
