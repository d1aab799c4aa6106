"""Reading a checkpoint of TensorFlow 1: what is no checkpoint of VGGish is refused by name."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

import pytest

from audioset_demo.encoders.vggish import weights
from audioset_demo.encoders.vggish.tf1_checkpoint import read_tensors
from audioset_demo.errors import WeightsError
from tests.encoders.vggish.downloading import SHA256, names


@pytest.mark.slow
def test_a_file_that_is_not_a_checkpoint_is_named_and_leaves_nothing(server, cache):
    # The path of the temporary copy would tell the user nothing: the address must be named.
    with pytest.raises(WeightsError, match="/payload' is not a TensorFlow checkpoint"):
        weights.install(server.address(), sha256=SHA256)
    assert names(cache) == []


def complaints(folder):
    """What the converter says of a checkpoint with no, and with one misshapen, variable of ours."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    import tensorflow as tf

    v1 = tf.compat.v1
    said = []
    for name, shape in (("other", (2,)), ("vggish/conv1/weights", (3, 3, 1, 32))):
        with tf.Graph().as_default(), v1.Session() as session:
            session.run(v1.get_variable(name, shape).initializer)
            saver = v1.train.Saver(write_version=v1.train.SaverDef.V1)
            saver.save(session, str(folder / "odd.ckpt"), write_meta_graph=False)
        try:
            read_tensors(folder / "odd.ckpt")
        except WeightsError as error:
            said.append(str(error))
    return said


@pytest.mark.slow
def test_a_missing_or_misshapen_variable_is_named(tmp_path):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        missing, misshapen = pool.submit(complaints, tmp_path).result()
    assert "no variable 'vggish/conv1/weights'" in missing
    assert "'vggish/conv1/weights' with shape (3, 3, 1, 32); VGGish has (3, 3, 1, 64)" in misshapen
