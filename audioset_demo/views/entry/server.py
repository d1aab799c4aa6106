"""Streamlit's command, with what the first page needs imported beside the start of the server.

torch and pandas take over a second, and until a browser has asked for the first page, the machine
would have nothing to do.
"""

import gc
import threading
from importlib import import_module

from streamlit.web.cli import main

NEEDED = ("audioset_demo.tagging", "pandas")


def _import_needed() -> None:
    # What is imported stays. Rounds of the garbage collector through it would only take time, the
    # one that Streamlit has after each run among them.
    gc.disable()
    try:
        for name in NEEDED:
            import_module(name)
        gc.freeze()
    finally:
        gc.enable()


if __name__ == "__main__":
    threading.Thread(target=_import_needed, daemon=True).start()
    main(prog_name="streamlit")
