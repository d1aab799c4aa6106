"""`python -m train`: pack, extract, fit, evaluate, average, publish, and the compact encoder.

Arguments are parsed before anything slow is imported.
"""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from audioset_demo.encoders import ENCODER_CHOICES
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.models.settings import ATTENTION_ACTIVATIONS, POOLINGS
from train.config import FitConfig


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_pack(commands)
    _add_extract(commands)
    _add_fit(commands)
    _add_evaluate(commands)
    _add_average(commands)
    _add_publish(commands)
    _add_encoder(commands)
    _add_assets(commands)
    return parser


def _command(commands, name: str, help: str, run) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.set_defaults(handler=run)
    return parser


def _add_fit(commands) -> None:
    parser = _command(commands, "fit", "train a tagging model on HDF5 features", _fit)
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="PATH",
        default=argparse.SUPPRESS,
        help="an HDF5 file, or a folder that holds bal_train.h5",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="RUN",
        default=argparse.SUPPRESS,
        help="folder of this run",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --output, or start it if there is none",
    )
    model = parser.add_argument_group("model")
    model.add_argument("--model", choices=POOLINGS, default=FitConfig.model, help="which model")
    model.add_argument("--backend", choices=["torch"], default=FitConfig.backend, help="framework")
    model.add_argument(
        "--hidden-units",
        type=int,
        default=FitConfig.hidden_units,
        help="units of each hidden layer",
    )
    model.add_argument(
        "--hidden-layers", type=int, default=FitConfig.hidden_layers, help="number of hidden layers"
    )
    model.add_argument(
        "--dropout",
        type=float,
        default=FitConfig.dropout,
        help="share of hidden units dropped in training",
    )
    model.add_argument(
        "--attention-activation",
        choices=ATTENTION_ACTIVATIONS,
        default=FitConfig.attention_activation,
        help="before attention is normalised",
    )
    model.add_argument(
        "--shared-head",
        action="store_true",
        default=FitConfig.shared_head,
        help="multi_attention: one head for both levels",
    )
    training = parser.add_argument_group("training")
    training.add_argument(
        "--iterations", type=int, default=FitConfig.iterations, help="batches to train on"
    )
    training.add_argument(
        "--batch-size", type=int, default=FitConfig.batch_size, help="clips in one"
    )
    training.add_argument(
        "--learning-rate",
        type=float,
        default=FitConfig.learning_rate,
        help="of Adam at the start; falls to zero along a cosine",
    )
    training.add_argument(
        "--mixup",
        type=float,
        default=FitConfig.mixup,
        metavar="ALPHA",
        help="clips are mixed in shares from Beta(ALPHA, ALPHA); 0: not at all",
    )
    training.add_argument("--seed", type=int, default=FitConfig.seed, help="of everything random")
    training.add_argument(
        "--evaluate-every",
        type=int,
        default=FitConfig.evaluate_every,
        metavar="N",
        help="iterations between checkpoints, each scored on the validation part",
    )
    training.add_argument(
        "--whole",
        action="store_true",
        default=FitConfig.whole,
        help="train on the validation part too, once the settings have been chosen without it; "
        "the last checkpoint counts",
    )
    training.add_argument(
        "--precision",
        choices=["bf16", "fp32"],
        default=FitConfig.precision,
        help="of matrix products; fp32 is faster where the processor lacks bf16",
    )


def _fit(arguments: argparse.Namespace) -> None:
    from train.data import load_features, training_file
    from train.fit import fit

    config = FitConfig(
        **{field.name: getattr(arguments, field.name) for field in fields(FitConfig)}
    )
    fit(config, load_features(training_file(arguments.data)), arguments.output, arguments.resume)


def _add_pack(commands) -> None:
    parser = _command(commands, "pack", "pack released TFRecords into HDF5", _pack)
    parser.add_argument("tfrecord_dir", type=Path, help="searched for *.tfrecord at any depth")
    parser.add_argument("output", type=Path, metavar="OUT.h5", help="file to write")


def _pack(arguments: argparse.Namespace) -> None:
    from train.pack import pack

    print(f"{pack(arguments.tfrecord_dir, arguments.output):,} clips in {arguments.output}")


def _add_extract(commands) -> None:
    parser = _command(commands, "extract", "encode your own labelled sounds into HDF5", _extract)
    parser.add_argument("audio_dir", type=Path, help="folder of sounds")
    parser.add_argument(
        "--labels",
        type=Path,
        required=True,
        metavar="LABELS.csv",
        default=argparse.SUPPRESS,
        help="columns `file` and `label`, a row a pair",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="OUT.h5",
        default=argparse.SUPPRESS,
        help="file to write",
    )
    parser.add_argument(
        "--encoder",
        choices=ENCODER_CHOICES,
        default="auto",
        help="auto: VGGish where it is installed",
    )


def _extract(arguments: argparse.Namespace) -> int:
    from train.extract import extract

    failures = extract(arguments.audio_dir, arguments.labels, arguments.output, arguments.encoder)
    for failure in failures:
        print(f"left out: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _add_evaluate(commands) -> None:
    parser = _command(commands, "evaluate", "score a checkpoint on labelled features", _evaluate)
    parser.add_argument(
        "run_or_checkpoint",
        type=Path,
        help="a run (its best checkpoint on the validation part) or a checkpoint",
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FILE.h5",
        default=argparse.SUPPRESS,
        help="features and labels to score it on",
    )
    parser.add_argument(
        "--per-class", type=Path, metavar="OUT.csv", help="write AP and AUC of each class there"
    )


def _evaluate(arguments: argparse.Namespace) -> None:
    from train.evaluate import evaluate

    result = evaluate(arguments.run_or_checkpoint, arguments.data, arguments.per_class)
    _print_results([(arguments.run_or_checkpoint.name, result)])


def _add_average(commands) -> None:
    parser = _command(commands, "average", "score the mean of a run's checkpoints", _average)
    parser.add_argument("run", type=Path, help="a run")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FILE.h5",
        default=argparse.SUPPRESS,
        help="features and labels to score it on",
    )
    parser.add_argument(
        "--last", type=int, metavar="N", help="the last N checkpoints (default: all)"
    )


def _average(arguments: argparse.Namespace) -> None:
    from train.evaluate import average

    _print_results(average(arguments.run, arguments.data, arguments.last))


def _print_results(rows) -> None:
    print(f"{'':24} {'mAP':>8} {'AUC':>8} {'d-prime':>8} {'clips':>8} {'classes':>8}")
    for name, result in rows:
        print(
            f"{name:24} {result.mean_average_precision:8.4f} {result.mean_auc:8.4f} "
            f"{result.d_prime:8.4f} {result.n_clips:8,} "
            f"{len(result.average_precision) - result.n_left_out:8}"
        )
        if result.n_left_out:
            print(f"  left out of the means: {result.n_left_out} classes without positive clips")


def _add_publish(commands) -> None:
    parser = _command(commands, "publish", "make an evaluated run part of the app", _publish)
    parser.add_argument("run", type=Path, help="a run that has been evaluated")
    parser.add_argument("--name", help="what the app calls it (default: the model)")
    parser.add_argument(
        "--validated-by",
        type=Path,
        metavar="RUN",
        help="for a run on the whole set: one with the same settings that held the validation "
        "part out, to publish its figures there",
    )


def _publish(arguments: argparse.Namespace) -> None:
    from train.publish import publish

    print(publish(arguments.run, arguments.name, arguments.validated_by))


def _add_encoder(commands) -> None:
    from train.encoder import command

    parser = _command(commands, "encoder", "train the compact encoder", command.run)
    parser.description = command.DESCRIPTION
    command.add_arguments(parser)


def _add_assets(commands) -> None:
    parser = _command(
        commands, "assets", "rebuild the label table and class centroids of the app", _assets
    )
    parser.add_argument(
        "data",
        type=Path,
        help="folder with class_counts_and_quality.csv, ontology.json, bal_train.h5",
    )


def _assets(arguments: argparse.Namespace) -> None:
    from train.assets import build_assets

    build_assets(arguments.data)


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    try:
        return arguments.handler(arguments) or 0
    except AudioSetDemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; `--resume` goes on from the last checkpoint", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
