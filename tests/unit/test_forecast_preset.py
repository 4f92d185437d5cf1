"""Presets: arguments, shape of the result, horizons, and shared draws."""

import dataclasses

import numpy as np
import pytest

from headwater.errors import ConfigError
from headwater.forecast import forecast
from headwater.forecast.facts import calendar_year, population, recent_training_sets, training_sets

FEW = 2000


def test_every_series_of_every_preset_is_there():
    kinds = ("low_quality_text", "high_quality_text", "images")
    wanted = {
        "2022": [(kind, variant) for kind in kinds for variant in ("trend", "compute")],
        "2024": [("text", "trend"), ("text", "compute"), ("text", "mixture")],
        "2026": [("text", "trend"), ("text", "mixture")],
    }
    for preset, series in wanted.items():
        found = forecast(preset, draws=FEW)
        assert [(one.name, one.variant) for one in found.series] == series
        assert found.assumptions
        assert bool(found.substituted) == (preset != "2026")
        for one in found.series:
            assert one.assumption
            assert one.stock.years[0] == float(preset)
            assert one.stock.years[-1] == one.use.years[-1] == found.horizon
            for fan in (one.stock, one.demand):
                levels = np.array([fan.p5, fan.p10, fan.p25, fan.p50, fan.p75, fan.p90, fan.p95])
                assert (np.diff(levels, axis=0) >= 0).all()
                assert levels.shape == (7, len(fan.years))
            assert (np.diff(one.use.probability) >= 0).all()
            assert (np.diff(one.use.years) > 0).all()


def test_the_same_seed_gives_the_same_forecast_and_another_one_nearly():
    first, again, other = (forecast("2024", draws=20_000, seed=seed) for seed in (1, 1, 2))
    assert dataclasses.astuple(first) == dataclasses.astuple(again)
    assert first.series[0].use.date.p50 != other.series[0].use.date.p50
    assert first.series[0].use.date.p50 == pytest.approx(other.series[0].use.date.p50, abs=0.1)


def test_the_horizon_cuts_and_says_what_lies_beyond():
    long, short = forecast("2024", draws=FEW), forecast("2024", draws=FEW, horizon=2029.5)
    before, after = long.series[0].use, short.series[0].use
    assert after.years[-1] == 2029.5
    assert after.date.p95 is None
    assert after.date.beyond_horizon == pytest.approx(1 - np.interp(2029.5, before.years, before.probability), abs=0.02)
    assert after.date.p10 == pytest.approx(before.date.p10, abs=0.02)


def test_scenarios_share_their_draws():
    """A weight of 0 makes the mixture the trend, path by path; a smaller stock is used no later at any quantile."""
    found = forecast("2024", draws=FEW, compute_weight=0)
    by = {one.variant: one for one in found.series}
    assert by["mixture"].use == by["trend"].use
    dates = {one.name: one.date for one in forecast("2026", draws=FEW).scenarios}
    whole, allowed = dates["Published growth, stock of 2024"], dates["Published growth, with permission"]
    assert all(getattr(allowed, p) < getattr(whole, p) for p in ("p10", "p25", "p50", "p75", "p90", "p95"))


def test_a_higher_compute_table_is_an_earlier_date():
    low, high = (forecast("2024", draws=FEW, compute_shift=shift).series[1].use.date.p50 for shift in (0, 1))
    assert high < low


def test_every_fault_is_named_at_once():
    with pytest.raises(ConfigError) as told:
        forecast("2023", "first-pasage", draws=1, seed=-1, horizon=1999, compute_shift=99, compute_weight=2)
    assert len(told.value.faults) == 7
    assert "Known: 2022, 2024, 2026." in told.value.faults[0]
    assert "Did you mean 'first-passage'?" in told.value.faults[1]


def test_progress_reaches_its_total():
    told = []
    forecast("2024", draws=FEW, progress=lambda done, total, what: told.append((done, total, what)))
    assert told[0][0] == 0
    assert any(done == total for done, total, _ in told)


def test_facts_are_complete_and_dated():
    years, people = population()
    assert (years == np.arange(1950, 2101)).all()
    assert (people > 2e9).all()
    assert len(training_sets()) == 80
    assert all(2010 < one.year < 2024 for one in training_sets())
    assert all(one.size >= 1e13 for one in recent_training_sets())
    assert calendar_year("2024-07-02") == pytest.approx(2024.5)


def test_the_waterfall_of_2024_ends_at_the_effective_stock():
    found = forecast("2024", draws=FEW)
    last, first = found.waterfall[-1], found.series[0].stock
    assert (last.p5, last.p50, last.p95) == pytest.approx((first.p5[0], first.p50[0], first.p95[0]))
    assert [step.name for step in forecast("2026", draws=FEW).waterfall] == [
        "Indexed web", "Survives cleaning", "May be used", "Written by people", "Effective, repeated"
    ]  # fmt: skip
