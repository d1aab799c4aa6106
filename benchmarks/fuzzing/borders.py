"""Where the app and the commands read what others made, each as one function of a folder.

`border(kind)` imports what is needed and gives the function that reads one input of that kind.
"""

import socket
from collections.abc import Callable
from pathlib import Path

from fuzzing.originals import PAGES, os_quiet

# Of the originals of checkpoints of the reference: the first two do not say which they are.
POOLING = {0: "average", 1: "max"}
Read = Callable[[Path, int], object]  # the folder of the input's files, and its number


def sound() -> Read:
    """As an upload, which is drawn and made ready to be played; every eighth by `tag` as well."""
    from audioset_demo.audio.decoding import open_sound
    from audioset_demo.audio.playback import Playback
    from audioset_demo.charts.overview import Overview
    from audioset_demo.encoders.streaming import listen
    from audioset_demo.tagging import load_tagger
    from audioset_demo.views import serving

    tagger = load_tagger(encoder="compact")

    def read(folder: Path, number: int) -> None:
        path = _only(folder)
        with open_sound(path.read_bytes(), path.name, serving.limits()) as upload:
            overview, playback = Overview(upload), Playback(upload.sample_rate, "0")
            listen(upload, (overview, playback))
            overview.drawn()
            playback.played()
        if number % 8 == 0:
            tagger.tag(path, top=10)

    return read


def embeddings() -> Read:
    """As an upload: in the reader's process, then tagged."""
    from audioset_demo.embeddings import isolation
    from audioset_demo.tagging import load_tagger
    from audioset_demo.views.cache.limits import features_limits

    tagger = load_tagger()

    def read(folder: Path, number: int) -> None:
        path, limits = _only(folder), features_limits()
        data = path.read_bytes()
        names = isolation.clip_names(data, path.name, limits)
        clip = isolation.read_clip(data, path.name, number % len(names), limits)
        tagger.tag(clip, top=10)

    return read


def packed() -> Read:
    """By `fit` up to its first batch, by `evaluate`, and by `pack`."""
    import numpy as np

    from audioset_demo.models.checkpoint import save_checkpoint
    from fuzzing.originals import small_model
    from train.data.features import load_features
    from train.data.pack import pack
    from train.data.split import split
    from train.tagger.evaluate import evaluate

    def read(folder: Path, number: int) -> None:
        path = _only(folder)
        if number % 3 == 0:
            fit, _ = split(load_features(path))
            fit.clips_of_class()
            fit.batch(np.arange(min(4, len(fit))))
        elif number % 3 == 1:
            checkpoint = folder / "model" / "checkpoint.safetensors"
            save_checkpoint(checkpoint, *small_model("average"))
            evaluate(checkpoint, path)
        else:
            pack(path, folder / "out.h5")

    return read


def tfrecord() -> Read:
    os_quiet()
    import tensorflow  # noqa: F401 - not while a file is read

    from train.data.pack import pack

    return lambda folder, number: pack(folder, folder / "out.h5")


def checkpoint() -> Read:
    import numpy as np

    from audioset_demo.tagging import load_tagger

    def read(folder: Path, number: int) -> None:
        load_tagger(folder / "checkpoint.safetensors").tag_features(np.zeros((2, 128), np.uint8))

    return read


def reference() -> Read:
    import numpy as np

    from audioset_demo.tagging import load_tagger

    def read(folder: Path, number: int) -> None:
        tagger = load_tagger(folder / "md_10_iters.tar", pooling=POOLING.get(number % 5))
        tagger.tag_features(np.zeros((2, 128), np.uint8))

    return read


def published() -> Read:
    """As `models`, `classes` and the app list it, then with its tables."""
    import os

    from audioset_demo.listings import class_rows, classes_table, damage, models_table
    from audioset_demo.models import published as models

    def read(folder: Path, number: int) -> None:
        os.environ["AUDIOSET_DEMO_MODELS"] = str(folder.parent)
        models.published_models.cache_clear()
        models_table([model.to_json() for model in models.published_models()])
        for damaged in models.damaged_models():
            damage(damaged)
        model = next((m for m in models.published_models() if m.name == folder.name), None)
        if model is None:
            models.find_checkpoint(folder.name)
        else:
            classes_table(class_rows(model))
            model.learning_curve()

    return read


def run() -> Read:
    """A run by `compare`, or by `publish`."""
    from train.tagger.compare import compare
    from train.tagger.publish import publish

    def read(folder: Path, number: int) -> None:
        if number % 2:
            compare([folder], folder / "out.csv")
        else:
            publish(folder, "fuzzed", models_dir=folder / "models")

    return read


def table() -> Read:
    from train.data.extract import read_labels
    from train.data.label_tables import label_rows

    def read(folder: Path, number: int) -> None:
        if (folder / "labels.csv").exists():
            read_labels(folder / "labels.csv")
        else:
            label_rows(folder / "counts.csv", folder / "ontology.json")

    return read


def text() -> Read:
    """A text wherever a command or a page takes the name of something."""
    from audioset_demo.audio.decoding import open_sound
    from audioset_demo.embeddings.reading import read_features
    from audioset_demo.encoders.vggish import download, weights
    from audioset_demo.models.published import find_checkpoint
    from audioset_demo.names import distinct_names, without_spaces
    from audioset_demo.storage import csv_lines, json_text
    from audioset_demo.views import names
    from audioset_demo.views.clips import from_file
    from train.data.features import load_features
    from train.data.pack import pack
    from train.tagger.publish import publish

    def unknown(*arguments, **options):
        raise socket.gaierror(-2, "Name or service not known")

    socket.getaddrinfo = unknown  # no address is ever reached
    download.TRIES, download.PAUSE_S = 1, 0.0

    def shown(text: str) -> None:
        name = from_file(text, b"").name
        names.unique_names([name, name], [text, text])
        csv_lines([[text, name]]).encode()
        json_text({text: name}).encode()
        for line in (names.escape(name), names.cell(name), without_spaces(text)):
            line.encode()

    readers: tuple[Callable[[str], object], ...] = (
        shown,
        lambda text: distinct_names([text, f"a/{text}", "b"]),
        lambda text: open_sound(text),
        lambda text: open_sound(b"RIFF", text),
        lambda text: read_features(text),
        lambda text: read_features(b"PK", text),
        lambda text: find_checkpoint(text),
        lambda text: load_features(Path(text)),
        lambda text: pack(Path(text), Path("out.h5")),
        lambda text: publish(Path("run"), text),
        lambda text: weights.install(text),
        lambda text: weights.install(f"https://{text}"),
        lambda text: weights.install("x", text),
    )

    def read(folder: Path, number: int) -> None:
        text = (folder / "text").read_bytes().decode("utf-8", "surrogateescape")
        readers[number % len(readers)](text)

    return read


def query() -> Read:
    """A page as its first visitor from a link sees it."""
    import json
    from urllib.parse import urlencode

    from streamlit.testing.v1 import AppTest

    root = Path(__file__).parents[2]

    def read(folder: Path, number: int) -> None:
        try:
            asked = json.loads((folder / "query.json").read_bytes())
            page, parameters = asked["page"], dict(asked["query"])
            values = [(k, v if isinstance(v, list) else str(v)) for k, v in parameters.items()]
            urlencode(values, doseq=True)
        except (ValueError, LookupError, TypeError, RecursionError):
            return  # no address can hold that
        app = AppTest.from_file(str(root / "app.py"), default_timeout=60)
        for name, value in values:
            app.query_params[name] = value
        app.run()
        if page in PAGES:
            app.switch_page(f"audioset_demo/views/pages/{page}.py").run()
        for exception in app.exception:
            raise RuntimeError(f"{exception.message}: {' '.join(exception.stack_trace[-6:])}")

    return read


def _only(folder: Path) -> Path:
    return next(folder.iterdir(), folder / "none")


BORDERS: dict[str, Callable[[], Read]] = {
    "sound": sound,
    "embeddings": embeddings,
    "packed": packed,
    "tfrecord": tfrecord,
    "checkpoint": checkpoint,
    "reference": reference,
    "published": published,
    "run": run,
    "table": table,
    "text": text,
    "query": query,
}
