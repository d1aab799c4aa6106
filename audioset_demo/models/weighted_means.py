"""What heads that average over frames share: one clip, read in blocks, explained and occluded.

Shapes: M frames of a block, C classes or units that are averaged, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torch import Tensor, nn


class Weighted(NamedTuple):
    """What a head averages over a clip: values, each with a weight that is not yet a share.

    Of a block of frames both are (M, C); summed over frames, float64 (C,), `values` is the sum of
    the products.
    """

    weights: Tensor
    values: Tensor

    def sums(self) -> Weighted:
        weights = _precise(self.weights)
        return Weighted(weights.sum(dim=0), (weights * self.values).sum(dim=0))


class MeanHead(nn.Module):
    """A head that scores weighted means over the frames, one mean or several.

    Attributes
    ----------
    adds_up_to : "score" or "logit": what the contributions and constants of a class sum to
    """

    adds_up_to = "score"

    def frame_scores(self, levels: list[Tensor]) -> Tensor:
        """(M, K), the score of each frame as a clip of its own."""
        raise NotImplementedError

    def weighted(self, levels: list[Tensor]) -> list[Weighted]:
        """What is averaged, of a block of frames."""
        raise NotImplementedError

    def score_means(self, means: list[Tensor]) -> Tensor:
        """Scores (M, K) of means (M, C)."""
        raise NotImplementedError

    def read_out(
        self, means: list[Tensor], shares: list[Tensor], parts: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Attention and contributions (M, K), of frames that are part of a clip.

        Parameters
        ----------
        means : (C,), the clip's
        shares, parts : (M, C) the frames' shares of the weights, and of the means
        """
        raise NotImplementedError

    def constants(self, summary: list[Weighted]) -> Tensor:
        """(K,), what a class has before any frame."""
        raise NotImplementedError

    def summarise(self, blocks: Iterable[list[Tensor]]) -> list[Weighted]:
        """Sums over the frames of one clip, of which blocks come as the trunk's levels.

        In float64 (`_precise`): where one frame has nearly all of the weight, `occlude` subtracts
        it again.
        """
        totals: list[Weighted] = []
        for levels in blocks:
            sums = [weighted.sums() for weighted in self.weighted(levels)]
            totals = _added(totals, sums) if totals else sums
        return totals

    def score(self, summary: list[Weighted]) -> Tensor:
        """(K,), the clip's scores."""
        return self.score_means([mean[None] for mean in means_of(summary)])[0]

    def explain(
        self, blocks: Iterable[list[Tensor]], summary: list[Weighted]
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Frame scores, attention and contributions (M, K) of each block."""
        means = means_of(summary)
        for levels in blocks:
            found = self.weighted(levels)
            shares = [w.weights / total.weights for w, total in zip(found, summary, strict=True)]
            parts = [(share * w.values).float() for share, w in zip(shares, found, strict=True)]
            read = self.read_out(means, [share.float() for share in shares], parts)
            yield self.frame_scores(levels), *read

    def occlude(
        self,
        blocks: Iterable[list[Tensor]],
        summary: list[Weighted],
        stand_in: list[Tensor] | None,
    ) -> Iterator[Tensor]:
        """Scores (M, K) of the clip with one frame of each block after the other replaced.

        Parameters
        ----------
        stand_in : levels (1, H) of the frame that takes its place; None: nothing does
        """
        if stand_in is not None:
            new = [weighted.sums() for weighted in self.weighted(stand_in)]
            summary = _added(summary, new)
        for levels in blocks:
            means = []
            for weighted, total in zip(self.weighted(levels), summary, strict=True):
                weights = _precise(weighted.weights)
                products = weights * weighted.values
                means.append(((total.values - products) / (total.weights - weights)).float())
            yield self.score_means(means)


def _precise(weights: Tensor) -> Tensor:
    """In float64, but on Apple's GPUs, which have none."""
    return weights if weights.device.type == "mps" else weights.double()


def _added(sums: list[Weighted], more: list[Weighted]) -> list[Weighted]:
    return [
        Weighted(a.weights + b.weights, a.values + b.values)
        for a, b in zip(sums, more, strict=True)
    ]


def means_of(summary: list[Weighted]) -> list[Tensor]:
    return [(total.values / total.weights).float() for total in summary]
