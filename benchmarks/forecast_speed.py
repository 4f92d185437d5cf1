"""How fast is a forecast, beside the same model in squigglepy, the library the published ones are written with?

The model of 2024 with its trend: 100,000 draws, every year from 2024 to 2050, quantiles of stock and of demand, and
the probability of full use. squigglepy draws every quantity anew at each date, as the original does (one call a curve
and date); Headwater draws a path once and moves it through the years. The second model is the low-quality text of 2022
in the aggregate of the last commit, a mixture of four. Both sides give the same quantiles, which is printed. Then
every preset whole, all series and scenarios, by both rules.

Wall seconds, fastest of ``--repeats`` turns that alternate; one thread.

    OMP_NUM_THREADS=1 python benchmarks/forecast_speed.py [--repeats 3] [--draws 100000]

prints Markdown tables; about a minute. ``squigglepy`` is in the extra ``dev``.
"""

import argparse
import math
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import squigglepy as sq

from headwater.forecast import PRESETS, RULES, forecast
from headwater.forecast.demand import growth_of_sets, text_trend_2022, text_trend_2024
from headwater.forecast.passage import quantiles
from headwater.forecast.population import internet_growth, internet_population, recording_population
from headwater.forecast.stock_2022 import low_quality_text_later
from headwater.forecast.stock_2024 import web_stock

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
Curves = tuple[list[np.ndarray], list[np.ndarray], list[float]]
"""Quantiles of stock and of demand in log10, and the probability of full use, by year."""


def peer(stock: Callable[[float], object], demand: Callable[[float], object], years: np.ndarray, draws: int) -> Curves:
    """Return the curves as squigglepy samples them."""
    found: Curves = ([], [], [])
    for year in years.tolist():
        there, wanted = (np.log10(sq.sample(curve(year), n=draws)) for curve in (stock, demand))
        found[0].append(np.quantile(there, LEVELS))
        found[1].append(np.quantile(wanted, LEVELS))
        found[2].append(float(np.mean(wanted >= there)))
    return found


def ours(stock: Callable[[float], np.ndarray], demand: Callable[[float], np.ndarray], years: np.ndarray) -> Curves:
    """Return the curves as Headwater makes them."""
    found: Curves = ([], [], [])
    for year in years.tolist():
        there, wanted = stock(year), demand(year)
        found[0].append(quantiles(there))
        found[1].append(quantiles(wanted))
        found[2].append(float(np.mean(wanted >= there)))
    return found


def peer_2024(years: np.ndarray, draws: int) -> Curves:
    """Return the model of 2024 by squigglepy."""
    wide = {"credibility": 95}
    web = sq.to(75e9, 1e12, **wide) * sq.to(6100, 8200, **wide) / sq.clip(6 - sq.to(1, 4, **wide), 0.05, None)
    growth = sq.to(1.02, 1.04, **wide) * sq.to(1.00, 1.10, **wide)
    used = web * sq.to(0.1, 0.4, **wide) * sq.to(2, 5, **wide)
    slope = growth_of_sets(0)
    base, faster = sq.to(3e12, 13e12), sq.to(10**slope.low, 10**slope.high, **wide)
    return peer(lambda t: used * growth ** (t - 2024), lambda t: base * faster ** (t - 2024), years, draws)


def peer_2022(years: np.ndarray, draws: int) -> Curves:
    """Return the low-quality text of 2022, last commit, by squigglepy."""
    speech = 365 * sq.to(5000, 20_000) * sq.norm(0.005, 0.5, lclip=1e-18, rclip=1)
    users = sq.to(10_000, 100_000)
    videos = 500 * sq.to(0.05, 0.5) * 9000 * 525_600
    platforms = (videos + 5e8 * 365 * sq.to(10, 50) + sq.to(5e6, 1e7) * sq.to(200, 2000)) / sq.to(0.05, 0.4)
    crawl = 12 * sq.to(5, 10) * sq.to(0.3, 0.7) / (1 - sq.to(0.3, 0.85, rclip=0.99)) * 200e9

    def stock(t: float) -> object:
        parts = [
            users * internet_population(t),
            platforms * internet_growth(t),
            crawl * (t - 2016),
            speech * recording_population(t),
        ]
        return sq.mixture(parts, weights=[1 / 6, 2 / 6, 2 / 6, 1 / 6])

    faster = sq.to(10**0.26477, 10**0.39162)
    return peer(stock, lambda t: 2e12 * faster ** (t - 2022 + 1e-6), years, draws)


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--draws", type=int, default=100_000)
    arguments = options.parse_args()
    draws = arguments.draws
    late, early = np.arange(2024, 2051.0), np.arange(2022, 2098.0)
    models = {
        "text of 2024, trend, 27 years": (
            lambda: peer_2024(late, draws),
            lambda: ours(web_stock(0, draws), text_trend_2024(0, draws), late),
        ),
        "low-quality text of 2022, trend, 76 years": (
            lambda: peer_2022(early, draws),
            lambda: ours(low_quality_text_later(0, draws), text_trend_2022(0, draws), early),
        ),
    }
    print(f"{draws:,} draws, one thread of {os.cpu_count()} cores; Python {platform.python_version()}, "
          f"NumPy {np.__version__}, squigglepy {version('squigglepy')}.\n")  # fmt: skip
    print("| model | squigglepy, s | Headwater, s | ratio | largest difference of a quantile, log10 |")
    print("|---|---|---|---|---|")
    for name, sides in models.items():
        best = [math.inf, math.inf]
        results: list[Curves] = [None, None]  # type: ignore[list-item]
        for _ in range(arguments.repeats):
            for side, run in enumerate(sides):
                start = time.perf_counter()
                results[side] = run()
                best[side] = min(best[side], time.perf_counter() - start)
        apart = max(np.abs(np.array(results[0][part]) - np.array(results[1][part])).max() for part in (0, 1))
        print(f"| {name} | {best[0]:.2f} | {best[1]:.3f} | {best[0] / best[1]:.0f}x | {apart:.3f} |")
    print("\n| preset, whole | rule | series | years | s |\n|---|---|---|---|---|")
    for preset in PRESETS:
        for rule in RULES:
            best_of = math.inf
            for _ in range(arguments.repeats):
                start = time.perf_counter()
                made = forecast(preset, rule, draws=draws)
                best_of = min(best_of, time.perf_counter() - start)
            span = made.horizon - made.series[0].stock.years[0]
            count = f"{len(made.series)} and {len(made.scenarios)} scenarios"
            print(f"| {preset} | {rule} | {count} | {span:g} | {best_of:.2f} |")


if __name__ == "__main__":
    main()
