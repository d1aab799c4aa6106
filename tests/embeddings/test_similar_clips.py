"""The released clips most like a clip: found in a packed file, with their place in the video."""

import h5py
import numpy as np
import pytest

from audioset_demo.embeddings.class_space import class_space
from audioset_demo.embeddings.frames import FRAME_S
from audioset_demo.embeddings.reading import read_features
from audioset_demo.embeddings.similar_clips import FEATURES_FILE, ReleasedClips, released_file
from audioset_demo.errors import FeaturesError

N, T = 40, 10


@pytest.fixture
def packed(tmp_path):
    rng = np.random.default_rng(0)
    n_frames = rng.integers(1, T + 1, N)
    x = rng.integers(1, 256, (N, T, 128)).astype(np.uint8)
    x[np.arange(T) >= n_frames[:, None]] = 0
    path = tmp_path / FEATURES_FILE
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file["x"], file["n_frames"] = x, n_frames
        file["y"] = rng.random((N, 527)) < 0.01
        file["video_id_list"] = [f"clip{i:07d}".encode() for i in range(N)]
        file["segment_times"] = np.stack([np.arange(N) * 30, np.arange(N) * 30 + 10], 1)
    return path


def test_a_clip_is_its_own_nearest_and_the_second_lies_within_its_frames(packed):
    clips, origin = ReleasedClips.from_file(packed), class_space().origin
    for k in range(N):
        frames = clips.frames[k, : clips.n_frames[k]]
        first, second = clips.nearest(frames.mean(axis=0), origin, 2)
        assert first.video_id == clips.video_ids[k] and second.cosine < first.cosine
        assert first.cosine == pytest.approx(1)
        assert 0 <= first.second - 30 * k <= (clips.n_frames[k] - 1) * FRAME_S + 1e-9
        assert first.address.endswith(f"?v={first.video_id}&t={int(first.second)}s")
        assert first.classes == tuple(np.flatnonzero(clips.targets[k]))


def test_the_file_is_where_the_variable_says(packed, monkeypatch):
    monkeypatch.setenv("AUDIOSET_DEMO_DATA", str(packed.parents[1]))
    assert released_file() == packed
    monkeypatch.setenv("AUDIOSET_DEMO_DATA", str(packed))
    assert released_file() is None
    monkeypatch.delenv("AUDIOSET_DEMO_DATA")
    assert released_file() is None


def test_a_file_without_times_is_refused_by_name(packed):
    with h5py.File(packed, "a") as file:
        del file["segment_times"]
    with pytest.raises(FeaturesError, match=r"eval\.h5.*python -m train pack"):
        ReleasedClips.from_file(packed)


@pytest.mark.data
def test_neighbours_of_real_clips_share_labels(shared_data):
    """A clip's labels are shared by its nearest other clip far more often than by any other."""
    path = shared_data / FEATURES_FILE
    clips, origin = ReleasedClips.from_file(path), class_space().origin
    file = read_features(path)
    shared = []
    for k in range(0, len(clips.video_ids), 200):
        found = clips.nearest(file[k].quantised.mean(axis=0), origin, 2)
        assert found[0].cosine == pytest.approx(1, abs=1e-6)
        other = next(n for n in found if n.video_id != clips.video_ids[k])
        shared.append(bool(clips.targets[k][list(other.classes)].any()))
    by_chance = (clips.targets[::200].astype(int) @ clips.targets[1::200].T.astype(int) > 0).mean()
    assert np.mean(shared) > 3 * by_chance
