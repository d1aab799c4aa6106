"""What can go wrong, in words for the person at the other end.

Every message holds the offending value and the remedy; the app and the CLI print it as it is.
"""


class AudioSetDemoError(Exception):
    """Base of every error that this project raises on purpose."""


class AudioError(AudioSetDemoError):
    """A sound that cannot be read, or that exceeds a stated limit."""


class FeaturesError(AudioSetDemoError):
    """An embeddings file or array of the wrong form."""


class WeightsError(AudioSetDemoError):
    """Encoder weights that are missing, incomplete or not the expected file."""


class CheckpointError(AudioSetDemoError):
    """A tagging model that cannot be found or loaded."""


class DataError(AudioSetDemoError):
    """Training data or results of the wrong form."""


class StorageError(AudioSetDemoError):
    """A file that cannot be written: its place is wrong, or the disk is full."""
