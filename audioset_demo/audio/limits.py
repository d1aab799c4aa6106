"""The largest sound that is decoded."""

from dataclasses import dataclass

from audioset_demo.errors import AudioError


@dataclass(frozen=True)
class AudioLimits:
    """The largest sound that is decoded.

    Each check raises `AudioError`, with the remedy, where a sound named `name` exceeds it.
    """

    max_bytes: int = 4 * 2**30  # bytes; as much as a WAV header can state
    max_duration_s: float = 4 * 3600.0  # seconds
    max_samples: int = 4 * 3600 * 48_000  # after the mean over channels; 2.8 GB as float32
    max_values: int = 8 * 4 * 3600 * 48_000  # samples of all channels: what decoding costs
    max_channels: int = 64
    min_sample_rate: int = 1_000  # Hz
    max_sample_rate: int = 768_000  # Hz

    def check_bytes(self, n_bytes: int, name: str) -> None:
        """Of a file, before it is read."""
        if n_bytes == 0:
            raise AudioError(f"{name} is empty (0 bytes). Record or export the sound again.")
        if n_bytes > self.max_bytes:
            raise AudioError(
                f"{name} has {n_bytes / 1e6:,.1f} MB, above the limit of "
                f"{self.max_bytes / 1e6:,.1f} MB. Cut it into shorter pieces."
            )

    def check_rate(self, sample_rate: int, name: str) -> None:
        """Samples per second (Hz)."""
        if not self.min_sample_rate <= sample_rate <= self.max_sample_rate:
            raise AudioError(
                f"{name} has a sample rate of {sample_rate} Hz, outside {self.min_sample_rate:,} "
                f"to {self.max_sample_rate:,} Hz. Resample it, e.g. to 16000 Hz."
            )

    def check_length(self, n_samples: int, sample_rate: int, name: str) -> None:
        """Samples so far, after the mean over channels."""
        if n_samples > self.max_duration_s * sample_rate:
            raise AudioError(
                f"{name} lasts {n_samples / sample_rate:,.1f} s or more, above the limit of "
                f"{self.max_duration_s:,.0f} s. Cut it into shorter pieces."
            )
        if n_samples > self.max_samples:
            raise AudioError(
                f"{name} has {n_samples:,} samples or more at {sample_rate} Hz, above the limit of "
                f"{self.max_samples:,}. Cut it into shorter pieces or lower its sample rate."
            )

    def check_values(self, n_values: int, name: str) -> None:
        """Samples so far, of all channels."""
        if n_values > self.max_values:
            raise AudioError(
                f"{name} has more than {self.max_values:,} samples in its channels "
                "together, the limit. Cut it into shorter pieces or mix it down to mono."
            )

    def check_channels(self, n_channels: int, name: str) -> None:
        if n_channels > self.max_channels:
            raise AudioError(
                f"{name} has {n_channels} channels, above the limit of "
                f"{self.max_channels}. Mix it down to mono or stereo."
            )
