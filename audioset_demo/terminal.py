"""Output of the command lines: every stream can print every name, and long work shows a bar."""

import argparse
import codecs
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from audioset_demo.embeddings.frames import Progress
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.names import one_line
from audioset_demo.storage import FULL

LONG_S = 60.0  # a sound that is worth a progress bar wherever stderr goes
ESCAPE = "audioset-demo-escape"
UNWRITABLE = (*FULL, errno.EIO, errno.EBADF)  # of a stream; a closed pipe has an error of its own


class Parser(argparse.ArgumentParser):
    """Its help and version are output as any other: argparse passes over a failure to write."""

    def _print_message(self, message, file=None):
        if file is sys.stdout:
            file.write(message)
        else:
            super()._print_message(message, file)


def exit_code(command: Callable[[], int | None]) -> int:
    """Run a command; its exit code. An error of ours, or of the output, is printed on stderr."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    escape_what_streams_lack()
    try:
        try:
            return command() or 0
        finally:
            sys.stdout.flush()
    except AudioSetDemoError as error:
        _tell(error)
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        _drop_output()
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        if error.filename is None:
            _drop_output()
        what = error.filename or "The output"
        _tell(f"{what} could not be written ({error.strerror}). Make room or write elsewhere.")
    except KeyboardInterrupt:
        return 130
    return 1


def _tell(error: AudioSetDemoError | str) -> None:
    print(f"error: {one_line(str(error))}", file=sys.stderr)


def _drop_output() -> None:
    """What is still to be written to stdout goes nowhere; else Python would complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def escape_what_streams_lack() -> None:
    """Have stdout and stderr write what their encoding lacks as `\\uXXXX`, valid in JSON as well.

    Otherwise a file name that is not UTF-8, or not in the terminal's encoding, would end the run.
    """
    codecs.register_error(ESCAPE, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPE)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[k : k + 4]}" for k in range(0, len(units), 4)), error.end


def warn_of_damaged_models() -> None:
    """Name on stderr the published models that are not offered, and why."""
    from audioset_demo.listings import damage
    from audioset_demo.models.published import damaged_models

    for damaged in damaged_models():
        print(f"warning: {one_line(damage(damaged))}", file=sys.stderr)


@contextmanager
def progress_bar(clip: str) -> Iterator[Progress]:
    """A bar on stderr that vanishes when done: on a terminal, and elsewhere for a long sound."""
    from tqdm import tqdm

    bar = None

    def show(done_s: float, total_s: float | None) -> None:
        nonlocal bar
        if bar is None and (sys.stderr.isatty() or max(done_s, total_s or 0) > LONG_S):
            bar = tqdm(desc=one_line(Path(clip).name), unit="s", unit_scale=True, leave=False)
        if bar is not None:
            bar.total = total_s
            bar.update(done_s - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()
