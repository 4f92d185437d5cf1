"""Feedback: who gets how much of the budget, from steering scores alone."""

import math

import pytest

from headwater.loop.feedback import HALF_LIFE, adapted_share, budgets, moving_average

MUCH = 10**6


def _supply(gains: dict[str, float | None], amount: int = MUCH) -> dict[str, int]:
    return dict.fromkeys(gains, amount)


def test_an_observation_counts_half_after_two_tests() -> None:
    assert HALF_LIFE == 2.0
    average = moving_average(None, 8.0)
    assert average == 8.0
    for _ in range(2):
        average = moving_average(average, 0.0)
    assert average == pytest.approx(4.0)
    assert moving_average(8.0, 2.0, half_life=1.0) == pytest.approx(5.0)


def test_a_moving_average_forgets_an_exhausted_recipe() -> None:
    """Cumulated scores would still prefer the one that was good three times and is not any more."""
    exhausted, steady = None, None
    for observed in (1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0):
        exhausted = moving_average(exhausted, observed)
    for observed in (0.4,) * 7:
        steady = moving_average(steady, observed)
    assert exhausted < steady


def test_budgets_follow_the_softmax_with_a_tenth_spread_evenly() -> None:
    gains = {"best": 0.02, "half": 0.01, "worst": -0.02}
    found = budgets(100_000, gains, _supply(gains), 0.10)
    # Gains scaled by the largest, temperature one half: weights 1, e^-1, e^-4.
    weights = {"best": 1.0, "half": math.exp(-1), "worst": math.exp(-4)}
    total = sum(weights.values())
    for name, weight in weights.items():
        assert found[name] == pytest.approx(100_000 * (0.9 * weight / total + 0.1 / 3), abs=3)
    assert sum(found.values()) == 100_000


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_the_unit_of_the_gains_does_not_matter(unit: float) -> None:
    gains = {"a": 3.0, "b": 1.0, "c": -2.0}
    plain = budgets(1000, gains, _supply(gains), 0.1)
    assert budgets(1000, {name: unit * gain for name, gain in gains.items()}, _supply(gains), 0.1) == plain


def test_a_recipe_never_tested_is_treated_like_the_best() -> None:
    gains = {"best": 0.02, "new": None, "poor": 0.001}
    found = budgets(10_000, gains, _supply(gains), 0.1)
    assert found["new"] == pytest.approx(found["best"], abs=1)
    assert found["poor"] < found["new"]
    losers = {"new": None, "bad": -0.1}
    found = budgets(10_000, losers, _supply(losers), 0.0)
    assert found["new"] >= found["bad"]


def test_nothing_known_means_an_even_spread() -> None:
    gains = dict.fromkeys("abcd")
    assert budgets(1000, gains, _supply(gains), 0.1) == dict.fromkeys("abcd", 250)
    nothing = dict.fromkeys("abcd", 0.0)
    assert budgets(1000, nothing, _supply(nothing), 0.1) == dict.fromkeys("abcd", 250)


def test_exploration_keeps_every_recipe_alive() -> None:
    gains = {"best": 1.0, **{f"poor {i}": -1.0 for i in range(9)}}
    without = budgets(1000, gains, _supply(gains), 0.0)
    spread = budgets(1000, gains, _supply(gains), 0.10)
    assert all(amount >= 10 for amount in spread.values())
    assert spread["poor 0"] > without["poor 0"]
    # Rounded up one after the other, so that the last of ten may lack ten.
    assert budgets(1000, gains, _supply(gains), 1.0) == pytest.approx(dict.fromkeys(gains, 100), abs=10)


def test_what_one_cannot_deliver_goes_to_the_others() -> None:
    gains = {"best": 1.0, "second": 0.9, "poor": -1.0}
    found = budgets(1000, gains, {"best": 100, "second": MUCH, "poor": MUCH}, 0.1)
    assert found["best"] == 100
    assert sum(found.values()) == 1000
    assert found["second"] > found["poor"]


def test_a_short_supply_is_used_up() -> None:
    gains = {"a": 1.0, "b": None, "c": 0.0}
    supply = {"a": 5, "b": 7, "c": 0}
    assert budgets(1000, gains, supply, 0.1) == {"a": 5, "b": 7}
    assert budgets(0, gains, supply, 0.1) == {"a": 0, "b": 0}
    assert budgets(1000, {}, {}, 0.1) == {}


def test_the_order_of_the_recipes_does_not_matter() -> None:
    gains = {"b": 0.3, "a": None, "c": -0.1}
    backwards = dict(reversed(gains.items()))
    assert budgets(997, gains, _supply(gains), 0.1) == budgets(997, backwards, _supply(backwards), 0.1)


def test_the_share_follows_the_gain_and_stops_at_its_cap() -> None:
    assert adapted_share(0.1, 0.2, 5.0, 1 / 3) == pytest.approx(0.1 * math.e)
    assert adapted_share(0.1, -0.2, 5.0, 1 / 3) == pytest.approx(0.1 / math.e)
    assert adapted_share(0.1, 1e6, 5.0, 1 / 3) == pytest.approx(1 / 3)
    assert adapted_share(0.1, 0.0, 5.0, 1 / 3) == pytest.approx(0.1)
    assert adapted_share(0.0, 1.0, 5.0, 1 / 3) == 0.0
    assert adapted_share(0.1, 1.0, 5.0, 0.0) == 0.0
