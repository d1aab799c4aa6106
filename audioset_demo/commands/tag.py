"""`audioset-demo tag`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from audioset_demo import meaning
from audioset_demo.arguments import positive
from audioset_demo.audio.resampling import require_resampler
from audioset_demo.commands import folders
from audioset_demo.commands.clips import add_clips, chosen_encoder, encode, report_failure
from audioset_demo.embeddings.frames import ENCODER_TITLES
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.folder.job import ROWS
from audioset_demo.labels import Label, find_labels
from audioset_demo.names import distinct_names, one_line, without_spaces
from audioset_demo.storage import csv_lines
from audioset_demo.terminal import warn_of_damaged_models

if TYPE_CHECKING:  # imports torch
    from audioset_demo.tagging import Tagging


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_clips(parser)
    parser.add_argument(
        "--model",
        default=None,
        help="a published model (see `audioset-demo models`) or the path of a checkpoint, of this "
        "project or of the reference (md_*_iters.tar) (default: the default model)",
    )
    parser.add_argument(
        "--pooling",
        choices=("average", "max"),
        help="the kind of a reference checkpoint whose tensors do not show it",
    )
    parser.add_argument(
        "--top",
        type=positive,
        default=10,
        metavar="K",
        help="number of tags per clip (default: %(default)s)",
    )
    parser.add_argument(
        "--classes",
        nargs="+",
        metavar="CLASS",
        help="keep these classes only, by name or mid, whatever their rank",
    )
    parser.add_argument(
        "--format",
        choices=("table", "json", "hf", "csv", "audacity", "rttm", "raven"),
        default="table",
        help="json: one object per line; hf: one list of labels and scores per line, as pipelines "
        "of Hugging Face give; audacity, raven and rttm: the events of the top tags, each tag at "
        "least once; audacity: a label track, raven: a selection table, of one clip; "
        "rttm: has no comments, so the model and the encoder are named on stderr; with --output, "
        "a file for each recording beside the table, with events that reach the threshold only "
        "(default: %(default)s)",
    )
    meaning.add_options(parser)
    parser.add_argument(
        "--occlusion",
        action="store_true",
        help="json: add the drop of each score when one frame at a time is silenced",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="OUT",
        help="folder for the results of many recordings: OUT/table.csv and OUT/table.parquet hold "
        "all, OUT/failed.csv what could not be read; the same command goes on where it was stopped",
    )
    folders.add_arguments(parser)
    parser.add_argument(
        "--rows",
        choices=ROWS,
        help="with --output, what a row of the table stands for (default: event)",
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.occlusion and arguments.format != "json":
        raise AudioSetDemoError(
            f"--format {arguments.format} cannot hold the result of --occlusion. Give --format "
            "json."
        )
    require_resampler(arguments.resampler)
    if arguments.output is not None:
        return _tag_folder(arguments)
    folders.refuse_without_folder(arguments, ["--rows"])
    return _tag_clips(arguments)


def _tag_clips(arguments: argparse.Namespace) -> int:
    from audioset_demo import export
    from audioset_demo.encoders import silent_frame
    from audioset_demo.tagging import load_tagger

    form, clips = arguments.format, arguments.clips
    if form in ("audacity", "raven") and len(clips) > 1:
        what = "An Audacity label track" if form == "audacity" else "A Raven selection table"
        raise AudioSetDemoError(
            f"{what} belongs to one sound, and {len(clips)} clips were given. Run the command once "
            "for each of them, give --output OUT for a file of each, or --format rttm or csv."
        )
    tagger = load_tagger(
        _model(arguments), chosen_encoder(arguments), arguments.pooling, arguments.device
    )
    warn_of_damaged_models()
    as_asked = meaning.as_asked(
        tagger, form, arguments.calibrated, arguments.prior, arguments.threshold
    )
    kept = _classes(arguments, tagger.labels)
    wanted = None if kept is None else [label.index for label in kept]
    top = arguments.top if kept is None else len(kept)
    names = clips  # JSON holds any
    if form != "json":
        names = distinct_names(clips, without_spaces if form == "rttm" else one_line)
    if form == "csv":
        sys.stdout.write(csv_lines([export.tag_columns(arguments.calibrated)]))
    failed = False
    for clip, name in zip(clips, names, strict=True):
        try:
            embeddings = encode(tagger.encoder, clip, arguments)
            found = tagger.tag(embeddings, top=top, classes=wanted)
            tagging = as_asked(replace(found, name=name))
            drops = None
            if arguments.occlusion:
                classes = [label.index for label in tagging.labels]
                drops = tagger.occlude(embeddings, silent_frame(tagger.encoder), classes)
        except AudioSetDemoError as error:
            failed = True
            report_failure(clip, error, as_json=form in ("json", "hf"))
            continue
        each_class = kept is None
        threshold = meaning.begins_at(arguments.threshold)
        text = export.in_format(tagging, form, top, threshold, each_class, drops)
        sys.stdout.write(text)
        if form not in ("table", "json"):
            for remark in _remarks(tagging, form):
                print(f"{name}: {remark}", file=sys.stderr)
        sys.stdout.flush()
    return 1 if failed else 0


def _tag_folder(arguments: argparse.Namespace) -> int:
    from audioset_demo.encoders import require_quantising
    from audioset_demo.folder.table import TABLE
    from audioset_demo.folder.tag_job import TagJob
    from audioset_demo.tagging import load_tagger

    model, encoder = _model(arguments), require_quantising(chosen_encoder(arguments))
    tagger = load_tagger(model, encoder, arguments.pooling, arguments.device)
    # Refused before the first recording is read.
    meaning.as_asked(
        tagger, meaning.TABLE, arguments.calibrated, arguments.prior, arguments.threshold
    )
    warn_of_damaged_models()
    job = TagJob(
        model=model,
        pooling=arguments.pooling,
        encoder=encoder,
        top=arguments.top,
        classes=_classes(arguments, tagger.labels),
        threshold=arguments.threshold,
        calibrated=arguments.calibrated,
        prior=arguments.prior,
        rows=arguments.rows or ROWS[0],
        form=arguments.format,
        occlusion=arguments.occlusion,
        **folders.settings_of(arguments),
    )
    totals = folders.work_through_folder(job, arguments)
    each = job.rows if job.rows == "event" else f"{job.rows} and class"
    print(
        f"{totals.n_files:,} files, {totals.n_rows:,} rows (one per {each}) in "
        f"{arguments.output / TABLE}.csv and .parquet, by {ENCODER_TITLES[encoder]}"
    )
    return folders.exit_code(totals, arguments.output)


def _model(arguments: argparse.Namespace) -> str:
    from audioset_demo.models.published import DEFAULT_MODEL

    return arguments.model or DEFAULT_MODEL


def _classes(arguments: argparse.Namespace, labels: Sequence[Label]) -> tuple[Label, ...] | None:
    return find_labels(arguments.classes, labels) if arguments.classes else None


def _remarks(tagging: Tagging, form: str) -> Iterator[str]:
    """What the format itself cannot hold."""
    from audioset_demo.export import provenance

    if form in ("hf", "audacity", "rttm", "raven"):
        yield provenance(tagging)
    yield from (f"note: {note}" for note in tagging.notes)
