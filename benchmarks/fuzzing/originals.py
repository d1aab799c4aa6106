"""Right files of every kind, from which wrong ones are made."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import h5py
import numpy as np
import soundfile

from fuzzing.mutations import TEXTS, Files, tfrecord

LARGEST_BYTES = 100_000  # of a real file; larger ones are passed over
OF_EACH_FOLDER = 3  # real files of one folder and format
LIBSNDFILE = ("WAV", "WAVEX", "W64", "RF64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3")
ENCODERS = (
    ("adts", "aac"), ("mp4", "aac"), ("mp4", "alac"), ("mp4", "libmp3lame"), ("mov", "pcm_s16be"),
    ("3gp", "libopencore_amrnb"), ("amr", "libopencore_amrnb"), ("mp3", "libmp3lame"),
    ("mp2", "mp2"), ("webm", "libopus"), ("asf", "wmav1"), ("asf", "wmav2"),
    ("matroska", "pcm_f32le"), ("matroska", "ac3"), ("ogg", "libopus"), ("flac", "flac"),
    ("avi", "libmp3lame"), ("avi", "pcm_s16le"), ("avi", "adpcm_ms"), ("wav", "adpcm_ima_wav"),
    ("w64", "pcm_s16le"), ("aiff", "pcm_s24be"), ("caf", "alac"), ("au", "pcm_s16be"),
)  # fmt: skip
EXTENSIONS = {"adts": "aac", "matroska": "mka", "asf": "wma"}
N_CLASSES, LABELS = 3, ("bell", "siren", "noise")
PAGES = ("tag", "attention", "embeddings", "visit", "classes", "models", "encoder")
PARAMETERS = (
    "sample", "model", "encoder", "hop", "tail", "threshold", "class", "beside", "occlusion",
    "counts", "ranks", "search", "sort", "numbers", "n_tags", "pinned", "fold",
)  # fmt: skip
WORDS = ("compact", "vggish", "0.48", "5", "true", "Speech", "tone", "max", "pad")


def sounds(real: Sequence[Path]) -> Iterator[Files]:
    """Real files, and short sounds by each encoder of libsndfile and many of FFmpeg."""
    for path in real:
        yield {f"sound{path.suffix.lower()}": path.read_bytes()}
    samples = (0.3 * np.sin(np.arange(20_000) / 9)).astype(np.float32)
    for form in LIBSNDFILE:
        for subtype in soundfile.available_subtypes(form):
            buffer = io.BytesIO()
            with suppress(soundfile.LibsndfileError, ValueError, TypeError):
                soundfile.write(buffer, samples, 16_000, subtype, format=form)
                yield {f"sound.{form.lower()}": buffer.getvalue()}
    for form, codec in ENCODERS:
        yield {f"sound.{EXTENSIONS.get(form, form)}": _encoded(samples, form, codec)}


def _encoded(samples: np.ndarray, form: str, codec: str) -> bytes:
    buffer = io.BytesIO()
    rate = 8_000 if "amr" in codec else 48_000
    with av.open(buffer, "w", format=form) as file:
        track = file.add_stream(codec, rate=rate)
        track.layout = "mono"
        if codec.startswith("wma"):  # has no default
            track.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.rate = rate
        file.mux(track.encode(frame))
        file.mux(track.encode(None))
    return buffer.getvalue()


def real_sounds(folders: Sequence[Path]) -> list[Path]:
    """A few files of each format in each folder, at any depth."""
    found: dict[tuple[Path, str], list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.*")):
            if path.is_file() and 0 < path.stat().st_size <= LARGEST_BYTES:
                found.setdefault((path.parent, path.suffix.lower()), []).append(path)
    few = [paths[:OF_EACH_FOLDER] for (_, ext), paths in found.items() if ext not in NO_SOUND]
    return [path for paths in few for path in paths]


NO_SOUND = (".csv", ".h5", ".hdf5", ".npz", ".txt", ".md", ".json")


def embeddings(real: Sequence[Path]) -> Iterator[Files]:
    """NPZ and HDF5 of one clip and of several, and packed files."""
    from audioset_demo.embeddings.frames import Embeddings
    from audioset_demo.embeddings.writing import embeddings_hdf5, embeddings_npz

    random = np.random.default_rng(0)
    for n_clips in (1, 2):
        clips = [
            Embeddings(
                encoder="vggish",
                times_s=np.arange(4) * 0.96,
                quantised=random.integers(0, 256, (4, 128), np.uint8),
                pca=random.standard_normal((4, 128)).astype(np.float32),
                embedding=random.standard_normal((4, 128)).astype(np.float32),
                duration_s=3.84,
                name=f"clip {number}",
            )
            for number in range(n_clips)
        ]
        yield {"clips.npz": embeddings_npz(clips)}
        yield {"clips.h5": embeddings_hdf5(clips)}
    for _, content in _packed_files():
        yield {"clips.h5": content}


def packed(real: Sequence[Path]) -> Iterator[Files]:
    """Packed files of training data, in several layouts."""
    for name, content in _packed_files():
        yield {name: content}


def _packed_files() -> Iterator[tuple[str, bytes]]:
    random = np.random.default_rng(1)
    n_clips = 40
    arrays = {
        "x": random.integers(0, 256, (n_clips, 3, 128), np.uint8),
        "y": random.random((n_clips, N_CLASSES)) < 0.4,
        "video_id_list": np.array([f"clip{number:07}" for number in range(n_clips)], "S11"),
        "n_frames": random.integers(1, 4, n_clips, np.int32),
        "segment_times": np.tile(np.float32([0, 10]), (n_clips, 1)),
    }
    layouts: tuple[dict, ...] = ({}, {"chunks": True}, {"chunks": True, "compression": "gzip"})
    for layout in layouts:
        for newest in (False, True):
            buffer = io.BytesIO()
            with h5py.File(buffer, "w", libver="latest" if newest else "earliest") as file:
                for name, values in arrays.items():
                    file.create_dataset(name, data=values, **layout)
                file.create_dataset("labels", data=LABELS, dtype=h5py.string_dtype())
                file.attrs["encoder"] = "vggish"
            yield "train.h5", buffer.getvalue()


def tfrecords(real: Sequence[Path]) -> Iterator[Files]:
    """Released clips, one and three in a file."""
    os_quiet()
    from tensorflow import train as tf

    frame = tf.Feature(bytes_list=tf.BytesList(value=[bytes(range(128))]))
    context = {
        "video_id": tf.Feature(bytes_list=tf.BytesList(value=[b"0123456789a"])),
        "labels": tf.Feature(int64_list=tf.Int64List(value=[0, 526])),
        "start_time_seconds": tf.Feature(float_list=tf.FloatList(value=[3.0])),
        "end_time_seconds": tf.Feature(float_list=tf.FloatList(value=[13.0])),
    }
    frames = {"audio_embedding": tf.FeatureList(feature=[frame] * 3)}
    content = tf.SequenceExample(
        context=tf.Features(feature=context), feature_lists=tf.FeatureLists(feature_list=frames)
    ).SerializeToString()
    for n_clips in (1, 3):
        yield {"00.tfrecord": tfrecord(content) * n_clips}


def os_quiet() -> None:
    """TensorFlow reports its build otherwise."""
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def small_model(pooling: str, n_classes: int = N_CLASSES, **settings):
    """A model with random weights and its card, small and quick."""
    import torch

    from audioset_demo.models.card import ModelCard
    from audioset_demo.models.network import TaggingModel
    from audioset_demo.models.settings import ModelSettings

    torch.manual_seed(0)
    chosen = ModelSettings(pooling, n_classes, hidden_units=8, **settings)
    model = TaggingModel(chosen).eval()
    training = {"set": "bal_train", "backend": "torch", "command": "fit", "iteration": 10}
    figures = {"mAP": 0.3, "AUC": 0.95, "d_prime": 2.3, "clips": 40, "set": "eval"}
    labels = LABELS if n_classes == N_CLASSES else None
    metrics = {"eval": figures, "validation": figures}
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    card = ModelCard(pooling, chosen, n_parameters, labels, training=training, metrics=metrics)
    return model, card


def checkpoints(real: Sequence[Path]) -> Iterator[Files]:
    """Checkpoints of ours, each with its card."""
    from audioset_demo.models.checkpoint import save_checkpoint
    from audioset_demo.models.settings import POOLINGS

    for pooling in POOLINGS:
        with TemporaryDirectory() as folder:
            save_checkpoint(Path(folder) / "checkpoint.safetensors", *small_model(pooling))
            yield _files(Path(folder))


def references(real: Sequence[Path]) -> Iterator[Files]:
    """Checkpoints as the reference's training writes them."""
    import torch

    from audioset_demo.models.reference import HEADS

    for pooling, head in HEADS.items():
        model, _ = small_model(pooling, 527, hidden_layers=2, shared_head=True)
        state = model.state_dict()
        modules = {"trunk.input_norm": "emb.bn0", **head}
        for layer in range(2):
            modules[f"trunk.layers.{layer}.0"] = f"emb.conv{layer + 1}"
            modules[f"trunk.layers.{layer}.1"] = f"emb.bn{layer + 1}"
        renamed = {}
        for key, values in state.items():
            module, _, name = key.rpartition(".")
            if module in modules:
                wide = values.ndim == 2 and modules[module] != "fc_final"
                renamed[f"{modules[module]}.{name}"] = values[..., None, None] if wide else values
        buffer = io.BytesIO()
        torch.save({"iteration": 10, "state_dict": renamed}, buffer)
        yield {"md_10_iters.tar": buffer.getvalue()}


def published(real: Sequence[Path]) -> Iterator[Files]:
    """The folder of a published model."""
    for files in checkpoints(real):
        per_class = "index,mid,name,ap,auc\n0,/m/a,bell,0.5,0.9\n1,/m/b,siren,nan,nan\n"
        curve = "iteration,loss,validation_mAP,validation_AUC\n5,0.7,,\n10,0.5,0.3,0.9\n"
        yield {
            **files,
            "per_class.csv": per_class.encode(),
            "learning_curve.csv": curve.encode(),
        }


def runs(real: Sequence[Path]) -> Iterator[Files]:
    """The folder of a training run that was evaluated."""
    from dataclasses import asdict

    from train.tagger.config import FitConfig

    figures = {"mAP": 0.3, "AUC": 0.95, "d_prime": 2.3, "clips": 40}
    lines = [
        {"iteration": 5, "loss": 0.7, "seconds_a_batch": 0.1},
        {"iteration": 10, "loss": 0.5, "seconds_a_batch": 0.1, "checkpoint": "10.safetensors",
         "validation": figures, "half_precision_max_difference": 1e-4},
    ]  # fmt: skip
    for files in published(real):
        yield {
            "config.json": json.dumps(asdict(FitConfig())).encode(),
            "metrics.jsonl": "".join(json.dumps(line) + "\n" for line in lines).encode(),
            "evaluation.json": json.dumps(
                {**figures, "set": "eval", "checkpoint": "10.safetensors", "command": "evaluate"}
            ).encode(),
            "per_class.csv": files["per_class.csv"],
            "checkpoints/10.safetensors": files["checkpoint.safetensors"],
            "checkpoints/10.json": files["checkpoint.json"],
        }


def _files(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def tables(real: Sequence[Path]) -> Iterator[Files]:
    """Label tables of one's own sounds, AudioSet's released list, and an ontology."""
    rows = "".join(f"sounds/{n}.wav,{LABELS[n % 3]}\n" for n in range(9))
    sound = io.BytesIO()
    soundfile.write(sound, np.sin(np.arange(16_000) / 9), 16_000, format="WAV")
    yield {"labels.csv": f"file,label\n{rows}".encode(), "sounds/0.wav": sound.getvalue()}
    columns = "index,mid,display_name,n_bal_train,n_unbal_train,n_eval,quality,num_rated"
    ontology = [
        {"id": "/m/a", "name": "Sound", "child_ids": ["/m/b"]},
        {"id": "/m/b", "name": "Bell", "child_ids": []},
    ]
    yield {
        "counts.csv": f"{columns}\n0,/m/a,Sound,9,9,9,1,5\n1,/m/b,Bell,9,9,9,0.5,5\n".encode(),
        "ontology.json": json.dumps(ontology).encode(),
    }


def texts(real: Sequence[Path]) -> Iterator[Files]:
    """Names of files and models, and addresses."""
    words = ("rec.wav", "a/rec.flac", "feature_attention", "clip 1", "../x.wav", "/m/a.npz")
    addresses = (
        "http://127.0.0.1/vggish_model.ckpt", "https://[::1]:443/a/b.npz?c=d#e",
        "http://user:word@example.org:80/%41.ckpt", "https://ex\u00e4mple.org/", "file:///a.npz",
    )  # fmt: skip
    for text in (*words, *addresses, *TEXTS):
        yield {"text": text.encode("utf-8", "surrogatepass")}


def queries(real: Sequence[Path]) -> Iterator[Files]:
    """A page of the app and the parameters in its address."""
    for page in PAGES:
        for shift, name in enumerate(PARAMETERS):
            other = PARAMETERS[(shift * 5 + 3) % len(PARAMETERS)]
            asked = {"page": page, "query": {name: WORDS[shift % len(WORDS)], other: "1"}}
            yield {"query.json": json.dumps(asked).encode()}


ORIGINALS: dict[str, Callable[[Sequence[Path]], Iterator[Files]]] = {
    "sound": sounds,
    "embeddings": embeddings,
    "packed": packed,
    "tfrecord": tfrecords,
    "checkpoint": checkpoints,
    "reference": references,
    "published": published,
    "run": runs,
    "table": tables,
    "text": texts,
    "query": queries,
}
