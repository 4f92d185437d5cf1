"""How well scores tell machine text from human text.

Scores are higher for machine text. They must not be rounded: on rounded scores many texts share one value, and no
threshold has the false-positive rate that was asked for.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.errors import NotEnoughData


def auroc(human: ArrayLike, machine: ArrayLike) -> float:
    """Return the chance that a machine text scores higher than a human one; ties count one half.

    It is the area under the receiver operating characteristic, computed exactly from ranks (Hanley and McNeil 1982).

    Args:
        human: scores of human texts, shape (n,).
        machine: scores of machine texts, shape (m,).

    Returns:
        0 to 1; 0.5 where the scores say nothing.

    Raises:
        NotEnoughData: a side has no finite score.
    """
    low, high = _scores(human, "human"), _scores(machine, "machine")
    low.sort()
    below = np.searchsorted(low, high, side="left")
    up_to = np.searchsorted(low, high, side="right")
    return float((below + up_to).sum() / (2 * len(low) * len(high)))


def threshold_at_fpr(human: ArrayLike, fpr: float) -> float:
    """Return the lowest of the human scores that at most a share ``fpr`` of them exceeds.

    Scores strictly above it count as machine-like. With n scores the share is a multiple of 1/n and is rounded down;
    below 1/n the threshold is the largest human score.

    Raises:
        NotEnoughData: there is no finite score.
        ValueError: ``fpr`` is not in [0, 1).
    """
    if not 0 <= fpr < 1:
        raise ValueError(f"fpr must be at least 0 and below 1, not {fpr}")
    scores = _scores(human, "human")
    allowed = int(np.floor(fpr * len(scores) + 1e-9))  # 0.07 * 100 is a little above 7, 0.29 * 100 a little below 29
    return float(np.partition(scores, len(scores) - 1 - allowed)[len(scores) - 1 - allowed])


def tpr_at_fpr(human: ArrayLike, machine: ArrayLike, fpr: float) -> float:
    """Return the share of machine texts found by the threshold that at most a share ``fpr`` of human texts exceeds.

    Ties are never broken in the detector's favour: a machine text that scores exactly the threshold is not found.

    Args:
        human: scores of human texts, shape (n,); the threshold is taken from them (:func:`threshold_at_fpr`).
        machine: scores of machine texts, shape (m,).
        fpr: false-positive rate, at least 0 and below 1.

    Raises:
        NotEnoughData: a side has no finite score.
        ValueError: ``fpr`` is not in [0, 1).
    """
    return float((_scores(machine, "machine") > threshold_at_fpr(human, fpr)).mean())


def calibration_error(
    probabilities: ArrayLike, is_machine: ArrayLike, bins: int = 15, weights: ArrayLike | None = None
) -> float:
    """Return the expected calibration error: mean distance between stated and observed shares (Naeini et al. 2015).

    Args:
        probabilities: stated probability of machine text, shape (n,), 0 to 1.
        is_machine: what the texts are, shape (n,).
        bins: bins of equal width.
        weights: how often each text counts, shape (n,); None: once.

    Returns:
        0 (calibrated) to 1. It grows with the number of bins and shrinks with n even for a calibrated detector.
    """
    stated = np.asarray(probabilities, dtype=np.float64)
    observed = np.asarray(is_machine, dtype=np.float64)
    if not len(stated):
        raise NotEnoughData("there is no probability to compare with what the texts are.")
    which = np.minimum((stated * bins).astype(np.int64), bins - 1)
    weight = np.ones(len(stated)) if weights is None else np.asarray(weights, dtype=np.float64)
    difference = np.bincount(which, weight * (stated - observed), minlength=bins)
    return float(np.abs(difference).sum() / weight.sum())


def _scores(values: ArrayLike, side: str) -> NDArray[np.float64]:
    """Return the finite scores of one side, as a copy."""
    scores = np.asarray(values, dtype=np.float64).ravel()
    scores = scores[np.isfinite(scores)]
    if not len(scores):
        raise NotEnoughData(f"there is no score of {side} text; at least one is needed.")
    return scores
