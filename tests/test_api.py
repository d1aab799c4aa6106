"""The public API: the names that others import, and what importing them costs."""

import inspect
import subprocess
import sys

import audioset_demo
from audioset_demo import errors

NAMES = {
    "AudioError",
    "AudioSetDemoError",
    "CheckpointError",
    "DataError",
    "FeaturesError",
    "StorageError",
    "Tagger",
    "Tagging",
    "WeightsError",
    "load_tagger",
}


def test_the_public_names_are_these_and_no_others():
    assert set(audioset_demo.__all__) == NAMES
    assert all(getattr(audioset_demo, name).__name__ == name for name in NAMES)
    assert not hasattr(audioset_demo, "load_model")


def test_every_error_of_the_tree_is_public():
    tree = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert tree <= NAMES
    assert all(issubclass(getattr(errors, n), audioset_demo.AudioSetDemoError) for n in tree)


def test_parameters_keep_their_names_and_places():
    assert list(inspect.signature(audioset_demo.load_tagger).parameters) == [
        "model", "encoder", "pooling", "device",
    ]  # fmt: skip
    for method, first in (("tag", "source"), ("tag_features", "features")):
        parameters = list(inspect.signature(getattr(audioset_demo.Tagger, method)).parameters)
        assert parameters[:2] == ["self", first]


def test_the_package_and_its_command_line_are_imported_without_torch():
    script = (
        "import sys, audioset_demo.cli; audioset_demo.cli.build_parser();"
        "print(sorted({'torch', 'streamlit', 'tensorflow', 'plotly'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
