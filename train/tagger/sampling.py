"""Which clips make a batch.

A sampler depends on (seed, iteration) alone: a resumed run draws the same clips as one never
stopped.
"""

import numpy as np

from train.data.features import FeatureSet


def make_sampler(sampling: str, features: FeatureSet, batch_size: int, seed: int) -> "Sampler":
    """The sampler called `sampling`.

    `balanced`: every class equally often, as in the reference; `square_root`: in proportion to the
    square root of its number of clips; `plain`: every clip once before any is drawn again.
    """
    if sampling == "plain":
        everything = np.arange(len(features), dtype=np.int32)
        return Sampler([everything], [len(features)], batch_size, seed)
    clips_of_class = [clips for clips in features.clips_of_class() if len(clips)]
    if sampling == "balanced":
        visits = [1 for _ in clips_of_class]
    else:
        visits = [round(len(clips) ** 0.5) for clips in clips_of_class]
    return Sampler(clips_of_class, visits, batch_size, seed)


class Sampler:
    """Draws from groups of clips, a fixed number of times a round from each.

    A round visits the groups in an order shuffled for that round; a visit takes the next clip of
    the group's list, which is reshuffled when it is used up. Clips bring their other
    labels along, so frequent labels stay over-represented (as in the reference).

    Parameters
    ----------
    groups : indices int32 of the clips of each group; none is empty
    visits : how often a round visits each group
    """

    def __init__(self, groups: list[np.ndarray], visits: list[int], batch_size: int, seed: int):
        self.groups = groups
        self.visits = np.array(visits)
        self.batch_size = batch_size
        self.seed = seed
        self._round: tuple[int, np.ndarray, np.ndarray] = (-1, np.empty(0), np.empty(0))
        self._orders: dict[int, tuple[int, np.ndarray]] = {}

    def batch(self, iteration: int) -> np.ndarray:
        """Indices (batch_size,) int64 of the clips of one iteration, counted from 0."""
        position = iteration * self.batch_size
        end = position + self.batch_size
        length = int(self.visits.sum())
        clips = []
        while position < end:
            r, place = divmod(position, length)
            stop = min(length, place + end - position)
            groups, visits = self._visits_of_round(r)
            drawn = zip(groups[place:stop].tolist(), visits[place:stop].tolist(), strict=True)
            clips += [self._clip(group, visit) for group, visit in drawn]
            position += stop - place
        return np.array(clips, np.int64)

    def _visits_of_round(self, r: int) -> tuple[np.ndarray, np.ndarray]:
        """The group visited at each place of a round, and how many visits it has had before."""
        if self._round[0] != r:
            in_turn = np.repeat(np.arange(len(self.groups)), self.visits)
            groups = np.random.default_rng([self.seed, 0, r]).permutation(in_turn)
            firsts = np.cumsum(self.visits) - self.visits
            visits = np.empty_like(groups)
            visits[np.argsort(groups, kind="stable")] = np.arange(len(groups)) - firsts[in_turn]
            self._round = (r, groups, visits + r * self.visits[groups])
        return self._round[1:]

    def _clip(self, group: int, visit: int) -> int:
        lap, place = divmod(visit, len(self.groups[group]))
        if self._orders.get(group, (None,))[0] != lap:
            rng = np.random.default_rng([self.seed, 1, group, lap])
            self._orders[group] = (lap, rng.permutation(self.groups[group]))
        return int(self._orders[group][1][place])
