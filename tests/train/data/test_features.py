"""Features: the same from memory and from the file, with a fixed split, refused if damaged."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audioset_demo.embeddings.packed import count_frames
from audioset_demo.errors import DataError, FeaturesError
from train.data import clips as clips_module
from train.data import features as data_module
from train.data import split as split_module
from train.data.features import load_features, repeated, training_files
from train.data.split import sample, split

N, T, K = 137, 4, 11
in_file_only = pytest.mark.usefixtures("no_memory")


@pytest.fixture
def no_memory(monkeypatch):
    """Clips stay in the file, however few."""
    monkeypatch.setattr(clips_module, "MAX_BYTES_IN_MEMORY", 0)


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    n_frames = rng.integers(1, T + 1, N)
    x = rng.integers(1, 256, (N, T, 128)).astype(np.uint8)
    x[np.arange(T) >= n_frames[:, None]] = 0
    return {
        "x": x,
        "y": rng.random((N, K)) < 0.2,
        "n_frames": n_frames,
        "video_id_list": np.array([f"clip{i:03d}" for i in range(N)], "S7"),
        "labels": np.array([f"class {k}".encode() for k in range(K)], object),
    }


def write(path: Path, values: dict[str, np.ndarray], **x_layout) -> Path:
    with h5py.File(path, "w") as file:
        for key, value in values.items():
            dtype = h5py.string_dtype() if key == "labels" else None
            layout = x_layout if key == "x" else {}
            file.create_dataset(key, data=value, dtype=dtype, **layout)
    return path


@pytest.fixture
def path(tmp_path) -> Path:
    return write(tmp_path / "own.h5", arrays())


@pytest.mark.parametrize("layout", [{}, {"chunks": (20, T, 128)}, {"chunks": (200, T, 128)}])
@given(indices=st.lists(st.integers(0, N - 1), min_size=1, max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_a_batch_from_the_file_is_the_batch_from_memory(tmp_path, monkeypatch, layout, indices):
    values, indices = arrays(), np.array(indices)
    path = write(tmp_path / "own.h5", values, maxshape=(None, T, 128) if layout else None, **layout)
    in_memory = load_features(path)
    with monkeypatch.context() as patched:
        patched.setattr(clips_module, "MAX_BYTES_IN_MEMORY", 0)
        in_file = load_features(path)
    assert not isinstance(in_file.file.clips, type(in_memory.file.clips))
    clips, mask, targets = in_file.batch(indices)
    assert all(map(torch.equal, in_memory.batch(indices), (clips, mask, targets)))
    assert np.array_equal(clips.numpy() * 128 + 128, values["x"][indices])
    assert np.array_equal(mask.sum(1), values["n_frames"][indices])
    assert np.array_equal(targets.numpy(), values["y"][indices])


@given(picked=st.lists(st.integers(0, N - 1), min_size=1, max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_a_subset_holds_its_clips(path, picked):
    values, picked = arrays(), np.array(picked)
    subset = load_features(path).subset(np.arange(N)[::-1], "all").subset(picked, "some")
    rows = N - 1 - picked
    assert len(subset) == len(picked)
    assert np.array_equal(subset.x, values["x"][rows])
    assert np.array_equal(subset.y, values["y"][rows])
    assert np.array_equal(subset.n_frames, values["n_frames"][rows])
    assert np.array_equal(subset.video_ids, values["video_id_list"][rows])
    lists = subset.clips_of_class()
    assert len(lists) == K
    for clips, column in zip(lists, values["y"][rows].T, strict=True):
        assert np.array_equal(clips, np.flatnonzero(column))


def test_arrays_read_in_blocks_equal_those_read_at_once(path, monkeypatch):
    whole = load_features(path)
    monkeypatch.setattr(data_module, "BLOCK_CLIPS", 10)
    in_blocks = load_features(path)
    assert np.array_equal(in_blocks.y, whole.y)
    for here, there in zip(in_blocks.clips_of_class(), whole.clips_of_class(), strict=True):
        assert np.array_equal(here, there)


@pytest.mark.parametrize("memory", [0, 2**20])
def test_frames_are_counted_where_a_file_does_not_say(tmp_path, monkeypatch, memory):
    monkeypatch.setattr(clips_module, "MAX_BYTES_IN_MEMORY", memory)
    values = arrays()
    n_frames = values.pop("n_frames")
    assert np.array_equal(load_features(write(tmp_path / "own.h5", values)).n_frames, n_frames)
    assert np.array_equal(count_frames(values["x"]), n_frames)


@pytest.mark.data
def test_the_held_out_tenth_of_bal_train_never_changes(shared_data):
    fit_part, validation = split(load_features(shared_data / "audioset/bal_train.h5"))
    assert (len(fit_part), len(validation)) == (19_911, 2_249)
    assert validation.video_ids[:2].tolist() == [b"--PJHxphWEs", b"--aaILOrkII"]


@pytest.mark.parametrize("at_most", [5, 20_000])
def test_the_parts_are_disjoint_and_complete_and_the_validation_part_bounded(
    path, monkeypatch, at_most
):
    everything = split(load_features(path))[1].video_ids
    monkeypatch.setattr(split_module, "MAX_VALIDATION_CLIPS", at_most)
    fit_part, validation = split(load_features(path))
    ids = {*fit_part.video_ids, *validation.video_ids}
    assert len(ids) == N == len(fit_part) + len(validation)
    assert len(validation) == min(at_most, len(everything))
    assert set(validation.video_ids) <= set(everything)


def test_a_larger_sample_contains_a_smaller_one(path):
    features = load_features(path)
    five, nine = (set(sample(features, clips).video_ids) for clips in (5, 9))
    assert (len(five), len(nine)) == (5, 9) and five < nine
    with pytest.raises(DataError, match=rf"{N} clips, and --clips asks for {N + 1}"):
        sample(features, N + 1)


def test_too_few_clips_to_split_are_refused(path):
    with pytest.raises(DataError, match="some has 2 clips, too few"):
        split(load_features(path).subset(np.arange(2), "some"))


def changed(**changes) -> dict[str, np.ndarray]:
    return {key: value for key, value in (arrays() | changes).items() if value is not None}


@pytest.mark.parametrize("memory", [0, 2**20])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (changed(n_frames=np.zeros(N, int)), "'n_frames' in .*own.h5 runs from 0 to 0, .* 1 to 4"),
        (changed(y=np.full((N, K), 0.5)), "'y' in .*own.h5 holds 0.5. Write each label as 0 or 1"),
    ],
)
def test_features_that_do_not_fit_are_refused_by_value(
    tmp_path, monkeypatch, memory, values, message
):
    monkeypatch.setattr(clips_module, "MAX_BYTES_IN_MEMORY", memory)
    with pytest.raises(FeaturesError, match=message):
        load_features(write(tmp_path / "own.h5", values))


@pytest.mark.parametrize("memory", [0, 2**20])
@given(share=st.floats(0, 1, exclude_max=True))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_a_truncated_file_is_refused(tmp_path, monkeypatch, memory, share):
    monkeypatch.setattr(clips_module, "MAX_BYTES_IN_MEMORY", memory)
    path = write(tmp_path / "own.h5", arrays(), chunks=(20, T, 128))
    os.truncate(path, int(share * path.stat().st_size))
    with pytest.raises((FeaturesError, DataError), match=r"own\.h5"):
        load_features(path)


@in_file_only
def test_a_file_whose_clips_cannot_be_read_alone_is_refused_with_the_remedy(tmp_path):
    path = write(tmp_path / "own.h5", arrays(), chunks=(20, 2, 16), compression="gzip")
    with pytest.raises(DataError, match=r"compression gzip.*python -m train pack .*own.h5 OUT.h5"):
        load_features(path)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))
    os.utime(path, ns=(0, 0))


@in_file_only
@pytest.mark.parametrize("damage", [cut, overwrite])
def test_a_file_that_changes_while_it_is_read_stops_the_reading(path, damage):
    features = load_features(path)
    features.batch(np.arange(5))
    damage(path)
    with pytest.raises(DataError, match=r"own\.h5 was cut short or written to .* --resume"):
        features.batch(np.arange(5))


@in_file_only
def test_a_file_replaced_by_another_is_read_to_the_end(path, tmp_path):
    features = load_features(path)
    before = features.x
    os.replace(write(tmp_path / "other.h5", arrays(seed=1)), path)
    assert np.array_equal(features.x, before)


@pytest.mark.parametrize("memory", [0, 2**20])
def test_several_files_are_one_set(tmp_path, monkeypatch, memory):
    monkeypatch.setattr(clips_module, "MAX_BYTES_IN_MEMORY", memory)
    first, second = arrays(), arrays(seed=1)
    second["x"] = np.pad(second["x"], ((0, 0), (0, 3), (0, 0)))  # clips of up to seven frames
    second["video_id_list"] = np.char.add(second["video_id_list"], b"b")
    second["video_id_list"][5] = first["video_id_list"][9]
    files = [write(tmp_path / "one.h5", first), write(tmp_path / "two.h5", second)]
    both = load_features(files)
    assert both.name == "one and two" and len(both) == 2 * N
    assert both.file.counts == (("one", N), ("two", N))
    assert repeated(both).tolist() == [b"clip009"]
    picked = np.array([2 * N - 1, 0, N, N - 1, 7, N + 5])
    clips, mask, targets = both.batch(picked)
    x = np.concatenate([np.pad(first["x"], ((0, 0), (0, 3), (0, 0))), second["x"]])
    assert np.array_equal(clips.numpy() * 128 + 128, x[picked])
    n_frames = np.concatenate([first["n_frames"], second["n_frames"]])
    assert np.array_equal(mask.sum(1), n_frames[picked])
    y = np.concatenate([first["y"], second["y"]])
    assert np.array_equal(targets.numpy(), y[picked])
    for k, clips_of_class in enumerate(both.clips_of_class()):
        assert np.array_equal(clips_of_class, np.flatnonzero(y[:, k]))


@pytest.mark.parametrize("key", ["labels", "encoder"])
def test_files_of_other_classes_or_encoders_are_not_mixed(tmp_path, key):
    other = arrays() | {"labels": arrays()["labels"][::-1]} if key == "labels" else arrays()
    files = [write(tmp_path / "one.h5", arrays()), write(tmp_path / "two.h5", other)]
    if key == "encoder":
        with h5py.File(files[1], "a") as file:
            file.attrs["encoder"] = "compact"
    with pytest.raises(DataError, match="one has 11 classes .* two has .* the same classes"):
        load_features(files)


def test_a_folder_stands_for_its_training_files_and_never_for_the_evaluation_set(tmp_path, path):
    with pytest.raises(DataError, match=r"no folder that holds bal_train.h5 or unbal_train.h5"):
        training_files(tmp_path)
    for name in ("eval.h5", "unbal_train.h5", "bal_train.h5"):
        write(tmp_path / name, arrays())
    training = [tmp_path / "bal_train.h5", tmp_path / "unbal_train.h5"]
    assert training_files(tmp_path) == training
    assert training_files(path, tmp_path) == [path, *training]
    with pytest.raises(DataError, match=r"names .*unbal_train.h5 twice"):
        training_files(tmp_path, tmp_path / "unbal_train.h5")
    with pytest.raises(DataError, match=r"gone.h5 is no file"):
        training_files(tmp_path / "gone.h5")
