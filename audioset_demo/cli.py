"""The command line: `audioset-demo tag | embed | weights | models | classes | app`.

Arguments are parsed before anything slow is imported. A clip that fails does not stop the others;
the exit code is 1 if any did.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from audioset_demo import __version__
from audioset_demo.device import DEVICES
from audioset_demo.embeddings.frames import FRAME_S
from audioset_demo.encoders import ENCODER_CHOICES
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.events import THRESHOLD
from audioset_demo.names import distinct_names, one_line, without_spaces
from audioset_demo.storage import check_output, csv_lines, csv_text, json_text, write_atomically
from audioset_demo.terminal import escape_what_streams_lack, progress_bar


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="audioset-demo", description="What is in a sound, when, and why a model says so."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (_add_tag, _add_embed, _add_weights, _add_models, _add_classes, _add_app):
        add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    escape_what_streams_lack()
    arguments = build_parser().parse_args(argv)
    # Read when torch is loaded. Threads of the network that wait for one another would else keep
    # the cores busy that decode and frame the sound beside them: a long one takes a tenth more.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        return arguments.handler(arguments)
    except AudioSetDemoError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _command(commands, name: str, help: str, handler: Callable) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    parser.set_defaults(handler=handler)
    return parser


def _add_clips(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clips", nargs="+", metavar="CLIP", help="sound file")
    parser.add_argument(
        "--encoder",
        choices=ENCODER_CHOICES,
        default="auto",
        help="auto: VGGish where it is installed, else the compact encoder (default: %(default)s)",
    )
    parser.add_argument(
        "--hop",
        type=_hop,
        default=FRAME_S,
        metavar="SECONDS",
        help="from one frame to the next, a multiple of 0.01; each frame covers 0.96 s of sound "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default="auto",
        help="what the networks run on; auto: an accelerator that torch finds, else the processor "
        "(default: %(default)s)",
    )


def _add_tag(commands) -> None:
    parser = _command(commands, "tag", "tag sounds", _tag)
    _add_clips(parser)
    parser.add_argument(
        "--model",
        default=None,
        help="a published model (see `audioset-demo models`) or the path of a checkpoint, ours or "
        "the reference's md_*_iters.tar (default: the default model)",
    )
    parser.add_argument(
        "--pooling",
        choices=("average", "max"),
        help="for a checkpoint of the reference that does not say which of the two it is",
    )
    parser.add_argument(
        "--top", type=_positive, default=10, metavar="K", help="tags a clip (default: %(default)s)"
    )
    parser.add_argument(
        "--format",
        choices=("table", "json", "csv", "audacity", "rttm"),
        default="table",
        help="json: an object a line; audacity and rttm: events of the top tags, each tag at least "
        "once; audacity: a label track, so of one clip; rttm: the model and the encoder are named "
        "on stderr, since its readers know no comments (default: %(default)s)",
    )
    parser.add_argument(
        "--threshold",
        type=_share,
        default=THRESHOLD,
        metavar="SCORE",
        help="audacity and rttm: the frame score, 0 to 1, at which an event begins; it lasts until "
        "half of that (default: %(default)s)",
    )
    parser.add_argument(
        "--occlusion",
        action="store_true",
        help="json: also how far each score falls when one frame after the other is silenced",
    )


def _tag(arguments: argparse.Namespace) -> int:
    from audioset_demo import export
    from audioset_demo.encoders import silent_frame
    from audioset_demo.models.published import DEFAULT_MODEL
    from audioset_demo.tagging import load_tagger

    form, clips = arguments.format, arguments.clips
    if arguments.occlusion and form != "json":
        raise AudioSetDemoError(
            f"--occlusion does not go with --format {form}. Give --format json."
        )
    if form == "audacity" and len(clips) > 1:
        raise AudioSetDemoError(
            f"An Audacity label track belongs to one sound, and {len(clips)} clips were given. "
            "Run the command once for each of them, or give --format rttm or csv."
        )
    tagger = load_tagger(
        arguments.model or DEFAULT_MODEL, arguments.encoder, arguments.pooling, arguments.device
    )
    names = distinct_names(clips, without_spaces if form == "rttm" else one_line)
    if form == "csv":
        sys.stdout.write(csv_lines([export.TAG_COLUMNS]))
    failed = False
    for clip, name in zip(clips, names, strict=True):
        try:
            with progress_bar(clip) as progress:
                embeddings = tagger.encode(clip, arguments.hop, progress)
            tagging = replace(tagger.tag(embeddings), name=name)
            drops = None
            if arguments.occlusion:
                drops = tagger.occlude(embeddings, silent_frame(tagger.encoder))
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


def _tag_lines(tagging, arguments: argparse.Namespace) -> str:
    """One clip in a format that other programs read line by line."""
    from audioset_demo import export
    from audioset_demo.events import find_events

    if arguments.format == "csv":
        return csv_lines(export.tagging_rows(tagging, arguments.top))
    events = find_events(tagging, tagging.top(arguments.top), arguments.threshold, each_class=True)
    if arguments.format == "audacity":
        return export.audacity_labels(events)
    return export.rttm(events, tagging)


def _remarks(tagging, form: str) -> Iterator[str]:
    """What a format has no place for."""
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
        help="one clip: its arrays; several: a group of arrays for each clip",
    )


def _embed(arguments: argparse.Namespace) -> int:
    output = arguments.output
    if output.suffix.lower() not in (".npz", ".h5", ".hdf5"):
        raise AudioSetDemoError(
            f"--output {output} ends in '{output.suffix}'. Give a name that ends in .npz or .h5."
        )
    check_output(output, [Path(clip) for clip in arguments.clips])
    from audioset_demo.audio.decoding import open_sound
    from audioset_demo.embeddings.writing import embeddings_hdf5, embeddings_npz
    from audioset_demo.encoders import load_encoder

    encoder = load_encoder(arguments.encoder, arguments.device)
    encoded = []
    for clip, name in zip(arguments.clips, distinct_names(arguments.clips), strict=True):
        try:
            with open_sound(clip) as sound, progress_bar(clip) as progress:
                embeddings = encoder.encode(sound, arguments.hop, progress)
            encoded.append(replace(embeddings, name=name))
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
    parser = _command(commands, "weights", "VGGish's weights: where they are, get them", None)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _command(actions, "status", "what is installed, where, and whence it came", _weights_status)
    get = _command(
        actions,
        "get",
        "install VGGish (277 MB, once): download its weights, check their SHA-256, convert them; a "
        "download that breaks off goes on where it stopped",
        _weights_get,
    )
    get.add_argument(
        "--from",
        dest="source",
        metavar="PATH_OR_URL",
        help="the checkpoint, a folder with vggish_model.ckpt and vggish_pca_params.npz, or an "
        "address (default: the official addresses)",
    )
    get.add_argument(
        "--sha256",
        metavar="HEX|any",
        help="the checkpoint's hash where it is not the official file; any: not checked",
    )


def _weights_status(arguments: argparse.Namespace) -> int:
    from audioset_demo.encoders.vggish import weights

    for file in weights.status():
        state = f"{file.bytes:,} bytes, {file.verified}" if file.present else "not installed"
        print(f"{file.what}: {state}\n  {file.path}")
        if file.present:
            print(f"  from {file.source or 'an unknown source'}\n  sha256 {file.sha256}")
        if file.part_bytes:
            print(f"  {file.part_bytes:,} bytes of a download are kept; weights get continues it")
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
    from audioset_demo.models.published import damaged_models, published_models

    rows = [model.to_json() for model in published_models()]
    as_json = arguments.format == "json"
    sys.stdout.write(json_text(rows, indent=1) + "\n" if as_json else models_table(rows))
    for damaged in damaged_models():
        reason = one_line(f"the published model '{damaged.name}' is damaged. {damaged.error}")
        print(f"warning: {reason}", file=sys.stderr)
    return 0


def _add_classes(commands) -> None:
    parser = _command(commands, "classes", "list the classes, with counts and AP", _classes)
    parser.add_argument(
        "--sort", choices=("ap", "count", "name"), help="default: the label set's own order"
    )
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")


def _classes(arguments: argparse.Namespace) -> int:
    from audioset_demo.listings import CLASS_COLUMNS, CLASS_ORDERS, class_rows, classes_table
    from audioset_demo.models.published import default_model

    rows = list(class_rows(default_model()))
    if arguments.sort:
        rows.sort(key=CLASS_ORDERS[arguments.sort])
    if arguments.format == "json":
        text = json_text(rows, indent=1) + "\n"
    elif arguments.format == "csv":
        text = csv_text(CLASS_COLUMNS, (row.values() for row in rows))
    else:
        text = classes_table(rows)
    sys.stdout.write(text)
    return 0


def _add_app(commands) -> None:
    _command(commands, "app", "open the app in the browser", _app)


def _app(arguments: argparse.Namespace) -> int:
    from audioset_demo.views.entry import serve

    return serve()


def _hop(text: str) -> float:
    from audioset_demo.encoders.logmel import hop_frames

    try:
        hop_frames(float(text))
    except AudioSetDemoError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return float(text)


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{value} is not between 0 and 1")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value
