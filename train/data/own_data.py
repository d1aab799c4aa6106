"""What is trained on of one's own: labelled sounds, or the features that `extract` made of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from audioset_demo.errors import DataError
from train.data.extract import extract, show_left_out
from train.data.features import TRAINING_FILES, FeatureSet, load_features, training_files

SOUNDS_FILE = "sounds.h5"  # in the folder of a run: the features of its sounds


@dataclass(frozen=True)
class OwnData:
    """Features files, or one folder of sounds.

    Attributes
    ----------
    labels, group_by, encoder, jobs : of sounds, as of `extract`
    """

    data: tuple[Path, ...]
    labels: Path | None = None
    group_by: str = "name"
    encoder: str = "auto"
    jobs: int | None = None

    @property
    def are_sounds(self) -> bool:
        is_folder = len(self.data) == 1 and os.path.isdir(self.data[0])
        has_features = any(os.path.isfile(self.data[0] / name) for name in TRAINING_FILES)
        return self.labels is not None or (is_folder and not has_features)

    def load(self, output: Path, resume: bool = False) -> FeatureSet:
        """The features; those of sounds are first made, and kept in the folder `output`.

        Sounds that cannot be read are named on standard error, and left out.

        Parameters
        ----------
        resume : take the features that are there

        Raises
        ------
        DataError
            As of `extract`, `training_files` and `load_features`.
        """
        if not self.are_sounds:
            return load_features(training_files(*self.data))
        made = output / SOUNDS_FILE
        if not (resume and made.is_file()):
            self._extract(made)
        return load_features(made)

    def _extract(self, output: Path) -> None:
        if len(self.data) > 1:
            raise DataError(
                f"--labels is of one folder of sounds, and --data names {len(self.data)} paths. "
                "Put the sounds into one folder, or encode them with `python -m train extract`."
            )
        options = (self.labels, output, self.encoder, self.jobs)
        show_left_out(extract(self.data[0], *options, group_by=self.group_by))
