"""How the tests run a step of a page: what is left out, and what is made smaller.

A command is run as it stands but for `REPLACED` and `SHORTER`, unless `NOT_RUN` says why it is not.
"""

import shutil
from pathlib import Path

from audioset_demo import cli
from audioset_demo.models.published import published_models
from tests.documents.pages import Step, of_train
from train import __main__ as train

# Beginnings of commands, and why they are not run.
NOT_RUN = {
    "make ": "installs what the tests run in",
    "pip install ": "installs packages",
    "git clone ": "downloads",
    "AUDIOSET_REFERENCE=reference pytest ": "needs the reference's code; these are tests",
    "audioset-demo weights get": "downloads 277 MB",
    "audioset-demo embed street.wav --output street.npz --encoder vggish": "needs that download",
    "audioset-demo export feature_attention --onnx tagger.onnx": "docs/elsewhere.md has another",
    "audioset-demo app": "a server: tests/views/test_serving.py starts it",
    "podman ": "builds and runs a container",
    "hf upload ": "uploads",
    "ray start ": "several machines: tests/train/data/test_ray_engine.py has two",
    "python -m train extract SOUNDS --labels labels.csv --output own.h5 --engine ray": (
        "tests/train/data/test_ray_engine.py runs it, on two machines"
    ),
    "torchrun ": "tests/train/tagger/test_processes.py runs it",
    "python -m train few-shot": "tests/train/few_shot/test_run.py runs it",
    "python -m train publish RUN --name my_classes": "publishes what few-shot makes",
    "python -m train folds --data RECORDINGS --labels OUT.answers.csv": "needs a person's answers",
    "python -m train locate": "tests/train/locate/test_locate.py runs it; the page's takes minutes",
    "python -m train explore": "refuses clips that are not AudioSet's 20,371 of evaluation",
    "python -m train encoder": "needs YAMNet or VGGish, and hours",
    "awk ": "needs AudioSet's strong labels, and nothing of this project",
    "python benchmarks/": "measures, for minutes to hours, and is no part of the package",
}
# The pages whose commands other tests run, in a way of their own.
RUN_BY = {
    "reproducing": "tests/train/reproduce",
    "training": "tests/train/tagger",  # a command at a time
}

REPLACED = {
    "--for feature_attention": "--for toy",  # with the same settings as what is trained here
    "iter_01000": "iter_00004",
}
FIT = "--iterations 4 --hidden-units 8 --batch-size 8"
# Beginnings of commands, and what is added to them.
SHORTER = {
    "python -m train fit": f"{FIT} --evaluate-every 2 --clips 0",
    "python -m train extract": "--jobs 1",
    "audioset-demo tag RECORDINGS": "--jobs 1",
    "audioset-demo embed RECORDINGS": "--jobs 1",
    "python -m train folds": FIT,
}


def reason_not_to_run(step: Step) -> str | None:
    if step.is_python:
        return None
    return next((why for start, why in NOT_RUN.items() if step.text.startswith(start)), None)


def run(step: Step, names: dict) -> int:
    """Run a step in the present folder; Python shares the names of the blocks before it."""
    if step.is_python:
        exec(step.text, names)
        return 0
    words = shortened(step).words
    make_room(words)
    published_models.cache_clear()
    if words[0] == "audioset-demo":
        return cli.main(words[1:])
    if words[0] == "python" and (given := of_train(words)) is not None:
        return train.main(given)
    raise AssertionError(f"`{step.text}` is neither run nor listed in NOT_RUN.")


def shortened(step: Step) -> Step:
    text = step.text
    for word, other in REPLACED.items():
        text = text.replace(word, other)
    added = [more for start, more in SHORTER.items() if text.startswith(start)]
    return Step(" ".join([text, *added]))


def make_room(words: list[str]) -> None:
    """Each command finds the place empty to which it writes, as that of a reader is."""
    if "--output" in words:
        place = Path(words[words.index("--output") + 1])
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
