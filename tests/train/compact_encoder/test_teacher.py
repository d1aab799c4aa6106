"""The teachers: their outputs, and the weights that the encoder starts from."""

import numpy as np
import pytest
import torch

from audioset_demo.encoders.compact import CompactNet, CompactSettings
from audioset_demo.encoders.logmel import EXAMPLE_SAMPLES, log_mel
from audioset_demo.errors import DataError
from tests.sounds import white_noise
from train.compact_encoder import yamnet_weights
from train.compact_encoder.objective import Student
from train.compact_encoder.teacher import Yamnet


@pytest.fixture(scope="module")
def yamnet(shared_data):
    pytest.importorskip("tensorflow", reason="pip install 'audioset-demo[tensorflow]'")
    return Yamnet(next((shared_data / "yamnet").glob("*.tflite")))


@pytest.mark.data
def test_an_encoder_that_starts_from_yamnet_has_its_scores(yamnet):
    """But for the 8 bits to which TFLite rounds its maps; measured: 0.04 at most."""
    student = Student(CompactNet(), len(yamnet.mids)).eval()
    yamnet.start(student)
    times_s = np.arange(EXAMPLE_SAMPLES) / 16_000
    tone = 0.3 * np.sin(2 * np.pi * 440 * times_s).astype(np.float32)
    for samples in (white_noise(1).samples[:EXAMPLE_SAMPLES], tone, np.zeros_like(tone)):
        with torch.inference_mode():
            _, logits = student(torch.from_numpy(log_mel(samples))[None])
        scores = yamnet(samples).scores
        np.testing.assert_allclose(logits[0].sigmoid(), scores, atol=0.08)
        assert logits[0].argmax() == scores.argmax()


class OtherNetwork:
    """The interpreter of a TFLite file with one layer."""

    def get_tensor_details(self):
        return [{"name": "dense/kernel", "index": 0}]


def test_a_file_of_another_network_is_refused():
    with pytest.raises(DataError, match="has no layer layer1/conv/, so it is not .* YAMNet"):
        yamnet_weights.convolutions(OtherNetwork())


def test_the_names_are_those_of_the_encoder_s_convolutions():
    assert len(CompactNet(CompactSettings()).convolutions) == yamnet_weights.N_CONVOLUTIONS
