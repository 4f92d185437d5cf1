"""From two curves to a date: the year in which what is needed reaches what there is."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from headwater.forecast.result import LEVELS, FullUse

Curve = Callable[[float], NDArray[np.float64]]
"""From a date to log10 of a quantity on every path, shape (draws,)."""
Density = Callable[[float, NDArray[np.float64]], NDArray[np.float64]]
"""From a date and points to the density of log10 of a quantity at these points."""


def first_passage(stock: Curve, demand: Curve, years: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability that demand has reached the stock by each date, never falling, shape of ``years``.

    P(t) = P(D(t) >= S(t)) over the paths, made monotone: what was used once stays used.
    """
    reached = np.ones(len(years))
    for place, year in enumerate(years.tolist()):
        reached[place] = np.mean(demand(year) >= stock(year))
        if reached[place] == 1:  # and stays there
            break
    return np.maximum.accumulate(reached)


def as_published(
    stock: Curve, density: Density, years: NDArray[np.float64], *, smoothing: int = 0
) -> NDArray[np.float64]:
    """Return the distribution function of the date by the rule of Villalobos et al. 2022, shape of ``years``.

    f(t) is the density at 1 of the quotient log10 S(t) / log10 D(t), that is the integral of abs(x) p_S(x; t) p_D(x; t)
    over x, smoothed by a trailing mean and normalised over the window. Here the integral is the mean of
    abs(x) p_D(x; t) over the draws x of log10 S(t), in fine bins, which needs no density estimate.

    It is a density of equality, not of first crossing: it is not multiplied by the speed at which the curves close, so
    it gives slow late years too much; the trailing mean delays every date by about (smoothing - 1) / 2 grid steps; and
    it is normalised, so that it depends on where the window ends and puts no mass beyond it. Use it to reproduce the
    published dates and nothing else.

    Args:
        stock: log10 of the stock, by draws.
        density: density of log10 of the demand.
        years: grid of the window, evenly spaced.
        smoothing: points of the trailing mean; 0 or 1 for none.
    """
    f = np.empty(len(years))
    for place, year in enumerate(years.tolist()):
        ordered = np.sort(stock(year))
        edges = np.linspace(ordered[0], ordered[-1], _BINS + 1)
        counts = np.diff(np.searchsorted(ordered, edges))
        x = (edges[1:] + edges[:-1]) / 2
        f[place] = counts @ (np.abs(x) * density(year, x)) / len(ordered)
    if smoothing > 1:
        sums = np.cumsum(np.concatenate([[0.0], f]))
        last = np.arange(1, len(f) + 1)
        first = np.maximum(last - smoothing, 0)
        f = (sums[last] - sums[first]) / (last - first)
    steps = np.diff(years) * (f[1:] + f[:-1]) / 2
    sums = np.cumsum(steps)
    if not sums[-1] > 0:  # the curves do not meet in the window
        return np.zeros(len(years))
    return np.concatenate([[0.0], sums / sums[-1]])


def clipped(stock: Curve, demand: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return dates and probabilities of full use by the rule of Villalobos et al. 2024.

    The stock is cut into 100 bins of equal probability and demand is clipped at the upper edge of each; the share of
    clipped draws is the probability of full use, on a grid of 100 dates from 2015 to 2039. A date is the grid point
    before the probability passes a level, that is up to 0.24 years early; the upper edges make it a little late.
    """
    years = np.linspace(2015, 2039, 100)
    reached = np.empty(len(years))
    for place, year in enumerate(years.tolist()):
        edges = quantiles(stock(year), (np.arange(1, 101) / 100).tolist())
        size = np.sort(demand(year))
        reached[place] = 1 - np.searchsorted(size, edges).mean() / len(size)
    reached = np.maximum.accumulate(reached)
    # a step function: a level counts as passed at the grid point before
    return np.repeat(years, 2)[1:-1], np.repeat(reached, 2)[2:]


_BINS = 2000
"""Bins of a stock in log10: their width is about 0.003."""


def date_at(years: NDArray[np.float64], probability: NDArray[np.float64], level: float) -> float | None:
    """Return when a probability is reached, linear between dates; None where it is not reached.

    Where it is passed before the first date the first date is returned: what happened earlier is not looked at.
    """
    if probability[-1] < level:
        return None
    place = int(np.searchsorted(probability, level))
    if place == 0:
        return float(years[0])
    low, high = probability[place - 1], probability[place]
    share = (level - low) / (high - low)
    return float(years[place - 1] + share * (years[place] - years[place - 1]))


def full_use(years: NDArray[np.float64], probability: NDArray[np.float64]) -> FullUse:
    """Return the quantiles of the date of full use and the probability that it lies beyond the last date."""
    p5, p10, p25, p50, p75, p90, p95 = (date_at(years, probability, level) for level in LEVELS)
    return FullUse(p5, p10, p25, p50, p75, p90, p95, float(max(0.0, 1 - probability[-1])))


def quantiles(values: NDArray[np.float64], levels: Sequence[float] = LEVELS) -> NDArray[np.float64]:
    """Return quantiles of draws, shape (len(levels),); one partition for all."""
    ordered = np.sort(values)
    at = np.asarray(levels) * (len(ordered) - 1)
    low = at.astype(int)
    high = np.minimum(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])
