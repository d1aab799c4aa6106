"""The server's log: a line for each piece of work, with no word of what a visitor opened."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

_LOG = logging.getLogger("audioset_demo.work")
_LOG.setLevel(logging.INFO)
_LOG.propagate = False  # else a root handler of another library would write each line again
_handler = logging.StreamHandler()
_handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
_LOG.addHandler(_handler)


@contextmanager
def logged(kind: str, n_bytes: int) -> Iterator[None]:
    """Log the block: its kind, the size of the clip's file, its seconds, the type of its error."""
    started, outcome = time.perf_counter(), "done"
    try:
        yield
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        seconds = time.perf_counter() - started
        _LOG.info("%s: %d bytes, %.2f s, %s", kind, n_bytes, seconds, outcome)
