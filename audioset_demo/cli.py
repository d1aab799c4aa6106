"""The command line: `audioset-demo tag | embed | weights | models | classes | app`.

Arguments are parsed before anything slow is imported. A clip that fails does not stop the others;
the exit code is 1 if any did.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from audioset_demo import __version__
from audioset_demo.audio.resampling import RESAMPLERS, require_resampler
from audioset_demo.embeddings.frames import FRAME_S, Progress
from audioset_demo.encoders import ENCODER_CHOICES, TAILS
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.events import THRESHOLD
from audioset_demo.storage import write_atomically

LONG_S = 60.0  # a sound that is worth a progress bar wherever stderr goes


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
    arguments = build_parser().parse_args(argv)
    # Read when torch is loaded. Threads of the network that wait for one another would else keep
    # the cores busy that decode and frame the sound beside them: a long one takes a tenth more.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        return arguments.handler(arguments)
    except AudioSetDemoError as error:
        print(f"error: {error}", file=sys.stderr)
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
        "--tail",
        choices=TAILS,
        default="drop",
        help="sound at the end that does not fill a frame: drop leaves it out, as VGGish does; pad "
        "keeps it, with silence behind it; auto pads clips below ten seconds "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--resampler",
        choices=RESAMPLERS,
        default="soxr",
        help="to 16 kHz: soxr, or resampy, the one of Google's own front end "
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
        "once (default: %(default)s)",
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
    from audioset_demo.events import find_events
    from audioset_demo.models.published import DEFAULT_MODEL
    from audioset_demo.tagging import load_tagger

    if arguments.occlusion and arguments.format != "json":
        raise AudioSetDemoError(
            f"--occlusion does not go with --format {arguments.format}. Give --format json."
        )
    require_resampler(arguments.resampler)
    tagger = load_tagger(arguments.model or DEFAULT_MODEL, arguments.encoder, arguments.pooling)
    failed = False
    for position, clip in enumerate(arguments.clips):
        try:
            with _progress_bar(clip) as progress:
                embeddings = tagger.encode(
                    clip,
                    arguments.hop,
                    progress,
                    tail=arguments.tail,
                    resampler=arguments.resampler,
                )
            tagging = tagger.tag(embeddings, top=arguments.top)
        except AudioSetDemoError as error:
            failed = True
            _report_failure(clip, error, as_json=arguments.format == "json")
            continue
        if arguments.format == "json":
            falls = None
            if arguments.occlusion:
                classes = [label.index for label in tagging.labels]
                falls = tagger.occlude(embeddings, silent_frame(tagger.encoder), classes)
            record = {**export.tagging_record(tagging, arguments.top, falls), "file": clip}
            text = json.dumps(record, ensure_ascii=False) + "\n"
        elif arguments.format == "csv":
            text = export.tagging_csv([tagging], arguments.top)
            text = text if position == 0 else text.split("\n", 1)[1]
        elif arguments.format in ("audacity", "rttm"):
            top = tagging.top(arguments.top)
            events = find_events(tagging, top, arguments.threshold, each_class=True)
            as_audacity = arguments.format == "audacity"
            text = export.audacity_labels(events) if as_audacity else export.rttm(events, tagging)
        else:
            text = _tag_table(tagging, arguments.top)
        sys.stdout.write(text)
        sys.stdout.flush()
    return 1 if failed else 0


def _tag_table(tagging, top: int) -> str:
    from audioset_demo.embeddings.frames import ENCODER_TITLES

    lines = [
        f"{tagging.name}  {tagging.duration_s:.2f} s  "
        f"[{ENCODER_TITLES[tagging.encoder]}; {tagging.model.title}]"
    ]
    lines += [f"  note: {note}" for note in tagging.notes]
    lines += [f"  {tagging.scores[k]:.3f}  {tagging.labels[k].name}" for k in tagging.top(top)]
    return "\n".join(lines) + "\n"


@contextmanager
def _progress_bar(clip: str) -> Iterator[Progress]:
    """A bar on stderr, gone when done: on a terminal, and elsewhere for a long sound."""
    from tqdm import tqdm

    bar = None

    def show(done_s: float, total_s: float | None) -> None:
        nonlocal bar
        if bar is None and (sys.stderr.isatty() or max(done_s, total_s or 0) > LONG_S):
            bar = tqdm(desc=Path(clip).name, unit="s", unit_scale=True, leave=False)
        if bar is not None:
            bar.total = total_s
            bar.update(done_s - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def _report_failure(clip: str, error: AudioSetDemoError, as_json: bool) -> None:
    if as_json:
        failure = {"type": type(error).__name__, "message": str(error)}
        print(json.dumps({"file": clip, "error": failure}, ensure_ascii=False), flush=True)
    else:
        print(f"error: {error}", file=sys.stderr)


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
    if not output.parent.is_dir():
        raise AudioSetDemoError(f"There is no folder {output.parent}. Make it, or give another.")
    from audioset_demo.audio.decoding import open_sound
    from audioset_demo.embeddings.writing import embeddings_hdf5, embeddings_npz
    from audioset_demo.encoders import load_encoder

    require_resampler(arguments.resampler)
    encoder = load_encoder(arguments.encoder)
    encoded = []
    for clip in arguments.clips:
        try:
            with open_sound(clip) as sound, _progress_bar(clip) as progress:
                encoded.append(
                    encoder.encode(
                        sound,
                        arguments.hop,
                        progress,
                        tail=arguments.tail,
                        resampler=arguments.resampler,
                    )
                )
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
    from audioset_demo.models.published import published_models

    rows = [model.to_json() for model in published_models()]
    if arguments.format == "json":
        print(json.dumps(rows, indent=1))
        return 0
    print(
        f"{'name':20} {'mAP':>7} {'AUC':>7} {'d-prime':>8} {'parameters':>11} {'MB':>5}  trained on"
    )
    for row in rows:
        mark = "*" if row["default"] else " "
        print(
            f"{row['name']:19}{mark} {row['mAP']:7.4f} {row['AUC']:7.4f} {row['d_prime']:8.3f} "
            f"{row['parameters']:11,} {row['bytes'] / 1e6:5.1f}  {row['training_set']}"
        )
    print("* the default; figures on the AudioSet evaluation set, released VGGish features")
    return 0


def _add_classes(commands) -> None:
    parser = _command(commands, "classes", "list the classes, with counts and AP", _classes)
    parser.add_argument(
        "--sort", choices=("ap", "count", "name"), help="default: the label set's own order"
    )
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")


CLASS_COLUMNS = ("index", "mid", "name", "ap", "n_bal_train", "n_unbal_train", "n_eval", "quality")


def _classes(arguments: argparse.Namespace) -> int:
    rows = list(_class_rows())
    keys = {
        "ap": lambda row: -row["ap"],
        "count": lambda row: -(row["n_bal_train"] + row["n_unbal_train"]),
        "name": lambda row: row["name"].casefold(),
    }
    if arguments.sort:
        rows.sort(key=keys[arguments.sort])
    if arguments.format == "json":
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    elif arguments.format == "csv":
        import csv

        writer = csv.DictWriter(sys.stdout, CLASS_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        print(f"{'AP':>6} {'train clips':>12} {'eval':>6}  class (AP of the default model)")
        for row in rows:
            count = row["n_bal_train"] + row["n_unbal_train"]
            print(f"{row['ap']:6.3f} {count:12,} {row['n_eval']:6,}  {row['name']}")
    return 0


def _class_rows() -> Iterator[dict]:
    """A row for each AudioSet class, with its AP under the default model."""
    from audioset_demo.labels import audioset_labels
    from audioset_demo.models.published import default_model

    ap = default_model().average_precision()
    for label in audioset_labels():
        yield {
            column: ap[label.index] if column == "ap" else getattr(label, column)
            for column in CLASS_COLUMNS
        }


def _add_app(commands) -> None:
    _command(commands, "app", "open the app in the browser", _app)


def _app(arguments: argparse.Namespace) -> int:
    # The entry file lies beside the package in a checkout.
    entry = Path(str(files("audioset_demo"))).parent / "app.py"
    if not entry.is_file():
        raise AudioSetDemoError(f"There is no {entry}. Start the app from a checkout: make app")
    command = [sys.executable, "-m", "streamlit", "run", str(entry)]
    # Else glibc keeps memory for each thread that has read a sound: 60 MB for an hour of it.
    environment = {"MALLOC_ARENA_MAX": "2", **os.environ}
    return subprocess.run(command, cwd=entry.parent, env=environment, check=False).returncode


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
