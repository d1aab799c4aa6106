"""Types of arguments on the command line; each refuses a wrong value with what to give instead."""

from argparse import ArgumentTypeError

from audioset_demo.errors import AudioSetDemoError
from audioset_demo.folder.job import Shard


def hop(text: str) -> float:
    """A hop in seconds that the encoders can make."""
    from audioset_demo.encoders.logmel import hop_frames

    seconds = _number(text)
    try:
        hop_frames(seconds)
    except AudioSetDemoError as error:
        raise ArgumentTypeError(str(error)) from error
    return seconds


def threshold(text: str) -> float | str:
    """A score from 0 to 1, or a name of `THRESHOLDS`."""
    from audioset_demo.models.calibration import THRESHOLDS

    if text in THRESHOLDS:
        return text
    if text.startswith("precision"):
        known = ", ".join(THRESHOLDS[1:])
        raise ArgumentTypeError(f"'{text}' is none of {known}. Give one of them.")
    return share(text)


def share(text: str) -> float:
    """A number from 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"{text} is not between 0 and 1. Give a number such as 0.3.")
    return value


def prior(text: str) -> float | str:
    """One of "fitted" and "audioset", or a share above 0 and below 1."""
    if text in ("fitted", "audioset"):
        return text
    value = _number(text)
    if not 1e-6 <= value <= 1 - 1e-6:
        raise ArgumentTypeError(
            f"{text} is not between 0.000001 and 0.999999. Give a share such as 0.1, or one of "
            "'fitted' and 'audioset'."
        )
    return value


def positive(text: str) -> int:
    """A whole number from 1."""
    if not (text.isdecimal() and int(text) >= 1):
        raise ArgumentTypeError(f"'{text}' is not a whole number from 1. Give one such as 10.")
    return int(text)


def shard(text: str) -> Shard:
    """Which part of the recordings, of how many."""
    index, _, n = text.partition("/")
    if not (index.isdecimal() and n.isdecimal() and 1 <= int(index) <= int(n)):
        raise ArgumentTypeError(f"'{text}' is not one of several parts. Give one such as 3/8.")
    return Shard(int(index), int(n))


def port(text: str) -> int:
    """The number of a port."""
    if not (text.isdecimal() and 1 <= int(text) <= 65_535):
        raise ArgumentTypeError(f"'{text}' is not a port from 1 to 65535. Give one such as 8501.")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"'{text}' is not a number. Give one in digits.") from None
