"""Expectation maximisation for the share (EMQ, also SLD), and the calibration it stands on.

Saerens, Latinne, Decaestecker (2002), "Adjusting the outputs of a classifier to new a priori probabilities";
Alexandari, Kundaje, Shrikumar (2020), "Maximum likelihood with bias-corrected calibration is hard-to-beat at label
shift adaptation".
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_STEPS = 40
"""Halvings of [0, 1]: alpha to 1e-12."""
_RIDGE = 1e-5
"""Penalty on the squared slope per unit of weight: references that are perfectly separated have a finite fit."""
_RANGE = 30.0
"""Log ratios are cut here: e^30 to one is certainty, and products stay finite."""


def emq(corpus: Floats, ratio: Floats) -> Floats:
    """Return the alpha that EMQ converges to, shape (replicates,), 0 to 1.

    The iteration alpha <- mean of alpha r / (alpha r + 1 - alpha), with r the ratio of machine to human density (with a
    posterior p at training prevalence pi: r = p / (1 - p) * (1 - pi) / pi), is expectation maximisation of
    sum log(1 - alpha + alpha r), which is concave in alpha. Its only fixed point other than a start at 0 or 1 is found
    here by bisection of the derivative, to 1e-12 instead of after some number of slow iterations.

    Args:
        corpus: documents per bin, shape (replicates, bins).
        ratio: density ratio of each bin, shape (bins,) or (replicates, bins), positive.
    """
    excess = np.broadcast_to(ratio - 1.0, corpus.shape)
    low, high = np.zeros(len(corpus)), np.ones(len(corpus))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        rising = (corpus * excess / (1.0 + middle[:, None] * excess)).sum(axis=1) > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    share = (low + high) / 2
    return np.where(share < 1e-9, 0.0, np.where(share > 1 - 1e-9, 1.0, share))


def calibrated_ratio(support: Floats, human: Floats, machine: Floats) -> Floats:
    """Return the density ratio of each bin after bias-corrected temperature scaling, shape (replicates, bins).

    With two classes one temperature and one bias per class leave two numbers: log r = c + d * score, fitted by maximum
    likelihood with both classes of the same weight, by Newton's method, all replicates at once. Platt's smoothed
    targets are not used: with 50 machine-made references they put alpha 1.5 points too low.

    Args:
        support: score of each bin (log-odds), shape (bins,).
        human: known human documents per bin, shape (replicates, bins).
        machine: known machine-made documents per bin, shape (replicates, bins).
    """
    weight_human, weight_machine = (one / one.sum(axis=1, keepdims=True) for one in (human, machine))
    total = weight_human + weight_machine
    target = weight_machine / np.where(total > 0, total, 1.0)
    centre, scale = _moments(support, total)
    x = (support - centre) / scale
    c, d = np.zeros((len(human), 1)), np.ones((len(human), 1))
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-np.clip(c + d * x, -_RANGE, _RANGE)))
        slack, slope = total * (target - p), total * p * (1.0 - p)
        g0, g1 = slack.sum(axis=1, keepdims=True), (slack * x).sum(axis=1, keepdims=True) - _RIDGE * d
        h00, h01 = slope.sum(axis=1, keepdims=True), (slope * x).sum(axis=1, keepdims=True)
        h11 = (slope * x * x).sum(axis=1, keepdims=True) + _RIDGE
        determinant = h00 * h11 - h01 * h01 + 1e-12
        move_c, move_d = (h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant
        # A full Newton step can overshoot where nearly everything is certain already.
        short = np.minimum(1.0, 2.0 / np.maximum(np.hypot(move_c, move_d), 1e-12))
        c, d = c + short * move_c, d + short * move_d
        if max(np.abs(move_c).max(), np.abs(move_d).max()) < 1e-9:
            break
    return np.exp(np.clip(c + d * x, -_RANGE, _RANGE))


def _moments(support: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each row, shape (replicates, 1) each."""
    whole = weights.sum(axis=1, keepdims=True)
    mean = (weights * support).sum(axis=1, keepdims=True) / whole
    variance = (weights * (support - mean) ** 2).sum(axis=1, keepdims=True) / whole
    return mean, np.sqrt(np.maximum(variance, 1e-24))
