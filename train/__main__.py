"""`python -m train`: packs features, trains tagging models and the compact encoder, publishes them.

Arguments are parsed before anything slow is imported.
"""

import argparse
import sys
from pathlib import Path

from audioset_demo.terminal import Parser, exit_code
from train.tagger.command import HelpFormatter, add_device, add_scoring

GOING_ON = {
    "fit": "Add --resume to continue from the last checkpoint.",
    "folds": "Add --resume to continue from the last checkpoint.",
    "extract": "The same command goes on.",
    "encoder": "Add --resume to continue from the last checkpoint.",
    "reproduce": "The same command continues from the last checkpoint.",
}
DESCRIPTION = "Train, evaluate and publish tagging models, and train the compact encoder."
PACKING = """\
Pack features into HDF5 for training.

Where a source holds several of AudioSet's sets (bal_train, unbal_train, eval), the name of OUT.h5
says which is packed, as in AUDIOSET/unbal_train.h5; a folder gets a file of each. Archives are read
as they are, without unpacking. Checksums are checked, and the numbers of clips are compared with
those released. The same command goes on after a Ctrl-C, a crash or kill -9: until a file is
finished, its parts are beside it in OUT.h5.parts."""


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m train", description=DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_pack(commands)
    _add_extract(commands)
    _add_fit(commands)
    _add_folds(commands)
    _add_few_shot(commands)
    _add_evaluate(commands)
    _add_average(commands)
    _add_compare(commands)
    _add_occlude(commands)
    _add_calibrate(commands)
    _add_locate(commands)
    _add_publish(commands)
    _add_explore(commands)
    _add_over_training(commands)
    _add_reproduce(commands)
    _add_encoder(commands)
    _add_assets(commands)
    return parser


def _command(commands, name: str, help: str, run) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        formatter_class=HelpFormatter,
    )
    parser.set_defaults(handler=run)
    return parser


def _add_fit(commands) -> None:
    from train.tagger import command

    parser = _command(commands, "fit", "train a tagging model on HDF5 features", command.run)
    command.add_arguments(parser)


def _add_folds(commands) -> None:
    from train.tagger import folds_command

    folds_command.add_arguments(_command(commands, "folds", folds_command.HELP, folds_command.run))


def _add_pack(commands) -> None:
    parser = _command(
        commands, "pack", "pack released or shared features into HDF5 for training", _pack
    )
    parser.description = PACKING
    parser.add_argument(
        "source",
        type=Path,
        help="Google's features.tar.gz, a folder searched for *.tfrecord at any depth, an HDF5 "
        "file of another layout, or a folder with bal_train.h5, unbal_train.h5, eval.h5",
    )
    parser.add_argument(
        "output", type=Path, metavar="OUT.h5", help="file to write, or a folder for all sets"
    )


def _pack(arguments: argparse.Namespace) -> None:
    from train.data.pack import pack

    for packed in pack(arguments.source, arguments.output):
        print(f"{packed.n_clips:,} clips in {packed.path}")
        for note in packed.notes:
            print(f"  {note}")


def _add_extract(commands) -> None:
    from train.data import extract_command as command

    command.add_arguments(_command(commands, "extract", command.HELP, command.run))


def _add_few_shot(commands) -> None:
    from train.few_shot import command

    command.add_arguments(_command(commands, "few-shot", command.HELP, command.run))


def _add_evaluate(commands) -> None:
    parser = _command(commands, "evaluate", "score a checkpoint on labelled features", _evaluate)
    parser.add_argument(
        "run_or_checkpoint",
        type=Path,
        help="a run (its best checkpoint on the validation part) or a checkpoint, one of ours or "
        "of the reference (md_*_iters.tar)",
    )
    add_scoring(parser)
    add_device(parser)
    parser.add_argument(
        "--per-class", type=Path, metavar="OUT.csv", help="write the AP and AUC of each class"
    )


def _evaluate(arguments: argparse.Namespace) -> None:
    from train.tagger.evaluate import evaluate

    path = arguments.run_or_checkpoint
    result = evaluate(
        path, arguments.data, arguments.per_class, arguments.pooling, arguments.device
    )
    _print_results([(path.name, result)])


def _add_average(commands) -> None:
    parser = _command(
        commands,
        "average",
        "score several checkpoints, their ensemble and the mean of their weights",
        _average,
    )
    parser.add_argument(
        "sources",
        type=Path,
        nargs="+",
        metavar="RUN_OR_FOLDER_OR_CHECKPOINT",
        help="a checkpoint, or a run or folder for all its checkpoints",
    )
    add_scoring(parser)
    add_device(parser)
    parser.add_argument(
        "--last",
        type=int,
        metavar="N",
        help="only the last N checkpoints of each run or folder",
    )
    parser.add_argument(
        "--validation",
        action="store_true",
        help="score on the validation part of the data alone, to choose what to average",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="OUT.safetensors",
        help="write the mean of the weights; all checkpoints must have the same settings",
    )
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write all figures")


def _average(arguments: argparse.Namespace) -> None:
    from train.tagger.average import average

    rows = average(
        arguments.sources,
        arguments.data,
        last=arguments.last,
        validation=arguments.validation,
        pooling=arguments.pooling,
        output=arguments.output,
        record=arguments.json,
        device=arguments.device,
    )
    _print_results(rows)


def _print_results(rows) -> None:
    width = max(24, *(len(name) for name, _ in rows))
    print(f"{'':{width}} {'mAP':>8} {'AUC':>8} {'d-prime':>8} {'clips':>8} {'classes':>8}")
    for name, result in rows:
        print(
            f"{name:{width}} {result.mean_average_precision:8.4f} {result.mean_auc:8.4f} "
            f"{result.d_prime:8.4f} {result.n_clips:8,} "
            f"{len(result.average_precision) - result.n_left_out:8}"
        )
        if result.n_left_out:
            print(f"  left out of the means: {result.n_left_out} classes without positive clips")


def _add_calibrate(commands) -> None:
    from train.tagger import calibrate_command as command

    parser = _command(commands, "calibrate", "fit probabilities to a model's scores", command.run)
    command.add_arguments(parser)


def _add_publish(commands) -> None:
    parser = _command(commands, "publish", "make an evaluated run part of the app", _publish)
    parser.add_argument("run", type=Path, help="a run that has been evaluated")
    parser.add_argument(
        "--name",
        default=argparse.SUPPRESS,
        help="its name in the app and for --model: letters, digits, - and _ (default: "
        "the name of the run's folder)",
    )
    parser.add_argument(
        "--into",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="FOLDER",
        help="the folder of published models; audioset_demo/assets/models makes it part of the "
        "package (default: AUDIOSET_DEMO_MODELS, else your own data folder)",
    )
    parser.add_argument(
        "--validated-by",
        type=Path,
        nargs="+",
        default=[],
        metavar="RUN",
        help="for a run on the whole set: runs with the same settings and any seed that held the "
        "validation part out; their figures on it are published with the model",
    )


def _publish(arguments: argparse.Namespace) -> None:
    from train.tagger.publish import publish

    name, into = getattr(arguments, "name", None), getattr(arguments, "into", None)
    print(publish(arguments.run, name, arguments.validated_by, into))


def _add_compare(commands) -> None:
    parser = _command(commands, "compare", "compare runs on the validation part", _compare)
    parser.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="the first is the baseline; seeds of one setting are averaged",
    )
    parser.add_argument("--output", type=Path, metavar="OUT.csv", help="write the table")


def _compare(arguments: argparse.Namespace) -> None:
    from train.tagger.compare import COLUMNS, compare

    rows = [row.row() for row in compare(arguments.runs, arguments.output)]
    width = max(len(row[0]) for row in rows)
    for first, *rest in [COLUMNS, *rows]:
        print(f"{first:{width}}", *(f"{cell:>15}" for cell in rest))


def _add_occlude(commands) -> None:
    from train.tagger import occlude_command

    occlude_command.add_arguments(
        _command(commands, "occlude", occlude_command.HELP, occlude_command.run)
    )


def _add_locate(commands) -> None:
    from train.locate import command

    parser = _command(
        commands, "locate", "judge attention and other signals by labels with times", command.run
    )
    command.add_arguments(parser)


def _add_explore(commands) -> None:
    from train.explore import command

    command.add_arguments(_command(commands, "explore", command.HELP, command.run))


def _add_over_training(commands) -> None:
    from train.explore import over_training_command as command

    command.add_arguments(_command(commands, "over-training", command.HELP, command.run))


def _add_reproduce(commands) -> None:
    from train.reproduce import command

    parser = _command(
        commands, "reproduce", "train and score every row of the reference's table", command.run
    )
    command.add_arguments(parser)


def _add_encoder(commands) -> None:
    from train.compact_encoder import command

    parser = _command(commands, "encoder", "train the compact encoder", command.run)
    parser.description = command.DESCRIPTION
    command.add_arguments(parser)


def _add_assets(commands) -> None:
    parser = _command(
        commands,
        "assets",
        "rebuild the tables of classes and evaluation clips",
        _assets,
    )
    parser.add_argument(
        "data",
        type=Path,
        help="folder with class_counts_and_quality.csv, ontology.json, bal_train.h5, eval.h5, "
        "strong/ and published_per_class_ap.csv",
    )


def _assets(arguments: argparse.Namespace) -> None:
    from train.data.label_tables import build_assets

    build_assets(arguments.data)


def main(argv: list[str] | None = None) -> int:
    return exit_code(lambda: _run(argv))


def _run(argv: list[str] | None) -> int | None:
    arguments = build_parser().parse_args(argv)
    try:
        return arguments.handler(arguments)
    except KeyboardInterrupt:
        print(f"Stopped. {GOING_ON.get(arguments.command, '')}".rstrip(), file=sys.stderr)
        raise


if __name__ == "__main__":
    sys.exit(main())
