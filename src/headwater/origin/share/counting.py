"""Shares by counting: what is above a threshold, or the mean posterior, and both corrected by the references.

Forman (2008), "Quantifying counts and costs via classification"; Bella et al. (2010), "Quantification via probability
estimators". All take and return one row per replicate, so that a bootstrap is one call.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def classify_and_count(corpus: Floats, above: Floats) -> Floats:
    """Return CC, the share of the corpus above a threshold, shape (replicates,).

    Also PCC, the mean posterior, where ``above`` is the posterior of each bin. Both are biased wherever the prevalence
    or the error rates are not those of the references; they are here as baselines.

    Args:
        corpus: documents per bin, shape (replicates, bins).
        above: 1 for bins above the threshold and 0 for others, or the posterior, shape (bins,) or (replicates, bins).
    """
    return _mean(corpus, above)


def adjusted_count(corpus: Floats, human: Floats, machine: Floats, above: Floats, *, clip: bool = True) -> Floats:
    """Return ACC, (CC - fpr) / (tpr - fpr), or PACC, the same with posteriors, shape (replicates,).

    Args:
        corpus: documents per bin, shape (replicates, bins).
        human: known human documents per bin, shape (1 or replicates, bins), not used to train the classifier.
        machine: known machine-made documents per bin, likewise.
        above: as in :func:`classify_and_count`.
        clip: whether to cut the result to [0, 1].

    Returns:
        The share; not a number where the references do not tell the classes apart (tpr <= fpr).
    """
    low = _mean(human, above)
    gap = _mean(machine, above) - low
    share = np.divide(
        _mean(corpus, above) - low, gap, out=np.full(np.broadcast(gap, corpus[:, 0]).shape, np.nan), where=gap > 0
    )
    return np.clip(share, 0.0, 1.0) if clip else share


def _mean(counts: Floats, values: Floats) -> Floats:
    """Return the mean of ``values`` over each row of counts."""
    return np.asarray((counts * values).sum(axis=1) / counts.sum(axis=1))
