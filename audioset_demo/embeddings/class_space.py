"""Where frames lie among the classes: a plane through their centroids, and cosine similarity.

Everything is in the units of quantised embeddings (0 to 255). Angles are measured from the mean of
the centroids: from zero, any two frames would point almost the same way.
"""

import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from audioset_demo.embeddings.arrays import npz_arrays

N_COMPONENTS = 2


@dataclass(frozen=True)
class ClassSpace:
    """The class centroids and the plane in which they differ most.

    Attributes
    ----------
    centroids : (K, 128) float32, mean quantised embedding of each class
    origin : (128,) float64, mean of the centroids
    axes : (2, 128) float64, the first two principal axes, orthonormal
    explained : (2,) share of the variance between centroids along each axis
    """

    centroids: np.ndarray
    origin: np.ndarray
    axes: np.ndarray
    explained: np.ndarray

    @classmethod
    def from_centroids(cls, centroids: np.ndarray) -> "ClassSpace":
        """The plane of the first two principal axes of `centroids` (K, 128)."""
        origin = centroids.mean(axis=0, dtype=np.float64)
        _, spread, axes = np.linalg.svd(centroids - origin, full_matrices=False)
        axes = axes[:N_COMPONENTS]
        # The sign of an axis is arbitrary: the largest coordinate is made positive.
        largest = np.abs(axes).argmax(axis=1)
        axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
        return cls(centroids, origin, axes, (spread**2 / (spread**2).sum())[:N_COMPONENTS])

    def project(self, vectors: np.ndarray) -> np.ndarray:
        """Quantised embeddings or centroids (T, 128) -> points (T, 2) in the plane."""
        return (vectors - self.origin) @ self.axes.T

    def similarity(self, frames: np.ndarray) -> np.ndarray:
        """Cosine (T, K) of frames (T, 128) with class centroids, measured from the origin."""
        return self.cosine(frames, self.centroids)

    def cosine(self, frames: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Cosine (T, U) of frames (T, 128) with other frames (U, 128), measured from the origin."""
        return directions(frames - self.origin) @ directions(others - self.origin).T


@cache
def class_space() -> ClassSpace:
    """The space of the 527 AudioSet classes: centroids of the balanced training set."""
    asset = files("audioset_demo") / "assets" / "centroids.npz"
    arrays, _ = npz_arrays(io.BytesIO(asset.read_bytes()), asset.name, ["centroids"])
    return ClassSpace.from_centroids(arrays["centroids"])


def directions(vectors: np.ndarray) -> np.ndarray:
    """Unit vectors; a zero vector stays zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)
