"""A linear layer for rows whose number differs from batch to batch.

Only real frames are computed, so a batch with short clips has fewer rows. oneDNN compiles and keeps
a matrix product for each number of rows that it meets: memory grows with every batch.
"""

from torch import Tensor, nn
from torch.nn.functional import pad

ROWS = 256


class Linear(nn.Linear):
    """As `torch.nn.Linear` on (M, C); computed on a multiple of `ROWS` rows if M is above it."""

    def forward(self, rows: Tensor) -> Tensor:
        missing = -len(rows) % ROWS
        if len(rows) <= ROWS or not missing:
            return super().forward(rows)
        return super().forward(pad(rows, (0, 0, 0, missing)))[: len(rows)]
