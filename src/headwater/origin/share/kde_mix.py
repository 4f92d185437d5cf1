"""Share as the mixing proportion of two kernel densities (KDE mix)."""

import numpy as np
from numpy.typing import NDArray

from headwater.origin.share.emq import emq

Floats = NDArray[np.float64]
_FLOOR = 1e-4
"""Share of a density that is spread evenly over the bins: no single score is ever proof of a class."""


def kde_mix(support: Floats, corpus: Floats, human: Floats, machine: Floats) -> Floats:
    """Return the alpha of the likeliest mixture (1 - alpha) f_H + alpha f_A of the scores, shape (replicates,).

    González-Castro et al. (2013) with kernel densities, as KDEy-ML of Moreo, González, del Coz (2024) in one dimension.

    Args:
        support: log-odds score of each bin, shape (bins,).
        corpus: documents per bin, shape (replicates, bins).
        human: known human documents per bin, shape (1 or replicates, bins).
        machine: known machine-made documents per bin, likewise.
    """
    return emq(corpus, kernel_ratio(support, human, machine))


def kernel_ratio(support: Floats, human: Floats, machine: Floats) -> Floats:
    """Return f_A / f_H of each bin, shape (1 or replicates, bins)."""
    return kernel_density(support, machine) / kernel_density(support, human)


def kernel_density(support: Floats, counts: Floats) -> Floats:
    """Return the share of a Gaussian kernel density in each bin, shape of ``counts``.

    Bandwidth by Silverman (1986), equation 3.31: .9 min(sd, interquartile range / 1.34) n^(-1/5), the median over the
    rows, so that one kernel matrix serves all of them.
    """
    n = counts.sum(axis=1, keepdims=True)
    mean = (counts * support).sum(axis=1, keepdims=True) / n
    deviation = np.sqrt((counts * (support - mean) ** 2).sum(axis=1) / n[:, 0])
    cumulated = np.cumsum(counts, axis=1) / n
    quartiles = [support[np.argmax(cumulated >= level, axis=1)] for level in (0.25, 0.75)]
    spread = (quartiles[1] - quartiles[0]) / 1.34
    width = np.where(spread > 0, np.minimum(deviation, spread), deviation) * 0.9 * n[:, 0] ** -0.2
    bandwidth = max(float(np.median(width)), float(np.ptp(support)) / support.size / 2, 1e-9)
    kernel = np.exp(-0.5 * ((support[:, None] - support[None, :]) / bandwidth) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    return np.asarray((1.0 - _FLOOR) * (counts / n) @ kernel + _FLOOR / support.size)
