"""Training of the compact encoder: `python -m train encoder --help`."""

from train.compact_encoder.command import add_arguments, run

__all__ = ["add_arguments", "run"]
