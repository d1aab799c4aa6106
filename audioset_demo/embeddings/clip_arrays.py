"""The arrays of one clip, each checked, as its embeddings."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from audioset_demo.embeddings.arrays import LIMITS, REMEDY, FeaturesLimits, listing, scalar
from audioset_demo.embeddings.frames import ENCODER_TITLES, FRAME_S, N_DIMS, Embeddings
from audioset_demo.errors import FeaturesError
from audioset_demo.names import MAX_NAME, shortened

_MAX_S = 1_000_000  # of a clip: eleven days
_MIN_HOP_S = 0.001
_EXPECTED = f"'quantised' uint8 (T, {N_DIMS}), or in HDF5 'x' uint8 (N, T, {N_DIMS})"


def embeddings_from_array(array: np.ndarray, name: str = "features") -> Embeddings:
    """Embeddings from the array of one clip, taken as released AudioSet features.

    Parameters
    ----------
    array : (T, 128), uint8 as released, or float after `(uint8 - 128) / 128`, in [-1, 1];
        floats are brought back to the nearest uint8.

    Raises
    ------
    FeaturesError : another shape or type, or values out of range.
    """
    array = np.asarray(array)
    if array.ndim != 2 or array.shape[1] != N_DIMS or not len(array):
        raise FeaturesError(
            f"The array of {name} has shape {array.shape}. Give the frames of one clip as "
            f"(T, {N_DIMS}), T >= 1."
        )
    if array.dtype.kind == "f":
        low, high = array.min(), array.max()
        if not (low >= -1 and high <= 1):  # so written that NaN fails
            raise FeaturesError(
                f"The array of {name} has values from {low} to {high}. Give floats in [-1, 1], "
                "which are (uint8 - 128) / 128, or the uint8 values themselves."
            )
        # 1.0 stands for 256, one more than a uint8 holds.
        array = np.minimum(np.rint(array.astype(np.float64) * 128) + 128, 255).astype(np.uint8)
    if array.dtype != np.uint8:
        raise FeaturesError(
            f"The array of {name} has type {array.dtype}. Give uint8 as released, or floats in "
            "[-1, 1]."
        )
    return clip_of_arrays({"quantised": array, "encoder": "released"}, (), name, name, LIMITS)


def clip_of_arrays(
    arrays: Mapping[str, ArrayLike],
    others: Iterable[str],
    name: str,
    where: str,
    limits: FeaturesLimits,
) -> Embeddings:
    """Embeddings from the arrays of one clip, each checked.

    `others` are the file's other keys, and `where` is the file, both for messages only.
    """
    quantised, embedding = arrays.get("quantised"), arrays.get("embedding")
    main = embedding if quantised is None else quantised
    if main is None:
        raise FeaturesError(
            f"{where} holds {listing([*arrays, *others])}; {_EXPECTED} was expected. {REMEDY}"
        )
    shape = np.shape(main)
    n_frames = shape[0] if shape else 0
    if n_frames == 0:
        raise FeaturesError(
            f"{where} holds no frames. Give a clip of at least one frame ({FRAME_S} s)."
        )
    limits.check_frames(n_frames, where)
    notes: tuple[str, ...] = ()
    encoder = str(scalar(arrays.get("encoder", "")))
    if not encoder:
        encoder = "released"
        notes = (
            "The file does not name its encoder, so it is taken as released AudioSet features.",
        )
    if encoder not in ENCODER_TITLES:
        known = ", ".join(ENCODER_TITLES)
        raise FeaturesError(f"{where} names an unknown encoder '{encoder}'. Give one of: {known}.")
    times_s = np.arange(n_frames) * FRAME_S
    if "times_s" in arrays:
        times_s = _checked(arrays["times_s"], (n_frames,), "f", where, "times_s")
        _check_times(times_s, where)
    duration_s = scalar(arrays.get("duration_s", n_frames * FRAME_S))
    if not isinstance(duration_s, (int, float)) or not 0 < duration_s <= _MAX_S:
        raise FeaturesError(
            f"{where} holds {duration_s} as 'duration_s'; seconds above zero, {_MAX_S:,} at most, "
            f"were expected. {REMEDY}"
        )
    frames = (n_frames, N_DIMS)
    floats = {
        key: _checked(arrays[key], frames, "f", where, key).astype(np.float32)
        for key in ("pca", "embedding")
        if key in arrays
    }
    return Embeddings(
        encoder=encoder,
        times_s=times_s.astype(np.float64),
        quantised=None if quantised is None else _checked(quantised, frames, "u", where),
        pca=floats.get("pca"),
        embedding=floats.get("embedding"),
        duration_s=float(duration_s),
        name=shortened(name, MAX_NAME),
        notes=notes,
    )


def _check_times(times_s: np.ndarray, where: str) -> None:
    """The starts (T,) of frames are even, and neither so close nor so late that nobody meant it."""
    steps = np.diff(times_s)
    if len(steps) and not (steps.min() >= _MIN_HOP_S and np.ptp(steps) < 0.01):
        raise FeaturesError(
            f"{where} holds 'times_s' in steps of {steps.min():.3g} to {steps.max():.3g} s; even "
            f"steps of {_MIN_HOP_S} s or more were expected. {REMEDY}"
        )
    if not (times_s[0] >= 0 and times_s[-1] <= _MAX_S):
        raise FeaturesError(
            f"{where} holds 'times_s' from {times_s[0]:.3g} to {times_s[-1]:.3g} s; 0 to "
            f"{_MAX_S:,} s were expected. {REMEDY}"
        )


def _checked(
    array: ArrayLike, shape: tuple[int, ...], kind: str, where: str, key: str = "quantised"
) -> np.ndarray:
    """The array, if of this shape and uint8 (kind "u") or finite floats (kind "f")."""
    array = np.asarray(array)
    fits = array.dtype == np.uint8 if kind == "u" else array.dtype.kind == "f"
    if array.shape != shape or not fits:
        expected = "uint8" if kind == "u" else "float32"
        raise FeaturesError(
            f"{where} holds '{key}' as {array.dtype} of shape {array.shape}; {expected} of shape "
            f"{shape} was expected. {REMEDY}"
        )
    if kind == "f" and not np.isfinite(array).all():
        raise FeaturesError(f"{where} holds NaN or infinite values in '{key}'. {REMEDY}")
    return array
