"""The settings of a tagging model: all that is needed to rebuild it."""

from dataclasses import asdict, dataclass

from audioset_demo.embeddings.frames import N_DIMS
from audioset_demo.errors import CheckpointError
from audioset_demo.models.fields import check_fields, shown

POOLINGS = (
    "average",
    "max",
    "single_attention",
    "multi_attention",
    "feature_attention",
    "frame_baseline",
)
TITLES = {
    "average": "Average pooling",
    "max": "Max pooling",
    "single_attention": "Single attention",
    "multi_attention": "Multi-level attention",
    "feature_attention": "Feature-level attention",
    "frame_baseline": "Frame baseline",
}
ATTENTION_ACTIVATIONS = ("sigmoid", "softmax", "relu", "exp")
# More than anyone trains; without limits, a damaged card could ask for any amount of memory.
LIMITS = {"n_classes": (1, 100_000), "hidden_units": (1, 100_000), "hidden_layers": (0, 100)}


@dataclass(frozen=True)
class ModelSettings:
    """Settings of one tagging model.

    The defaults are those of the reference's PyTorch code (arXiv 1803.02353, 1903.00765), except
    `shared_head`: the paper has a head for each level. Its Keras code differs in
    `input_norm=False`, `hidden_bias=True`, `attention_activation="softmax"` (over classes) and in
    BatchNorm: `norm_epsilon=1e-3` and `norm_momentum=0.01`, the share of a batch in the running
    statistics.

    With `hidden_layers` 0 the head reads the embeddings themselves, as its `hidden_units`.
    """

    pooling: str
    n_classes: int = 527
    n_dims: int = 128
    hidden_units: int = 1024
    hidden_layers: int = 3
    dropout: float = 0.5
    attention_activation: str = "sigmoid"
    shared_head: bool = False
    input_norm: bool = True
    hidden_bias: bool = False
    norm_epsilon: float = 1e-5
    norm_momentum: float = 0.1

    def __post_init__(self):
        check_fields(self)
        for name, (least, most) in LIMITS.items():
            if not least <= getattr(self, name) <= most:
                raise CheckpointError(
                    f"{name} must be between {least} and {most:,}, not "
                    f"{shown(getattr(self, name))}."
                )
        if self.n_dims != N_DIMS:
            raise CheckpointError(
                f"n_dims must be {N_DIMS}, the size of an embedding, not {self.n_dims}."
            )
        if self.hidden_layers == 0 and self.hidden_units != self.n_dims:
            raise CheckpointError(
                f"Without hidden layers, hidden_units must be {self.n_dims}, the size of an "
                f"embedding, not {self.hidden_units}."
            )
        if self.pooling not in POOLINGS:
            raise CheckpointError(
                f"There is no model '{self.pooling}'. Choose one of: {', '.join(POOLINGS)}."
            )
        if self.attention_activation not in ATTENTION_ACTIVATIONS:
            raise CheckpointError(
                f"There is no attention activation '{self.attention_activation}'. "
                f"Choose one of: {', '.join(ATTENTION_ACTIVATIONS)}."
            )
        if self.pooling == "multi_attention" and self.hidden_layers < 2:
            raise CheckpointError(
                f"Multi-level attention reads the last two hidden layers; hidden_layers is "
                f"{self.hidden_layers}. Give at least 2."
            )
        if not 0 <= self.dropout < 1:
            raise CheckpointError(f"dropout must be at least 0 and below 1, not {self.dropout}.")
        for name in ("norm_epsilon", "norm_momentum"):
            if not 0 < getattr(self, name) <= 1:
                raise CheckpointError(
                    f"{name} must be above 0 and at most 1, not {getattr(self, name)}."
                )

    def to_json(self) -> dict:
        return asdict(self)
