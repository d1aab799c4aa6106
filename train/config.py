"""The configuration of one training run, saved as JSON beside its weights."""

import json
import shlex
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from audioset_demo.errors import DataError
from audioset_demo.files import write_atomically
from audioset_demo.models.settings import ModelSettings

CONFIG_FILE = "config.json"


@dataclass(frozen=True)
class FitConfig:
    """Everything that decides the weights of a run, but for the data itself."""

    model: str = "feature_attention"
    backend: str = "torch"
    iterations: int = 3000
    batch_size: int = 256
    learning_rate: float = 1e-3
    mixup: float = 1.0
    hidden_units: int = 1024
    hidden_layers: int = 3
    dropout: float = 0.5
    attention_activation: str = "sigmoid"
    shared_head: bool = False
    seed: int = 0
    evaluate_every: int = 500
    precision: str = "bf16"
    whole: bool = False

    def __post_init__(self):
        for name in ("iterations", "batch_size", "hidden_units", "hidden_layers", "evaluate_every"):
            if getattr(self, name) < 1:
                raise DataError(
                    f"--{name.replace('_', '-')} must be at least 1, not {getattr(self, name)}."
                )
        if self.batch_size < 2:
            raise DataError("--batch-size must be at least 2: batch statistics need two clips.")
        if not self.learning_rate > 0:
            raise DataError(f"--learning-rate must be above 0, not {self.learning_rate}.")
        if not self.mixup >= 0:
            raise DataError(f"--mixup must be 0 (off) or more, not {self.mixup}.")

    def model_settings(self, n_classes: int) -> ModelSettings:
        return ModelSettings(
            pooling=self.model,
            n_classes=n_classes,
            hidden_units=self.hidden_units,
            hidden_layers=self.hidden_layers,
            dropout=self.dropout,
            attention_activation=self.attention_activation,
            shared_head=self.shared_head,
        )

    def command(self) -> str:
        """The command that makes this run anew, with the paths left for the reader to fill in."""
        words = ["python", "-m", "train", "fit", "--data", "DATA", "--model", self.model]
        words += ["--output", "RUN"]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "model" or value == field.default:
                continue
            flag = "--" + field.name.replace("_", "-")
            words += [flag] if value is True else [flag, str(value)]
        return shlex.join(words)

    def to_json(self) -> dict:
        return asdict(self)

    def save(self, run: Path) -> None:
        text = json.dumps(self.to_json(), indent=1) + "\n"
        write_atomically(run / CONFIG_FILE, lambda part: part.write_text(text, encoding="utf-8"))

    @classmethod
    def load(cls, run: Path) -> "FitConfig":
        try:
            return cls(**json.loads((run / CONFIG_FILE).read_text(encoding="utf-8")))
        except (OSError, json.JSONDecodeError, TypeError) as error:
            raise DataError(
                f"{run} is not a training run: its {CONFIG_FILE} cannot be read ({error})."
            ) from None
