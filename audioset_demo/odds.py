"""Log odds of shares, and back."""

import numpy as np


def logit(shares: np.ndarray | float) -> np.ndarray:
    """log(p / (1 - p)) of shares above 0 and below 1."""
    return np.log(shares) - np.log1p(-np.asarray(shares))


def expit(z: np.ndarray) -> np.ndarray:
    """The inverse of `logit`; no exponential overflows."""
    return np.exp(-np.logaddexp(0, -z))
