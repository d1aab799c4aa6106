"""For whom the app is served: for its owner, or for the public, with less.

The public gets smaller limits, no HDF5 uploads (libhdf5 is the least robust of the readers), and
nothing that changes the server, such as the installation of VGGish.
"""

import sys
from collections.abc import Iterable

from audioset_demo.audio.decoding import AudioLimits
from audioset_demo.errors import FeaturesError

PUBLIC_FLAG = "--public"  # an argument of the script that Streamlit runs
CLOSED_TO_THE_PUBLIC = ("h5", "hdf5")
NPZ_START = b"PK"
# Two hours are 7,500 frames: more than a page can show, less than a small machine can hold.
OWN_LIMITS = AudioLimits(max_bytes=100 * 2**20, max_duration_s=7_200.0)
PUBLIC_LIMITS = AudioLimits(max_bytes=25 * 2**20, max_duration_s=1_200.0)


def is_public() -> bool:
    return PUBLIC_FLAG in sys.argv[1:]


def limits() -> AudioLimits:
    """Of a sound that a visitor opens."""
    return PUBLIC_LIMITS if is_public() else OWN_LIMITS


def check_embeddings(data: bytes, name: str) -> None:
    """Raise FeaturesError for HDF5 from the public, whatever its name says."""
    if is_public() and not data.startswith(NPZ_START):
        raise FeaturesError(f"{name} is not NPZ, and this server takes embeddings only as NPZ.")


def open_to_visitors(extensions: Iterable[str]) -> list[str]:
    """Those of the kinds of files that may be uploaded."""
    closed = CLOSED_TO_THE_PUBLIC if is_public() else ()
    return [extension for extension in extensions if extension not in closed]
