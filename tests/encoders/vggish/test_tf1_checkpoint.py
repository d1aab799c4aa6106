"""Reading a checkpoint of TensorFlow 1: what TensorFlow reads, and nothing of a damaged file."""

import multiprocessing
import os
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from struct import pack

import google_crc32c
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_demo.encoders.vggish import weights
from audioset_demo.encoders.vggish.conversion import convert
from audioset_demo.encoders.vggish.tf1_checkpoint import open_checkpoint
from audioset_demo.errors import WeightsError
from tests.encoders.vggish.downloading import SHA256, names


def save_by_tensorflow(path):
    """Write variables whole and in slices by TensorFlow, and say what it holds of them.

    Its own reader reads whole variables alone.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        for n, shape in enumerate([(3, 3, 1, 64), (64,), (600, 1000)]):
            v1.get_variable(f"whole_{n}", shape)
        v1.get_variable("global_step", (), tf.int64, initializer=v1.zeros_initializer())
        v1.get_variable("double", (4,), tf.float64)
        sliced = {
            name: v1.get_variable(name, shape, partitioner=v1.fixed_size_partitioner(n, axis))
            for name, shape, n, axis in [
                ("sliced_3", (70, 5), 3, 0),
                ("sliced_7", (6, 50, 2), 7, 1),
            ]
        }
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver(write_version=v1.train.SaverDef.V1)
        saver.save(session, str(path), write_meta_graph=False, write_state=False)
        expected = session.run({name: parts.as_tensor() for name, parts in sliced.items()})
    reader = tf.train.load_checkpoint(str(path))
    whole = reader.get_variable_to_shape_map().keys() - expected.keys()
    return expected | {name: reader.get_tensor(name) for name in whole}


@pytest.mark.slow
def test_every_number_is_that_which_tensorflow_reads(tmp_path):
    pytest.importorskip("tensorflow", reason="pip install 'audioset-demo[tensorflow]'")
    path = tmp_path / "random.ckpt"
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        expected = pool.submit(save_by_tensorflow, path).result()
    with open_checkpoint(path, "random.ckpt") as file:
        variables = file.variables
        assert {name: one.shape for name, one in variables.items()} == {
            name: array.shape for name, array in expected.items()
        }
        assert [len(variables[f"sliced_{n}"].slices) for n in (3, 7)] == [3, 7]
        others = {name for name, variable in variables.items() if not variable.is_float32}
        assert others == {"global_step", "double"}
        for name in expected.keys() - others:
            found = np.full(expected[name].shape, np.nan, np.float32, order="F")
            file.read_into(name, found)
            assert np.array_equal(found, expected[name])
    content = path.read_bytes()
    for place in range(0, len(content) - 48, len(content) // 200):
        (tmp_path / "damaged.ckpt").write_bytes(
            content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        )
        with (
            pytest.raises(WeightsError, match="checksum"),
            open_checkpoint(tmp_path / "damaged.ckpt", "damaged.ckpt"),
        ):
            pass


# A checkpoint byte by byte, so that its parts can be wrong while its checksums are right.


def varint(number):
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number, content):
    """Of a protocol buffer."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def block(values, compression=0, wrong_checksum=False):
    entries = b"".join(
        varint(0) + varint(4) + varint(len(value)) + pack(">I", n) + value
        for n, value in enumerate(values)
    )
    content = entries + pack("<II", 0, 1) + bytes([compression])
    crc = google_crc32c.value(content) ^ wrong_checksum
    return content + pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32)


def table(*blocks, handles=None):
    starts = np.cumsum([0, *map(len, blocks)]).tolist()
    handles = handles or [(start, end - start - 5) for start, end in pairwise(starts)]
    index = block([varint(start) + varint(size) for start, size in handles])
    footer = varint(0) * 2 + varint(starts[-1]) + varint(len(index) - 5)
    return b"".join(blocks) + index + footer.ljust(40, b"\0") + pack("<Q", 0xDB4775248B80FB57)


def listing(shape=(4, 3), type=1):
    dims = b"".join(field(2, field(1, size)) for size in shape)
    return field(1, field(1, field(1, b"w") + field(2, dims) + field(3, type)))


def saved(*extents, n_numbers=12, name=b"w"):
    parts = b"".join(
        field(1, field(1, extent[0]) + field(2, extent[1]) if extent else b"") for extent in extents
    )
    numbers = np.arange(n_numbers, dtype="<f4").tobytes()
    return field(2, field(1, name) + field(2, parts) + field(3, field(1, 1) + field(5, numbers)))


WHOLE = [listing(), saved((), ())]


def read(content, folder):
    (folder / "hand.ckpt").write_bytes(content)
    with open_checkpoint(folder / "hand.ckpt", "hand.ckpt") as file:
        found = np.full((4, 3), np.nan, np.float32)
        file.read_into("w", found)
        return found


@pytest.mark.parametrize(
    "blocks",
    [
        [block(WHOLE)],
        [block([value]) for value in WHOLE],
        [block([listing(), saved((2, 2), (), n_numbers=6), saved((0, 2), (0, 3), n_numbers=6)])],
    ],
    ids=["one block", "two blocks", "slices"],
)
def test_a_checkpoint_made_by_hand_is_read(blocks, tmp_path):
    found = read(table(*blocks), tmp_path)
    assert sorted(found.ravel() % 6) == sorted(np.arange(12) % 6)


HUGE = 2**62
WRONG = {
    "empty": (b"", "not a TensorFlow checkpoint"),
    "no footer": (table(block(WHOLE))[-20:], "not a TensorFlow checkpoint"),
    "cut": (table(block(WHOLE))[:-1], "not a TensorFlow checkpoint"),
    "checksum": (table(block(WHOLE, wrong_checksum=True)), "a checksum is wrong"),
    "compressed": (table(block(WHOLE, compression=1)), "compressed"),
    "block beyond": (table(block(WHOLE), handles=[(0, HUGE)]), "beyond its end"),
    "blocks overlap": (table(block(WHOLE), handles=[(0, len(block(WHOLE)) - 5)] * 2), "overlap"),
    "TensorFlow 2": (table(block([field(1, 1) + field(3, field(1, 1))])), "where none should be"),
    "empty list": (table(block([field(1, b"")])), "lists no variables"),
    "unlisted": (table(block([listing(), saved(n_numbers=1, name=b"v")])), "does not list it"),
    "no numbers": (table(block([listing()])), "numbers of 'w' are missing"),
    "twice": (table(block([*WHOLE, saved((), ())])), "or there twice"),
    "overlapping": (
        table(block([listing(), *[saved((1, 2), (), n_numbers=6)] * 2])), "or there twice",
    ),
    "shape": (table(block([listing((HUGE, HUGE)), saved((), ())])), "has 48 bytes of numbers"),
    "few numbers": (table(block([listing(), saved((), (), n_numbers=11)])), "has 44 bytes"),
    "beyond": (table(block([listing(), saved((3, 2), (), n_numbers=6)])), "reaches beyond it"),
    "axes": (table(block([listing(), saved(())])), "has 1 axes, not 2"),
    "name": (table(block([listing(), saved((), (), name=b"w" * 2_000)])), "a name has 2,000"),
    "message": (table(block([listing(), saved((), ())[:-1]])), "beyond its message"),
    "wire": (table(block([b"\x0b"])), "no known kind"),
    "number": (table(block([b"\xff" * 20])), "has no end"),
    "parts": (table(block([field(9, 1) * 20_000])), "more parts than any"),
    "entries": (table(*[block([b""] * 5_000)] * 2), "more parts than any"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_refused_before_memory_is_taken(content, message, tmp_path):
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match=f"'hand.ckpt' is .*{message}"):
            read(content, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


@settings(max_examples=100)
@given(st.data())
def test_no_change_of_bytes_raises_anything_but_our_error(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    values = [listing(), saved((2, 2), (), n_numbers=6), saved((0, 2), (), n_numbers=6)]
    n = data.draw(st.integers(0, 2))
    changed = bytearray(values[n])
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    values[n] = bytes(changed[: data.draw(st.integers(0, len(changed)))])
    content = bytearray(table(block(values)))
    if data.draw(st.booleans()):  # the footer, whose numbers have no checksum
        content[data.draw(st.integers(-48, -9))] = data.draw(st.integers(0, 255))
    try:
        (folder / "changed.ckpt").write_bytes(content)
        with open_checkpoint(folder / "changed.ckpt", "changed.ckpt") as file:
            for name, variable in file.variables.items():
                if variable.is_float32 and variable.shape:
                    file.read_into(name, np.empty(variable.shape, np.float32))
    except WeightsError as error:
        assert str(error).startswith("'changed.ckpt' is ")


def test_a_file_that_is_not_a_checkpoint_is_named_and_leaves_nothing(server, cache):
    # The path of the temporary copy would tell the user nothing: the address must be named.
    with pytest.raises(WeightsError, match="/payload' is not a TensorFlow checkpoint"):
        weights.install(server.address(), sha256=SHA256)
    assert names(cache) == []


@pytest.mark.parametrize(
    ("name", "shape", "type", "message"),
    [
        (b"other", (2,), 1, "no variable 'vggish/conv1/weights'"),
        (b"vggish/conv1/weights", (3, 3, 1, 32), 1,
         r"'vggish/conv1/weights' with shape \(3, 3, 1, 32\); VGGish has \(3, 3, 1, 64\)"),
        (b"vggish/conv1/weights", (3, 3, 1, 64), 2, "'vggish/conv1/weights' as float32"),
    ],
)  # fmt: skip
def test_a_missing_or_misshapen_variable_is_named(name, shape, type, message, tmp_path):
    numbers = [saved(*[()] * len(shape), n_numbers=int(np.prod(shape)), name=name)]
    listed = listing(shape, type).replace(field(1, b"w"), field(1, name))
    # Its length is stated anew.
    listed = field(1, field(1, listed[listed.index(field(1, name)) :]))
    (tmp_path / "odd.ckpt").write_bytes(table(block([listed, *numbers])))
    with pytest.raises(WeightsError, match=message):
        convert(tmp_path / "odd.ckpt", tmp_path / "out.safetensors", "odd.ckpt")
