"""VGGish's post-processing: PCA, clipping and quantisation to 8 bits.

As in `vggish_postprocess.py` of tensorflow/models: the values are truncated, not rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audioset_demo.embeddings.arrays import npz_arrays
from audioset_demo.embeddings.frames import CLIP, N_DIMS
from audioset_demo.errors import FeaturesError, WeightsError


@dataclass(frozen=True)
class PcaParameters:
    """The projection of AudioSet's release.

    Attributes
    ----------
    eigen_vectors : (128, 128) float64, one component a row, scaled for unit variance.
    means : (128,) float64, subtracted first.
    """

    eigen_vectors: np.ndarray
    means: np.ndarray

    def project(self, embedding: np.ndarray) -> np.ndarray:
        """Embeddings (T, 128) before PCA to clipped components (T, 128) float64 in [-2, 2]."""
        components = (embedding.astype(np.float64) - self.means) @ self.eigen_vectors.T
        return np.clip(components, -CLIP, CLIP)


def load_pca(path: Path) -> PcaParameters:
    """Read `vggish_pca_params.npz`.

    Raises
    ------
    WeightsError : if the file is unreadable or its arrays have other names, shapes or values.
    """
    shapes = {"pca_eigen_vectors": (N_DIMS, N_DIMS), "pca_means": (N_DIMS,)}
    remedy = "Get the official one with `audioset-demo weights get`."
    try:
        arrays, _ = npz_arrays(path, str(path), shapes, remedy=remedy)
    except FeaturesError as error:
        raise WeightsError(f"'{path}' is not a VGGish PCA file. {error}") from error
    for key, shape in shapes.items():
        array = arrays.get(key, np.empty(0))
        if array.shape != shape or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise WeightsError(
                f"'{path}' is not a VGGish PCA file: it holds {key} as {array.dtype} of shape "
                f"{array.shape}, and finite numbers of shape {shape} are expected. {remedy}"
            )
    return PcaParameters(
        arrays["pca_eigen_vectors"].astype(np.float64), arrays["pca_means"].astype(np.float64)
    )
