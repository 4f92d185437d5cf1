"""Evidence that a batch helps, as an e-value: if it does not, a large value has a small and known probability.

Each held-out document bets a share lambda of the present wealth on "the batch helps". If it does not, no bet has a
positive expectation, so the final wealth exceeds 1 / alpha with probability at most alpha (Markov), and stopping early
is allowed (Ville). No normality, no estimated variance, no planned sample size; only independent documents.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.errors import InputError

LAMBDA_GRID: tuple[float, ...] = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 0.9)
"""Shares that are bet, from tiny effects on large panels to large effects on small ones; all weigh the same."""


def log_e_value(u: ArrayLike, grid: Sequence[float] = LAMBDA_GRID) -> float:
    """Return the natural logarithm of the e-value of one panel against the null "the mean of ``u`` is at most 0".

    ln E = ln mean over lambda of prod_i (1 + lambda u_i): a uniform mixture of betting martingales
    (Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting", section 4).
    ``log_e_value(-u)`` is the evidence of harm; at most one of the two is positive, since ln(1 + x) <= x.

    Args:
        u: one clipped difference per independent document, shape (documents,), in [-1, 1]; positive = the batch helps.
        grid: shares that are bet, each strictly between 0 and 1. Fixed before the data are seen.

    Returns:
        ln E, 0 for an empty panel. Higher is stronger evidence; compare it with a threshold of ``spending``.

    Raises:
        InputError: ``u`` is not one-dimensional, or a value is missing or outside [-1, 1].
        ValueError: ``grid`` is empty or holds a share outside (0, 1).
    """
    panel = np.asarray(u, dtype=np.float64)
    if panel.ndim != 1:
        raise InputError(f"one panel has one dimension, got shape {panel.shape}; use log_e_values for several panels")
    return float(log_e_values(panel, grid))


def log_e_values(u: ArrayLike, grid: Sequence[float] = LAMBDA_GRID) -> NDArray[np.float64]:
    """Return ``log_e_value`` of many panels at once: documents run along the last axis, shape (..., documents).

    Raises:
        InputError: a value is missing or outside [-1, 1].
        ValueError: ``grid`` is empty or holds a share outside (0, 1).
    """
    panels = np.asarray(u, dtype=np.float64)
    if not grid or not all(0.0 < share < 1.0 for share in grid):
        raise ValueError(f"the shares bet must lie strictly between 0 and 1, got {tuple(grid)}")
    inside = np.abs(panels) <= 1.0  # False for NaN too
    if not inside.all():
        raise InputError(
            f"differences must lie in [-1, 1], got {panels[~inside][0]!r} ({(~inside).sum()} of {panels.size} values); "
            "scale them with clip_differences"
        )
    return log_mean_exp(np.stack([np.log1p(share * panels).sum(axis=-1) for share in grid]))


def log_mean_exp(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of the mean of ``exp(values)`` over the first axis, without overflow."""
    peak = values.max(axis=0)
    return np.asarray(peak + np.log(np.exp(values - peak).mean(axis=0)))
