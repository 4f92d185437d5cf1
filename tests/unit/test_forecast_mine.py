"""A team's own forecast against closed forms, and what must hold between its scenarios."""

import dataclasses
import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from headwater.errors import ConfigError
from headwater.forecast import Measured, Measurement, TeamSettings, forecast_team, team_settings
from headwater.forecast.quantities import parse
from headwater.forecast.result import TeamForecast
from headwater.forecast.sensitivity import rank_correlation
from headwater.forecast.simulation import draw, gate_dates, simulate, spread
from headwater.forecast.supply import Passing
from headwater.forecast.team import inputs_of

START = 2030.0
# Everything certain: 10B tokens seen once, no intake, nothing synthetic; the need doubles from 5B.
CERTAIN: dict[str, dict[str, Any]] = {
    "team": {"start": START, "horizon": 5, "draws": 1000},
    "stock": {"tokens": 10e9, "permission": 1},
    "intake": {"tokens_per_month": 0, "quality": 0.25, "permission": 0.8},
    "machine": {"share": 0.3},
    "gate": {"recall": 0.9, "false_positive_rate": 0.05},
    "training": {"epochs": 1},
    "synthetic": {"share": 0, "worth": 0.5},
    "need": {"tokens": 5e9, "growth": 2},
}


def _settings(**sections: dict[str, Any]) -> TeamSettings:
    values = {name: {**section, **sections.get(name, {})} for name, section in CERTAIN.items()}
    return team_settings(values, today=2026.9)


def _m(epochs: float) -> float:
    """Return the worth of repetition, Muennighoff et al. 2023."""
    return 1 + 15.387756 * (1 - math.exp(-(epochs - 1) / 15.387756))


def _dates(forecast: TeamForecast) -> list[float | None]:
    return [plan.use.date.p50 for plan in forecast.plans]


def test_a_stock_without_intake_is_used_up_when_the_need_has_doubled() -> None:
    forecast = forecast_team(_settings())
    assert _dates(forecast) == pytest.approx([START + 1] * 3, abs=1e-9)
    for plan in forecast.plans:
        date = plan.use.date
        assert {date.p5, date.p10, date.p25, date.p50, date.p75, date.p90, date.p95} == {date.p50}
        assert plan.runway_years.p50 == pytest.approx(1, abs=1e-9)
        assert date.beyond_horizon == 0
        reached = dict(zip(plan.use.years, plan.use.probability, strict=True))
        assert {year: p for year, p in reached.items() if year < START + 0.99} == dict.fromkeys(
            plan.use.years[:12], 0.0
        )
        assert set(plan.use.probability[13:]) == {1.0}
    assert forecast.tornado == ()  # nothing is uncertain


def test_repetition_and_synthetic_tokens_put_the_date_off_by_their_worth() -> None:
    forecast = forecast_team(_settings(training={"epochs": 4}, synthetic={"share": 0.3}))
    none = math.log2(10 * _m(4) / 5)
    gate = math.log2((10 * _m(4) + 0.5 * 0.3 / 0.7 * 10 * 4) / 5)
    assert _dates(forecast) == pytest.approx([START + none, START + gate, START + none], abs=1e-9)
    assert [plan.name for plan in forecast.plans] == ["none", "gate", "ungated"]


def test_with_intake_it_is_what_a_calculation_by_hand_gives() -> None:
    forecast = forecast_team(
        _settings(
            stock={"permission": 0.9, "contamination": 0.1},
            intake={"tokens_per_month": 2e9, "growth": 1.2},
            training={"epochs": 2},
        )
    )

    def stock(years: float, kept: float) -> float:
        come_in = 12 * 2 * (1.2**years - 1) / math.log(1.2)
        return 10 * 0.9 * 0.9 + come_in * 0.25 * 0.8 * 0.7 * kept

    def date(kept: float) -> float:
        return START + brentq(lambda t: 5 * 2**t - _m(2) * stock(t, kept), 0, 10)

    # steps of a month for the integral, and exponential growth within it: well under a day
    assert _dates(forecast) == pytest.approx([date(0.95), date(0.95), date(1.0)], abs=1e-3)
    after = [year - START for year in forecast.stock.years]
    assert forecast.stock.p50 == pytest.approx([1e9 * stock(t, 0.95) for t in after], rel=1e-4)
    assert forecast.stock.p5 == pytest.approx(forecast.stock.p95)
    assert set(forecast.contamination_ungated.p50) == {0.3}
    assert forecast.contamination.p50 == pytest.approx([0.3 * 0.1 / (0.3 * 0.1 + 0.7 * 0.95)] * len(after))
    machine = [10 * 0.9 * 0.1 + 12 * 2 * (1.2**t - 1) / math.log(1.2) * 0.2 * 0.3 * 0.1 for t in after]
    shares = [m / (m + stock(t, 0.95)) for m, t in zip(machine, after, strict=True)]
    assert forecast.stock_contamination.p50 == pytest.approx(shares, rel=1e-4)
    first_month = 2e9 * 1.2 ** (1 / 24) * 0.2 * 0.7 * 0.95
    assert forecast.clean_intake.p50[0] == pytest.approx(first_month)


def test_intake_whose_machine_share_rises_with_time() -> None:
    rising = {"share": {"2030": 0, "2035": 1}}
    forecast = forecast_team(_settings(machine=rising, intake={"tokens_per_month": 2e9}, need={"growth": 1.5}))
    for year, found in zip(forecast.stock.years, forecast.stock.p50, strict=True):
        t = year - START
        # the integral of 1 - t/5, which the middle of each month gives exactly
        assert found == pytest.approx(10e9 + 24e9 * 0.2 * 0.95 * (t - t**2 / 10), rel=1e-9)
    curve = {"share": None, "limit": 0.5, "rate": 2, "midpoint": 2031}
    forecast = forecast_team(_settings(machine=curve, intake={"tokens_per_month": 2e9}))
    for year, found in zip(forecast.stock.years, forecast.stock.p50, strict=True):
        machine = 0.25 * (math.log1p(math.exp(2 * (year - 2031))) - math.log1p(math.exp(2 * (START - 2031))))
        expected = 10e9 + 24e9 * 0.2 * 0.95 * (year - START - machine)
        # the midpoint rule errs by the step squared / 24 times the change of the slope, at most limit * rate / 4
        assert found == pytest.approx(expected, abs=24e9 * 0.2 * 0.95 / 144 / 24 * 0.5 * 2 / 4)


def test_few_paths_followed_by_themselves_keep_their_dates() -> None:
    settings = _settings(stock={"tokens": "10B..40B"}, intake={"tokens_per_month": "1B..9B"}, need={"growth": "1.5..4"})
    inputs = inputs_of(settings)
    u = draw(inputs, 0, 2000)
    passing = Passing(2000)
    for month in simulate(inputs, u, START, settings.months, settings.law):
        passing.at(month.year, spread(month.need, 2000), spread(month.supply["gate"], 2000))
    found = gate_dates(inputs, u, 2000, START, settings.months, settings.law)
    assert (found == passing.dates).all()
    assert 0 < np.isinf(found).sum() < 2000 / 8  # so that the few were


def test_the_waterfall_ends_where_the_need_is_met() -> None:
    forecast = forecast_team(
        _settings(intake={"tokens_per_month": 2e9}, training={"epochs": 2}, synthetic={"share": 0.2})
    )
    names = [step.name for step in forecast.waterfall]
    assert names == ["gathered", "may be used", "good enough", "written by people", "kept by the gate", "repeated",
                     "with synthetic tokens"]  # fmt: skip
    years = round(12 * ((forecast.plans[1].use.date.p50 or 0) - START)) / 12
    raw = 12 * 2 * years
    kept = 10 + raw * 0.2 * 0.7 * 0.95
    by_hand = [10 + raw, 10 + raw * 0.8, 10 + raw * 0.2, 10 + raw * 0.2 * 0.7, kept, kept * _m(2)]
    by_hand.append(by_hand[-1] + 0.5 * 0.2 / 0.8 * kept * 2)
    assert [step.p50 for step in forecast.waterfall] == pytest.approx([1e9 * value for value in by_hand])
    assert f"by {START + years:.1f}" in forecast.waterfall[0].note


def test_a_need_that_never_meets_the_stock_lies_beyond_the_horizon() -> None:
    forecast = forecast_team(_settings(need={"growth": 1}), what_if={"need.growth": 1.01})
    for plan in forecast.plans:
        assert plan.use.date.beyond_horizon == 1.0
        assert plan.use.date.p5 is plan.use.date.p50 is plan.use.date.p95 is plan.runway_years.p50 is None
        assert set(plan.use.probability) == {0.0}
    assert any("With probability 100.00%" in one and "beyond the horizon" in one for one in forecast.warnings)
    assert "both medians lie beyond the horizon" in forecast.what_if[1].note


def test_a_need_above_the_supply_at_the_start_is_met_there_and_said() -> None:
    forecast = forecast_team(_settings(need={"tokens": 11e9}))
    assert _dates(forecast) == [START] * 3
    assert forecast.plans[0].runway_years.p50 == 0
    assert any("exceeds the supply at the start already" in one for one in forecast.warnings)


def test_synthetic_tokens_come_in_by_the_month_and_through_the_gate() -> None:
    synthetic = {"share": 0.5, "worth": 1, "tokens_per_month": 1e9, "admitted": 0.25, "worth_ungated": 0.1}
    forecast = forecast_team(_settings(synthetic=synthetic))
    _, gate, ungated = forecast.plans
    after = np.array(gate.supply.years) - START
    # admitted until the share of the mix is reached: as many as there are human tokens
    assert gate.supply.p50 == pytest.approx(10e9 + np.minimum(0.25e9 * 12 * after, 10e9))
    assert ungated.supply.p50 == pytest.approx(10e9 + 0.1 * np.minimum(12e9 * after, 10e9))


def test_ungated_text_that_does_harm_brings_the_date_forward() -> None:
    intake = {"tokens_per_month": 5e9}
    plain = forecast_team(_settings(intake=intake))
    harmed = forecast_team(_settings(intake=intake, synthetic={"worth_ungated": -0.5}))
    assert _dates(plain)[:2] == _dates(harmed)[:2]
    assert plain.plans[2].use.date.p50 > plain.plans[1].use.date.p50  # type: ignore[operator]  # no false positives
    assert harmed.plans[2].use.date.p50 < harmed.plans[1].use.date.p50  # type: ignore[operator]


def test_permission_that_falls_takes_stock_away() -> None:
    forecast = forecast_team(_settings(stock={"permission": {"2030": 1, "2035": 0}}, need={"tokens": 4e9, "growth": 1}))
    assert _dates(forecast) == pytest.approx([START + 3] * 3, abs=1e-3)


def test_a_plan_as_a_table_is_the_need() -> None:
    need = {"tokens": {"2030": 5e9, "2032": 15e9}}
    values = {**CERTAIN, "need": need}
    forecast = forecast_team(team_settings(values, today=2026.9))
    assert _dates(forecast) == pytest.approx([START + 1] * 3, abs=1e-9)
    parameters = {"parameters": 250e6, "tokens_per_parameter": 20, "growth": 2}
    by_size = forecast_team(team_settings({**CERTAIN, "need": parameters}, today=2026.9))
    assert _dates(by_size) == pytest.approx([START + 1] * 3, abs=1e-9)


# 100,000 paths and a lognormal stock: every quantile of the date is known. A quantile at p has the standard error
# sqrt(p (1 - p) / n) / density; five of them are passed by chance in fewer than one of a million cases.
DRAWS = 100_000
UNCERTAIN = {
    "team": {"draws": DRAWS, "horizon": 5},
    "stock": {"tokens": "10B..40B"},
    "training": {"epochs": 1},
}
STOCK = NormalDist(math.log(20e9), math.log(4) / (2 * NormalDist().inv_cdf(0.95)))


def _errors(p: float, deviation: float) -> float:
    return math.sqrt(p * (1 - p) / DRAWS) / (NormalDist().pdf(NormalDist().inv_cdf(p)) / deviation)


@pytest.fixture(scope="module")
def uncertain() -> TeamForecast:
    return forecast_team(_settings(**UNCERTAIN))


def test_quantiles_of_the_date_are_those_of_the_stock(uncertain: TeamForecast) -> None:
    deviation = STOCK.stdev / math.log(2)
    for plan in uncertain.plans:
        for p in (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95):
            expected = START + math.log2(math.exp(STOCK.inv_cdf(p)) / 5e9)
            found = getattr(plan.use.date, f"p{round(100 * p)}")
            assert abs(found - expected) < 5 * _errors(p, deviation), (plan.name, p)


def test_the_probability_by_date_is_that_of_the_stock_below_the_need(uncertain: TeamForecast) -> None:
    for year, found in zip(uncertain.plans[1].use.years, uncertain.plans[1].use.probability, strict=True):
        p = STOCK.cdf(math.log(5e9 * 2 ** (year - START)))
        # 61 dates: 5 standard errors at one of them by chance in fewer than 4 of 100,000 cases
        assert abs(found - p) <= 5 * math.sqrt(p * (1 - p) / DRAWS) + 1e-12
    beyond = uncertain.plans[1].use.date.beyond_horizon
    assert beyond == pytest.approx(1 - uncertain.plans[1].use.probability[-1])


def test_the_only_uncertain_input_is_the_whole_tornado(uncertain: TeamForecast) -> None:
    (swing,) = uncertain.tornado
    assert swing.key == "stock.tokens"
    for p, date in ((0.1, swing.low_date), (0.9, swing.high_date)):
        assert date == pytest.approx(START + math.log2(math.exp(STOCK.inv_cdf(p)) / 5e9), abs=1e-9)
    assert (swing.low_value, swing.high_value) == ("11.7B", "34.3B")
    assert swing.rank_correlation == pytest.approx(1, abs=1e-6)
    assert (swing.low_probability, swing.high_probability) == (1.0, 1.0)


def test_the_tornado_is_ordered_by_what_moves_the_median() -> None:
    forecast = forecast_team(
        _settings(
            team={"draws": 20_000, "horizon": 10},
            stock={"tokens": "10B..40B", "permission": "0.85..0.95"},
            need={"growth": "1.9..2.1"},
            gate={"recall": "uniform(0.5, 1)"},
        ),
        swing_draws=20_000,
    )
    assert [swing.key for swing in forecast.tornado] == [
        "stock.tokens",
        "need.growth",
        "stock.permission",
        "gate.recall",
    ]
    stock, growth, permission, recall = forecast.tornado
    assert None not in (stock.rank_correlation, growth.rank_correlation, permission.rank_correlation)
    assert stock.rank_correlation > 0.9 > -0.05 > growth.rank_correlation  # type: ignore[operator]
    # ln(S p / T0) / ln g at the medians of the other inputs, of which the date is a monotone function
    low, high = (
        math.exp(NormalDist(math.log(1.9 * 2.1) / 2, math.log(2.1 / 1.9) / 3.28971).inv_cdf(p)) for p in (0.1, 0.9)
    )
    need = math.log(20e9 * math.sqrt(0.85 * 0.95) / 5e9)
    # the median of 20,000 paths: its standard error is 1.25 * 0.61 / 141 = 0.0054, five of them 0.027
    assert growth.low_date == pytest.approx(START + need / math.log(low), abs=0.03)
    assert growth.high_date == pytest.approx(START + need / math.log(high), abs=0.03)
    assert recall.low_date == recall.high_date  # what a gate lets through counts nothing


def test_swings_beyond_the_horizon_are_ordered_by_probability() -> None:
    forecast = forecast_team(
        _settings(
            team={"draws": 20_000, "horizon": 1},
            stock={"tokens": "10B..40B", "permission": "0.85..0.95"},
        )
    )
    assert [swing.key for swing in forecast.tornado] == ["stock.tokens", "stock.permission"]
    stock, permission = forecast.tornado
    assert permission.low_date is permission.high_date is None
    assert permission.low_probability > permission.high_probability
    assert stock.high_probability == 0.0


def test_the_same_settings_give_the_same_forecast() -> None:
    sections = {
        "stock": {"tokens": "10B..40B"},
        "intake": {"tokens_per_month": "1B..2B"},
        "gate": {"recall": "0.7..0.9"},
    }
    settings = _settings(**sections)
    assert forecast_team(settings) == forecast_team(settings)
    other = forecast_team(_settings(**sections, team={"seed": 1}))
    assert other.plans[1].use.date != forecast_team(settings).plans[1].use.date


def test_scenarios_use_the_same_draws() -> None:
    settings = _settings(**UNCERTAIN, intake={"tokens_per_month": "1B..2B"}, gate={"false_positive_rate": "0.01..0.05"})
    changes = {"intake.tokens_per_month": "1B..2B", "gate.recall": 0.2, "gate.false_positive_rate": "0.01..0.06"}
    forecast = forecast_team(settings, what_if=changes)
    base = forecast.plans[1].use.date
    unchanged, unrelated, little = forecast.what_if[1:4]
    assert unchanged.date == base  # the same value again: the same dates to the last bit
    assert unrelated.date == base  # recall does not move the date
    assert base.p50 is not None
    assert little.date.p50 is not None
    # far below the noise of one forecast (0.004 years), and in the right direction
    assert 0 < base.p50 - little.date.p50 < 0.002
    assert forecast.what_if[2].note.endswith("as without the change")


def test_what_ifs_are_compared_one_by_one_and_together() -> None:
    changes = {"training.epochs": 4, "stock.tokens": "20B"}
    forecast = forecast_team(_settings(team={"horizon": 10}, intake={"tokens_per_month": 5e9}), what_if=changes)
    assert [scenario.name for scenario in forecast.what_if] == [
        "no machine text in new material", "training.epochs = 4", "stock.tokens = 20B", "all of these",
    ]  # fmt: skip
    one_by_one = [
        forecast_team(_settings(team={"horizon": 10}, intake={"tokens_per_month": 5e9}, **changed)).plans[1].use.date
        for changed in (
            {"machine": {"share": 0}},
            {"training": {"epochs": 4}},
            {"stock": {"tokens": 20e9}},
            {"training": {"epochs": 4}, "stock": {"tokens": 20e9}},
        )
    ]
    assert [scenario.date for scenario in forecast.what_if] == one_by_one
    base = forecast.plans[1].use.date.p50
    assert base is not None
    assert "years later" in forecast.what_if[1].note
    assert f"instead of {base:.1f}" in forecast.what_if[1].note


def test_a_what_if_takes_the_place_of_what_excludes_it() -> None:
    forecast = forecast_team(
        _settings(), what_if={"machine.limit": 0.2, "need.parameters": "1B", "training.repeated_tokens": 5}
    )
    assert forecast.what_if[2].date.p50 == START  # 20 tokens for each of 1B parameters
    assert forecast.what_if[1].date == forecast.plans[1].use.date


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"gate.recal": 0.9}, "gate.recal: nothing that can be changed is called so. Did you mean 'gate.recall'?"),
        ({"team.draws": 5}, "team.draws: nothing"),
        ({"gate.recall": 1.9}, "gate.recall (what if): 1.9: it must lie within 0..1"),
        ({"gate.recall": "0.9..0.5"}, "gate.recall (what if): 0.9..0.5: the range is reversed"),
        ({"need.growth": 1e300}, "need.growth (what if): grows to"),
    ],
)
def test_a_what_if_at_fault_is_named(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError) as stop:
        forecast_team(_settings(), what_if={**changes, "gate.false": 1})
    assert any(fault.startswith(says) for fault in stop.value.faults)
    assert any(fault.startswith("gate.false: nothing") for fault in stop.value.faults)
    assert len(stop.value.faults) == 2


def test_settings_without_what_a_forecast_needs_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"team\.start: no date is set"):
        forecast_team(TeamSettings())
    with pytest.raises(ConfigError) as stop:
        forecast_team(TeamSettings.model_validate({"team": {"start": START}}))
    assert len(stop.value.faults) == 4


def test_what_was_measured_is_used_and_its_run_named() -> None:
    values = {name: section for name, section in CERTAIN.items() if name not in {"machine", "gate"}}
    values["intake"] = {**values["intake"], "tokens_per_month": 5e9}
    measured = Measured(
        machine_share=Measurement(parse(0.3), "audit-7"),
        gate_recall=Measurement(parse(0.9), "audit-7"),
        gate_false_positive_rate=Measurement(parse(0.05), "audit-8"),
    )
    forecast = forecast_team(team_settings(values, today=2026.9, measured=measured), measured=measured)
    assert forecast.plans == forecast_team(_settings(intake={"tokens_per_month": 5e9})).plans
    sources = {one.key: one.source for one in forecast.inputs}
    assert sources["machine.share"] == "audit-7"
    assert sources["gate.false_positive_rate"] == "audit-8"
    assert sources["stock.tokens"] == "settings"
    assert sources["synthetic.worth_ungated"] == "default"


def test_what_was_assumed_and_cut_is_said() -> None:
    forecast = forecast_team(
        _settings(team={"draws": 20_000}, stock={"permission": "0.55..0.95"}, training={"epochs": 50},
                  synthetic={"share": 0.5, "worth": 2}, intake={"growth": 0.3}),
        swing_draws=1000,
    )  # fmt: skip
    cut = next(one for one in forecast.assumptions if one.startswith("Draws beyond"))
    # P(lognormal > 1): z = -mu / sigma = 1.954, 2.5%
    assert "stock.permission (2.5%)" in cut or "stock.permission (2.6%)" in cut or "stock.permission (2.4%)" in cut
    assert any("first 1,000 paths" in one for one in forecast.assumptions)
    for key in ("training.epochs", "synthetic.share", "synthetic.worth", "intake.growth"):
        assert any(one.startswith(key) for one in forecast.warnings), key


def test_progress_tells_what_is_done() -> None:
    told: list[tuple[int, int, str]] = []
    forecast_team(_settings(**UNCERTAIN), what_if={"gate.recall": 1}, progress=lambda *one: told.append(one))
    words = " | ".join(what for _, _, what in told)
    for part in ("following the paths", "what if: gate.recall = 1", "what moves the date: stock"):
        assert part in words
    assert all(0 <= done <= total for done, total, _ in told)


def test_the_largest_growth_that_is_allowed_gives_numbers() -> None:
    with pytest.raises(ConfigError, match="a factor below") as stop:
        _settings(need={"growth": 1e70})
    most = float(stop.value.faults[0].split("a factor below ")[1].split(" ")[0])
    forecast = forecast_team(_settings(need={"growth": 0.99 * most}, intake={"tokens_per_month": 1, "growth": 1e50}))
    _all_finite(forecast)
    with pytest.raises(ConfigError):
        _settings(need={"growth": 1.01 * most})


def _all_finite(value: object) -> None:
    if isinstance(value, float):
        assert math.isfinite(value)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            _all_finite(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for one in value:
            _all_finite(one)


def test_rank_correlation_shares_ranks_among_equals() -> None:
    assert rank_correlation([1, 2, 3], [5, 7, np.inf]) == pytest.approx(1)
    # by hand: ranks 1, 2, 3, 4 and 1, 2, 3.5, 3.5
    assert rank_correlation([1, 2, 3, 4], [1, 2, np.inf, np.inf]) == pytest.approx(4.5 / math.sqrt(5 * 4.5))
    assert rank_correlation([1, 2, 3], [np.inf] * 3) is None
