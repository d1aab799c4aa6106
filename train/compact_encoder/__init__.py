"""Training of the compact encoder: `python -m train encoder --help`."""
