"""Names of recordings and labels, as a line of text can hold them and so that none is another's."""

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path


def one_line(text: str) -> str:
    """Text with what does not print, such as a tab or half a surrogate pair, as its escape."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def without_spaces(text: str) -> str:
    """Text as one field of a line that spaces divide: `_` for each stretch of them, and quotes."""
    return one_line(re.sub(r'[\s"]+', "_", text))


def distinct_names(paths: Sequence[str], write: Callable[[str], str] = one_line) -> list[str]:
    """A name of each path: its end, with as many folders as tell it from the other paths.

    Parameters
    ----------
    write : makes a name fit for what it is written to; names that this makes alike get a `_` more

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
