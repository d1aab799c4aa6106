"""The tagging models in PyTorch: one trunk over frames, and a head that pools them into a clip.

Shapes: B clips, T frames, D dims of an embedding, H hidden units, K classes, M real frames in a
batch. Padding never enters a computation: the trunk (and so its batch statistics) runs over the
real frames alone, and every pooling gives padding a weight of exactly zero.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from audioset_demo.models.pooling import HEADS, one_clip
from audioset_demo.models.settings import ModelSettings


@dataclass(frozen=True)
class Explanation:
    """Why one clip got its scores.

    `contributions.sum(0) + constants` equals `scores` where `adds_up_to` is "score", and the
    logit of `scores` where it is "logit".
    """

    scores: Tensor  # (K,)
    frame_scores: Tensor  # (T, K)
    attention: Tensor  # (T, K), sums to 1 over frames
    contributions: Tensor  # (T, K)
    constants: Tensor  # (K,)
    adds_up_to: str


class Trunk(nn.Module):
    """Hidden layers applied to each frame alone: BatchNorm on the input, then Linear, BN, ReLU."""

    def __init__(self, settings: ModelSettings):
        super().__init__()
        self.input_norm = nn.BatchNorm1d(settings.n_dims) if settings.input_norm else nn.Identity()
        widths = [settings.n_dims] + [settings.hidden_units] * settings.hidden_layers
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Linear(n_in, n_out, bias=settings.hidden_bias),
                nn.BatchNorm1d(n_out),
                nn.ReLU(),
                nn.Dropout(settings.dropout),
            )
            for n_in, n_out in zip(widths, widths[1:], strict=False)
        )

    def forward(self, frames: Tensor) -> list[Tensor]:
        """(M, D) -> the output of every hidden layer, each (M, H)."""
        hidden = self.input_norm(frames)
        levels = []
        for layer in self.layers:
            hidden = layer(hidden)
            levels.append(hidden)
        return levels


class TaggingModel(nn.Module):
    """One of the six models: `forward` scores a batch of clips, `explain` takes one clip apart.

    Input is `(uint8 - 128) / 128`, float32.
    """

    def __init__(self, settings: ModelSettings):
        super().__init__()
        self.settings = settings
        self.trunk = Trunk(settings)
        self.head = HEADS[settings.pooling](settings)

    def forward(self, clips: Tensor, mask: Tensor | None = None) -> Tensor:
        """Scores of clips.

        Parameters
        ----------
        clips : (B, T, D) float32
        mask : (B, T) bool, True for real frames; None: all are. Each clip has at least one.

        Returns
        -------
        (B, K) float32 probabilities.
        """
        if mask is None:
            mask = torch.ones(clips.shape[:2], dtype=torch.bool, device=clips.device)
        return self.head(self.trunk(_real_frames(clips, mask)), mask)

    def frame_scores(self, frames: Tensor) -> Tensor:
        """(M, D) frames -> (M, K): the score of each frame as a clip of its own."""
        return self.head.frame_scores(self.trunk(frames))

    @torch.inference_mode()
    def explain(self, frames: Tensor) -> Explanation:
        """Scores of one clip (T, D), and what each frame had to do with them."""
        if self.training:
            raise RuntimeError("explain() describes a trained model: call eval() first.")
        mask = one_clip(frames)
        levels = self.trunk(frames)
        return Explanation(
            scores=self.head(levels, mask)[0],
            frame_scores=self.head.frame_scores(levels),
            **self.head.explain(levels, mask),
        )

    @torch.inference_mode()
    def occlude(self, frames: Tensor, silence: Tensor | None = None) -> Tensor:
        """Scores of one clip (T, D) with one frame after the other hidden: (T, K).

        A check on `explain` that does not rest on it: what the model itself says without a frame.

        Parameters
        ----------
        silence : (D,), the frame that stands in; None: the frame is left out, T >= 2
        """
        if self.training:
            raise RuntimeError("occlude() asks a trained model: call eval() first.")
        stand_in = frames[:1] if silence is None else silence[None]
        weights = frames.new_ones(len(frames) + 1, 1)
        weights[-1] = 0.0 if silence is None else 1.0
        return self.head.occlude(self.trunk(torch.cat([frames, stand_in])), weights)


def as_input(quantised: np.ndarray) -> Tensor:
    """Quantised embeddings uint8 as the models read them: float32, `(uint8 - 128) / 128`."""
    return (torch.from_numpy(quantised).float() - 128) / 128


def _real_frames(clips: Tensor, mask: Tensor) -> Tensor:
    return clips.flatten(0, 1) if bool(mask.all()) else clips[mask]
