"""Which clips make a batch. A sampler is a function of (seed, iteration) alone, so that a run that
resumes draws what it would have drawn."""

import numpy as np


class BalancedSampler:
    """Every class is drawn equally often, and every clip of a class before any of them again.

    Round r visits the classes in an order shuffled for that round; a class's r-th visit takes the
    next clip of its list, which is shuffled anew whenever it has been used up. Clips bring their
    other labels along, so frequent labels stay over-represented (as in the reference).

    Parameters
    ----------
    targets : (N, K) bool; classes without clips are never drawn
    """

    def __init__(self, targets: np.ndarray, batch_size: int, seed: int):
        self.batch_size = batch_size
        self.seed = seed
        self.clips_of_class = [np.flatnonzero(column) for column in targets.T]
        self.classes = np.array([k for k, clips in enumerate(self.clips_of_class) if len(clips)])
        self._rounds: dict[int, np.ndarray] = {}
        self._orders: dict[int, tuple[int, np.ndarray]] = {}

    def batch(self, iteration: int) -> np.ndarray:
        """Indices (batch_size,) of the clips of one iteration, counted from 0."""
        first = iteration * self.batch_size
        positions = np.arange(first, first + self.batch_size)
        rounds, places = np.divmod(positions, len(self.classes))
        self._rounds = {r: self._rounds.get(r, None) for r in np.unique(rounds)}
        for r, drawn in self._rounds.items():
            if drawn is None:
                self._rounds[r] = self._draw_round(int(r))
        return np.array([self._rounds[r][place] for r, place in zip(rounds, places, strict=True)])

    def _draw_round(self, r: int) -> np.ndarray:
        order = np.random.default_rng([self.seed, 0, r]).permutation(self.classes)
        return np.array([self._clip(int(k), r) for k in order])

    def _clip(self, k: int, visit: int) -> int:
        clips = self.clips_of_class[k]
        lap, place = divmod(visit, len(clips))
        if self._orders.get(k, (None,))[0] != lap:
            order = np.random.default_rng([self.seed, 1, k, lap]).permutation(clips)
            self._orders[k] = (lap, order)
        return int(self._orders[k][1][place])
