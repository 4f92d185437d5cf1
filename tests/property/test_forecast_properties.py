"""What must hold for every team: more data never hurts, a better gate never dirties, nothing is NaN or infinite."""

import dataclasses
import math
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.forecast import TeamSettings, contamination, forecast_team, team_settings
from headwater.forecast.simulation import PLANS, draw, simulate, spread
from headwater.forecast.supply import Passing
from headwater.forecast.team import inputs_of

DRAWS = 1000
shares = st.floats(0, 1)
tokens = st.floats(0, 1e12)


@st.composite
def uncertain_shares(draw_one: Any) -> str | float:
    low, high = sorted((draw_one(st.floats(0.001, 1)), draw_one(st.floats(0.001, 1))))
    return draw_one(st.sampled_from([low, f"{low!r}..{high!r}", f"uniform({low!r}, {high!r})"]))


@st.composite
def teams(draw_one: Any) -> dict[str, dict[str, Any]]:
    return {
        "team": {"start": 2030, "horizon": 3, "draws": DRAWS, "seed": draw_one(st.integers(0, 99))},
        "stock": {
            "tokens": draw_one(st.sampled_from(["1B..9B", 0, 5e9, "normal(2e9, 1e9)"])),
            "permission": draw_one(uncertain_shares()),
            "contamination": draw_one(uncertain_shares()),
        },
        "intake": {
            "tokens_per_month": draw_one(tokens),
            "growth": draw_one(st.sampled_from([0.5, 1, "1.0..1.3"])),
            "quality": draw_one(uncertain_shares()),
            "permission": {"2030": draw_one(uncertain_shares()), "2032.5": draw_one(uncertain_shares())},
        },
        "machine": draw_one(st.sampled_from([{}, {"share": {"2029": 0.2, "2031": "0.3..0.5"}}])),
        "gate": {"recall": draw_one(uncertain_shares()), "false_positive_rate": draw_one(uncertain_shares())},
        "training": {"epochs": draw_one(st.floats(1, 40))},
        "synthetic": {
            "share": draw_one(st.floats(0, 0.9)),
            "worth": draw_one(st.sampled_from([0, "uniform(0, 1)", 0.4])),
            **draw_one(st.sampled_from([{}, {"tokens_per_month": "1M..100M"}])),
        },
        "need": {"tokens": draw_one(st.floats(1e6, 1e13)), "growth": draw_one(st.sampled_from([1, 3, "1.2..4"]))},
    }


def _with(team: dict[str, dict[str, Any]], **sections: dict[str, Any]) -> TeamSettings:
    return team_settings({name: {**team[name], **sections.get(name, {})} for name in team}, today=2026.9)


def _dates(one: TeamSettings) -> dict[str, np.ndarray]:
    inputs = inputs_of(one)
    u = draw(inputs, one.team.seed, DRAWS)
    passing = {plan: Passing(DRAWS) for plan in PLANS}
    for month in simulate(inputs, u, one.start, one.months, one.law):
        for plan in PLANS:
            passing[plan].at(month.year, spread(month.need, DRAWS), spread(month.supply[plan], DRAWS))
    return {plan: found.dates for plan, found in passing.items()}


def _never_before(later: np.ndarray, earlier: np.ndarray) -> bool:
    """Whether no path's date comes earlier, but for rounding within the month in which it falls."""
    both = np.isfinite(later) & np.isfinite(earlier)
    return bool((later[both] >= earlier[both] - 1e-6).all() and np.isinf(later[np.isinf(earlier)]).all())


@settings(max_examples=40, deadline=None)
@given(teams(), st.floats(1, 10), st.floats(0, 1))
def test_more_data_and_fewer_false_positives_never_bring_the_date_forward(
    team: dict[str, dict[str, Any]], factor: float, lower: float
) -> None:
    base = _dates(_with(team))
    more = _dates(_with(team, intake={"tokens_per_month": team["intake"]["tokens_per_month"] * factor}))
    kept = _dates(_with(team, gate={"false_positive_rate": 0}))
    lost = _dates(_with(team, gate={"false_positive_rate": lower}))
    for plan in PLANS:
        assert _never_before(more[plan], base[plan]), plan
        assert _never_before(kept[plan], base[plan]), plan
        assert _never_before(kept[plan], lost[plan]), plan


@settings(max_examples=40, deadline=None)
@given(teams())
def test_the_plans_are_ordered_where_synthetic_tokens_do_no_harm(team: dict[str, dict[str, Any]]) -> None:
    dates = _dates(_with(team, synthetic={**team["synthetic"], "worth_ungated": 0}))
    assert _never_before(dates["gate"], dates["none"])
    assert _never_before(dates["ungated"], dates["none"])  # no false positives
    exact = _dates(_with(team, gate={"false_positive_rate": 0}, synthetic={"worth_ungated": -0.5}))
    assert _never_before(exact["none"], exact["ungated"])
    assert _never_before(exact["gate"], exact["none"])


@settings(max_examples=30, deadline=None)
@given(teams(), st.floats(0, 1))
def test_every_number_of_a_forecast_is_one(team: dict[str, dict[str, Any]], recall: float) -> None:
    forecast = forecast_team(_with(team), what_if={"gate.recall": recall}, swing_draws=100)
    for plan in forecast.plans:
        assert all(a <= b for a, b in pairwise(plan.use.probability))
        assert abs(plan.use.date.beyond_horizon - (1 - plan.use.probability[-1])) < 1e-12
        found = [level for level in dataclasses.astuple(plan.use.date)[:-1] if level is not None]
        assert found == sorted(found)
        assert all(2030 <= level <= forecast.horizon + 1e-9 for level in found)
    for fan in (forecast.contamination, forecast.contamination_ungated, forecast.stock_contamination):
        assert all(0 <= value <= 1 for row in dataclasses.astuple(fan)[1:] for value in row)
    kept = [step.p50 for step in forecast.waterfall][:5]
    assert all(a >= b * (1 - 1e-12) for a, b in pairwise(kept))
    _all_finite(forecast)


def _all_finite(value: object) -> None:
    if isinstance(value, float):
        assert math.isfinite(value)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            _all_finite(getattr(value, field.name))
    elif isinstance(value, tuple):
        for one in value:
            _all_finite(one)


@given(shares, shares, shares, shares)
def test_a_better_gate_never_raises_contamination(c: float, phi: float, a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert contamination(c, high, phi) <= contamination(c, low, phi) + 1e-15
    assert 0 <= contamination(c, low, phi) <= 1
    if phi <= low:  # better than a coin: what is admitted is no dirtier than what is offered
        assert contamination(c, low, phi) <= c + 1e-15


@settings(max_examples=20, deadline=None)
@given(teams(), shares, shares)
def test_a_better_gate_never_raises_the_contamination_of_the_stock(
    team: dict[str, dict[str, Any]], a: float, b: float
) -> None:
    low, high = sorted((a, b))
    worse, better = (forecast_team(_with(team, gate={"recall": recall}), swing_draws=100) for recall in (low, high))
    for fan in ("contamination", "stock_contamination"):
        pairs = zip(getattr(better, fan).p50, getattr(worse, fan).p50, strict=True)
        assert all(clean <= dirty + 1e-12 for clean, dirty in pairs)
    assert better.clean_intake == worse.clean_intake
