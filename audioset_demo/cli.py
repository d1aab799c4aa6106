"""The command line: `audioset-demo tag | embed | weights | models | classes | app`.

Arguments are parsed before anything slow is imported. A clip that fails does not stop the others;
the exit code is 1 if any did.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from audioset_demo import __version__
from audioset_demo.arguments import hop, port, positive, share
from audioset_demo.audio.resampling import RESAMPLERS, require_resampler
from audioset_demo.device import DEVICES
from audioset_demo.embeddings.frames import FRAME_S, Embeddings
from audioset_demo.encoders import ENCODER_CHOICES, TAILS
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.events import THRESHOLD
from audioset_demo.names import distinct_names, one_line, without_spaces
from audioset_demo.storage import check_output, csv_lines, csv_text, json_text, write_atomically
from audioset_demo.terminal import Parser, exit_code, progress_bar

if TYPE_CHECKING:  # imports torch
    from audioset_demo.encoders.encoder import Encoder
    from audioset_demo.tagging import Tagging


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="audioset-demo", description="What is in a sound, when, and why a model says so."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (_add_tag, _add_embed, _add_weights, _add_models, _add_classes, _add_app):
        add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return exit_code(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    # Read when torch is loaded. Otherwise idle threads of the network spin on the cores that decode
    # and frame the sound at the same time, and a long sound takes a tenth more time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return arguments.handler(arguments)


Handler = Callable[[argparse.Namespace], int]


def _command(commands, name: str, help: str, handler: Handler | None) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    parser.set_defaults(handler=handler)
    return parser


def _add_clips(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clips", nargs="+", metavar="CLIP", help="sound file")
    parser.add_argument(
        "--encoder",
        choices=ENCODER_CHOICES,
        default="auto",
        help="auto: VGGish if it is installed, else the compact encoder (default: %(default)s)",
    )
    parser.add_argument(
        "--hop",
        type=hop,
        default=FRAME_S,
        metavar="SECONDS",
        help="seconds from one frame to the next, a multiple of 0.01; each frame covers 0.96 s of "
        "sound (default: %(default)s)",
    )
    parser.add_argument(
        "--tail",
        choices=TAILS,
        default="drop",
        help="what to do with sound at the end that does not fill a frame: drop leaves it out, as "
        "VGGish does; pad pads it with silence to a frame; auto pads clips shorter than ten "
        "seconds (default: %(default)s)",
    )
    parser.add_argument(
        "--resampler",
        choices=RESAMPLERS,
        default="soxr",
        help="resampler to 16 kHz; resampy is the one that Google's own front end uses "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default="auto",
        help="what the networks run on; auto: a GPU if torch finds one, else the CPU "
        "(default: %(default)s)",
    )


def _encode(encoder: Encoder, clip: str, arguments: argparse.Namespace) -> Embeddings:
    from audioset_demo.audio.decoding import open_sound

    with open_sound(clip) as sound, progress_bar(clip) as progress:
        return encoder.encode(
            sound, arguments.hop, progress, tail=arguments.tail, resampler=arguments.resampler
        )


def _add_tag(commands) -> None:
    parser = _command(commands, "tag", "tag sounds", _tag)
    _add_clips(parser)
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


def _tag(arguments: argparse.Namespace) -> int:
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
    _warn_of_damaged_models()
    names = distinct_names(clips, without_spaces if form == "rttm" else one_line)
    if form == "csv":
        sys.stdout.write(csv_lines([export.TAG_COLUMNS]))
    failed = False
    for clip, name in zip(clips, names, strict=True):
        try:
            embeddings = _encode(tagger.encoder, clip, arguments)
            tagging = replace(tagger.tag(embeddings, top=arguments.top), name=name)
            drops = None
            if arguments.occlusion:
                classes = [label.index for label in tagging.labels]
                drops = tagger.occlude(embeddings, silent_frame(tagger.encoder), classes)
        except AudioSetDemoError as error:
            failed = True
            _report_failure(clip, error, as_json=form == "json")
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


def _report_failure(clip: str, error: AudioSetDemoError, as_json: bool) -> None:
    if as_json:
        failure = {"type": type(error).__name__, "message": str(error)}
        print(json_text({"file": clip, "error": failure}), flush=True)
    else:
        print(f"error: {one_line(str(error))}", file=sys.stderr)


def _add_embed(commands) -> None:
    parser = _command(commands, "embed", "write the embeddings of sounds to a file", _embed)
    _add_clips(parser)
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="OUT.npz|OUT.h5",
        help="of one clip, its arrays; of several, a group of arrays for each",
    )


def _embed(arguments: argparse.Namespace) -> int:
    output = arguments.output
    if output.suffix.lower() not in (".npz", ".h5", ".hdf5"):
        raise AudioSetDemoError(
            f"--output {output} ends in '{output.suffix}'. Give a name that ends in .npz or .h5."
        )
    check_output(output, [Path(clip) for clip in arguments.clips])
    from audioset_demo.embeddings.writing import embeddings_hdf5, embeddings_npz
    from audioset_demo.encoders import load_encoder

    require_resampler(arguments.resampler)
    encoder = load_encoder(arguments.encoder, arguments.device)
    encoded = []
    for clip, name in zip(arguments.clips, distinct_names(arguments.clips), strict=True):
        try:
            encoded.append(replace(_encode(encoder, clip, arguments), name=name))
        except AudioSetDemoError as error:
            _report_failure(clip, error, as_json=False)
    if encoded:
        write = embeddings_npz if output.suffix.lower() == ".npz" else embeddings_hdf5
        content = write(encoded)
        write_atomically(output, lambda part: part.write_bytes(content))
        for clip in encoded:
            print(f"{clip.name}: {len(clip.times_s)} frames by {encoder.title}")
            for note in clip.notes:
                print(f"  note: {note}")
    return 1 if len(encoded) < len(arguments.clips) else 0


def _add_weights(commands) -> None:
    parser = _command(commands, "weights", "install VGGish's weights, or show where they are", None)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _command(actions, "status", "show what is installed, where, and its source", _weights_status)
    get = _command(
        actions,
        "get",
        "install VGGish (277 MB, once): download its weights, check their SHA-256, convert them; "
        "an interrupted download is resumed",
        _weights_get,
    )
    get.add_argument(
        "--from",
        dest="source",
        metavar="PATH_OR_URL",
        help="the checkpoint, a folder that holds vggish_model.ckpt and vggish_pca_params.npz, or "
        "a URL (default: the official URLs)",
    )
    get.add_argument(
        "--sha256",
        metavar="HEX|any",
        help="the hash of a checkpoint that is not the official file; any: do not check it",
    )


def _weights_status(arguments: argparse.Namespace) -> int:
    from audioset_demo.encoders.vggish import weights
    from audioset_demo.listings import weights_table

    sys.stdout.write(weights_table(weights.status()))
    if not weights.is_installed():
        print(weights.REMEDY)
    return 0


def _weights_get(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from audioset_demo.encoders.vggish import weights

    with tqdm(unit="B", unit_scale=True, desc="starting") as bar:

        def show(done: int, total: int | None, stage: str) -> None:
            bar.set_description(stage)
            bar.total, bar.n = total, done
            bar.refresh()

        result = weights.install(arguments.source, arguments.sha256, progress=show)
    for note in result.notes:
        print(f"note: {note}")
    return _weights_status(arguments)


def _add_models(commands) -> None:
    parser = _command(commands, "models", "list the published models", _models)
    parser.add_argument("--format", choices=("table", "json"), default="table")


def _models(arguments: argparse.Namespace) -> int:
    from audioset_demo.listings import models_table
    from audioset_demo.models.published import published_models

    models = published_models()
    as_json = arguments.format == "json"
    rows = [model.to_json() for model in models]
    sys.stdout.write(json_text(rows, indent=1) + "\n" if as_json else models_table(models))
    _warn_of_damaged_models()
    return 0


def _warn_of_damaged_models() -> None:
    from audioset_demo.listings import damage
    from audioset_demo.models.published import damaged_models

    for damaged in damaged_models():
        print(f"warning: {one_line(damage(damaged))}", file=sys.stderr)


def _add_classes(commands) -> None:
    parser = _command(commands, "classes", "list the classes, with counts and AP", _classes)
    parser.add_argument(
        "--model", metavar="NAME", help="a published model (default: the default model)"
    )
    parser.add_argument(
        "--sort", choices=("ap", "count", "name"), help="default: the order of the label set"
    )
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")


def _classes(arguments: argparse.Namespace) -> int:
    from audioset_demo.listings import CLASS_COLUMNS, CLASS_ORDERS, class_rows, classes_table
    from audioset_demo.models.published import default_model, find_published

    model = find_published(arguments.model) if arguments.model else default_model()
    rows = list(class_rows(model))
    _warn_of_damaged_models()
    if arguments.sort:
        rows.sort(key=CLASS_ORDERS[arguments.sort])
    if arguments.format == "json":
        text = json_text(rows, indent=1) + "\n"
    elif arguments.format == "csv":
        text = csv_text(CLASS_COLUMNS, (row.values() for row in rows))
    else:
        text = classes_table(rows, model)
    sys.stdout.write(text)
    return 0


def _add_app(commands) -> None:
    parser = _command(commands, "app", "open the app in the browser", _app)
    parser.add_argument("--port", type=port, metavar="N", help="port of the server (default: 8501)")
    parser.add_argument(
        "--host",
        metavar="ADDRESS",
        help="address at which the server listens; 0.0.0.0 is all of this machine's "
        "(default: localhost, which no other machine reaches)",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument(
        "--public",
        action="store_true",
        help="serve the public: no browser, smaller limits, no HDF5 uploads, no installation of "
        "VGGish, and only connections to a known host name",
    )
    parser.add_argument(
        "--name",
        nargs="+",
        default=[],
        metavar="HOST",
        help="with --public: the host names under which visitors reach the app, besides localhost",
    )


def _app(arguments: argparse.Namespace) -> int:
    from audioset_demo.views.entry import serve

    if arguments.name and not arguments.public:
        raise AudioSetDemoError("--name is of use with --public only. Add --public.")
    return serve(
        arguments.port,
        arguments.host,
        browser=not arguments.no_browser,
        public=arguments.public,
        names=arguments.name,
    )
