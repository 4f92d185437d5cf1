"""How the machine share of new text grows: a logistic curve, and its fit to an audit by month."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.errors import NotEnoughData

FEWEST_MONTHS = 4
"""Dates a fit of three constants needs to be contradicted by one of them."""


@dataclass(frozen=True, slots=True)
class MachineShareFit:
    """A logistic curve c(t) = limit / (1 + exp(-rate (t - midpoint))) fitted to shares."""

    limit: float
    """Share it levels out at, 0 to 1."""
    rate: float
    """Steepness, per year."""
    midpoint: float
    """Year in which half the limit is reached."""
    limit_error: float
    """Standard error; infinite where the dates do not decide it, as before the curve has levelled out."""
    rate_error: float
    midpoint_error: float
    residual: float
    """Largest distance between curve and shares."""


def machine_share(year: ArrayLike, limit: ArrayLike, rate: ArrayLike, midpoint: ArrayLike) -> NDArray[np.float64]:
    """Return the machine share of new text, c_inf / (1 + exp(-k (t - t0))), 0 to ``limit``.

    Args:
        year: calendar year, any shape.
        limit: c_inf, 0 to 1; broadcast.
        rate: k, per year; broadcast.
        midpoint: t0, calendar year; broadcast.
    """
    from scipy.special import expit

    return np.asarray(limit * expit(np.asarray(rate) * (np.asarray(year) - np.asarray(midpoint))))


def fit_machine_share(years: ArrayLike, shares: ArrayLike, errors: ArrayLike | None = None) -> MachineShareFit:
    """Return the logistic curve closest to shares by date (least squares).

    On the shares of machine-made articles by Graphite (2025) it gives limit 0.516, rate 3.35, midpoint 2023.56. The
    limit is known only once the curve has levelled out: look at ``limit_error``.

    Args:
        years: calendar years, shape (n,), in any order.
        shares: machine share at each, 0 to 1, shape (n,).
        errors: standard error of each, positive, shape (n,); without them all count alike and the scatter about the
            curve decides the errors of the constants.

    Raises:
        NotEnoughData: fewer than four dates, or shares no curve can be fitted to.
        ValueError: the shapes differ, or a share lies outside 0..1.
    """
    import warnings

    from scipy.optimize import OptimizeWarning, curve_fit

    t, c = np.asarray(years, float), np.asarray(shares, float)
    sigma = None if errors is None else np.asarray(errors, float)
    if t.ndim != 1 or t.shape != c.shape or (sigma is not None and sigma.shape != t.shape):
        raise ValueError(f"one share for each date is needed, got {t.shape} dates and {c.shape} shares")
    if not (np.isfinite(t).all() and ((c >= 0) & (c <= 1)).all() and (sigma is None or (sigma > 0).all())):
        raise ValueError("shares must lie within 0..1, dates must be numbers and errors positive")
    if len(np.unique(t)) < FEWEST_MONTHS:
        raise NotEnoughData(
            f"A curve of the machine share needs at least {FEWEST_MONTHS} dates, got {len(np.unique(t))}: audit more "
            "months, or give machine.share as a table"
        )
    top = max(float(c.max()), 1e-3)
    rising = t[np.argmin(np.abs(c - top / 2))]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)  # says what an infinite error says
            found, covariance = curve_fit(
                machine_share,
                t,
                c,
                p0=(min(top, 0.999), 2.0, rising),
                sigma=sigma,
                absolute_sigma=sigma is not None,
                bounds=([0.0, 0.0, t.min() - 20], [1.0, 50.0, t.max() + 20]),
            )
    except RuntimeError as error:
        raise NotEnoughData(
            f"No curve of the machine share can be fitted to these {len(t)} dates ({error}); give machine.share as a "
            "table"
        ) from error
    deviations = np.sqrt(np.diag(covariance))
    deviations = np.where(np.isfinite(deviations), deviations, np.inf)
    limit, rate, midpoint = (float(value) for value in found)
    limit_error, rate_error, midpoint_error = (float(value) for value in deviations)
    residual = float(np.abs(machine_share(t, limit, rate, midpoint) - c).max())
    return MachineShareFit(limit, rate, midpoint, limit_error, rate_error, midpoint_error, residual)
