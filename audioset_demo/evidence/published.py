"""The average precision of each class that others published for the full training data."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PUBLISHED_AP_FILE = "published_ap.csv"


@dataclass(frozen=True)
class Published:
    """A model that others trained on 2.0M clips, and the AP of each of AudioSet's 527 classes."""

    title: str
    trained_on: str
    ap: tuple[float, ...]


@cache
def published_ap() -> tuple[Published, ...]:
    """Averaging of instances on VGGish's embeddings, and PANNs CNN14 on waveforms.

    They were read off the figure of arXiv 1912.10211.
    """
    table = files("audioset_demo") / "assets" / "evidence" / PUBLISHED_AP_FILE
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))

    def column(name: str) -> tuple[float, ...]:
        return tuple(float(row[name]) for row in rows)

    return (
        Published(
            "Averaging of instances",
            "2.0M clips (full data), on VGGish's embeddings",
            column("averaging_instances"),
        ),
        Published("PANNs CNN14", "1.9M clips (full data), on waveforms", column("cnn14")),
    )
