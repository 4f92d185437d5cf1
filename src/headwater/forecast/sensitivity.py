"""What moves the date most: one input at a time, everything else at its draws."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.forecast.progress import Progress, silent
from headwater.forecast.quantities import Schedule
from headwater.forecast.result import Swing
from headwater.forecast.scaling import ScalingLaw
from headwater.forecast.simulation import Uniforms, Vector, gate_dates
from headwater.forecast.team import Given, Value

SWING = (0.1, 0.9)
"""Quantiles an input is set to."""
SWING_DRAWS = 10_000
"""Paths of each swing, the first of the forecast's: the standard error of a probability is at most 0.005."""


def median_date(dates: NDArray[np.float64]) -> float | None:
    """Return the median of dates of which some are infinite; None where it lies beyond the horizon."""
    return date_quantile(np.sort(dates), 0.5)


def date_quantile(ordered: NDArray[np.float64], level: float) -> float | None:
    """Return a quantile of ascending dates, the least date that at least a share ``level`` does not exceed.

    No interpolation: between a date and one beyond the horizon there is nothing to interpolate.
    """
    # ceil(level n) - 1, with the product's rounding (0.1 * 30 is 3.0000000000000004) kept from adding one
    place = max(int(np.ceil(level * len(ordered) - 1e-9)) - 1, 0)
    found = float(ordered[place])
    return found if np.isfinite(found) else None


def rank_correlation(a: ArrayLike, b: ArrayLike) -> float | None:
    """Return Spearman's rank correlation, -1 to 1; None where either is constant.

    Equal values, such as all dates beyond the horizon (infinite), share their mean rank.
    """
    from scipy.stats import rankdata

    return _correlation(rankdata(np.asarray(a)), rankdata(np.asarray(b)))


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    x, y = a - a.mean(), b - b.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(np.clip((x @ y) / size, -1, 1)) if size > 0 else None


def tornado(
    inputs: Mapping[str, Given],
    u: Uniforms,
    dates: NDArray[np.float64],
    *,
    start: float,
    months: int,
    law: ScalingLaw,
    titles: Mapping[str, str],
    draws: int = SWING_DRAWS,
    progress: Progress = silent,
) -> tuple[Swing, ...]:
    """Return the swing of the median date with each uncertain input at its 10% and its 90% point, largest first.

    All other inputs keep their draws. A table over time moves as a whole. A median beyond the horizon counts as the
    horizon; swings of equal size are ordered by how far they move the probability of full use.

    Args:
        inputs: inputs by key.
        u: their uniform numbers, shape (all draws,).
        dates: dates of full use of the forecast, shape (all draws,), for the rank correlations.
        start: first date.
        months: months to look ahead.
        law: constants of the worth of repetition.
        titles: what to call the inputs.
        draws: paths of each swing.
        progress: told how many inputs are done.
    """
    from scipy.stats import rankdata

    keys = [key for key in u if key in inputs and key not in UNUSED]
    few: dict[str, Vector] = {key: values[:draws] for key, values in u.items()}
    count = min(draws, len(dates))
    ranks = rankdata(dates)
    horizon = start + months / 12
    swings = []
    for done, key in enumerate(keys):
        progress(done, len(keys), f"what moves the date: {titles.get(key, key)}")
        ends = []
        for level in SWING:
            moved = gate_dates(inputs, {**few, key: np.array(level)}, count, start, months, law)
            ends.append((median_date(moved), float(np.isfinite(moved).mean())))
        (low_date, low_probability), (high_date, high_probability) = ends
        swings.append(
            Swing(
                key=key,
                title=titles.get(key, key),
                low_value=point_text(inputs[key].value, SWING[0]),
                high_value=point_text(inputs[key].value, SWING[1]),
                low_date=low_date,
                high_date=high_date,
                low_probability=low_probability,
                high_probability=high_probability,
                rank_correlation=_correlation(rankdata(u[key]), ranks),
            )
        )
    progress(len(keys), len(keys), "what moves the date")
    return tuple(sorted(swings, key=lambda swing: _size(swing, horizon), reverse=True))


UNUSED = frozenset({"synthetic.worth_ungated"})
"""Inputs that do not touch the date with the gate."""


def _size(swing: Swing, horizon: float) -> tuple[float, float]:
    low = horizon if swing.low_date is None else swing.low_date
    high = horizon if swing.high_date is None else swing.high_date
    return abs(high - low), abs(swing.high_probability - swing.low_probability)


def point_text(value: Value, level: float) -> str:
    """Return a quantile of an input as text; of a table over time, that of each date."""
    if isinstance(value, Schedule):
        pairs = zip(value.years, value.values, strict=True)
        return ", ".join(f"{year:.7g}: {amount_text(one.quantile(level))}" for year, one in pairs)
    return amount_text(value.quantile(level))


def amount_text(value: float) -> str:
    """Return a number in three digits, large ones with the suffix that settings accept."""
    for suffix, size in (("T", 1e12), ("B", 1e9), ("M", 1e6)):
        if 0.9995 * size <= abs(value) < 1e15:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.4g}"
