"""Losses between probabilities and targets, both (B, K) in [0, 1]: the mean over clips and classes.

Targets may be soft: mixed, or a teacher's.
"""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import binary_cross_entropy

# Exponents of arXiv 1708.02002 (focal) and, scaled to tags of which few are set, 2009.14119
# (asymmetric: easy negatives count less, positives in full).
FOCAL_GAMMA = 2.0
ASYMMETRIC_GAMMA = 1.0


def focal(scores: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy in which scores that are nearly right count little."""
    miss = (scores - targets).abs().detach()
    return binary_cross_entropy(scores, targets, weight=miss**FOCAL_GAMMA)


def asymmetric(scores: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy in which negatives that are already low count little."""
    excess = (scores - targets).clamp(min=0).detach()
    weight = targets + (1 - targets) * excess**ASYMMETRIC_GAMMA
    return binary_cross_entropy(scores, targets, weight=weight)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bce": binary_cross_entropy,
    "focal": focal,
    "asymmetric": asymmetric,
}
