"""What `tag` makes of one recording of a folder: rows of the table, and a file in a format."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from audioset_demo import meaning
from audioset_demo.embeddings.frames import ENCODER_TITLES, Progress, frame_edges
from audioset_demo.folder.embed_job import EMBEDDINGS
from audioset_demo.folder.inputs import Input
from audioset_demo.folder.job import Made, Maker
from audioset_demo.folder.sources import encoder_in_short
from audioset_demo.labels import Label
from audioset_demo.names import one_line, without_spaces
from audioset_demo.storage import csv_lines, sha256_of

if TYPE_CHECKING:  # imports torch
    from audioset_demo.tagging import Tagging


@dataclass(frozen=True)
class TagJob:
    """Settings of `tag`.

    Attributes
    ----------
    encoder : a name that `resolve_encoder` gave.
    classes : the only ones that are kept, at any rank; None: the `top` of each clip.
    threshold, calibrated, prior : as `meaning.as_asked` takes them.
    rows : what a row of the table stands for, one of `job.ROWS`.
    form : of a further file for each recording, one of `export.FORMATS`; "table": none.
    """

    model: str
    pooling: str | None
    encoder: str
    device: str
    hop_s: float
    tail: str
    resampler: str
    top: int
    classes: tuple[Label, ...] | None
    threshold: float | str | None
    calibrated: bool
    prior: str | float | None
    rows: str
    form: str
    occlusion: bool

    file_columns: ClassVar[tuple[str, ...]] = (
        "file", "size", "duration_s", "start_time", "rows", "model", "encoder", "notes",
    )  # fmt: skip
    has_rows: ClassVar[bool] = True

    def settings(self) -> dict[str, Any]:
        from audioset_demo.models.published import find_checkpoint

        checkpoint = find_checkpoint(self.model)
        return {
            "the command": "tag",
            "--model": f"{Path(self.model).name} (sha256 {sha256_of(checkpoint)[:12]})",
            "--pooling": self.pooling,
            "--encoder": encoder_in_short(self.encoder),
            "--hop": self.hop_s,
            "--tail": self.tail,
            "--resampler": self.resampler,
            "--top": self.top if self.classes is None else None,
            "--classes": self.classes and [label.name for label in self.classes],
            "--threshold": self.threshold,
            "--calibrated": self.calibrated,
            "--prior": self.prior,
            "--rows": self.rows,
            "--format": self.form,
            "--occlusion": self.occlusion,
        }

    def load(self) -> Maker:
        import torch

        from audioset_demo import export
        from audioset_demo.embeddings.writing import embeddings_npz
        from audioset_demo.encoders import silent_frame
        from audioset_demo.tagging import load_tagger

        torch.set_num_threads(1)
        tagger = load_tagger(self.model, self.encoder, self.pooling, self.device)
        as_asked = meaning.as_asked(
            tagger, meaning.TABLE, self.calibrated, self.prior, self.threshold
        )
        prior = tagger.prior(self.prior or "fitted") if self.calibrated else None
        wanted = None if self.classes is None else [label.index for label in self.classes]

        def make(given: Input, progress: Progress) -> Made:
            embeddings = tagger.encode(
                given.path, self.hop_s, progress, tail=self.tail, resampler=self.resampler
            )
            found = tagger.tag(embeddings, top=self.n_kept, classes=wanted)
            found = replace(found, name=_name(given.path, self.form))
            # Events have thresholds of their own.
            tagging = as_asked(found) if self.form in meaning.OF_TAGS else found
            drops = None
            if self.occlusion:
                kept = [label.index for label in tagging.labels]
                drops = tagger.occlude(embeddings, silent_frame(tagger.encoder), kept)
            rows = list(_rows(replace(found, prior=prior), self))
            facts = {
                "duration_s": round(tagging.duration_s, 6),
                "rows": len(rows),
                "model": tagging.model.name,
                "encoder": ENCODER_TITLES[tagging.encoder],
                EMBEDDINGS: f"{EMBEDDINGS}/{given.stem}.npz",
                "notes": list(tagging.notes),
            }
            # What the model reads is enough to find sounds that are alike: 0.5 MB an hour.
            read = replace(embeddings, embedding=None, pca=None)
            files = {(EMBEDDINGS, ".npz"): embeddings_npz([read])}
            if self.form == "table":
                return Made(facts, rows, files)
            text = export.in_format(
                tagging,
                self.form,
                self.n_kept,
                meaning.begins_at(self.threshold),
                each_class=False,
                occlusion=drops,
            )
            columns = export.tag_columns(self.calibrated)
            header = csv_lines([columns]) if self.form == "csv" else ""
            content = (header + text).encode("utf-8")
            return Made(facts, rows, {**files, (self.form, export.FORMATS[self.form]): content})

        return make

    @property
    def n_kept(self) -> int:
        """The number of classes that are kept of each recording."""
        return self.top if self.classes is None else len(self.classes)


def _name(path: str, form: str) -> str:
    """A recording's name within a file of its own: JSON holds any path."""
    if form == "json":
        return path
    return (without_spaces if form == "rttm" else one_line)(os.path.basename(path))


def _rows(tagging: Tagging, job: TagJob) -> Iterator[list]:
    """Start and end in seconds, label, mid, score and probability of each event, frame or clip."""
    from audioset_demo.events import find_events

    def row(start_s: float, end_s: float, label: Label, score: float) -> list:
        times = (round(float(start_s), 6), round(float(end_s), 6))
        found = tagging.probability(score, label) if job.calibrated else None
        numbers = (None if value is None else float(f"{value:.6g}") for value in (score, found))
        return [*times, label.name, label.mid, *numbers]

    kept = tagging.top(job.n_kept)
    if job.rows == "event":
        for event in find_events(tagging, kept, meaning.begins_at(job.threshold)):
            yield row(event.start_s, event.end_s, event.label, event.score)
    elif job.rows == "clip":
        for k in kept:
            yield row(0.0, tagging.duration_s, tagging.labels[k], tagging.scores[k])
    else:
        edges = frame_edges(tagging.times_s, tagging.duration_s)
        for t, scores in enumerate(tagging.frame_scores):
            for k in kept:
                yield row(edges[t], edges[t + 1], tagging.labels[k], scores[k])
