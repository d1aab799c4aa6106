"""The app as `audioset-demo app` serves it: the script, and the page that it is drawn in."""

import streamlit as st
from starlette.middleware import Middleware

from audioset_demo.views.entry import SCRIPT
from audioset_demo.views.entry.first_paint import FirstPaint

app = st.App(SCRIPT, middleware=[Middleware(FirstPaint)])
