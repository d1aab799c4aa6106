"""The released clips most similar to a clip, by their embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audioset_demo.embeddings.class_space import directions
from audioset_demo.embeddings.frames import FRAME_S
from audioset_demo.embeddings.packed import count_frames, open_packed
from audioset_demo.storage import folder_of

DATA_VARIABLE = "AUDIOSET_DEMO_DATA"
FEATURES_FILE = Path("audioset") / "eval.h5"  # in the folder that the variable names


@dataclass(frozen=True)
class Neighbour:
    """A released clip.

    Attributes
    ----------
    video_id : of YouTube
    second : of the video, at the frame most similar to the clip searched for
    cosine : between the clips' mean embeddings
    classes : indices of its labels
    """

    video_id: str
    second: float
    cosine: float
    classes: tuple[int, ...]

    @property
    def address(self) -> str:
        """The video at that second."""
        return f"https://www.youtube.com/watch?v={self.video_id}&t={int(self.second)}s"


@dataclass(frozen=True)
class ReleasedClips:
    """N clips of a packed features file, as `python -m train pack` writes them.

    Attributes
    ----------
    frames : (N, T, 128) uint8, padded with zeros
    n_frames : (N,)
    means : (N, 128) float32, mean of each clip's frames
    targets : (N, K) bool
    video_ids : N ids
    starts_s : (N,) where each clip begins in its video
    """

    frames: np.ndarray
    n_frames: np.ndarray
    means: np.ndarray
    targets: np.ndarray
    video_ids: tuple[str, ...]
    starts_s: np.ndarray

    @classmethod
    def from_file(cls, path: Path) -> ReleasedClips:
        """Read a packed file as a whole: 26 MB for the evaluation set.

        Raises
        ------
        FeaturesError : if it cannot be read, or lacks an array.
        """
        with open_packed(path, needed=("y", "segment_times")) as packed:
            frames, targets, times_s = (
                packed.rows(name, slice(None)) for name in ("x", "y", "segment_times")
            )
        n_frames = count_frames(frames) if packed.n_frames is None else packed.n_frames
        # Padding is zero, so that it adds nothing to the sum.
        means = frames.sum(axis=1, dtype=np.float32) / np.maximum(n_frames, 1)[:, None]
        video_ids = tuple(
            video_id.decode("utf-8", "replace") for video_id in packed.video_ids.tolist()
        )
        return cls(frames, n_frames, means, targets.astype(bool), video_ids, times_s[:, 0])

    def nearest(self, mean: np.ndarray, origin: np.ndarray, n: int) -> list[Neighbour]:
        """The `n` clips whose mean embeddings have the highest cosine with `mean`, nearest first.

        Parameters
        ----------
        mean : (128,) mean quantised embedding of the clip searched for
        origin : (128,) the point from which directions are measured
        """
        wanted = directions((mean - origin)[None])[0]
        cosines = directions(self.means - origin) @ wanted
        found = []
        for k in np.argsort(-cosines)[:n]:
            frames = self.frames[k, : max(self.n_frames[k], 1)].astype(np.float64)
            best = int(np.argmax(directions(frames - origin) @ wanted))
            found.append(
                Neighbour(
                    video_id=self.video_ids[k],
                    second=float(self.starts_s[k]) + best * FRAME_S,
                    cosine=float(cosines[k]),
                    classes=tuple(np.flatnonzero(self.targets[k]).tolist()),
                )
            )
        return found


def released_file() -> Path | None:
    """The released evaluation features on this machine; None where there are none."""
    folder = folder_of(DATA_VARIABLE)
    path = folder / FEATURES_FILE if folder else None
    return path if path and path.is_file() else None
