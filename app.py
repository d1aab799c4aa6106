"""The app's entry: its pages, and nothing else. Run it with `streamlit run app.py`."""

from pathlib import Path

import streamlit as st

from audioset_demo.views import sidebar

VIEWS = "audioset_demo/views/pages"
ICON = Path(__file__).parent / "audioset_demo" / "assets" / "icon.svg"

# Set before the navigation: else the browser would fetch each page's icon from a foreign server.
st.set_page_config(page_icon=str(ICON), layout="wide")
page = st.navigation(
    [
        st.Page(f"{VIEWS}/tag.py", title="Tag a sound", icon=":material/graphic_eq:", default=True),
        st.Page(f"{VIEWS}/attention.py", title="Attention", icon=":material/center_focus_strong:"),
        st.Page(f"{VIEWS}/embeddings.py", title="Embeddings", icon=":material/grid_on:"),
        st.Page(f"{VIEWS}/visit.py", title="This visit", icon=":material/playlist_play:"),
        st.Page(f"{VIEWS}/classes.py", title="Classes", icon=":material/category:"),
        st.Page(f"{VIEWS}/models.py", title="Models", icon=":material/model_training:"),
        st.Page(f"{VIEWS}/encoder.py", title="Compact encoder", icon=":material/hearing:"),
    ]
)
st.set_page_config(page_title=f"{page.title} · AudioSet demo")
sidebar.show(choose_clip=page.title != "Tag a sound")
page.run()
