"""Embeddings files and arrays: what is read, and what is refused with a reason."""

import io
import re
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audioset_demo.embeddings.clip_arrays import embeddings_from_array
from audioset_demo.embeddings.reading import read_features
from audioset_demo.errors import FeaturesError, WeightsError

frames = hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.just(128)))


def npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def hdf5(fill) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    return buffer.getvalue()


def clip(n_frames: int = 3) -> dict:
    rng = np.random.default_rng(n_frames)
    return {
        "quantised": rng.integers(0, 256, (n_frames, 128), dtype=np.uint8),
        "pca": rng.uniform(-2, 2, (n_frames, 128)).astype(np.float32),
        "embedding": rng.standard_normal((n_frames, 128)).astype(np.float32),
        "times_s": np.arange(n_frames) * 0.96,
        "encoder": "vggish",
        "duration_s": n_frames * 0.96 + 0.4,
    }


def fill_packed(file, x: np.ndarray, **arrays) -> None:
    file["x"] = x
    file["video_id_list"] = np.array([f"clip{i}".encode() for i in range(len(x))])
    for key, array in arrays.items():
        file[key] = array


@pytest.mark.parametrize("form", ["npz", "hdf5"])
def test_one_clip_comes_back_as_embed_writes_it(form, tmp_path):
    arrays = clip()
    path = tmp_path / f"street.{form}"
    path.write_bytes(npz(**arrays) if form == "npz" else hdf5(lambda file: file.update(arrays)))
    for source, name in ((path, "street." + form), (path.read_bytes(), "features")):
        (embeddings,) = read_features(source)
        for key in ("quantised", "pca", "embedding", "times_s"):
            np.testing.assert_array_equal(getattr(embeddings, key), arrays[key])
        assert (embeddings.encoder, embeddings.name) == ("vggish", name)
        assert embeddings.duration_s == arrays["duration_s"]
        assert embeddings.times_s.dtype == np.float64 and embeddings.pca.dtype == np.float32


def test_several_clips_are_groups_of_one_file():
    def fill(file):
        for n_frames, name in ((2, "a.wav"), (5, "b.mp3")):
            file.create_group(name).update(clip(n_frames))

    features = read_features(hdf5(fill))
    assert features.names == ("a.wav", "b.mp3")
    assert [(each.name, len(each.quantised)) for each in features] == [("a.wav", 2), ("b.mp3", 5)]


def test_a_file_that_does_not_name_its_encoder_is_taken_as_released_and_says_so():
    (embeddings,) = read_features(npz(quantised=clip(10)["quantised"]))
    assert embeddings.encoder == "released"
    assert "does not name its encoder" in embeddings.notes[0]
    np.testing.assert_allclose(embeddings.times_s, np.arange(10) * 0.96)
    assert embeddings.duration_s == pytest.approx(9.6)
    assert embeddings.pca is None and embeddings.embedding is None


def test_embeddings_from_before_pca_can_be_read_but_not_tagged():
    arrays = clip()
    (embeddings,) = read_features(npz(embedding=arrays["embedding"], encoder="vggish"))
    with pytest.raises(WeightsError, match="weights get"):
        embeddings.require_quantised()


@settings(max_examples=25)
@given(x=hnp.arrays(np.uint8, (3, 6, 128)), lengths=st.tuples(*[st.integers(1, 6)] * 3))
def test_packed_clips_end_where_counts_or_padding_say(x, lengths):
    for row, length in zip(x, lengths, strict=True):
        row[length:] = 0
        row[length - 1, 0] = 7
    with_counts = hdf5(lambda file: fill_packed(file, x, n_frames=np.array(lengths, np.int8)))
    without = hdf5(lambda file: fill_packed(file, x))
    for source in (with_counts, without):
        features = read_features(source)
        assert features.names == ("clip0", "clip1", "clip2")
        for embeddings, row, length in zip(features, x, lengths, strict=True):
            np.testing.assert_array_equal(embeddings.quantised, row[:length])
            assert (embeddings.encoder, embeddings.notes) == ("released", ())


def test_counts_override_zeros_and_segment_times_set_the_duration():
    x = np.zeros((1, 4, 128), np.uint8)
    source = hdf5(
        lambda file: fill_packed(
            file, x, n_frames=np.array([3]), segment_times=np.array([[30.0, 34.5]])
        )
    )
    (embeddings,) = read_features(source)
    assert len(embeddings.quantised) == 3
    assert embeddings.duration_s == pytest.approx(4.5)


@given(quantised=frames, dtype=st.sampled_from([np.float16, np.float32, np.float64]))
def test_floats_after_scaling_are_the_same_clip_as_their_uint8(quantised, dtype):
    scaled = ((quantised.astype(np.float64) - 128) / 128).astype(dtype)
    np.testing.assert_array_equal(embeddings_from_array(quantised).quantised, quantised)
    np.testing.assert_array_equal(embeddings_from_array(scaled, "a clip").quantised, quantised)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((10, 64), np.uint8), r"\(10, 64\)"),
        (np.zeros((1, 10, 128), np.uint8), r"\(1, 10, 128\)"),
        (np.zeros((0, 128), np.uint8), r"\(0, 128\)"),
        (np.zeros((10, 128), np.int64), "int64"),
        (np.full((10, 128), 1.5), "1.5"),
        (np.full((10, 128), np.nan), "nan"),
    ],
)
def test_arrays_of_another_form_are_refused(array, says):
    with pytest.raises(FeaturesError, match=f"array of clip has .*{says}"):
        embeddings_from_array(array, "clip")


def a_pickled_object(tmp_path):
    return npz(quantised=np.array([{"a": 1}], dtype=object))


def a_link_to_another_file(tmp_path):
    (tmp_path / "other.h5").write_bytes(hdf5(lambda file: file.update(clip())))
    return hdf5(
        lambda file: file.update(
            {"quantised": h5py.ExternalLink(str(tmp_path / "other.h5"), "quantised")}
        )
    )


def bytes_of_another_file(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(128))

    def fill(file):
        external = [(str(tmp_path / "secret"), 0, 128)]
        file.create_dataset("quantised", (1, 128), np.uint8, external=external)

    return hdf5(fill)


def an_array_of_a_gigabyte(tmp_path):
    def fill(file):
        shape = (2**23, 128)
        file.create_dataset("quantised", shape, np.uint8, chunks=(1, 128), compression="gzip")

    return hdf5(fill)


def a_cut_npz(tmp_path):
    return npz(**clip())[:-40]


def a_changed_npz(tmp_path):
    data = bytearray(npz(**clip()))
    data[200:210] = bytes(10)
    return bytes(data)


def a_cut_hdf5(tmp_path):
    return hdf5(lambda file: file.update(clip()))[:3000]


def another_zip(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("letter.txt", "hello")
    return buffer.getvalue()


def many_names_of_an_encoder(tmp_path):
    return hdf5(lambda file: file.attrs.update(encoder=["vggish"] * 2) or file.update(quantised=X))


X = clip()["quantised"]
REFUSED = [
    (many_names_of_an_encoder, "'encoder' as 2 values of variable length"),
    (lambda _: hdf5(lambda file: file.update(quantised=["a", "b"])), "2 values of variable length"),
    (lambda _: npz(**clip() | {"duration_s": 1e300}), "1e.300 as 'duration_s'"),
    (lambda _: npz(**clip() | {"times_s": np.arange(3) * 1e-9}), "even steps of 0.001 s or more"),
    (lambda _: npz(**clip() | {"times_s": np.arange(3) + 1e9}), r"from 1e\+09 to 1e\+09 s"),
    (lambda _: npz(quantised=np.ones((400_000, 128), "u1")), "400,000 frames, above the limit"),
    (a_pickled_object, "pickled object, which is never loaded"),
    (a_link_to_another_file, "link to data elsewhere"),
    (bytes_of_another_file, "link to data elsewhere"),
    (an_array_of_a_gigabyte, "1,074 MB, above the limit"),
    (a_cut_npz, "damaged or cut off"),
    (a_changed_npz, "damaged or cut off"),
    (a_cut_hdf5, "damaged or cut off"),
    (another_zip, "'letter.txt'"),
    (lambda _: b"", "empty"),
    (lambda _: b"RIFF....WAVE", "neither NPZ nor HDF5"),
    (lambda _: npz(**clip() | {"pca": np.zeros((9, 128), "f4")}), r"'pca' .*\(9, 128\)"),
    (
        lambda _: npz(**clip() | {"times_s": np.full(3, np.nan)}),
        "NaN or infinite values in 'times_s'",
    ),
    (
        lambda _: npz(**clip() | {"times_s": np.array([0, 1.0, 1.5])}),
        "'times_s' in steps of 0.5 to 1 s",
    ),
    (lambda _: npz(**clip() | {"quantised": np.zeros((3, 128))}), "'quantised' as float64"),
    (lambda _: npz(**clip() | {"quantised": np.zeros((0, 128), "u1")}), "no frames"),
    (lambda _: npz(**clip() | {"encoder": "openl3"}), "unknown encoder 'openl3'"),
    (lambda _: npz(**clip() | {"encoder": np.array(["a", "b"])}), "unknown encoder"),
    (lambda _: npz(**clip() | {"duration_s": np.nan}), "nan as 'duration_s'"),
    (lambda _: hdf5(lambda file: file.update(y=np.zeros(3))), "holds 'y'"),
    (lambda _: hdf5(lambda file: None), "holds nothing"),
    (lambda _: hdf5(lambda file: fill_packed(file, np.zeros((2, 10, 64), "u1"))), "10, 64"),
    (lambda _: hdf5(lambda file: file.update(x=np.ones((2, 3, 128), "u1"))), "video_id_list"),
    (lambda _: hdf5(lambda file: fill_packed(file, np.zeros((1, 3, 128), "u1"))), "no frames"),
    (
        lambda _: hdf5(
            lambda file: fill_packed(file, np.ones((1, 3, 128), "u1"), n_frames=np.array([4]))
        ),
        "'n_frames' from 4 to 4; 1 to 3",
    ),
]


@pytest.mark.parametrize(("make", "says"), REFUSED)
def test_files_of_another_form_are_refused_by_name_with_a_remedy(make, says, tmp_path):
    source = make(tmp_path)
    with pytest.raises(FeaturesError, match=says) as caught:
        list(read_features(source, "clip.h5"))
    assert re.match(r"clip\.h5 |Clip '\w+' of clip\.h5 ", str(caught.value))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FeaturesError, match="gone.npz cannot be opened"):
        read_features(tmp_path / "gone.npz")


@pytest.mark.data
def test_released_features_are_read_one_clip_at_a_time(shared_data):
    features = read_features(shared_data / "audioset" / "eval.h5")
    assert len(features) == 20_371
    with h5py.File(shared_data / "audioset" / "eval.h5") as file:
        counts = file["n_frames"][:]
        short = int(np.argmin(counts))
        expected = file["x"][short, : counts[short]]
        assert features.names[short] == file["video_id_list"][short].decode()
    np.testing.assert_array_equal(features.read(short).quantised, expected)
    assert features.read(0).duration_s == pytest.approx(10.0)
    features.close()
