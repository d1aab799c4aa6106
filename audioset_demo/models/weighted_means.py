"""Heads that score weighted means over frames: a clip read in blocks, explained and occluded.

Shapes: H hidden units, K classes, M frames in a block of one clip; C classes or units, whichever
are averaged.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torch import Tensor

from audioset_demo.models.head import Head, Strand

WITHOUT_FLOAT64 = ("mps",)  # types of devices


class Weighted(NamedTuple):
    """What a head averages over a clip: values, each with a weight that is not normalised.

    Of a block of frames both are (M, C) float32. Summed over frames both are (C,), as precise as
    `exact`, and `values` is the sum of the products.
    """

    weights: Tensor
    values: Tensor

    def products(self) -> "Weighted":
        """Weights, and values times weights, each (M, C) as `exact` returns them."""
        weights = exact(self.weights)
        return Weighted(weights, weights * exact(self.values))

    def sums(self) -> "Weighted":
        weights, products = self.products()
        return Weighted(weights.sum(dim=0), products.sum(dim=0))


class Reading(NamedTuple):
    """How a class reads one of the means: what a strand is made from.

    Attributes
    ----------
    mean : which of the head's means
    attended : column of it whose weights are the strand's attention
    columns, gains : (n,) the columns that the class reads, and what each is multiplied with
    """

    name: str
    mean: int
    attended: int
    columns: Tensor
    gains: Tensor


class MeanHead(Head[list[Weighted]]):
    """A head that scores weighted means over the frames, one mean or several."""

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

    def readings(self, means: list[Tensor], k: int, most: int) -> list[Reading]:
        """Of the strands of class `k`, those that carry it most first; none: it has but one."""
        return []

    def summarise(self, blocks: Iterable[list[Tensor]]) -> list[Weighted]:
        """Sums over the frames of one clip.

        In float64: where one frame has nearly all of the weight, `occlude` subtracts it again.
        """
        totals: list[Weighted] = []
        for levels in blocks:
            sums = [weighted.sums() for weighted in self.weighted(levels)]
            totals = _added(totals, sums) if totals else sums
        return totals

    def means(self, summary: list[Weighted]) -> list[Tensor]:
        """(C,) each, float32 on the head's device."""
        return [self._on_device(total.values / total.weights) for total in summary]

    def score(self, summary: list[Weighted]) -> Tensor:
        return self.score_means([mean[None] for mean in self.means(summary)])[0]

    def explain(
        self, blocks: Iterable[list[Tensor]], summary: list[Weighted]
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        means = self.means(summary)
        for levels in blocks:
            attention, contributions = self.read_out(means, *self._shares(levels, summary))
            yield self.frame_scores(levels), attention, contributions

    def strands(
        self, blocks: Iterable[list[Tensor]], summary: list[Weighted], k: int, most: int
    ) -> Iterator[list[Strand]]:
        readings = self.readings(self.means(summary), k, most)
        for levels in blocks:
            shares, parts = self._shares(levels, summary)
            yield [
                Strand(name, shares[mean][:, attended], parts[mean][:, columns] @ gains)
                for name, mean, attended, columns, gains in readings
            ]

    def _shares(
        self, levels: list[Tensor], summary: list[Weighted]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """(M, C) each: a block's shares of the weights, and of the means."""
        shares, parts = [], []
        for weighted, total in zip(self.weighted(levels), summary, strict=True):
            weights, products = weighted.products()
            shares.append(self._on_device(weights / total.weights))
            parts.append(self._on_device(products / total.weights))
        return shares, parts

    def occlude(
        self,
        blocks: Iterable[list[Tensor]],
        summary: list[Weighted],
        stand_in: list[Tensor] | None,
    ) -> Iterator[Tensor]:
        if stand_in is not None:
            new = [weighted.sums() for weighted in self.weighted(stand_in)]
            summary = _added(summary, new)
        for levels in blocks:
            means = []
            for weighted, total in zip(self.weighted(levels), summary, strict=True):
                weights, products = weighted.products()
                mean = (total.values - products) / (total.weights - weights)
                means.append(self._on_device(mean))
            yield self.score_means(means)

    def _on_device(self, values: Tensor) -> Tensor:
        """Exact values as the layers read them: float32, on the head's device."""
        return values.float().to(next(self.parameters()).device)


def exact(values: Tensor) -> Tensor:
    """Values in float64; on the CPU where their device has none."""
    return (values.cpu() if values.device.type in WITHOUT_FLOAT64 else values).double()


def _added(sums: list[Weighted], more: list[Weighted]) -> list[Weighted]:
    return [
        Weighted(a.weights + b.weights, a.values + b.values)
        for a, b in zip(sums, more, strict=True)
    ]
