"""`python -m audioset_demo`: the same as `audioset-demo`."""

import sys

from audioset_demo.cli import main

if __name__ == "__main__":
    sys.exit(main())
