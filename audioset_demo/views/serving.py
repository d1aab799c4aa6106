"""For whom the app is served: for its owner, or for the public, with less.

The public gets smaller limits, no HDF5 uploads (libhdf5 is the least robust of the readers), and
nothing that changes the server, such as the installation of VGGish.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from audioset_demo.audio.limits import AudioLimits
from audioset_demo.errors import FeaturesError

PUBLIC_FLAG = "--public"  # an argument of the script that Streamlit runs, as is
OUT_ARGUMENT = "--recordings="  # with a folder of results, which the public never sees
CLOSED_TO_THE_PUBLIC = ("h5", "hdf5")
NPZ_START = b"PK"
# Two hours are 7,500 frames: more than a page can show, less than a small machine can hold.
OWN_S, PUBLIC_S = 7_200, 1_200
# A sound may ask for what these seconds of stereo at 48 kHz cost; a few bytes could ask for more.
OWN_LIMITS, PUBLIC_LIMITS = (
    AudioLimits(
        max_bytes=most_bytes,
        max_duration_s=seconds,
        max_samples=seconds * 48_000,
        max_values=2 * seconds * 48_000,
        max_sample_rate=192_000,
    )
    for seconds, most_bytes in ((OWN_S, 100 * 2**20), (PUBLIC_S, 25 * 2**20))
)


def is_public() -> bool:
    return PUBLIC_FLAG in sys.argv[1:]


def recordings_folder() -> Path | None:
    """The folder of results that the app was opened with."""
    named = [word for word in sys.argv[1:] if word.startswith(OUT_ARGUMENT)]
    return None if is_public() or not named else Path(named[-1].removeprefix(OUT_ARGUMENT))


def limits() -> AudioLimits:
    """Of a sound that a visitor opens."""
    return PUBLIC_LIMITS if is_public() else OWN_LIMITS


def check_embeddings(data: bytes, name: str) -> None:
    """Raise FeaturesError for HDF5 from the public, whatever its name says."""
    if is_public() and not data.startswith(NPZ_START):
        raise FeaturesError(
            f"{name} is not NPZ, and this server takes embeddings only as NPZ. Give an NPZ file, "
            "or the sound itself."
        )


def open_to_visitors(extensions: Iterable[str]) -> list[str]:
    """Those of the kinds of files that may be uploaded."""
    closed = CLOSED_TO_THE_PUBLIC if is_public() else ()
    return [extension for extension in extensions if extension not in closed]
