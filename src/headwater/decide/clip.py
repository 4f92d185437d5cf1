"""From loss differences to bounded ones: where to clip, and what clipping makes the guarantee say."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.errors import InputError, NotEnoughData


def clip_bound(null_differences: ArrayLike, multiple: float = 3.0) -> float:
    """Return the clip bound B: ``multiple`` standard deviations of the differences of a human-only null pair.

    The default of 3 is a compromise measured in ``benchmarks/error_rates.py``: at 2 a left-skewed null of mean 0 is
    admitted in a fifth of the streams of 200 decisions (its clipped mean is positive), at 4 nothing is gained.

    The bound is fixed before the first decision. Take the null pair's differences on the steering panel, per group:
    a bound computed from the certification documents would depend on what they are about to certify.

    Args:
        null_differences: nats per token per independent unit, shape (units,), two models trained on human text alone.
        multiple: standard deviations, 2 to 4 in practice.

    Returns:
        B > 0, in the unit of the differences.

    Raises:
        NotEnoughData: fewer than two units.
        InputError: a difference is missing or infinite, or all are the same, so that there is no scale to clip at.
    """
    if not multiple > 0:
        raise ValueError(f"the multiple of the standard deviation must be positive, got {multiple}")
    differences = one_panel(null_differences)
    deviation = float(differences.std(ddof=1))
    if np.ptp(differences) == 0.0:
        raise InputError(
            f"all {differences.size} differences of the null pair are {differences[0]:g}, so they have no spread to "
            "set the clip bound by; train the pair on two different samples of the human text"
        )
    return multiple * deviation


def clip_differences(d: ArrayLike, bound: float, harm_bound: float | None = None) -> NDArray[np.float64]:
    """Return u = clip(d, -L, B) / L in [-1, 1], with L = B unless a larger ``harm_bound`` is given.

    With L = B the guarantee is about the *clipped* mean: harm that is rare and extreme counts as B only. If L bounds
    the worst possible harm, the guarantee is about the true mean (clipping gains alone can only lower it). The price
    is power: bets are relative to L. At .2 sd and 1000 documents L = 6 sd costs nothing, 10 sd two fifths of it.

    Args:
        d: differences loss without - loss with, any shape; positive = the batch helps.
        bound: B > 0, same unit as ``d``; see ``clip_bound``.
        harm_bound: L >= B.

    Raises:
        InputError: a difference is missing (NaN).
        ValueError: a bound is not positive, not finite, or L < B.
    """
    lower = bound if harm_bound is None else harm_bound
    if not 0.0 < bound <= lower < np.inf:
        raise ValueError(f"clip bounds must satisfy 0 < bound <= harm_bound < inf, got {bound} and {lower}")
    differences = np.asarray(d, dtype=np.float64)
    if np.isnan(differences).any():
        raise InputError(f"{np.isnan(differences).sum()} of {differences.size} differences are missing (NaN)")
    return np.clip(differences / lower, -1.0, bound / lower)


def one_panel(d: ArrayLike) -> NDArray[np.float64]:
    """Return the differences of one panel as an array of shape (units,), all finite, at least two of them."""
    differences = np.asarray(d, dtype=np.float64)
    if differences.ndim != 1:
        raise InputError(f"a panel has one difference per unit, got an array of shape {differences.shape}")
    if differences.size < 2:
        raise NotEnoughData(f"a panel of {differences.size} unit(s) decides nothing; 2 are needed, 500 to be useful")
    bad = ~np.isfinite(differences)
    if bad.any():
        raise InputError(
            f"{bad.sum()} of {differences.size} differences are missing or infinite, the first at position "
            f"{int(np.argmax(bad))}; a model that gives a document probability 0 cannot be compared"
        )
    return differences
