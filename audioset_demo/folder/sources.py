"""Which weights made a result: two files of the same name need not be the same."""

from __future__ import annotations

from importlib.resources import as_file

from audioset_demo.storage import sha256_of


def encoder_in_short(name: str) -> str:
    """An encoder's name and the hash of its weights, by a name that `resolve_encoder` gave."""
    if name == "compact":
        from audioset_demo.encoders.compact import BUNDLED, WEIGHTS_FILE

        with as_file(BUNDLED / WEIGHTS_FILE) as path:
            return f"{name} (sha256 {sha256_of(path)[:12]})"
    from audioset_demo.encoders.vggish import weights

    return f"{name} (sha256 {sha256_of(weights.vggish_path())[:12]})"
