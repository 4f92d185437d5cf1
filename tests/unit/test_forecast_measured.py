"""From what was measured to inputs, and what a synthetic token was worth."""

import math

import pytest
from scipy.special import ndtri
from scipy.stats import beta

from headwater.forecast import rate_quantity, share_quantity, shares_by_month, tokens_of_words, worth_from_runs
from headwater.forecast.quantities import Quantity, Schedule, between, constant, parse


def test_a_share_keeps_the_interval_it_was_measured_with() -> None:
    found = share_quantity(0.36, 0.30, 0.42, level=0.95)
    assert found.kind == "normal"
    assert found.quantile(0.025) == pytest.approx(0.30, abs=1e-4)
    assert found.quantile(0.975) == pytest.approx(0.42, abs=1e-4)
    narrow = share_quantity(0.36, 0.30, 0.42, level=0.8)
    assert narrow.parameters[1] == pytest.approx(0.06 / ndtri(0.9), rel=1e-3)


def test_without_a_point_every_share_of_the_range_is_as_good() -> None:
    assert share_quantity(None, 0.1, 0.5) == Quantity("uniform", (0.1, 0.5), "uniform(0.1, 0.5)")
    assert share_quantity(0.2, 0.2, 0.2).certain


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.02), (0.98, 1.0), (0.0, 1.0)])
def test_a_share_at_an_end_stays_a_share(low: float, high: float) -> None:
    found = share_quantity((low + high) / 2, low, high)
    assert found.quantile(0.05) >= 0
    assert found.quantile(0.95) <= 1


def test_what_a_report_shows_can_be_written_into_settings() -> None:
    for found in (share_quantity(0.36, 0.3, 0.42), share_quantity(None, 0.1, 0.5), rate_quantity(0.9, 173)):
        assert parse(str(found)) == found


def test_a_rate_has_the_interval_of_its_trials() -> None:
    found = rate_quantity(0.9, 200)
    assert found.parameters == pytest.approx(beta.ppf([0.05, 0.95], 180.5, 20.5), rel=1e-3)
    none = rate_quantity(0.0, 50)  # none seen is not none
    assert 0 < none.parameters[0] < none.parameters[1] < 0.06
    with pytest.raises(ValueError, match="needs trials"):
        rate_quantity(0.5, 0)


def test_months_become_a_table_in_order() -> None:
    found = shares_by_month([(2025.5, 0.4, 0.3, 0.5), (2025.04, None, 0.1, 0.3)])
    assert isinstance(found, Schedule)
    assert found.years == (2025.04, 2025.5)
    assert [value.kind for value in found.values] == ["uniform", "normal"]
    assert isinstance(shares_by_month([(2025.5, 0.4, 0.3, 0.5)]), Quantity)
    with pytest.raises(ValueError, match="same month"):
        shares_by_month([(2025.5, 0.4, 0.3, 0.5), (2025.5, 0.4, 0.3, 0.5)])
    with pytest.raises(ValueError, match="no month"):
        shares_by_month([])
    with pytest.raises(ValueError, match="low <= high"):
        share_quantity(0.4, 0.5, 0.3)


def test_words_become_tokens() -> None:
    assert tokens_of_words(1_000_000, between(1.2, 1.5)).parameters == pytest.approx((1.2e6, 1.5e6))
    assert tokens_of_words(1000, constant(1)).parameters == (1000.0,)
    with pytest.raises(ValueError, match="positive"):
        tokens_of_words(1000, parse("normal(1.3, 0.1)"))


def _curve(tokens: float, exponent: float) -> float:
    """Return the loss of a learner on human tokens, up to a constant."""
    return 3.0 * tokens**-exponent if exponent else -0.4 * math.log(tokens)


@pytest.mark.parametrize("exponent", [0.0, 0.08, 0.2, 0.35, 0.5])
@pytest.mark.parametrize("worth", [-0.5, 0.0, 0.3, 1.0])
def test_a_worth_is_read_off_the_learners_own_curve(exponent: float, worth: float) -> None:
    human, synthetic, more = 120_000.0, 60_000.0, 60_000.0
    gain = _curve(human, exponent) - _curve(human + worth * synthetic, exponent)
    top = _curve(human, exponent) - _curve(human + more, exponent)
    found = worth_from_runs(human, synthetic, gain, 0.0, more, top, 0.0)
    assert found.refused is None
    assert found.worth is not None
    mean, deviation = found.worth.parameters if found.worth.kind == "normal" else (found.worth.parameters[0], 0.0)
    assert abs(mean - worth) <= deviation + 1e-3  # the form of the curve is part of the error
    assert deviation < 0.06
    assert found.assumptions


def test_noise_of_the_losses_widens_a_worth() -> None:
    exact = worth_from_runs(1e5, 5e4, 0.02, 0.0, 5e4, 0.05, 0.0).worth
    noisy = worth_from_runs(1e5, 5e4, 0.02, 0.004, 5e4, 0.05, 0.005).worth
    assert exact is not None
    assert noisy is not None
    assert noisy.parameters[0] == exact.parameters[0]
    # by hand, at the flat end: dv/dg = D ln r / G r^(g/G) / S
    slope = 1e5 * math.log(1.5) / 0.05 * 1.5**0.4 / 5e4
    noise = math.hypot(slope * 0.004, slope * 0.4 * 0.005)
    assert noisy.parameters[1] == pytest.approx(math.hypot(noise, exact.parameters[1]), rel=1e-3)


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ((1e5, 0, 0.02, 0.001, 5e4, 0.05, 0.001), "admitted no synthetic tokens"),
        ((1e5, 5e4, 0.02, 0.001, 0, 0.0, 0.0), "no second training"),
        ((1e5, 5e4, 0.02, 0.001, 5e4, 0.05, 0.03), "too little to say"),
        ((1e5, 5e4, 0.06, 0.001, 5e4, 0.05, 0.001), "train on more human text"),
        ((1e5, 5e4, math.nan, 0.001, 5e4, 0.05, 0.001), "no numbers"),
        ((1e5, 1e2, -0.2, 0.001, 5e4, 0.05, 0.001), "says nothing"),
    ],
)
def test_where_a_worth_cannot_be_said_the_reason_is(numbers: tuple[float, ...], reason: str) -> None:
    found = worth_from_runs(*numbers)
    assert found.worth is None
    assert found.refused is not None
    assert reason in found.refused
