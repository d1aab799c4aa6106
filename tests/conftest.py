"""What several tests share: where real data is, and settings for property tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from audioset_demo.storage import folder_of

# The tests' arrays are small: a second thread costs more than it brings, above all on a busy
# machine. Set before torch is imported, and inherited by the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Examples are drawn alike on every run, and a slow machine is no failure.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

# Models that the person who runs the tests has published are not what the tests are of.
os.environ["AUDIOSET_DEMO_MODELS"] = str(Path(__file__).parent / "no models")

DATA_DIR = folder_of("AUDIOSET_DEMO_DATA") or Path(__file__).parents[1] / "../shared/data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data: audioset/, audio/, vggish/, yamnet/."""
    if not DATA_DIR.is_dir():
        pytest.skip(
            "needs real AudioSet features and sounds: set AUDIOSET_DEMO_DATA to a folder with "
            "audioset/bal_train.h5 (python -m train pack), audio/, vggish/ and yamnet/"
        )
    return DATA_DIR.resolve()


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of the reference's code, which is no part of this repository."""
    folder = folder_of("AUDIOSET_REFERENCE")
    if folder is None:
        pytest.skip(
            "needs the reference's code: git clone "
            "https://github.com/qiuqiangkong/audioset_classification and set AUDIOSET_REFERENCE to "
            "that folder"
        )
    return folder


@pytest.fixture(scope="session")
def features_path(tmp_path_factory) -> Path:
    """A small features file of three classes."""
    from tests.train.toy_features import write_features

    return write_features(tmp_path_factory.mktemp("features") / "own.h5")


@pytest.fixture(scope="session")
def features(features_path):
    """That file, loaded."""
    from train.data.features import load_features

    return load_features(features_path)


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> list[str]:
    """A WAV, an MP3, and a text file that claims to be a WAV."""
    from audioset_demo.audio.samples import synthesise
    from tests.sounds import by_libsndfile, file_of

    folder = tmp_path_factory.mktemp("clips")
    siren, rain = synthesise("siren"), synthesise("rain")
    (folder / "a.wav").write_bytes(by_libsndfile(siren.samples[: 3 * 16_000]))
    (folder / "b.mp3").write_bytes(file_of(rain, "MP3"))
    (folder / "broken.wav").write_text("this is not a sound")
    return [str(folder / name) for name in ("a.wav", "b.mp3", "broken.wav")]


def pytest_terminal_summary(terminalreporter):
    """Say so where the browser was never looked at: a page that nobody has seen may be broken."""
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        # A module skipped as a whole has no keywords in older versions of pytest.
        if "browser" in getattr(report, "keywords", ())
    ]
    if skipped:
        terminalreporter.write_line(
            f"{len(skipped)} tests in the browser were skipped. To run them, install Chromium "
            "(Debian: apt install chromium) and run make test again."
        )
