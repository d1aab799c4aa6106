"""The tagging models in PyTorch: one trunk over frames, and a head that pools them into a clip.

Shapes: B clips, T frames, D dims of an embedding, H hidden units, K classes, M real frames in a
batch. Padding never enters a computation: the trunk (and so its batch statistics) runs over the
real frames alone, and every pooling gives padding a weight of exactly zero.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from audioset_demo.models.head import Head, Strand
from audioset_demo.models.pooling import HEADS
from audioset_demo.models.settings import ModelSettings

BLOCK_FRAMES = 1024  # of a long clip that are explained at a time: 40 kB each


@dataclass(frozen=True)
class Explanation:
    """How the frames of one clip contribute to its scores, for n classes.

    `contributions.sum(0) + constants` equals `scores` where `adds_up_to` is "score", and the
    logit of `scores` where it is "logit".
    """

    classes: Tensor  # (n,) indices
    scores: Tensor  # (n,)
    frame_scores: Tensor  # (T, n)
    attention: Tensor  # (T, n), sums to 1 over frames
    contributions: Tensor  # (T, n)
    constants: Tensor  # (n,)
    adds_up_to: str


class Trunk(nn.Module):
    """Hidden layers applied to each frame alone: BatchNorm on the input, then Linear, BN, ReLU."""

    def __init__(self, settings: ModelSettings):
        super().__init__()
        norm = (settings.norm_epsilon, settings.norm_momentum)
        self.input_norm = (
            nn.BatchNorm1d(settings.n_dims, *norm) if settings.input_norm else nn.Identity()
        )
        widths = [settings.n_dims] + [settings.hidden_units] * settings.hidden_layers
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Linear(n_in, n_out, bias=settings.hidden_bias),
                nn.BatchNorm1d(n_out, *norm),
                nn.ReLU(),
                nn.Dropout(settings.dropout),
            )
            for n_in, n_out in zip(widths, widths[1:], strict=False)
        )

    def forward(self, frames: Tensor) -> list[Tensor]:
        """(M, D) -> the output of every hidden layer, each (M, H); without any, the input's."""
        hidden = self.input_norm(frames)
        levels = []
        for layer in self.layers:
            hidden = layer(hidden)
            levels.append(hidden)
        return levels or [hidden]


class TaggingModel(nn.Module):
    """One of the six models: `forward` scores a batch of clips, `explain` shows why for one.

    Input is `(uint8 - 128) / 128`, float32.
    """

    def __init__(self, settings: ModelSettings):
        super().__init__()
        self.settings = settings
        self.trunk = Trunk(settings)
        self.head: Head[Any] = HEADS[settings.pooling](settings)

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
    def explain(
        self, frames: Tensor, top: int | None = None, classes: Sequence[int] | None = None
    ) -> Explanation:
        """Scores of one clip, and what each frame contributed to them.

        Works in blocks of frames, so that only the result grows with the clip.

        Parameters
        ----------
        frames : (T, D), T >= 1; float32, or uint8 as quantised
        top : only so many classes, those with the highest scores, the best first; None: all K in
            their order
        classes : only these, in this order
        """
        blocks = self._blocks(frames)
        summary = self.head.summarise(blocks())
        scores = self.head.score(summary)
        every = range(len(scores)) if classes is None else classes
        kept = torch.tensor(every, dtype=torch.long, device=scores.device)
        if top is not None:
            kept = kept[torch.argsort(scores[kept], descending=True, stable=True)[:top]]
        scores = scores[kept].cpu()
        found = torch.empty(3, len(frames), len(scores))
        n = 0
        for parts in self.head.explain(blocks(), summary):
            for out, part in zip(found, parts, strict=True):
                out[n : n + len(part)] = part[:, kept]
            n += len(parts[0])
        frame_scores, attention, contributions = found
        return Explanation(
            classes=kept.cpu(),
            scores=scores,
            frame_scores=frame_scores,
            attention=attention,
            contributions=contributions,
            constants=self.head.constants(summary)[kept].cpu(),
            adds_up_to=self.head.adds_up_to,
        )

    @torch.inference_mode()
    def strands(self, frames: Tensor, k: int, most: int) -> list[Strand]:
        """The parts of class `k` of one clip that have an attention of their own, (T,) each.

        Of multi-level attention these are its two levels; of feature-level attention the `most`
        hidden units that carry the class most; of other models there are none.

        Parameters
        ----------
        frames : (T, D), as for `explain`
        """
        blocks = self._blocks(frames)
        summary = self.head.summarise(blocks())
        by_block = list(self.head.strands(blocks(), summary, k, most))
        return [
            Strand(
                parts[0].name,
                torch.cat([part.attention for part in parts]).cpu(),
                torch.cat([part.contributions for part in parts]).cpu(),
            )
            for parts in zip(*by_block, strict=True)
        ]

    @torch.inference_mode()
    def occlude(
        self,
        frames: Tensor,
        silence: Tensor | None = None,
        classes: Sequence[int] | None = None,
    ) -> Tensor:
        """How far each score drops when each frame in turn is hidden: (T, n).

        An independent check on `explain`: the model's own scores of the clip without a frame. Works
        in blocks of frames as `explain` does.

        Parameters
        ----------
        frames : (T, D), as for `explain`
        silence : (D,), the frame that replaces it; None: the frame is left out, T >= 2
        classes : the n classes to look at; None: all
        """
        blocks = self._blocks(frames)
        summary = self.head.summarise(blocks())
        stand_in = None if silence is None else next(iter(self._blocks(silence[None])()))
        kept = slice(None) if classes is None else list(classes)
        scores = self.head.score(summary)[kept]
        drops = torch.empty(len(frames), len(scores))
        n = 0
        for hidden in self.head.occlude(blocks(), summary, stand_in):
            drops[n : n + len(hidden)] = scores - hidden[:, kept]
            n += len(hidden)
        return drops

    def _blocks(self, frames: Tensor) -> Callable[[], Iterable[list[Tensor]]]:
        """The trunk's levels of one clip, block by block, each time that it is called."""
        if self.training:
            raise RuntimeError("The model is in training mode. Call eval() on it first.")

        device = next(self.parameters()).device

        def levels() -> Iterator[list[Tensor]]:
            for block in frames.split(BLOCK_FRAMES):
                yield self.trunk(_scaled(block.to(device)))

        if len(frames) > BLOCK_FRAMES:
            return levels
        once = list(levels())
        return lambda: once


def as_input(quantised: np.ndarray) -> Tensor:
    """Quantised embeddings uint8 as the models read them: float32, `(uint8 - 128) / 128`."""
    return _scaled(torch.from_numpy(quantised))


def _scaled(frames: Tensor) -> Tensor:
    return (frames.float() - 128) / 128 if frames.dtype == torch.uint8 else frames


def _real_frames(clips: Tensor, mask: Tensor) -> Tensor:
    return clips.flatten(0, 1) if bool(mask.all()) else clips[mask]
