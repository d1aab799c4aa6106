"""The clips of AudioSet's evaluation set: where each is on YouTube, and what annotators heard."""

import io
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

import numpy as np

from audioset_demo.embeddings.arrays import npz_arrays
from audioset_demo.errors import FeaturesError
from audioset_demo.labels import Label, audioset_labels

CLIPS_FILE = "eval_clips.npz"
ARRAYS = ("video_ids", "starts_s", "n_labels", "labels", "covered", "complete", "heard")
# What the strong labels say of a class in a clip.
PRESENT, ABSENT, NOT_COVERED = "present", "absent", "not covered"


@dataclass(frozen=True)
class ScoredClips:
    """N clips, their labels, and what the strong labels say of them.

    Strong labels are a second annotation: on the clips that it covers, annotators marked when each
    of some classes can be heard. Of those classes, one that they did not mark is absent.

    Attributes
    ----------
    video_ids : (N,) bytes, of YouTube
    starts_s : (N,) float32, where each clip begins in its video
    n_labels : (N,) uint8, labels of each clip
    labels : (n_labels.sum(),) uint16, the classes of the first clip, of the second, ...
    covered : (N,) bool, clips that have strong labels
    complete : (K,) bool, classes that were marked wherever they were heard
    heard : (covered.sum(), ceil(K / 8)) uint8, the classes that were marked, or a class below them
        in the ontology; eight classes to a byte
    """

    video_ids: np.ndarray
    starts_s: np.ndarray
    n_labels: np.ndarray
    labels: np.ndarray
    covered: np.ndarray
    complete: np.ndarray
    heard: np.ndarray

    def __len__(self) -> int:
        return len(self.video_ids)

    @cached_property
    def _borders(self) -> np.ndarray:
        return np.append(0, np.cumsum(self.n_labels, dtype=np.int64))

    @cached_property
    def has_label(self) -> np.ndarray:
        """Which clip carries which label, (N, K) bool."""
        targets = np.zeros((len(self), len(self.complete)), bool)
        targets[np.repeat(np.arange(len(self)), self.n_labels), self.labels] = True
        return targets

    @cached_property
    def _n_positive(self) -> np.ndarray:
        return self.has_label.sum(axis=0)

    def _beside(self, k: int) -> np.ndarray:
        """Clips (K,) that carry both class `k` and each class."""
        return self.has_label[self.has_label[:, k]].sum(axis=0)

    def has_label_without(self, k: int) -> np.ndarray:
        """Clips (K,) that carry each class, among those that do not carry class `k`."""
        return self._n_positive - self._beside(k)

    def labels_of(self, clip: int) -> np.ndarray:
        """The classes of a clip."""
        return self.labels[self._borders[clip] : self._borders[clip + 1]]

    def address(self, clip: int) -> str:
        """The clip on YouTube, from its first second."""
        video_id = self.video_ids[clip].decode()
        return f"https://www.youtube.com/watch?v={video_id}&t={int(self.starts_s[clip])}s"

    def heard_of(self, k: int) -> np.ndarray:
        """Clips (N,) bool in which the strong labels have class `k` or one below it."""
        found = np.zeros(len(self), bool)
        found[self.covered] = self.heard[:, k // 8] >> (7 - k % 8) & 1
        return found

    def strong(self, clips: np.ndarray, k: int) -> list[str]:
        """What the strong labels say of class `k` in each of some clips."""
        unmarked = ABSENT if self.complete[k] else NOT_COVERED
        return [
            (PRESENT if heard else unmarked) if covered else NOT_COVERED
            for covered, heard in zip(self.covered[clips], self.heard_of(k)[clips], strict=True)
        ]

    def co_occurring(self, k: int, n: int = 8) -> list[tuple[int, int]]:
        """The classes that clips of class `k` carry most often beside it, and how many do."""
        counts = self._beside(k)
        counts[k] = 0
        return [
            (int(j), int(counts[j])) for j in np.argsort(-counts, kind="stable")[:n] if counts[j]
        ]


@cache
def eval_clips() -> ScoredClips:
    """The 20,371 clips of AudioSet's evaluation set.

    Raises
    ------
    FeaturesError : the file of this installation is damaged.
    """
    asset = files("audioset_demo") / "assets" / "evidence" / CLIPS_FILE
    remedy = "Install the package again."
    arrays, _ = npz_arrays(io.BytesIO(asset.read_bytes()), CLIPS_FILE, ARRAYS, remedy=remedy)
    if missing := [name for name in ARRAYS if name not in arrays]:
        raise FeaturesError(f"{CLIPS_FILE} lacks '{missing[0]}'. {remedy}")
    return ScoredClips(**arrays)


def with_ancestors(labels: tuple[Label, ...] | None = None) -> np.ndarray:
    """Which class implies which: (K, K) bool, true for itself and the classes above it."""
    labels = labels or audioset_labels()
    index = {label.name: label.index for label in labels}
    implied = np.eye(len(labels), dtype=bool)
    for label in labels:
        implied[label.index, [index[name] for name in label.ancestors if name in index]] = True
    return implied
