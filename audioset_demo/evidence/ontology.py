"""The ontology as boxes: classes inside the classes above them, with the mean AP of each box."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audioset_demo.labels import Label


@dataclass(frozen=True)
class Node:
    """One name of the ontology and everything below it.

    Attributes
    ----------
    level : 0 at the left
    start, size : its place along the classes, one unit each
    n_classes : classes in it, itself among them if it is one
    ap : their mean AP; NaN where none was measured
    """

    name: str
    level: int
    start: float
    size: float
    n_classes: int
    ap: float


def parts(labels: Sequence[Label]) -> list[str]:
    """Names that have classes below them, each below its parent."""
    found: dict[str, None] = {}
    for path in sorted(path for label in labels for path in label.paths):
        found |= dict.fromkeys(path[:-1])
    return list(found)


def nodes(labels: Sequence[Label], ap: np.ndarray, root: str = "", levels: int = 3) -> list[Node]:
    """The boxes at and below a name, or of the whole ontology, in at most so many levels.

    A class with two parents is in both.

    Parameters
    ----------
    ap : (K,) NaN where not measured
    """
    members: dict[tuple[str, ...], set[int]] = {}
    units: dict[tuple[str, ...], int] = {}
    for label in labels:
        for path in label.paths:
            if root and root not in path:
                continue
            inside = path[path.index(root) :] if root else path
            for end in range(1, len(inside) + 1):
                members.setdefault(inside[:end], set()).add(label.index)
            units[inside] = 1
    sizes = dict.fromkeys(members, 0)
    for path in units:
        for end in range(1, len(path) + 1):
            sizes[path[:end]] += 1
    starts: dict[tuple[str, ...], int] = {}
    after: dict[tuple[str, ...], int] = {}  # where the next child of a box begins
    found = []
    for path in sorted(members):
        above = path[:-1]
        starts[path] = after.get(above, 0)
        after[above] = starts[path] + sizes[path]
        after[path] = starts[path]
        if len(path) <= levels:
            measured = ap[sorted(members[path])]
            measured = measured[np.isfinite(measured)]
            mean = float(measured.mean()) if len(measured) else np.nan
            found.append(
                Node(path[-1], len(path) - 1, starts[path], sizes[path], len(members[path]), mean)
            )
    return found
