"""What the tests of fetching and installing weights share."""

import pytest

from audioset_demo.encoders.vggish import download as downloading
from audioset_demo.encoders.vggish import weights
from tests.encoders.vggish.downloading import running


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(downloading, "PAUSE_S", 0)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running() as server:
        yield server


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, cut off from the official addresses."""
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path / "cache"))
    for name in ("NETWORK", "PCA"):
        file = getattr(weights, name)
        monkeypatch.setattr(weights, name, file._replace(address=f"http://127.0.0.1:9/{file.name}"))
    return tmp_path / "cache"


@pytest.fixture
def released_weights():
    """The network's and the PCA's path; skips unless they are the released ones."""
    if not (weights.is_installed() and weights.status()[0].verified == weights.OFFICIAL):
        pytest.skip("needs VGGish's released weights; get them with: audioset-demo weights get")
    return weights.vggish_path(), weights.pca_path()
