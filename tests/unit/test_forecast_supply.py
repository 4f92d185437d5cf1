"""The pure parts of a team's forecast: what a gate keeps, what a stock is worth, and when a need reaches it."""

import math

import numpy as np
import pytest

from headwater.errors import NotEnoughData
from headwater.forecast import (
    admitted,
    capacity,
    contamination,
    dates_of_use,
    fit_machine_share,
    kept_human_share,
    machine_share,
    stock_over_time,
    synthetic_limit,
)


@pytest.mark.parametrize(("c", "rho", "phi", "expected"), [(0.35, 0.9, 0.02, 0.052), (0.52, 0.8, 0.05, 0.186)])
def test_contamination_behind_a_gate(c: float, rho: float, phi: float, expected: float) -> None:
    assert float(contamination(c, rho, phi)) == pytest.approx(expected, abs=0.001)


def test_contamination_at_its_ends() -> None:
    assert float(contamination(0.4)) == pytest.approx(0.4)  # no gate
    assert float(contamination(0.4, recall=1.0)) == 0.0
    assert float(contamination(0.4, 0.5, 1.0)) == 1.0  # all human text turned away
    assert float(contamination(0.4, 1.0, 1.0)) == 0.0  # nothing admitted
    assert float(kept_human_share(0.35, 0.02)) == pytest.approx(0.637)


def test_what_is_admitted_adds_up() -> None:
    got = admitted(1e9, 0.25, 0.8, np.array([0.0, 0.3, 1.0]), 0.9, 0.05)
    assert got.human == pytest.approx(2e8 * np.array([0.95, 0.7 * 0.95, 0.0]))
    assert got.machine == pytest.approx(2e8 * np.array([0.0, 0.3 * 0.1, 0.1]))
    without = admitted(1e9, 0.25, 0.8, 0.3)
    assert float(without.human + without.machine) == pytest.approx(2e8)


def test_a_stock_is_its_beginning_and_all_that_came_in() -> None:
    stock = stock_over_time(np.array([5.0, 7.0]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert stock.tolist() == [[5.0, 7.0], [6.0, 9.0], [9.0, 13.0]]


def test_capacity_counts_repetition_and_synthetic_tokens() -> None:
    # m(4) = 1 + R (1 - exp(-3 / R)) = 3.726, see Muennighoff et al. 2023
    repeated = 1 + 15.387756 * (1 - math.exp(-3 / 15.387756))
    limit = float(synthetic_limit(100.0, 4.0, 0.3))
    assert limit == pytest.approx(0.3 / 0.7 * 400)
    assert limit / (limit + 400) == pytest.approx(0.3)  # of what is trained on
    assert float(capacity(100.0, 4.0, limit, 0.5)) == pytest.approx(100 * repeated + 0.5 * limit)
    assert float(capacity(1.0, 1.0, 100.0, -1.0)) == 0.0


def test_the_date_is_exact_where_both_grow_exponentially() -> None:
    years = 2026 + np.arange(40) / 12
    need = 5e9 * 2 ** (years - 2026)[:, None] * np.ones(3)
    supply = np.ones((40, 1)) * np.array([10e9, 5e9 * 2**0.3, 1e13])
    assert dates_of_use(years, need, supply) == pytest.approx([2027.0, 2026.3, np.inf], abs=1e-9)


def test_the_date_is_the_first_one_and_stays() -> None:
    years = np.array([2026.0, 2027.0, 2028.0, 2029.0])
    need = np.ones((4, 3))
    supply = np.array([[2.0, 0.5, 0.0], [0.5, 2.0, 0.0], [2.0, 0.5, 3.0], [2.0, 2.0, 3.0]])
    found = dates_of_use(years, need, supply)
    assert found == pytest.approx([2026.5, 2026.0, 2026.0])


def test_a_meeting_within_rounding_has_a_date() -> None:
    below = np.nextafter(1.0, 0.0)
    found = dates_of_use(np.array([2026.0, 2027.0]), np.array([[below], [1.0]]), np.ones((2, 1)))
    assert 2026.0 <= found[0] <= 2027.0


# Graphite (2025): articles in English with more than half machine text, by month; the first is read off 0.05 to 0.10.
GRAPHITE = ((2022, 11, 0.05), (2023, 11, 0.39), (2024, 11, 0.505), (2025, 5, 0.52))


def test_the_published_series_gives_the_published_constants() -> None:
    years = [year + (month - 0.5) / 12 for year, month, _ in GRAPHITE]
    shares = [share for *_, share in GRAPHITE]
    fit = fit_machine_share(years, shares)
    assert fit.limit == pytest.approx(0.516, abs=0.001)
    assert fit.rate == pytest.approx(3.35, abs=0.01)
    # the constant depends on where in its month a share stands: half a month is 0.042
    assert fit.midpoint == pytest.approx(2023.56, abs=0.03)
    assert fit.residual == pytest.approx(0.005, abs=0.001)
    assert 0 < fit.limit_error < 0.05


def test_a_fit_finds_the_curve_that_made_the_shares() -> None:
    years = np.linspace(2022, 2026, 30)
    shares = machine_share(years, 0.4, 2.0, 2024.0)
    fit = fit_machine_share(years[::-1], shares[::-1], np.full(30, 0.01))
    assert (fit.limit, fit.rate, fit.midpoint) == pytest.approx((0.4, 2.0, 2024.0), abs=1e-4)
    early = fit_machine_share(years[:10], shares[:10], np.full(10, 0.01))
    assert early.limit_error > 10 * fit.limit_error  # before it levels out the limit is not known


def test_the_curve_at_its_ends_is_finite() -> None:
    far = machine_share(np.array([1000.0, 2023.56, 9000.0]), 0.5, 50.0, 2023.56)
    assert far.tolist() == [0.0, 0.25, 0.5]


def test_a_fit_refuses_what_it_cannot_use() -> None:
    with pytest.raises(NotEnoughData, match="at least 4 dates, got 3"):
        fit_machine_share([2022, 2023, 2024, 2024], [0.1, 0.2, 0.3, 0.3])
    with pytest.raises(ValueError, match="shares must lie within"):
        fit_machine_share([2022, 2023, 2024, 2025], [0.1, 0.2, 0.3, 1.3])
    with pytest.raises(ValueError, match="one share for each date"):
        fit_machine_share([2022, 2023], [0.1, 0.2, 0.3])
