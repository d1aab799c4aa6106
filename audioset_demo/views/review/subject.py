"""What the views beside the sound show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audioset_demo.recordings.answers import Answers
from audioset_demo.recordings.finds import Find, Finds, Key


@dataclass(frozen=True)
class Subject:
    """What is looked at.

    Attributes
    ----------
    out : the folder of finds
    given : the answers so far
    k : the chosen class
    find : the one that is heard; None where all are answered
    sought : the one that similar sounds were searched for
    """

    out: Path
    finds: Finds
    answers: Answers
    given: Mapping[Key, str]
    k: int
    find: Find | None
    sought: Find | None
