"""The configuration of one training of the compact encoder, saved as JSON in its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from audioset_demo.errors import DataError
from audioset_demo.storage import parse_json
from train.runs import CONFIG_FILE, LARGEST_SEED, changed_flags, command_line, flag

NOT_NEGATIVE = (
    "frozen", "convolutions_rate", "speech", "music", "ranking", "teacher_scores", "alignment",
    "weight_decay",
)  # fmt: skip


@dataclass(frozen=True)
class EncoderConfig:
    """Everything that determines the weights of a run, except the sounds and the models."""

    scenes: int = 200_000
    iterations: int = 5_000
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    frozen: int = 13
    convolutions_rate: float = 0.1
    ranking: float = 2.0
    teacher_scores: float = 2.0
    alignment: float = 10.0
    hold_out: float = 0.2
    speech: int = 600
    music: int = 900
    seed: int = 0
    evaluate_every: int = 1_000
    save_every: int = 250

    def __post_init__(self):
        for name in ("scenes", "iterations", "evaluate_every", "save_every"):
            if getattr(self, name) < 1:
                raise DataError(f"{flag(name)} must be at least 1, not {getattr(self, name)}.")
        for name in NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise DataError(
                    f"{flag(name)} must be 0 (none) or more, not {getattr(self, name)}."
                )
        if self.batch_size < 2:
            raise DataError(
                f"--batch-size must be at least 2, for batch statistics, not {self.batch_size}."
            )
        if not 0 <= self.seed <= LARGEST_SEED:
            raise DataError(f"--seed must be from 0 to {LARGEST_SEED}, not {self.seed}.")
        if not self.learning_rate > 0:
            raise DataError(f"--learning-rate must be above 0, not {self.learning_rate}.")
        if not 0 <= self.hold_out < 1:
            raise DataError(f"--hold-out must be 0 or more and below 1, not {self.hold_out}.")

    def command(self, guessed: Sequence[str]) -> str:
        """The command that repeats this run, with the paths left for the reader to fill in.

        `guessed` names the collections whose categories are all guesses.
        """
        places = (
            "--audio", "AUDIO", "--teacher", "TEACHER", "--features", "bal_train.h5",
            "--output", "RUN",
        )  # fmt: skip
        names = ("--guessed", *guessed) if guessed else ()
        return command_line("encoder", *places, *names, *changed_flags(self, EncoderConfig()))

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def load(cls, folder: Path) -> EncoderConfig:
        """The configuration of the run in `folder`.

        Raises
        ------
        DataError : if there is no run, or its configuration cannot be read.
        """
        try:
            return cls(**parse_json((folder / CONFIG_FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(
                f"{folder} is not a training run, because its {CONFIG_FILE} cannot be read "
                f"({error}). Give a folder that `python -m train encoder` wrote."
            ) from None
