"""Share by matching histograms in Hellinger distance (HDy)."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_GRID = np.linspace(0.0, 1.0, 101)


def hdy(corpus: Floats, human: Floats, machine: Floats) -> Floats:
    """Return the alpha whose mixture of reference histograms is nearest to the corpus', shape (replicates,).

    González-Castro, Alaiz-Rodríguez, Alegre (2013), "Class distribution estimation based on the Hellinger distance":
    minimises 1 - sum_b sqrt(c_b ((1 - alpha) h_b + alpha a_b)), here on a grid of 1 point and then by golden section
    (the distance is convex in alpha). The median over 10, 20, ..., 110 equal bins as in the paper.

    Args:
        corpus: documents per bin of the fine grid, shape (replicates, bins).
        human: known human documents per bin, shape (1 or replicates, bins).
        machine: known machine-made documents per bin, likewise.
    """
    bins = corpus.shape[1]
    shares = []
    for wanted in range(10, 111, 10):
        starts = np.unique(np.linspace(0, bins, min(wanted, bins) + 1).astype(np.intp)[:-1])
        c, h, a = (
            np.add.reduceat(one / one.sum(axis=1, keepdims=True), starts, axis=1) for one in (corpus, human, machine)
        )
        shares.append(_nearest(c, h, a))
    return np.asarray(np.median(shares, axis=0))


def _nearest(c: Floats, h: Floats, a: Floats) -> Floats:
    """Return the alpha of largest affinity, shape (replicates,)."""

    def affinity(alpha: Floats) -> Floats:
        return np.asarray(np.sqrt(c * ((1.0 - alpha[:, None]) * h + alpha[:, None] * a)).sum(axis=1))

    best = np.argmax([affinity(np.full(len(c), one)) for one in _GRID], axis=0)
    low, high = _GRID[np.maximum(best - 1, 0)], _GRID[np.minimum(best + 1, 100)]
    golden = (5**0.5 - 1) / 2
    for _ in range(25):
        left, right = high - golden * (high - low), low + golden * (high - low)
        rising = affinity(left) < affinity(right)
        low, high = np.where(rising, left, low), np.where(rising, high, right)
    return (low + high) / 2
