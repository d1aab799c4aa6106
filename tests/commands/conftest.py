"""What the tests of the commands tag and embed."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def same_name(clips, tmp_path_factory) -> list[str]:
    """Two recordings of one name, in two folders."""
    folder = tmp_path_factory.mktemp("same_name")
    paths = [folder / place / "rec.wav" for place in ("north", "south east")]
    for path, clip in zip(paths, clips, strict=False):
        path.parent.mkdir()
        path.write_bytes(Path(clip).read_bytes())
    return [str(path) for path in paths]
