"""The commands of `python -m train`, one module each: arguments, and what is printed.

Each has a `HELP`, `add_arguments(parser)` and `run(arguments)`. Nothing slow is imported before it
runs.
"""
