"""`audioset-demo tag`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from audioset_demo.arguments import positive, share
from audioset_demo.audio.resampling import require_resampler
from audioset_demo.commands.clips import add_clips, encode, report_failure
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.events import THRESHOLD
from audioset_demo.names import distinct_names, one_line, without_spaces
from audioset_demo.storage import csv_lines, json_text
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
        "--format",
        choices=("table", "json", "csv", "audacity", "rttm"),
        default="table",
        help="json: one object per line; audacity and rttm: the events of the top tags, each tag "
        "at least once; audacity: a label track of one clip; rttm: has no comments, so the model "
        "and the encoder are named on stderr (default: %(default)s)",
    )
    parser.add_argument(
        "--threshold",
        type=share,
        default=THRESHOLD,
        metavar="SCORE",
        help="audacity and rttm: the frame score, 0 to 1, at which an event begins; it ends where "
        "the score drops below half of that (default: %(default)s)",
    )
    parser.add_argument(
        "--occlusion",
        action="store_true",
        help="json: add the drop of each score when one frame at a time is silenced",
    )


def run(arguments: argparse.Namespace) -> int:
    from audioset_demo import export
    from audioset_demo.encoders import silent_frame
    from audioset_demo.models.published import DEFAULT_MODEL
    from audioset_demo.tagging import load_tagger

    form, clips = arguments.format, arguments.clips
    if arguments.occlusion and form != "json":
        raise AudioSetDemoError(
            f"--format {form} cannot hold the result of --occlusion. Give --format json."
        )
    if form == "audacity" and len(clips) > 1:
        raise AudioSetDemoError(
            f"An Audacity label track belongs to one sound, and {len(clips)} clips were given. "
            "Run the command once for each of them, or give --format rttm or csv."
        )
    require_resampler(arguments.resampler)
    tagger = load_tagger(
        arguments.model or DEFAULT_MODEL, arguments.encoder, arguments.pooling, arguments.device
    )
    warn_of_damaged_models()
    names = distinct_names(clips, without_spaces if form == "rttm" else one_line)
    if form == "csv":
        sys.stdout.write(csv_lines([export.TAG_COLUMNS]))
    failed = False
    for clip, name in zip(clips, names, strict=True):
        try:
            embeddings = encode(tagger.encoder, clip, arguments)
            tagging = replace(tagger.tag(embeddings, top=arguments.top), name=name)
            drops = None
            if arguments.occlusion:
                classes = [label.index for label in tagging.labels]
                drops = tagger.occlude(embeddings, silent_frame(tagger.encoder), classes)
        except AudioSetDemoError as error:
            failed = True
            report_failure(clip, error, as_json=form == "json")
            continue
        if form == "json":
            record = {**export.tagging_record(tagging, arguments.top, drops), "file": clip}
            sys.stdout.write(json_text(record) + "\n")
        elif form == "table":
            sys.stdout.write(export.tagging_table(tagging, arguments.top))
        else:
            sys.stdout.write(_tag_lines(tagging, arguments))
            for remark in _remarks(tagging, form):
                print(f"{name}: {remark}", file=sys.stderr)
        sys.stdout.flush()
    return 1 if failed else 0


def _tag_lines(tagging: Tagging, arguments: argparse.Namespace) -> str:
    """One clip in a format that other programs read line by line."""
    from audioset_demo import export
    from audioset_demo.events import find_events

    if arguments.format == "csv":
        return csv_lines(export.tagging_rows(tagging, arguments.top))
    events = find_events(tagging, tagging.top(arguments.top), arguments.threshold, each_class=True)
    if arguments.format == "audacity":
        return export.audacity_labels(events)
    return export.rttm(events, tagging)


def _remarks(tagging: Tagging, form: str) -> Iterator[str]:
    """What the format itself cannot hold."""
    from audioset_demo.export import provenance

    if form in ("audacity", "rttm"):
        yield provenance(tagging)
    yield from (f"note: {note}" for note in tagging.notes)
