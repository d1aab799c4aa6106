"""Labels that are likely missing: a clip labelled "Guitar" is seldom labelled "Plucked string
instrument" and "Musical instrument" as well, although those hold too."""

import numpy as np
import torch
from torch import Tensor

from audioset_demo.errors import DataError
from audioset_demo.labels import Label, audioset_labels

UNKNOWN = float("nan")


def ancestors(labels: tuple[Label, ...]) -> np.ndarray:
    """(K, K) bool: whether class j lies above class i in the ontology."""
    index = {label.name: label.index for label in labels}
    above = np.zeros((len(labels), len(labels)), bool)
    for label in labels:
        for path in label.paths:
            above[label.index, [index[name] for name in path[:-1] if name in index]] = True
    return above


def check_ontology(class_names: tuple[str, ...] | None) -> None:
    """Raise a DataError unless the classes are AudioSet's; there is no ontology of others."""
    if class_names is not None:
        raise DataError(
            "--mask-missing reads AudioSet's ontology, and the data names classes of its own "
            f"({', '.join(class_names[:3])}, ...). Leave --mask-missing out."
        )


class MissingLabels:
    """Marks the unlabelled ancestors of a clip's classes as unknown.

    Raises
    ------
    DataError
        If the classes are not AudioSet's.
    """

    def __init__(self, class_names: tuple[str, ...] | None):
        check_ontology(class_names)
        self.above = torch.from_numpy(ancestors(audioset_labels())).float()

    def mark(self, targets: Tensor) -> Tensor:
        """Targets (B, K) of 0 and 1, with `UNKNOWN` where a label is likely missing."""
        implied = (targets @ self.above > 0) & (targets == 0)
        return targets.masked_fill(implied, UNKNOWN)
