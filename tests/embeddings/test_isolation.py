"""Files of strangers: read apart, as they are read here, and nothing of them ends or stays."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from audioset_demo.embeddings import isolation
from audioset_demo.embeddings.arrays import FeaturesLimits
from audioset_demo.embeddings.frames import Embeddings
from audioset_demo.embeddings.isolation import clip_names, read_clip
from audioset_demo.embeddings.packed import open_packed
from audioset_demo.embeddings.reading import read_features
from audioset_demo.errors import FeaturesError
from tests.embeddings.test_reading import REFUSED, clip, fill_packed, hdf5, npz

CASES = Path(__file__).parent / "cases"
LIMITS = FeaturesLimits(max_frames=7_500, max_clips=50_000)


def same(one: Embeddings, other: Embeddings) -> bool:
    return all(np.array_equal(value, getattr(other, key)) for key, value in vars(one).items())


@pytest.mark.parametrize("write", [lambda clip: npz(**clip), lambda c: hdf5(lambda f: f.update(c))])
def test_a_clip_comes_back_as_it_is_read_here(write):
    data = write(clip(5))
    assert clip_names(data, "street.npz", LIMITS) == ("street.npz",)
    assert same(read_clip(data, "street.npz", 0, LIMITS), read_features(data, "street.npz")[0])


@pytest.mark.parametrize(("make", "says"), REFUSED)
def test_what_is_refused_here_is_refused_there_in_the_same_words(make, says, tmp_path):
    data = make(tmp_path)
    with pytest.raises(FeaturesError) as here:
        read_features(data, "clip.h5", LIMITS)[0]
    with pytest.raises(FeaturesError) as there:
        read_clip(data, "clip.h5", 0, LIMITS)
    assert str(there.value) == str(here.value)


def test_threads_get_their_own_clips():
    files = {n: npz(**clip(n)) for n in range(1, 13)}

    def n_frames(n: int) -> int:
        return len(read_clip(files[n], f"{n}.npz", 0, LIMITS).times_s)

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(n_frames, files)) == list(files)


@pytest.mark.parametrize("end", ["SIGSEGV", "SIGKILL"])
def test_a_reader_that_has_ended_is_started_again(end):
    data = npz(**clip())
    read_clip(data, "clip", 0, LIMITS)
    isolation._reader._process.send_signal(getattr(signal, end))
    isolation._reader._process.wait()
    assert len(read_clip(data, "clip", 0, LIMITS).times_s) == 3


def test_the_reader_ends_with_the_server():
    server = (
        "from audioset_demo.embeddings import isolation\n"
        "isolation._reader.connect()\n"
        "print(isolation._reader._process.pid, flush=True)\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    run = subprocess.run([sys.executable, "-c", server], stdout=subprocess.PIPE, text=True)
    pid, give_up = int(run.stdout), time.monotonic() + 20
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{pid}")


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("h5_many_ids_50000000.h5", "50,000,000 clips, above the limit of 50,000"),
        ("h5_slash_link.h5", "'a/e/g' as a link to data elsewhere"),
        ("h5_unallocated_quantised_800k.h5", "102 MB, above the limit of 8 MB for one clip of 7,5"),
        ("h5_vlen_bomb_60k_x_64kB.h5", "60,000 clips, above the limit"),
        ("hang2.h5", "damaged, or one clip of it takes more than 2 s"),
        ("segv1.h5", "damaged or cut off"),
        ("segv_farray.h5", "2,000,000 clips, above the limit"),
        ("npz_descr_empty_tuple.npz", "damaged or cut off"),
        ("npz_encoder_surrogate.npz", r"unknown encoder '\\ud800'"),
        ("npz_header_06_v1.npz", "damaged or cut off"),
        ("npz_lzma_bomb.npz", "102 MB, above the limit of 8 MB for one clip of 7,500 frames"),
        ("train_external_link.h5", "'x' as a link to data elsewhere"),
        ("train_external_storage.h5", "'x' as a link to data elsewhere"),
    ],
)
def test_hostile_files_are_refused_in_words(case, says):
    data = (CASES / case).read_bytes()
    with pytest.raises(FeaturesError, match=says) as caught:
        for index in range(len(clip_names(data, case, LIMITS))):
            read_clip(data, case, index, LIMITS)
    assert len(str(caught.value)) <= 300


def ids_of_a_variable_length(n_bytes: int) -> bytes:
    """Two hundred clips whose ids are of so many bytes."""

    def fill(file):
        ids = np.array(["i" * n_bytes] * 200, h5py.string_dtype())
        fill_packed(file, np.ones((200, 1, 128), np.uint8))
        del file["video_id_list"]
        file["video_id_list"] = ids

    return hdf5(fill)


def test_ids_of_a_variable_length_are_read_up_to_a_limit():
    assert clip_names(ids_of_a_variable_length(90), "own.h5", LIMITS) == ("i" * 90,) * 200
    with pytest.raises(FeaturesError, match="200 texts of 1,001 bytes"):
        clip_names(ids_of_a_variable_length(1_001), "own.h5", LIMITS)


@pytest.mark.parametrize("name", ["\ud800", "\u202e\u2067", "\x00\n\x1b[31m", "n" * 10_000, ""])
def test_any_name_makes_a_message_and_a_clip_that_can_be_shown(name):
    (shown,) = clip_names(npz(**clip()), name, LIMITS)
    assert shown.encode() and shown.isprintable() and len(shown) <= 100
    group = name.replace("\x00", "").encode("utf-8", "surrogatepass") or b"group"
    for data in (npz(), b"RIFF", hdf5(lambda f: h5py.h5g.create(f.id, group))):
        with pytest.raises(FeaturesError) as caught:
            read_clip(data, name, 0, LIMITS)
        message = str(caught.value)
        assert message.encode() and message.isprintable() and len(message) <= 300
        assert message.endswith(".")


def test_a_packed_file_that_hangs_libhdf5_is_refused():
    with (
        pytest.raises(FeaturesError, match="hang_packed.h5 is damaged: it ends or hangs"),
        open_packed(CASES / "hang_packed.h5", needed=("y",)),
    ):
        pass
