"""VGGish's post-processing: PCA, clipping and quantisation to 8 bits.

As in `vggish_postprocess.py` of tensorflow/models: the values are truncated, not rounded.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audioset_demo.embeddings.frames import CLIP, N_DIMS
from audioset_demo.errors import WeightsError


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
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key].astype(np.float64) for key in shapes}
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"'{path}' is not a VGGish PCA file: it must be an NPZ with {' and '.join(shapes)}. "
            "Get the official one with: audioset-demo weights get"
        ) from error
    for key, shape in shapes.items():
        if arrays[key].shape != shape or not np.isfinite(arrays[key]).all():
            raise WeightsError(
                f"'{path}' is not a VGGish PCA file: {key} has shape {arrays[key].shape} where "
                f"{shape} finite numbers are expected. "
                "Get the official one with: audioset-demo weights get"
            )
    return PcaParameters(arrays["pca_eigen_vectors"], arrays["pca_means"])
