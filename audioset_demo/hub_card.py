"""The README of a model on the Hugging Face Hub: metadata in YAML, then what people read."""

import re
from collections.abc import Iterator, Mapping

from audioset_demo.models.card import ModelCard
from audioset_demo.models.published import FIGURES
from audioset_demo.models.settings import TITLES
from audioset_demo.storage import json_text

CARD = """\
# {title}

Tags sounds: a score for each of {classes}, of a clip and of each of its frames. A frame is 0.96 s \
of sound as 128 numbers, those of VGGish after PCA and quantisation.

| | |
|---|---|
| kind | {kind} |
| trained on | {training_set} |
| features | {features} |
| parameters | {parameters:,} |
| command | {command} |

## Figures

{figures}

## Use

```python
from audioset_demo import load_tagger
from huggingface_hub import snapshot_download

tagging = load_tagger(snapshot_download("OWNER/NAME")).tag("street.wav")
for k in tagging.top(5):
    print(f"{{tagging.scores[k]:.2f}} {{tagging.labels[k].name}}")
```

A score ranks clips; it is no probability.

## Files

| file | |
|---|---|
{files}
"""


def hub_card(card: ModelCard, files: Mapping[str, str], licence: str | None) -> str:
    """The text of README.md.

    Parameters
    ----------
    files : names of the files beside it, and what each is
    licence : in the Hub's words; None: not known, and left out
    """
    n_classes = card.settings.n_classes
    command = card.training.get("command")
    return _metadata(card, licence) + CARD.format(
        title=card.title,
        classes=f"{n_classes} classes" + (" of AudioSet" if card.labels is None else ""),
        kind=TITLES[card.settings.pooling],
        training_set=card.training_set,
        features=card.encoder,
        parameters=card.parameters,
        command=f"`{command}`" if command else "not known",
        figures=_figures(card),
        files="\n".join(f"| `{name}` | {what} |" for name, what in files.items()),
    )


def _metadata(card: ModelCard, licence: str | None) -> str:
    """Between lines of three dashes."""
    lines = [f"license: {licence}"] if licence else []
    lines += ["library_name: audioset-demo", "pipeline_tag: audio-classification"]
    tags = ["audio", "audio-tagging", "weakly-labelled", "vggish"]
    tags += ["audioset"] if card.labels is None else []
    lines += ["tags:", *(f"- {tag}" for tag in tags)]
    results = list(_results(card))
    if results:
        lines += ["metrics:", *(f"- {name}" for name in FIGURES)]
        lines += ["model-index:", f"- name: {_quoted(card.name)}", "  results:", *results]
    return "\n".join(["---", *lines, "---", "", ""])


def _results(card: ModelCard) -> Iterator[str]:
    """The entry of `model-index`: the evaluation's set and figures."""
    figures = card.metrics.get("eval", {})
    known = [name for name in FIGURES if name in figures]
    if known:
        kind = "audioset" if card.labels is None else "own"
        yield "  - task: {type: audio-classification, name: Audio tagging}"
        yield f"    dataset: {{type: {kind}, name: {_quoted(_set(figures))}, split: test}}"
        yield "    metrics:"
        yield from (f"    - {{type: {name}, value: {figures[name]:.6g}}}" for name in known)


def _quoted(text: str) -> str:
    """A text as in JSON, which YAML reads too, but for characters that must be escaped there."""
    return re.sub(r"[\x7f-\x9f\ufffe\uffff]", lambda c: f"\\u{ord(c[0]):04x}", json_text(text))


def _figures(card: ModelCard) -> str:
    """The evaluation as a table, and the command that made it."""
    figures = card.metrics.get("eval", {})
    if not figures:
        return "None were published with it."
    clips = f"{figures['clips']:,}" if "clips" in figures else "–"
    numbers = [f"{figures[name]:.3f}" if name in figures else "–" for name in FIGURES]
    cells = [_set(figures), clips, *numbers]
    lines = [
        "| set | clips | mAP | AUC | d' |",
        "|---|---|---|---|---|",
        f"| {' | '.join(cells)} |",
    ]
    if "command" in figures:
        lines += ["", f"Made by `{figures['command']}`."]
    return "\n".join(lines)


def _set(figures: dict) -> str:
    return figures.get("set", "an unnamed set")
