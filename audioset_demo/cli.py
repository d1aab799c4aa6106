"""The command line: `audioset-demo tag | embed | answers | export | weights | models | ...`.

Arguments are parsed before anything slow is imported. A clip that fails does not stop the others;
the exit code is 1 if any did.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from audioset_demo import __version__
from audioset_demo.arguments import port
from audioset_demo.commands import answers, embed, export, tag
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.storage import csv_text, json_text
from audioset_demo.terminal import Parser, exit_code, warn_of_damaged_models


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="audioset-demo", description="What is in a sound, when, and why a model says so."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    tag.add_arguments(_command(commands, "tag", "tag sounds", tag.run))
    embed.add_arguments(
        _command(commands, "embed", "write the embeddings of sounds to a file", embed.run)
    )
    export.add_arguments(
        _command(commands, "export", "write a model for other programs and places", export.run)
    )
    answers.add_arguments(
        _command(commands, "answers", "show what answers to the finds of a folder say", answers.run)
    )
    for add in (_add_weights, _add_models, _add_classes, _add_app):
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
            bar.set_description_str(stage)  # the bar adds the colon
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
    warn_of_damaged_models()
    return 0


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
    warn_of_damaged_models()
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
    parser.add_argument(
        "out",
        nargs="?",
        type=Path,
        metavar="OUT",
        help="folder that `tag FOLDER --output OUT` made: adds the page Recordings",
    )
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
    if arguments.out and arguments.public:
        raise AudioSetDemoError(
            f"Recordings are not shown to the public. Leave out {arguments.out}, or --public."
        )
    return serve(
        arguments.port,
        arguments.host,
        browser=not arguments.no_browser,
        public=arguments.public,
        names=arguments.name,
        out=arguments.out and _tagged(arguments.out),
    )


def _tagged(out: Path) -> Path:
    """The absolute path of a folder that `tag` made."""
    from audioset_demo.recordings.finds import check_tagged

    check_tagged(out)
    return Path(os.path.abspath(out))
