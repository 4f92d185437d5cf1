"""What training asks for: sizes of training sets by trend, and by the compute of the largest run."""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headwater.forecast.facts import compute_projection, training_sets
from headwater.forecast.quantities import Z95, log10_lognormal, normals, uniforms

_TOKENS_PER_PARAMETER = 20.0
"""Hoffmann et al. 2022."""
WORDS_TO_TOKENS = 0.8
"""What the model of 2024 multiplies words by and calls tokens; kept, because its published numbers contain it."""
_ANCHOR = (2022.0, 24.2, 24.1, 24.3)
"""Start of the compute projection, which its table does not state."""


class Demand(Protocol):
    """The size of the largest training set."""

    def __call__(self, year: float) -> NDArray[np.float64]:
        """Return log10 of the size on every path, shape (draws,)."""


@runtime_checkable
class WithDensity(Demand, Protocol):
    """A demand whose distribution at a date is known in closed form, which the published rule of 2022 needs."""

    def density(self, year: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the density of log10 of the size at points."""


@dataclass(frozen=True, slots=True, eq=False)
class Trend:
    """Sizes grow on as they did: log10 D(t) = log10 base + (t - start) growth, growth normal."""

    base: NDArray[np.float64] | float
    """Log10 of the size at the start: on every path, or known."""
    start: float
    mean: float
    """Of the growth in log10 per year."""
    sd: float
    z: NDArray[np.float64]
    """Standard normal deviates, shape (draws,)."""

    def __call__(self, year: float) -> NDArray[np.float64]:
        """Return log10 of the size on every path."""
        return self.base + (year - self.start) * (self.mean + self.sd * self.z)

    def density(self, year: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the density of log10 of the size; the base must be known."""
        centre, width = float(self.base) + (year - self.start) * self.mean, (year - self.start) * self.sd
        return np.asarray(np.exp(-0.5 * ((x - centre) / width) ** 2) / (width * math.sqrt(2 * math.pi)))


def text_trend_2022(seed: int, draws: int) -> Trend:
    """Return the words of the largest text set by the trend of 2022: 2e12 in 2022, doubling in 9 to 20 months.

    The growth is the mean of a slow and a fast path with 5% and 95% points 0.26477 and 0.39162.
    """
    return Trend(math.log10(2e12), 2022 - 1e-6, 0.32820, 0.03856, normals(seed, "2022 growth of text sets", draws))


def image_trend_2022(seed: int, draws: int) -> Trend:
    """Return the images of the largest set by the trend of 2022: 3e9 in 2022.

    The 95% point of the growth comes from the 50% column of its fast path, a slip of the original that is in its
    published dates.
    """
    return Trend(math.log10(3e9), 2022 - 0.1, 0.16465, 0.04180, normals(seed, "2022 growth of image sets", draws))


@dataclass(frozen=True, slots=True, eq=False)
class Compute:
    """Training compute of the largest run, log10 FLOP: a stand-in for the paths of Besiroglu et al. 2022.

    Their sample file cannot be had. Here each path has one standard normal deviate z and lies z standard deviations
    from the median of the published table, whose lower and upper standard deviation are half the distances to the ends
    of its 2-sigma range; linear in time between the rows, and along the last ones beyond 2080.
    """

    z: NDArray[np.float64]
    shift: float
    """Added to log10 FLOP of the whole table."""
    growth: NDArray[np.float64] | None = None
    """Log10 per year on every path, with which compute falls backwards before ``known_from``."""
    known_from: float = _ANCHOR[0]

    def __call__(self, year: float) -> NDArray[np.float64]:
        """Return log10 FLOP on every path."""
        at = max(year, self.known_from)
        median, lower, upper = self._row(at)
        found = median + lower * np.minimum(self.z, 0) + upper * np.maximum(self.z, 0)
        return found if year >= at or self.growth is None else found - (at - year) * self.growth

    def density(self, year: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the density of log10 FLOP."""
        median, lower, upper = self._row(year)
        width = np.where(x < median, lower, upper)
        return np.asarray(np.exp(-0.5 * ((x - median) / width) ** 2) / (width * math.sqrt(2 * math.pi)))

    def _row(self, year: float) -> tuple[float, float, float]:
        """Return median, lower and upper standard deviation."""
        table = np.vstack([_ANCHOR, compute_projection()])
        place = min(max(int(np.searchsorted(table[:, 0], year, side="right")) - 1, 0), len(table) - 2)
        share = (year - table[place, 0]) / (table[place + 1, 0] - table[place, 0])
        median, low, high = ((1 - share) * table[place] + share * table[place + 1])[1:]
        return median + self.shift, (median - low) / 2, (high - median) / 2


@dataclass(frozen=True, slots=True, eq=False)
class ComputeText:
    """Text that the largest run deserves: D = 20 sqrt(C / 120), 20 tokens a parameter and C = 6 N D."""

    compute: Compute
    offset: float = math.log10(_TOKENS_PER_PARAMETER) - 0.5 * math.log10(6 * _TOKENS_PER_PARAMETER)

    def __call__(self, year: float) -> NDArray[np.float64]:
        """Return log10 of the size on every path."""
        return 0.5 * self.compute(year) + self.offset

    def density(self, year: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the density of log10 of the size."""
        return 2 * self.compute.density(year, 2 * (x - self.offset))


@dataclass(frozen=True, slots=True, eq=False)
class ComputeImages:
    """Images that the largest run deserves: D = sqrt(C / 6) 10^-x, x a 90% range of 2 to 3."""

    compute: Compute
    exponent: NDArray[np.float64]

    def __call__(self, year: float) -> NDArray[np.float64]:
        """Return log10 of the size on every path."""
        return 0.5 * (self.compute(year) - math.log10(6)) - self.exponent

    def density(self, year: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the density of log10 of the size: the mean over 50 quantiles of the exponent."""
        from scipy.special import ndtri

        exponents = 10 ** log10_lognormal(2, 3, ndtri((np.arange(50) + 0.5) / 50))
        at = 2 * (x[:, None] + exponents) + math.log10(6)
        return np.asarray(2 * self.compute.density(year, at).mean(axis=1))


def compute_2022(seed: int, draws: int, shift: float) -> Compute:
    """Return the compute paths of the model of 2022."""
    return Compute(normals(seed, "compute", draws), shift)


def image_compute_2022(seed: int, draws: int, shift: float) -> ComputeImages:
    """Return the images that the compute of the model of 2022 asks for."""
    exponent = 10 ** log10_lognormal(2, 3, normals(seed, "2022 exponent of image sets", draws))
    return ComputeImages(compute_2022(seed, draws, shift), exponent)


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth that a regression finds, log10 per year, with its bootstrap quantiles."""

    median: float
    low: float
    """Quantile 0.025."""
    p5: float
    p95: float
    high: float
    """Quantile 0.975."""

    @property
    def mean(self) -> float:
        """Return the mean of the normal with the two outer points."""
        return (self.low + self.high) / 2

    @property
    def sd(self) -> float:
        """Return its standard deviation."""
        return (self.high - self.low) / (2 * Z95)


def bootstrap_slope(
    years: NDArray[np.float64], log10: NDArray[np.float64], seed: int, resamples: int = 10_000
) -> Slope:
    """Return the slope of an ordinary regression with its bootstrap quantiles.

    Args:
        years: dates, shape (n,).
        log10: log10 of what grows, shape (n,).
        seed: of the resampling.
        resamples: how often the points are drawn with replacement.
    """
    rng = np.random.default_rng([seed, 2024])
    x = years - years.mean()
    slopes = np.empty(resamples)
    for start in range(0, resamples, 1000):  # a thousand at a time keeps memory small
        chosen = rng.integers(0, len(x), (min(1000, resamples - start), len(x)))
        u, v = x[chosen], log10[chosen]
        u = u - u.mean(axis=1, keepdims=True)
        slopes[start : start + len(chosen)] = (u * v).sum(axis=1) / (u * u).sum(axis=1)
    return Slope(*np.quantile(slopes, [0.5, 0.025, 0.05, 0.95, 0.975]).tolist())


def growth_of_sets(seed: int) -> Slope:
    """Return the growth of text sets after 2010: about 0.37 in log10 per year, 95% 0.27 to 0.48."""
    known = [one for one in training_sets() if one.year > 2010]
    return bootstrap_slope(
        np.array([one.year for one in known]), np.log10([one.size * WORDS_TO_TOKENS for one in known]), seed
    )


def growth_of_compute(seed: int) -> Slope:
    """Return the growth of training compute after 2010: about 0.60 in log10 per year, 90% 0.48 to 0.72."""
    known = [(one.year, one.flop) for one in training_sets() if one.year > 2010 and one.flop]
    years, flop = np.array(known, float).T
    return bootstrap_slope(years, np.log10(flop), seed)


def text_trend_2024(seed: int, draws: int) -> Trend:
    """Return the tokens of the largest set by the trend of 2024: 3e12 to 13e12 (90%) at its start."""
    slope = growth_of_sets(seed)
    base = log10_lognormal(3e12, 13e12, normals(seed, "2024 base", draws))
    return Trend(base, 2024.0, slope.mean, slope.sd, normals(seed, "2024 growth of text sets", draws))


def text_compute_2024(seed: int, draws: int, shift: float) -> ComputeText:
    """Return the tokens that compute asks for; before 2024 it falls along the trend of past runs."""
    slope = growth_of_compute(seed)
    growth = slope.mean + slope.sd * normals(seed, "2024 growth of compute", draws)
    return ComputeText(Compute(normals(seed, "compute", draws), shift, growth, known_from=2024.0))


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """One demand on some paths, another on the others."""

    first: Demand
    second: Demand
    is_second: NDArray[np.bool_]
    """Shape (draws,)."""

    def __call__(self, year: float) -> NDArray[np.float64]:
        """Return log10 of the size on every path."""
        return np.where(self.is_second, self.second(year), self.first(year))


def mixed(seed: int, draws: int, first: Demand, second: Demand, share: float) -> Mixture:
    """Return a mixture in which the second demand holds on a share of the paths."""
    return Mixture(first, second, uniforms(seed, "demand mixture", draws) < share)


OVERTRAINING = {
    "5x": ((22.00, 11.63), (31.00, 16.06)),
    "100x": ((21.99, 12.12), (30.98, 17.06)),
}
"""Log10 compute and tokens at both ends of the lines of Villalobos et al. 2024.

They are the ends of paths that the original's optimiser took under two assumptions about inference. The line of 100x
comes from where it clips the size of the model, not from an optimum.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Overtrained:
    """Small models trained long: the tokens that a policy takes for the compute that ``demand`` stands for."""

    demand: Demand
    policy: str

    def __call__(self, year: float) -> NDArray[np.float64]:
        """Return log10 of the size on every path."""
        (c0, d0), (c1, d1) = OVERTRAINING[self.policy]
        compute = math.log10(0.3) + 2 * self.demand(year)  # 6 N D with D = 20 N
        return d0 + (compute - c0) * (d1 - d0) / (c1 - c0)
