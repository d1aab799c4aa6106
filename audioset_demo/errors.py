"""The errors of this project, with messages for its users.

Every message is one or more full sentences that name the offending value and the remedy; the app
and the CLI show it as it is.
"""

from audioset_demo.names import shortened


class AudioSetDemoError(Exception):
    """Base of every error that this project raises on purpose.

    Whatever names and values it quotes, its message is one printable line. The middle of a line of
    more than `longest` characters is left out: what is wrong and the remedy are at its ends.
    """

    longest = 300  # characters

    def __init__(self, message: object) -> None:
        super().__init__(shortened(str(message), self.longest))


class AudioError(AudioSetDemoError):
    """A sound that cannot be read, or that exceeds a stated limit."""


class FeaturesError(AudioSetDemoError):
    """An embeddings file or array of the wrong form."""


class WeightsError(AudioSetDemoError):
    """Encoder weights that are missing, incomplete or not the expected ones."""


class CheckpointError(AudioSetDemoError):
    """A tagging model that cannot be found or loaded."""


class DataError(AudioSetDemoError):
    """Training data or results of the wrong form."""


class StorageError(AudioSetDemoError):
    """A file that cannot be written: its path is wrong, or the disk is full."""
