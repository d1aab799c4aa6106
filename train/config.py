"""The configuration of one training run, saved as JSON beside its weights."""

import shlex
from dataclasses import asdict, dataclass, fields

from audioset_demo.errors import DataError
from audioset_demo.models.settings import ModelSettings
from train.runs import flag


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
                raise DataError(f"{flag(name)} must be at least 1, not {getattr(self, name)}.")
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
            words += [flag(field.name)] if value is True else [flag(field.name), str(value)]
        return shlex.join(words)

    def to_json(self) -> dict:
        return asdict(self)
