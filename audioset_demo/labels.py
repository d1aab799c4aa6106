"""The label set: 527 AudioSet classes, their places in the ontology, their clip counts."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from audioset_demo.errors import AudioSetDemoError


@dataclass(frozen=True)
class Label:
    """One class.

    `paths` are its paths in the AudioSet ontology, root first, each ending in its own name. Clip
    counts and `quality` (share of the rated labels that raters confirmed; None: not rated) are
    those of the released lists, `n_true` of `n_rated` the raters' votes. A class of one's own data
    has an index, a name, and the counts `n_train` and `n_eval` where they are known.
    """

    index: int
    name: str
    mid: str = ""
    paths: tuple[tuple[str, ...], ...] = ()
    n_bal_train: int = 0
    n_unbal_train: int = 0
    n_eval: int = 0
    quality: float | None = None
    n_rated: int = 0
    n_true: int = 0

    @property
    def ancestors(self) -> frozenset[str]:
        """Names of everything above it in the ontology."""
        return frozenset(name for path in self.paths for name in path[:-1])

    @property
    def n_train(self) -> int:
        return self.n_bal_train + self.n_unbal_train


@cache
def audioset_labels() -> tuple[Label, ...]:
    """The 527 classes of AudioSet, in the order of the released features."""
    table = files("audioset_demo") / "assets" / "labels.csv"
    return tuple(
        Label(
            index=int(row["index"]),
            name=row["name"],
            mid=row["mid"],
            paths=tuple(tuple(path.split(" > ")) for path in row["paths"].split(" | ")),
            n_bal_train=int(row["n_bal_train"]),
            n_unbal_train=int(row["n_unbal_train"]),
            n_eval=int(row["n_eval"]),
            quality=float(row["quality"]) if row["quality"] else None,
            n_rated=int(row["n_rated"]),
            n_true=int(row["n_true"]),
        )
        for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    )


def find_labels(wanted: Sequence[str], labels: Sequence[Label]) -> tuple[Label, ...]:
    """Those of some labels that are named, by name in any case or by mid, each once.

    Raises
    ------
    AudioSetDemoError
        If there is none of that name; the message holds those that are spelled alike.
    """
    places = {label.name.casefold(): label for label in labels}
    places |= {label.mid.casefold(): label for label in labels if label.mid}
    found: dict[int, Label] = {}
    for name in wanted:
        label = places.get(name.strip().casefold())
        if label is None:
            near = [places[key].name for key in _alike(name.strip().casefold(), list(places))]
            remedy = f"Did you mean {' or '.join(near)}?" if near else "Give a name or a mid."
            raise AudioSetDemoError(
                f"There is no class '{name}' among the {len(labels)} of the model. {remedy} "
                "`audioset-demo classes` lists AudioSet's."
            )
        found[label.index] = label
    return tuple(found.values())


def _alike(name: str, known: list[str]) -> list[str]:
    """Up to three names that contain the name, or are spelled like it."""
    within = [other for other in known if name and name in other]
    return (within or get_close_matches(name, known))[:3]


def children_under_parents(ranking: Sequence[Label]) -> list[tuple[Label, list[Label]]]:
    """Labels that have no ancestor in the ranking, each with its descendants in it.

    Families are in the order of their best-ranked members, descendants in that of the ranking.
    """
    names = {label.name for label in ranking}
    families = [
        (label, [other for other in ranking if label.name in other.ancestors])
        for label in ranking
        if not label.ancestors & names
    ]
    place = {label.index: rank for rank, label in enumerate(ranking)}
    return sorted(
        families, key=lambda family: min(place[label.index] for label in (family[0], *family[1]))
    )


def own_labels(
    names: Sequence[str], n_train: Sequence[int] = (), n_eval: Sequence[int] = ()
) -> tuple[Label, ...]:
    """Labels of a model that was trained on classes of one's own.

    Parameters
    ----------
    n_train, n_eval : clips (K,) of each class that it was trained and scored on, where known
    """
    unknown = [0] * len(names)
    return tuple(
        Label(index, name, n_unbal_train=trained, n_eval=scored)
        for index, (name, trained, scored) in enumerate(
            zip(names, n_train or unknown, n_eval or unknown, strict=True)
        )
    )
