"""The files that the pages' commands name, as small as they can be."""

from collections.abc import Iterable
from pathlib import Path

from audioset_demo.audio.samples import synthesise
from audioset_demo.audio.waveform import Waveform
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import save_checkpoint
from audioset_demo.models.settings import ModelSettings
from audioset_demo.storage import write_csv
from tests.documents.pages import ROOT
from tests.documents.running import FIT
from tests.models.toy_models import model_that_has_seen_data
from tests.sounds import file_of, wav
from tests.train.toy_features import write_features
from train.__main__ import main as train

CLASSES = ("high", "low", "middle")
HERTZ = dict(zip(CLASSES, (3_000, 200, 800), strict=True))


def make_sounds(folder: Path) -> None:
    """Sounds of three seconds, and those of the package under their path from here."""
    (folder / "audioset_demo").symlink_to(ROOT / "audioset_demo", target_is_directory=True)
    samples = synthesise("siren").samples[:48_000]
    sound = file_of(Waveform(samples, 16_000, "siren"))
    (folder / "RECORDINGS" / "deep").mkdir(parents=True)
    for name in ("street.wav", "talk.m4a", "new.wav", "RECORDINGS/a.wav", "RECORDINGS/deep/b.wav"):
        (folder / name).write_bytes(sound)


def make_files(folder: Path) -> None:
    """Make all but the sounds without labels in a folder."""
    _make_labelled_sounds(folder)
    _make_features(folder)
    _make_model(folder)
    _train_runs(folder)


def _make_labelled_sounds(folder: Path) -> None:
    """Tones of a second; in `esc50` with names and folds as in ESC-50."""
    classes = [CLASSES[number % 3] for number in range(45)]
    of_own = [(f"{label}/{number}.wav", label) for number, label in enumerate(classes)]
    _write_tones(folder / "SOUNDS", of_own)
    write_csv(folder / "labels.csv", ("file", "label"), of_own)
    of_esc = [(f"{1 + n % 4}-{145_772 + n}-A.flac", CLASSES[n // 4 % 3]) for n in range(24)]
    _write_tones(folder / "esc50", of_esc)
    rows = [(name, name[0], label) for name, label in of_esc]
    write_csv(folder / "esc.csv", ("file", "fold", "label"), rows)


def _write_tones(folder: Path, files: Iterable[tuple[str, str]]) -> None:
    for number, (name, label) in enumerate(files):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(wav(1, 16_000, HERTZ[label] + 3 * number))


def _make_features(folder: Path) -> None:
    (folder / "AUDIOSET").mkdir()
    for name in ("AUDIOSET/bal_train.h5", "AUDIOSET/eval.h5"):
        write_features(folder / name, labels=None)
    write_features(folder / "test.h5", labels=CLASSES)


def _make_model(folder: Path) -> None:
    settings = ModelSettings("average", n_classes=2, hidden_units=8)
    card = ModelCard("my_classes", settings, 1, labels=("one", "other"))
    path = folder / "published" / "my_classes" / "checkpoint.safetensors"
    path.parent.mkdir(parents=True)
    save_checkpoint(path, model_that_has_seen_data(settings), card)


def _train_runs(folder: Path) -> None:
    """A run, and the model of the same settings that stands for a published one."""
    data = ["--data", str(folder / "AUDIOSET"), *FIT.split(), "--evaluate-every", "2"]
    run, toy = str(folder / "runs" / "feature"), str(folder / "toy")
    assert not train(["fit", *data, "--output", run])
    assert not train(["fit", *data, "--whole", "--output", toy])
    assert not train(["evaluate", toy, "--data", str(folder / "AUDIOSET" / "eval.h5")])
    assert not train(["publish", toy, "--into", str(folder / "published")])
