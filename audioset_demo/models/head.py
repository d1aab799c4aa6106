"""What every head of a tagging model offers.

Shapes: T frames, H hidden units, K classes, M frames in a block of one clip.

`forward` scores a batch of clips. A single clip of any length comes in blocks of frames, which
every head reads twice: `summarise` keeps what its pooling needs of them, and with that summary
`explain` and `occlude` take one block after the other.
"""

from collections.abc import Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

from torch import Tensor, nn

Summary = TypeVar("Summary")


class Strand(NamedTuple):
    """A part of a class's score that has an attention of its own.

    Attributes
    ----------
    name : of a hidden layer, or of a hidden unit
    attention, contributions : (M,) of a block of frames; over all strands of a class the
        contributions sum to the class's own
    """

    name: str
    attention: Tensor
    contributions: Tensor


class Head(nn.Module, Generic[Summary]):
    """Pools the frames of clips into scores; a block of frames comes as the trunk's levels.

    Attributes
    ----------
    adds_up_to : "score" or "logit": what the contributions and constants of a class sum to
    """

    adds_up_to = "score"

    def frame_scores(self, levels: list[Tensor]) -> Tensor:
        """(M, K), the score of each frame as a clip of its own."""
        raise NotImplementedError

    def clip_and_frame_scores(self, levels: list[Tensor], mask: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of clips (B, K) and of each of their frames alone (M, K), to train both.

        Parameters
        ----------
        mask : (B, T) bool, True for the M real frames
        """
        return self(levels, mask), self.frame_scores(levels)

    def summarise(self, blocks: Iterable[list[Tensor]]) -> Summary:
        """What the pooling needs to know of all frames of one clip."""
        raise NotImplementedError

    def score(self, summary: Summary) -> Tensor:
        """(K,), the clip's scores."""
        raise NotImplementedError

    def constants(self, summary: Summary) -> Tensor:
        """(K,), the part of each score or logit that no frame contributes."""
        raise NotImplementedError

    def explain(
        self, blocks: Iterable[list[Tensor]], summary: Summary
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Frame scores, attention and contributions (M, K) of each block."""
        raise NotImplementedError

    def strands(
        self, blocks: Iterable[list[Tensor]], summary: Summary, k: int, most: int
    ) -> Iterator[list[Strand]]:
        """The strands of class `k` in each block, the `most` that carry it most; the same ones, in
        the same order, in every block. None where the class has one attention for all of its score.
        """
        raise NotImplementedError

    def occlude(
        self, blocks: Iterable[list[Tensor]], summary: Summary, stand_in: list[Tensor] | None
    ) -> Iterator[Tensor]:
        """Scores (M, K) of the clip with each frame of a block replaced in turn.

        Parameters
        ----------
        stand_in : levels (1, H) of the frame that takes its place; None: the frame is left out
        """
        raise NotImplementedError
