"""Names as the pages show them: each as it is written, and no two alike.

Streamlit's select boxes identify an option by its label: of two options with the same label, the
last one is always taken. So a choice is an identity, and its label is made unique.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from audioset_demo.labels import Label

# What Streamlit turns into icons, arrows and dashes after Markdown's escapes have been taken off.
_TURNED = re.compile(r":(?=material/)|(?<!\S)[-<>~](?=[-=>](?!\S))")
_WORDS = re.compile(r"[^\W\d_](?:[^\W_]|[ (),']|-(?!-))*")


def escape(text: str) -> str:
    """Text that Markdown shows as it is; names and messages hold anything."""
    one_line = re.sub(r"\s", " ", text).strip()
    kept = _TURNED.sub("\\g<0>\N{WORD JOINER}", one_line)
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|$~:&])", r"\\\1", kept)


def cell(text: str) -> str:
    """Text for a cell of `st.table`, where Markdown is read too; plain words stay as they are."""
    return text if _WORDS.fullmatch(text) else escape(text)


def unique_names(names: Sequence[str], details: Sequence[str] | None = None) -> list[str]:
    """Names that differ; those that differed already are left as they are.

    Parameters
    ----------
    details : for each name, what is added in brackets where it distinguishes names that are alike;
        empty: nothing. Names that are still alike are numbered: "rec.wav", "rec.wav (2)".
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


def unique_labels(labels: Sequence[Label]) -> tuple[Label, ...]:
    """Labels whose names differ."""
    names = unique_names([label.name for label in labels])
    return tuple(replace(label, name=name) for label, name in zip(labels, names, strict=True))
