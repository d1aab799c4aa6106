"""How the tests of the app drive it in a real browser."""

import io
from pathlib import Path

import numpy as np
import soundfile


def sound(format: str) -> bytes:
    """Three seconds of a plucked chord, stereo at 44.1 kHz."""
    t = np.arange(3 * 44_100) / 44_100
    chord = sum(np.sin(2 * np.pi * f * t) for f in (220, 277.18, 329.63)) * np.exp(-2 * (t % 1))
    buffer = io.BytesIO()
    soundfile.write(buffer, np.stack([chord, chord], axis=1) / 4, 44_100, format=format)
    return buffer.getvalue()


def upload(page, name: str, data: bytes) -> None:
    page.locator("input[type=file]").first.set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    )


def chosen(page, name: str) -> None:
    page.get_by_role("heading", name=name, exact=True).wait_for()


def saved(page, button: str, nth: int = 0) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).nth(nth).click()
    return Path(download.value.path()).read_bytes()
