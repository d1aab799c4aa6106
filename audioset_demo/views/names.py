"""Names as the pages show them: literally, and no two the same.

Streamlit's select boxes identify an option by its label: of two options with the same label, the
last one is always taken. So options are identities, and their labels are made unique.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import count

# What Streamlit turns into icons, arrows and dashes after it has removed Markdown's escapes.
_TURNED = re.compile(r":(?=material/)|(?<!\S)[-<>~](?=[-=>](?!\S))")
_WORDS = re.compile(r"[^\W\d_](?:[^\W_]|[ (),']|-(?!-))*")


def escape(text: str) -> str:
    """Text that Markdown shows literally; names and messages can contain anything."""
    one_line = re.sub(r"\s", " ", text).strip()
    kept = _TURNED.sub("\\g<0>\N{WORD JOINER}", one_line)
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|$~:&])", r"\\\1", kept)


def cell(text: str) -> str:
    """Text for a cell of `st.table`, which reads Markdown too; plain words are not changed."""
    return text if _WORDS.fullmatch(text) else escape(text)


def unique_names(names: Sequence[str], details: Sequence[str] | None = None) -> list[str]:
    """Names made unique; those that are unique already are not changed.

    Parameters
    ----------
    details : for each name, what is added in brackets where that distinguishes equal names; empty:
        nothing. Names that are still equal are numbered: "rec.wav", "rec.wav (2)".
    """
    details = details or [""] * len(names)
    different = Counter(name for name, _ in set(zip(names, details, strict=True)))
    detailed = [
        f"{name} ({detail})" if detail and different[name] > 1 else name
        for name, detail in zip(names, details, strict=True)
    ]
    free, taken = set(detailed), set(detailed)
    unique = []
    for name in detailed:
        if name in free:
            free.remove(name)
        else:
            numbered = (f"{name} ({number})" for number in count(2))
            name = next(other for other in numbered if other not in taken)
            taken.add(name)
        unique.append(name)
    return unique


def first_of(names: Sequence[str]) -> str:
    """The first of several names, and how many more there are."""
    first, *others = names
    return f"{first} and {len(others):,} more" if others else first
