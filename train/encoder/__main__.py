"""`python -m train.encoder`, the same as `python -m train encoder`."""

import argparse
import sys

from audioset_demo.errors import AudioSetDemoError
from train.encoder.command import DESCRIPTION, add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m train.encoder",
        description=DESCRIPTION,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_arguments(parser)
    try:
        sys.exit(run(parser.parse_args()))
    except AudioSetDemoError as error:
        sys.exit(f"error: {error}")
