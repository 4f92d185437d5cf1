"""Quantities: what may be written, what is drawn, and that names have their own draws."""

import numpy as np
import pytest
from scipy import stats

from headwater.forecast.quantities import Quantity, Schedule, constant, parse, schedule, uniforms, written

U = (np.arange(1000) + 0.5) / 1000


@pytest.mark.parametrize(
    ("text", "kind", "parameters"),
    [
        (3, "constant", (3.0,)),
        ("20B", "constant", (20e9,)),
        ("5%", "constant", (0.05,)),
        ("1_000", "constant", (1000.0,)),
        ("-2.5e-3", "constant", (-0.0025,)),
        ("20..65", "range", (20.0, 65.0)),
        ("20..65B", "range", (20e9, 65e9)),
        ("900M..2B", "range", (900e6, 2e9)),
        ("10%..40%", "range", (0.1, 0.4)),
        ("4..4", "constant", (4.0,)),
        ("normal(5, 2)", "normal", (5.0, 2.0)),
        ("Uniform( 0.1 , 0.52 )", "uniform", (0.1, 0.52)),
        ("triangular(1, 2, 4)", "triangular", (1.0, 2.0, 4.0)),
    ],
)
def test_every_form_is_read(text, kind, parameters):
    found = parse(text)
    assert found.kind == kind
    assert found.parameters == pytest.approx(parameters)
    assert parse(written(found)).ppf(U) == pytest.approx(found.ppf(U))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("65..20", "reversed; write 20..65"),
        ("65..20B", "reversed; write 20B..65B"),
        ("20B..65", "write 20..65B"),
        ("65B..20B", "write 20B..65B"),
        ("normal(5)", "takes 2 numbers"),
        ("normal(5, -1)", "negative"),
        ("uniform(2, 1)", "reversed"),
        ("triangular(1, 5, 4)", "low <= mode <= high"),
        ("triangular(1, 1, 1)", "low <= mode <= high"),
        ("lots", "write a number, a range"),
        ("1..2..3", "write a number, a range"),
        ("1e999", "too large"),
        (float("nan"), "no number"),
        (True, "no quantity"),
        (None, "no quantity"),
        ([1, 2], "no quantity"),
    ],
)
def test_what_cannot_be_read_is_explained(text, told):
    with pytest.raises(ValueError, match=told):
        parse(text)


def test_quantiles_are_those_of_scipy():
    sigma = np.log(65 / 20) / (2 * stats.norm.ppf(0.95))
    for quantity, reference in (
        ("20..65", stats.lognorm(sigma, scale=np.sqrt(20 * 65))),
        ("-1..3", stats.norm(1, 4 / (2 * stats.norm.ppf(0.95)))),
        ("normal(5, 2)", stats.norm(5, 2)),
        ("uniform(1, 4)", stats.uniform(1, 3)),
        ("triangular(1, 2, 4)", stats.triang(1 / 3, 1, 3)),
    ):
        assert parse(quantity).ppf(U) == pytest.approx(reference.ppf(U), rel=1e-9)


def test_a_range_has_its_ends_at_5_and_95_percent():
    assert [parse("20..65").quantile(p) for p in (0.05, 0.95)] == pytest.approx([20, 65])
    assert [parse("0..2").quantile(p) for p in (0.05, 0.95)] == pytest.approx([0, 2])


def test_draws_belong_to_a_name_and_to_nothing_else():
    assert (uniforms(1, "permission", 100) == uniforms(1, "permission", 100)).all()
    assert not (uniforms(1, "permission", 100) == uniforms(1, "quality", 100)).any()
    assert not (uniforms(1, "permission", 100) == uniforms(2, "permission", 100)).any()
    found = uniforms(1, "permission", 100_000)
    assert 0 < found.min() < found.max() < 1
    # false alarm 1e-6
    assert stats.kstest(found, "uniform").pvalue > 1e-6
    assert abs(np.corrcoef(found, uniforms(1, "quality", 100_000))[0, 1]) < 4.9 / np.sqrt(100_000)


def test_a_schedule_is_linear_between_its_dates_and_constant_beyond():
    table = schedule({"2025": "0.2..0.4", "2027": 0.6})
    u = np.array([0.05, 0.95])
    assert table.at(2020, u) == pytest.approx([0.2, 0.4])
    assert table.at(2025, u) == pytest.approx([0.2, 0.4])
    assert table.at(2026, u) == pytest.approx([0.4, 0.5])
    assert table.at(2027, u) == pytest.approx([0.6, 0.6])
    assert table.at(2100, u) == pytest.approx([0.6, 0.6])
    assert table.quantile(2026, 0.05) == pytest.approx(0.4)
    assert not table.certain
    assert Schedule((2025.0,), (constant(1),)).certain


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({}, "pairs"),
        ({"soon": 1}, "'soon' is no year"),
        ({"2027": 1, "2026": 2}, "must ascend, got 2027, 2026"),
        ({"2027": "5..1"}, "reversed"),
        ([[2027]], "pairs"),
    ],
)
def test_what_is_no_schedule_is_explained(table, told):
    with pytest.raises(ValueError, match=told):
        schedule(table)


def test_a_quantity_shows_itself_as_it_was_written():
    assert str(parse("20..65B")) == "20..65B"
    assert str(Quantity("uniform", (0.1, 0.5))) == "uniform(0.1, 0.5)"
    assert str(schedule({"2025": "1..2"})) == "2025: 1..2"
