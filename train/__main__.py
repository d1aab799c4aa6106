"""`python -m train`: packs features, trains tagging models and the compact encoder, publishes them.

Arguments are parsed before anything slow is imported.
"""

import argparse
import sys

from audioset_demo.terminal import Parser, exit_code
from train.commands import (
    assets,
    average,
    calibrate,
    compare,
    encoder,
    evaluate,
    explore,
    extract,
    few_shot,
    fit,
    folds,
    locate,
    occlude,
    over_training,
    pack,
    publish,
    reproduce,
)
from train.commands.arguments import HelpFormatter

COMMANDS = {
    "pack": pack,
    "extract": extract,
    "fit": fit,
    "folds": folds,
    "few-shot": few_shot,
    "evaluate": evaluate,
    "average": average,
    "compare": compare,
    "occlude": occlude,
    "calibrate": calibrate,
    "locate": locate,
    "publish": publish,
    "explore": explore,
    "over-training": over_training,
    "reproduce": reproduce,
    "encoder": encoder,
    "assets": assets,
}
GOING_ON = {
    "pack": "The same command goes on.",
    "fit": "Add --resume to continue from the last checkpoint.",
    "folds": "Add --resume to continue from the last checkpoint.",
    "extract": "The same command goes on.",
    "encoder": "Add --resume to continue from the last checkpoint.",
    "reproduce": "The same command continues from the last checkpoint.",
}


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m train",
        description="Train, evaluate and publish tagging models, and train the compact encoder.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.HELP[0].upper() + module.HELP[1:] + ".",
            formatter_class=HelpFormatter,
        )
        command.set_defaults(handler=module.run)
        module.add_arguments(command)
    return parser


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
