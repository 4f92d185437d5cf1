"""From curves to dates: closed forms of both rules, and what lies beyond the horizon."""

import numpy as np
import pytest
from scipy import stats

from headwater.forecast import as_published, date_at, first_passage, full_use
from headwater.forecast.demand import Trend, bootstrap_slope
from headwater.forecast.passage import clipped, quantiles

DRAWS = 200_000
Z = stats.norm.ppf((np.random.default_rng(1).permutation(DRAWS) + 0.5) / DRAWS)
W = stats.norm.ppf((np.random.default_rng(2).permutation(DRAWS) + 0.5) / DRAWS)


def stock(year):
    return 14.0 + 0.01 * (year - 2022) + 0.3 * W


DEMAND = Trend(12.0, 2022.0, 0.3, 0.04, Z)


def crossing(year):
    """P(D >= S) in closed form: the difference of two normals."""
    mean = 2.0 - 0.29 * (year - 2022)
    return stats.norm.cdf(-mean / np.hypot(0.3, 0.04 * (year - 2022)))


def test_first_passage_is_the_probability_that_demand_has_reached_the_stock():
    """Binomial error of 200,000 draws; 4.9 standard errors have a false alarm of 1e-6 each."""
    years = np.arange(2022, 2045.0)
    found = first_passage(stock, DEMAND, years)
    exact = crossing(years)
    assert (np.abs(found - exact) < 4.9 * np.sqrt(exact * (1 - exact) / DRAWS) + 1e-9).all()
    assert (np.diff(found) >= 0).all()


def test_what_was_used_once_stays_used():
    years = np.arange(2022, 2032.0)
    found = first_passage(
        lambda year: np.where(np.arange(4) < 2, 0.0, 20.0), lambda year: np.full(4, 5.0 * (year == 2024)), years
    )
    assert found.tolist() == [0.5] * 10
    found = first_passage(lambda _: np.ones(1), lambda year: np.array([2.0 * (year == 2024)]), years)
    assert found.tolist() == [0, 0] + [1] * 8


def test_the_published_rule_is_the_normalised_density_of_equality():
    """With both logarithms normal the integral is a Gaussian one and can be written down."""
    years = np.linspace(2023, 2040, 18 * 5)
    t = years - 2022
    s, d = 14 + 0.01 * t, 12 + 0.3 * t
    width = np.hypot(0.3, 0.04 * t)
    meeting = (s * (0.04 * t) ** 2 + d * 0.3**2) / width**2  # mean of x under the product of the densities
    f = meeting * stats.norm.pdf(s - d, scale=width)
    steps = np.diff(years) * (f[1:] + f[:-1]) / 2
    exact = np.concatenate([[0], np.cumsum(steps) / steps.sum()])
    assert as_published(stock, DEMAND.density, years) == pytest.approx(exact, abs=0.004)


def test_the_trailing_mean_of_the_published_rule_delays_by_half_its_length():
    years = np.linspace(2023, 2045, 22 * 20 + 1)
    plain = date_at(years, as_published(stock, DEMAND.density, years), 0.5)
    late = date_at(years, as_published(stock, DEMAND.density, years, smoothing=21), 0.5)
    assert late - plain == pytest.approx(20 / 2 / 20, abs=0.03)


@pytest.mark.parametrize("points", [41, 57, 161, 286])
def test_the_published_rule_leaves_exactly_nothing_beyond_its_window(points):
    years = np.linspace(2023, 2045, points)
    assert full_use(years, as_published(stock, DEMAND.density, years, smoothing=10)).beyond_horizon == 0


def test_curves_that_never_meet_are_beyond_the_horizon_by_every_rule():
    years = np.arange(2022, 2040.0)
    far = lambda year: np.full(10, 90.0)  # noqa: E731
    trend = Trend(12.0, 2021.9, 0.3, 0.04, Z[:10])
    for probability in (first_passage(far, trend, years), as_published(far, trend.density, years)):
        found = full_use(years, probability)
        assert found.beyond_horizon == 1
        assert (found.p5, found.p50, found.p95) == (None, None, None)


def test_dates_lie_on_the_line_between_grid_points():
    years, probability = np.array([2020.0, 2021, 2022, 2023]), np.array([0.0, 0.2, 0.2, 0.8])
    assert date_at(years, probability, 0.1) == pytest.approx(2020.5)
    assert date_at(years, probability, 0.2) == pytest.approx(2021)
    assert date_at(years, probability, 0.5) == pytest.approx(2022.5)
    assert date_at(years, probability, 0.9) is None
    assert date_at(years, np.array([0.6, 0.7, 0.8, 0.9]), 0.5) == 2020
    found = full_use(years, probability)
    assert (found.p10, found.p50, found.p95) == (pytest.approx(2020.5), pytest.approx(2022.5), None)
    assert found.beyond_horizon == pytest.approx(0.2)


def test_the_rule_of_2024_gives_the_grid_point_before_a_level_is_passed():
    years, probability = clipped(lambda _: np.zeros(1000), lambda year: np.full(1000, year - 2030.0))
    grid = np.linspace(2015, 2039, 100)
    assert date_at(years, probability, 0.5) == pytest.approx(grid[grid < 2030][-1])


def test_quantiles_are_those_of_numpy():
    values = np.random.default_rng(0).normal(size=1001)
    levels = (0.0, 0.05, 0.333, 0.5, 1.0)
    assert quantiles(values, levels) == pytest.approx(np.quantile(values, levels))


def test_the_bootstrapped_slope_is_centred_on_that_of_the_regression():
    rng = np.random.default_rng(5)
    years = rng.uniform(2010, 2024, 200)
    log10 = 9 + 0.4 * (years - 2010) + rng.normal(0, 0.5, 200)
    found = bootstrap_slope(years, log10, 3)
    fit = stats.linregress(years, log10)
    assert found.median == pytest.approx(fit.slope, abs=0.15 * fit.stderr)
    assert found.high - found.low == pytest.approx(2 * 1.96 * fit.stderr, rel=0.25)
    assert found.low < found.p5 < found.median < found.p95 < found.high


def test_the_density_of_a_trend_is_that_of_its_draws():
    found = np.histogram(DEMAND(2030.0), np.linspace(13.5, 15.3, 30), density=True)
    centres = (found[1][1:] + found[1][:-1]) / 2
    assert found[0] == pytest.approx(DEMAND.density(2030.0, centres), abs=0.02)
