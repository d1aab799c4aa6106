"""The configuration of one training run, saved as JSON beside its weights."""

from dataclasses import asdict, dataclass

from audioset_demo.errors import DataError
from audioset_demo.models.settings import ModelSettings
from train.runs import LARGEST_SEED, changed_flags, command_line, flag

BACKENDS = ("torch", "keras")
SCHEDULES = ("cosine", "constant")
SAMPLINGS = ("balanced", "square_root", "plain")
LOSS_NAMES = ("bce", "focal", "asymmetric")
AT_LEAST_ONE = ("iterations", "hidden_units", "hidden_layers", "evaluate_every")
NOT_NEGATIVE = ("mixup", "weight_decay", "noise", "frames", "clips", "frame_weight")
BELOW_ONE = ("dropout", "ema")
TEACHERS = ("teacher", "frame_teacher")


@dataclass(frozen=True)
class FitConfig:
    """Everything that determines the weights of a run, except the data."""

    model: str = "feature_attention"
    backend: str = "torch"
    iterations: int = 6000
    batch_size: int = 128
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    weight_decay: float = 0.0
    sampling: str = "plain"
    clips: int = 0
    frames: int = 3
    mixup: float = 0.3
    noise: float = 0.0
    mask_missing: bool = False
    loss: str = "bce"
    teacher: tuple[str, ...] = ()
    teacher_weight: float = 0.5
    frame_teacher: tuple[str, ...] = ()
    frame_weight: float = 1.0
    ema: float = 0.0
    hidden_units: int = 1024
    hidden_layers: int = 3
    dropout: float = 0.3
    attention_activation: str = "sigmoid"
    shared_head: bool = False
    no_input_norm: bool = False
    hidden_bias: bool = False
    norm_epsilon: float = 1e-5
    norm_momentum: float = 0.1
    seed: int = 0
    evaluate_every: int = 1500
    precision: str = "bf16"
    whole: bool = False

    def __post_init__(self):
        for name in AT_LEAST_ONE:
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in NOT_NEGATIVE:
            self._require(name, getattr(self, name) >= 0, "0 (off) or more")
        for name in BELOW_ONE:
            self._require(name, 0 <= getattr(self, name) < 1, "0 (off) or more, and below 1")
        self._require("batch_size", self.batch_size >= 2, "at least 2, for batch statistics")
        self._require("learning_rate", self.learning_rate > 0, "above 0")
        for name in ("norm_epsilon", "norm_momentum"):
            self._require(name, 0 < getattr(self, name) <= 1, "above 0, and at most 1")
        self._require("seed", 0 <= self.seed <= LARGEST_SEED, f"from 0 to {LARGEST_SEED}")
        self._require("teacher_weight", 0 <= self.teacher_weight <= 1, "from 0 to 1")

    def _require(self, name: str, holds: bool, what: str) -> None:
        if not holds:
            raise DataError(f"{flag(name)} must be {what}, not {getattr(self, name)}.")

    def model_settings(self, n_classes: int) -> ModelSettings:
        return ModelSettings(
            pooling=self.model,
            n_classes=n_classes,
            hidden_units=self.hidden_units,
            hidden_layers=self.hidden_layers,
            dropout=self.dropout,
            attention_activation=self.attention_activation,
            shared_head=self.shared_head,
            input_norm=not self.no_input_norm,
            hidden_bias=self.hidden_bias,
            norm_epsilon=self.norm_epsilon,
            norm_momentum=self.norm_momentum,
        )

    def changes(self, base: "FitConfig | None" = None) -> list[str]:
        """The flags, and their values, in which this differs from `base`.

        Without `base`: from the defaults, whatever the model.
        """
        return changed_flags(self, base or FitConfig(model=self.model))

    def is_checkpoint(self, done: int) -> bool:
        """Whether a checkpoint is written after so many iterations."""
        return done % self.evaluate_every == 0 or done == self.iterations

    def command(self) -> str:
        """The command that repeats this run, with the paths left for the reader to fill in."""
        places = ("--data", "DATA", "--model", self.model, "--output", "RUN")
        return command_line("fit", *places, *self.changes())

    def to_json(self) -> dict:
        return asdict(self) | {name: list(getattr(self, name)) for name in TEACHERS}

    @classmethod
    def from_json(cls, config: dict) -> "FitConfig":
        return cls(**config | {name: tuple(config.get(name, ())) for name in TEACHERS})
