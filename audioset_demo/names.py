"""Names of recordings and labels: printable on one line, and no two the same."""

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

MAX_NAME = 100  # characters of a name that a stranger gave


def one_line(text: str) -> str:
    """Text with unprintable characters, such as a tab or half a surrogate pair, escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def shortened(text: str, longest: int) -> str:
    """Text on one line, of at most so many characters: the middle of a longer one is left out."""
    if len(text) > longest:  # before the slow part; escapes only make it longer
        text = text[:longest] + text[-longest:]
    line = one_line(text)
    if len(line) <= longest:
        return line
    kept = longest - 3
    return line[: kept - kept // 2] + "..." + line[-(kept // 2) :]


def without_spaces(text: str) -> str:
    """Text for one field of a line split at spaces: each run of spaces and quotes becomes `_`."""
    return one_line(re.sub(r'[\s"]+', "_", text))


def file_stem(name: str) -> str:
    """A clip's name without its extension, but with its number: "dog.wav (2)" becomes "dog_2"."""
    stem = re.sub(r"\.[^.\s]*?( \(\d+\))?$", r"\1", name)
    return re.sub(r"[^\w-]+", "_", stem).strip("_") or "clip"


def distinct_names(paths: Sequence[str], write: Callable[[str], str] = one_line) -> list[str]:
    """A name for each path: its last part, and as many folders as distinguish it from the others.

    Parameters
    ----------
    write : makes a name fit for its output; names that become equal by it get `_` appended

    Examples
    --------
    >>> distinct_names(["a/rec.wav", "b/rec.wav", "b/talk.wav"])
    ['a/rec.wav', 'b/rec.wav', 'talk.wav']
    """
    parts = [Path(os.path.abspath(path)).parts for path in paths]
    named: dict[tuple[str, ...], str] = {}
    waiting, n = dict.fromkeys(parts), 1
    while waiting:
        ends = Counter(own[-n:] for own in dict.fromkeys(parts))
        for own in [own for own in waiting if ends[own[-n:]] == 1]:
            del waiting[own]
            name = write(str(Path(*own[-n:])))
            while name in named.values():
                name += "_"
            named[own] = name
        n += 1
    return [named[own] for own in parts]
