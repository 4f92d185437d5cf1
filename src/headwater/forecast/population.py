"""How many people have written, spoken and photographed: person-years that the stocks grow with."""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.forecast.facts import population

_RECORDING = (1.0, 2000.0, 0.2)
"""Share of people whose speech could be recorded: a guess of Villalobos et al. 2022."""
_INTERNET = (0.7286, 2011.6, 0.16)
"""Share of people on the internet, fitted by Villalobos et al. 2022 to the ITU series 1990 to 2017."""


def logistic(t: ArrayLike, limit: float, midpoint: float, rate: float) -> NDArray[np.float64]:
    """Return limit / (1 + exp(-rate (t - midpoint)))."""
    return np.asarray(limit / (1 + np.exp(-rate * (np.asarray(t, float) - midpoint))))


def recording_population(year: float) -> float:
    """Return E(t), person-years since 1951 of people whose speech could be recorded."""
    return _cumulative(_RECORDING, year)


def internet_population(year: float) -> float:
    """Return N(t), person-years since 1951 of people on the internet."""
    return _cumulative(_INTERNET, year)


def internet_growth(year: float) -> float:
    """Return n(t) = N(t) over the person-years of 2022 alone: years of today's internet that have gone by."""
    years, people = population()
    share = float(logistic(2022.0, *_INTERNET))
    return internet_population(year) / (share * float(people[years == 2022][0]))


def _cumulative(curve: tuple[float, float, float], year: float) -> float:
    """Return cumulative person-years, linear in log10 between whole years and along the last growth beyond 2100."""
    years, sums = _sums(curve)
    place = min(max(int(np.floor(year)) - int(years[0]), 0), len(years) - 2)
    share = year - years[place]
    return float(10 ** ((1 - share) * sums[place] + share * sums[place + 1]))


@cache
def _sums(curve: tuple[float, float, float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the years from 1951 and log10 of the person-years up to each; 1950 is left out, as in the original."""
    years, people = population()
    return years[1:], np.log10(np.cumsum(people[1:] * logistic(years[1:], *curve)))
