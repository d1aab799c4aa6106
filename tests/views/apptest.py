"""How the tests of the app drive its pages without a browser."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]
PAGES = (
    "tag", "live", "attention", "embeddings", "visit", "own_classes", "classes", "models", "encoder"
)  # fmt: skip
TIMEOUT_S = 180  # for one run of a page, on a busy machine


def new_app() -> AppTest:
    """The app as a first visitor sees it."""
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=TIMEOUT_S).run()


def go(app: AppTest, page: str) -> AppTest:
    return app.switch_page(f"audioset_demo/views/pages/{page}.py").run()


def unfold(app: AppTest) -> AppTest:
    """Open every part of the page that is drawn when it is opened."""
    for fold in app.expander:
        app.session_state[fold.label] = True
    return app.run()


def upload(app: AppTest, name: str, data: bytes) -> AppTest:
    app.get("file_uploader")[0].upload(name, data)
    return app.run()


def labelled(widgets, label: str):
    """The widget whose label begins so."""
    return next(widget for widget in widgets if widget.label.startswith(label))


def text(app: AppTest) -> str:
    """Everything on the page, Markdown's escapes undone."""
    elements = [*app.title, *app.subheader, *app.markdown, *app.caption]
    elements += [*app.info, *app.warning, *app.error]
    return re.sub(r"\\(.)", r"\1", "\n".join(element.value for element in elements))


def shown_tags(app: AppTest) -> list[tuple[str, float]]:
    """Names and numbers of the top tags on the page that tags."""
    pattern = r"<span[^>]*>([^<]*)</span><span>([^<]*)</span>"
    found = (re.search(pattern, html.proto.body) for html in app.get("html"))
    return [(match[1], float(match[2])) for match in found if match]


def features(*names: str, n_frames: Sequence[int] = ()) -> bytes:
    """An HDF5 file in the reference's layout, each clip of another sound."""
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["x"] = rng.integers(0, 256, (len(names), 10, 128), np.uint8)
        file["n_frames"] = n_frames or [10] * len(names)
        file["video_id_list"] = [name.encode() for name in names]
    return buffer.getvalue()
