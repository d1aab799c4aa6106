"""Offline training of the tagging models and of the compact encoder: `python -m train --help`."""
