"""The stocks of Villalobos et al. 2022 (arXiv 2211.04325v1): words and images that exist, by year.

Ranges are 90% ranges. A component is a random number of the path times a known growth, so in log10 it is a draw plus a
shift. Defects of the original that its published numbers contain are kept and named here; a team's forecast has none
of them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from headwater.forecast.passage import Curve
from headwater.forecast.population import internet_growth, internet_population, recording_population
from headwater.forecast.quantities import Z90, log10_lognormal, lognormal, normals, uniforms

_MINUTES = 525_600.0
"""Minutes of a year."""
_WORDS_PER_TB = 200e9
"""Words in a terabyte of text."""
_GRID = 1000
"""Points of the distribution between two bounds."""


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """One estimate of a stock: log10 S(t) = log10 + shift(t) on every path."""

    log10: NDArray[np.float64]
    """Shape (draws,)."""
    shift: Callable[[float], float]

    def __call__(self, year: float) -> NDArray[np.float64]:
        """Return log10 of the stock, shape (draws,)."""
        return self.log10 + self.shift(year)


@dataclass(frozen=True, slots=True)
class _Source:
    """Draws of the ranges of one model, each under its own name."""

    seed: int
    draws: int

    def range(self, name: str, low: float, high: float) -> NDArray[np.float64]:
        return lognormal(low, high, normals(self.seed, f"2022 {name}", self.draws))

    def below(self, name: str, low: float, high: float, highest: float) -> NDArray[np.float64]:
        """Return draws of a range that is truncated above."""
        return 10 ** self._truncated(name, math.log10(low), math.log10(high), -math.inf, math.log10(highest))

    def above(self, name: str, low: float, high: float, lowest: float) -> NDArray[np.float64]:
        """Return draws of a range that is truncated below."""
        return 10 ** self._truncated(name, math.log10(low), math.log10(high), math.log10(lowest), math.inf)

    def normal_within(self, name: str, low: float, high: float, ends: tuple[float, float]) -> NDArray[np.float64]:
        """Return draws of a normal with a 90% range, truncated at both ends."""
        return self._truncated(name, low, high, *ends)

    def _truncated(self, name: str, low: float, high: float, lowest: float, highest: float) -> NDArray[np.float64]:
        mean, sd = (low + high) / 2, (high - low) / (2 * Z90)
        first, last = ndtr((lowest - mean) / sd), ndtr((highest - mean) / sd)
        u = uniforms(self.seed, f"2022 {name}", self.draws)
        return np.asarray(mean + sd * ndtri(first + u * (last - first)))


def text_components(seed: int, draws: int) -> Mapping[str, Component]:
    """Return the estimates of low-quality text in words: recorded speech, internet users, platforms, Common Crawl.

    The platforms' blog posts (B) are a daily figure that the original does not multiply by 365; the effect is small.
    Common Crawl has no meaning before 2017: its stock starts in 2016. ``indexed_web`` is a check of weight 0.
    """
    source = _Source(seed, draws)
    speech = (
        365
        * source.range("words spoken a day", 5000, 20_000)
        * source.normal_within("share of speech recorded", 0.005, 0.5, (1e-18, 1))
    )
    users = source.range("words written a year", 10_000, 100_000)
    videos = 500 * source.range("share of video that speaks", 0.05, 0.5) * 9000 * _MINUTES
    tweets = 5e8 * 365 * source.range("words of a tweet", 10, 50)
    blogs = source.range("blog posts a day", 5e6, 1e7) * source.range("words of a blog post", 200, 2000)
    platforms = (videos + tweets + blogs) / source.range("share of the platforms in the internet", 0.05, 0.4)
    crawl = (
        12
        * source.range("terabytes a month", 5, 10)
        * source.range("share of a crawl that is new", 0.3, 0.7)
        / (1 - source.below("share of a crawl that is known", 0.3, 0.85, 0.99))
        * _WORDS_PER_TB
    )
    sites = source.range("indexed sites", 3e9, 1e11) * source.range("words of a site", 500, 50_000)
    return {
        "recorded_speech": Component(np.log10(speech), lambda t: math.log10(recording_population(t))),
        "internet_users": Component(np.log10(users), lambda t: math.log10(internet_population(t))),
        "popular_platforms": Component(np.log10(platforms), lambda t: math.log10(internet_growth(t))),
        "common_crawl": Component(np.log10(crawl), lambda t: math.log10(max(t - 2016, 1e-9))),
        "indexed_web": Component(np.log10(sites), lambda _: 0.0),
    }


def low_quality_text(seed: int, draws: int) -> Curve:
    """Return log10 of the words of low-quality text, the aggregate behind the published dates.

    A mixture of internet users (weight 1), platforms (2), Common Crawl (2) and, with weight 5, a density proportional
    to F_CommonCrawl(x) (1 - F_speech(x)): anything between the lower and the upper bound.
    """
    parts = text_components(seed, draws)
    chosen = _choice(seed, draws, {"internet_users": 1, "popular_platforms": 2, "common_crawl": 2, "between": 5})
    u = uniforms(seed, "2022 between bounds", draws)[chosen["between"]]
    between = _Between(parts["common_crawl"], parts["recorded_speech"], u)
    return _mixture(parts, chosen, between)


def low_quality_text_later(seed: int, draws: int) -> Curve:
    """Return the aggregate of the repository's last commit: speech with weight 1 instead of anything between.

    The published tables of the stock belong to it, the published dates do not.
    """
    parts = text_components(seed, draws)
    weights = {"internet_users": 1, "popular_platforms": 2, "common_crawl": 2, "recorded_speech": 1}
    return _mixture(parts, _choice(seed, draws, weights), None)


def high_quality_text(seed: int, draws: int) -> Curve:
    """Return log10 of the words of high-quality text: code, papers and books, over their share in such mixtures.

    Growth is that of the economy. It is drawn twice, as in the original: once for the books of past years, once for the
    years to come. Draws of at most 1.002 are rejected; their books would be without end, or negative.
    """
    source = _Source(seed, draws)
    code = source.range("terabytes of code", 21, 65) * source.range("share of code", 0.05, 0.5) * _WORDS_PER_TB
    papers = source.range("papers", 1e8, 1.7e8) * 6000
    growth = source.above("growth, books", 1.02, 1.06, 1.002)
    direct = source.range("books", 1e7, 3e7)
    indirect = source.range("books a year", 1e6, 3e6) * source.range("share digitised", 0.02, 0.2) / np.log(growth)
    books = 1e5 * (direct + indirect) / 2
    start = np.log10((code + papers + books) / source.range("share in mixtures", 0.3, 0.5))
    slope = np.log10(source.above("growth", 1.02, 1.06, 1.002))
    return lambda year: start + slope * (year - 2022.01)


def image_components(seed: int, draws: int) -> Mapping[str, Component]:
    """Return the estimates of images: those of the platforms, and an outside estimate (Rise Above Research)."""
    source = _Source(seed, draws)
    video = source.range("hours of video a minute", 500, 800) * _MINUTES * 3600
    video *= source.range("share of video that is new", 0.1, 0.5)
    photos = source.range("photos a day", 5e9, 2e10) * 365 / source.range("photos per new one", 5, 15)

    def shift(year: float) -> float:
        return math.log10(internet_growth(year))

    outside = log10_lognormal(5e10, 2e11, normals(seed, "2022 photos a year", draws))
    return {"platforms": Component(np.log10(video + photos), shift), "external": Component(outside, shift)}


def images(seed: int, draws: int) -> Curve:
    """Return log10 of the images: anything between the outside estimate - 0.2 and that of the platforms + 0.4."""
    parts = image_components(seed, draws)
    low = Component(parts["external"].log10 - 0.2, parts["external"].shift)
    high = Component(parts["platforms"].log10 + 0.4, parts["platforms"].shift)
    return _Between(low, high, uniforms(seed, "2022 images between bounds", draws))


class _Between:
    """Log10 of a stock anywhere between two bounds: density proportional to F_low(x) (1 - F_high(x)).

    Cut at the 1% point of the lower and the 99% point of the upper bound. One uniform number belongs to each path, so
    that a path which is high in one year is high in every other.
    """

    def __init__(self, low: Component, high: Component, u: NDArray[np.float64]) -> None:
        # Sorted, so that looking up quantiles is ten times as fast; every other number of a path is independent of its
        # place, so the paths stay independent draws.
        self._low, self._high, self._u = low, high, np.sort(u)
        self._sorted = np.sort(low.log10), np.sort(high.log10)

    def __call__(self, year: float) -> NDArray[np.float64]:
        """Return log10 of the stock on every path."""
        lower, upper = self._sorted
        first, last = self._low.shift(year), self._high.shift(year)
        n = len(lower)
        x = np.linspace(lower[int(0.01 * n)] + first, upper[min(int(0.99 * n), n - 1)] + last, _GRID)
        density = np.searchsorted(lower, x - first) / n * (1 - np.searchsorted(upper, x - last) / n)
        below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
        return np.interp(self._u * below[-1], below, x)


def _choice(seed: int, draws: int, weights: Mapping[str, float]) -> Mapping[str, NDArray[np.intp]]:
    """Return the paths of each part of a mixture."""
    u = uniforms(seed, "2022 part of the mixture", draws)
    total, start = sum(weights.values()), 0.0
    paths = {}
    for name, weight in weights.items():
        paths[name] = np.flatnonzero((u >= start / total) & (u < (start + weight) / total))
        start += weight
    return paths


def _mixture(
    parts: Mapping[str, Component], paths: Mapping[str, NDArray[np.intp]], between: "_Between | None"
) -> Curve:
    draws = sum(len(chosen) for chosen in paths.values())
    fixed = {name: parts[name].log10[chosen] for name, chosen in paths.items() if name in parts}

    def at(year: float) -> NDArray[np.float64]:
        found = np.empty(draws)
        for name, values in fixed.items():
            found[paths[name]] = values + parts[name].shift(year)
        if between is not None:
            found[paths["between"]] = between(year)
        return found

    return at
